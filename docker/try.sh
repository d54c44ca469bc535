#!/bin/sh
# Build the image without a daemon and run it on the demo head, as strictly as a cluster would: an
# arbitrary user without a home, read-only input, no network.
#
#   docker/try.sh [--base IMAGE | --mirror URL] [-- OPTIONS OF buildah build]
#
# --base IMAGE   what the image is built from; without it, a stand-in of Debian's own Python that
#                debootstrap makes, from the mirror given, else from its usual one
# What follows -- goes to buildah: --build-arg TORCH_INDEX=URL, --secret id=pip,src=/etc/pip.conf,
# -v /wheels:/wheels:ro. Needs root (or `buildah unshare`), buildah, unshare and, without --base,
# debootstrap. Everything is removed in the end.
set -eu

base='' mirror=''
while [ $# -gt 0 ]; do
  case $1 in
    --base) base=$2; shift 2 ;;
    --mirror) mirror=$2; shift 2 ;;
    --) shift; break ;;
    *) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
done

sources=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
b() {
  command=$1; shift
  buildah --root "$work/storage" --runroot "$work/run" --storage-driver vfs "$command" "$@"
}
trap 'b rm --all >/dev/null 2>&1 || true; rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
step() { printf '\n== %s (%s s)\n' "$1" "$(($(date +%s) - start))"; }
start=$(date +%s)

if [ -z "$base" ]; then
  base=localhost/python:stand-in
  step "stand-in base by debootstrap"
  debootstrap --variant=minbase --include=python3,python3-venv,python-is-python3 \
    bookworm "$work/base" ${mirror:+"$mirror"} >"$work/debootstrap.log" || { cat "$work/debootstrap.log"; exit 1; }
  rm -rf "$work"/base/var/cache/apt/* "$work"/base/var/lib/apt/lists/*
  container=$(b from scratch)
  b copy -q "$container" "$work/base" / >/dev/null
  b commit -q --rm "$container" "$base" >/dev/null
  rm -rf "$work/base"
fi

step "build"
b build --isolation chroot --build-arg BASE="$base" "$@" -t qsmbids "$sources"
step "size and labels"
b inspect --type image --format '{{range $k, $v := .OCIv1.Config.Labels}}{{$k}}={{$v}}
{{end}}' qsmbids
container=$(b from qsmbids)
root=$(b mount "$container")
du -sm "$root" | awk '{print $1 " MiB unpacked"; exit $1 > 2500 * 1e6 / 2^20}'
grep -c '"bom-ref"' "$root/usr/share/sbom/qsmbids.cdx.json" | sed 's/$/ entries in the SBOM/'

# run USER ARGUMENTS...: the image's own command, without a network
run() {
  user=$1; shift
  unshare -n buildah --root "$work/storage" --runroot "$work/run" --storage-driver vfs run \
    --isolation chroot --user "$user" --env HOME=/nowhere \
    -v "$work/bids:/bids:ro" -v "$work/out:/out" -v "$work/scratch:/scratch" \
    "$container" -- "$@"
}
step "the demo head"
mkdir -p "$work/bids" "$work/out" "$work/scratch"
chmod 1777 "$work/out" "$work/scratch"
run 4242:4242 qsmbids --version
run 4242:4242 qsmbids-demo /scratch/demo
cp -R "$work/scratch/demo/." "$work/bids" && rm -rf "$work/scratch/demo"
if run 4242:4242 touch /bids/written 2>/dev/null; then echo "the input was not read-only" >&2; exit 1; fi
run 4242:4242 python -c 'import socket; assert [n for _, n in socket.if_nameindex()] == ["lo"], "a network"'

step "participant"
run 4242:4242 qsmbids /bids /out participant -w /scratch/work
step "group"
run 4242:4242 qsmbids /bids /out group
step "what was written"
find "$work/out" -name '*_Chimap.nii.gz' -printf '%f %s bytes, user %U\n' | grep .
foreign=$(find "$work/out" -mindepth 1 ! -uid 4242)
[ -z "$foreign" ] || { echo "not the user's: $foreign" >&2; exit 1; }
step "done"
