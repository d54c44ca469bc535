#!/bin/bash
# A trial on real Slurm, as root on a machine with Debian's slurm-wlm and munge (apt-get install), and
# with qsmbids on the PATH:  docker/slurm/try.sh [FOLDER]
# One node with two slots processes 20 small heads, a task each. One task is cancelled, one runs out
# of memory, and the node is drained and resumed meanwhile. Submitted again, exactly what is missing
# is processed: in the end there are 20 maps and one group page. Prints what happened; exit code 0 if
# all of it did.
set -euo pipefail

here=$(dirname "$(realpath "$0")")
folder=$(realpath "${1:-$(mktemp -d)}")
participants=20
mkdir -p "$folder/slurm/state" "$folder/slurm/spool"
export SLURM_CONF=$folder/slurm/slurm.conf

start_slurm() {
  sed -e "s|@HOST@|$(hostname -s)|; s|@USER@|root|; s|@FOLDER@|$folder/slurm|; s|@MEMORY@|8000|" \
    "$here/slurm.conf.in" >"$SLURM_CONF"
  if ! pgrep -x munged >/dev/null; then
    install -d -o munge -g munge /run/munge
    runuser -u munge -- /usr/sbin/munged
    munge=started
  fi
  trap stop_slurm EXIT
  slurmctld
  slurmd
  scontrol ping
}

stop_slurm() {
  scancel --user=root || true
  for daemon in slurmd slurmctld; do kill "$(cat "$folder/slurm/$daemon.pid")" || true; done
  if [[ -n ${munge:-} ]]; then kill "$(cat /run/munge/munged.pid)"; fi
}

state() { # JOB_TASK: of an array's task
  scontrol show job "$1" | awk -F'[ =]+' '/JobState=/ { print $3; exit }'
}

wait_for() { # JOB: until it has ended
  sbatch --wait --dependency="afterany:$1" --mem=10M --output=/dev/null --wrap true >/dev/null
}

check() { # WHAT COMMAND...
  local what=$1
  shift
  if "$@"; then echo "ok: $what"; else
    echo "FAILED: $what"
    exit 1
  fi
}

count() { find "$folder/out" -name '*_desc-tkd_Chimap.nii.gz' | wc -l; }

start_slurm
cd "$folder"
[[ -d bids ]] || qsmbids-demo bids --participants "$participants" --voxel-size 4 4 4 --nthreads 2
qsmbids slurm bids out --work-dir "$folder/work" --cpus 1 --mem 2GB --time 00:10:00 \
  --script "$folder/run.sh" -- --method tkd --skip-bids-validation

told=$(bash run.sh)
echo "$told"
job=$(sed -n 's/.*in job \([0-9]*\);.*/\1/p' <<<"$told")
group=$(sed -n 's/Submitted batch job //p' <<<"$told")
check "a task for each of $participants participants" grep -q "^$participants participants" <<<"$told"

scontrol update JobId="${job}_5" MinMemoryNode=120 # too little: it runs out of memory
until [[ -e out/logs/sub-02/sub-02.lock ]]; do sleep 1; done
scancel "${job}_2"
while [[ $(count) -lt 4 ]]; do sleep 2; done
scontrol update NodeName="$(hostname -s)" State=DRAIN Reason=trial
while [[ $(squeue --noheader --states=RUNNING | wc -l) -gt 0 ]]; do sleep 2; done
before=$(count)
sleep 10
check "the drained node starts nothing ($before maps)" [ "$(count)" = "$before" ]
scontrol update NodeName="$(hostname -s)" State=RESUME
wait_for "$group"

echo "task 2: $(state "${job}_2"), task 5: $(state "${job}_5"), group: $(state "$group")"
check "task 2 says in its log that it was stopped" grep -q " stopped; 0 series done" out/logs/*_run.log
check "task 5 ran out of memory" grep -q "exceeded memory" "out/logs/slurm/${job}_5.txt"
check "$((participants - 2)) maps" [ "$(count)" = "$((participants - 2))" ]
check "the group page says who is missing" grep -q "sub-05" out/group.html

told=$(bash run.sh)
echo "$told"
check "exactly the two that are missing are submitted" grep -q "^2 participants" <<<"$told"
wait_for "$(sed -n 's/Submitted batch job //p' <<<"$told")"
check "$participants maps" [ "$(count)" = "$participants" ]
check "one row a map in the group's table" \
  [ "$(tail -n +2 out/group.tsv | cut -f5 | grep -cE '^(good|look)$')" = "$participants" ]
check "nothing is missing any more" grep -q "^0 participants" <<<"$(bash run.sh)"
echo "all is well: $folder/out/group.html"
