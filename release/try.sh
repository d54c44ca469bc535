#!/bin/sh
# Install what was built into an environment of its own, as a user would, and use it there.
#
#   release/try.sh [--extra NAME]... [--python PYTHON] [--wheels WHEELS] [--source] [FOLDER]
#
# FOLDER holds wheel and source archive (default: dist). Prints the version, maps a small simulated
# head, and runs the fast tests of the source archive against what is installed, not against its
# sources. With --extra that extra is installed too, with --source the source archive instead of the
# wheel. With --wheels every package comes from the folder WHEELS (made by `pip wheel`), and nothing is
# asked of a network; without it, what pip needs to find packages stands in its own configuration.
# Everything is removed in the end.
set -eu

python=python3 extras='' wheels='' kind='*.whl' folder=$(cd "$(dirname "$0")/.." && pwd)/dist
while [ $# -gt 0 ]; do
  case $1 in
    --extra) extras="$extras,$2"; shift 2 ;;
    --python) python=$2; shift 2 ;;
    --wheels) wheels=$(cd "$2" && pwd); shift 2 ;;
    --source) kind='*.tar.gz'; shift ;;
    -*) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    *) folder=$(cd "$1" && pwd); shift ;;
  esac
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
$python -m venv "$work/env"
cd "$work"
tar xzf "$folder"/qsmbids-*.tar.gz --strip-components=1
rm -r qsmbids # what is tested is what is installed
if [ "$wheels" ]; then
  export PIP_CONFIG_FILE=/dev/null PIP_NO_INDEX=1 PIP_FIND_LINKS="$wheels"
fi
env/bin/pip install --quiet --disable-pip-version-check -c constraints.txt "$(ls "$folder"/qsmbids-$kind)[test$extras]"
env/bin/python -m release.pins constraints.txt
env/bin/qsmbids --version
env/bin/qsmbids-demo demo/bids --voxel-size 3 3 3
env/bin/qsmbids demo/bids demo/out participant -w demo/work
ls demo/out/sub-01/anat/*_Chimap.nii.gz
OMP_NUM_THREADS=1 env/bin/python -m pytest -q -m "not slow" tests
