#!/bin/bash
# Written by qsmbids 0.1.0.dev0. `bash` it: it submits a task for each participant of whom
# something is not done, and the group page for when all have ended; again: exactly what is missing.
# Memory and time: as given.
set -euo pipefail

bids=/data/study
out=/data/derivatives/qsmbids
work=/scratch/work
logs=$out/logs/slurm
qsmbids=(apptainer run --cleanenv -B /data -B /scratch /data/qsmbids.sif)
options=(--method dcnet-tv)
resources=(--partition=short --cpus-per-task=2 --mem=8000M --time=01:00:00)
group_resources=(--partition=short --mem=2G)
at_once=%50

submit() {
  mkdir -p "$logs"
  local list jobs="" count first last largest
  list=$logs/$(date +%Y%m%d-%H%M%S)-$$_missing.txt
  "${qsmbids[@]}" "$bids" "$out" participant "${options[@]}" -w "$work" --dry-run --missing >"$list"
  count=$(wc -l <"$list")
  largest=$(scontrol show config | awk '$1 == "MaxArraySize" { print $3 - 1 }')
  for ((first = 0; first < count; first += largest)); do
    last=$((count - first < largest ? count - first : largest))
    jobs+=:$(sbatch --parsable --job-name=qsmbids --array="1-$last$at_once" "${resources[@]}" \
      --output="$logs/%A_%a.txt" "$0" participant "$list" "$first")
  done
  echo "$count participants to process${jobs:+, in job${jobs//:/ }}; their output: $logs"
  sbatch ${jobs:+"--dependency=afterany$jobs"} --job-name=qsmbids-group "${group_resources[@]}" \
    --output="$logs/%j_group.txt" "$0" group
}

participant() { # LIST FIRST: the participant of this task
  local label memory=()
  label=$(sed -n "$(($2 + SLURM_ARRAY_TASK_ID))p" "$1")
  if [[ -n ${SLURM_MEM_PER_NODE:-} ]]; then memory=(--mem "$((SLURM_MEM_PER_NODE * 9 / 10))MB"); fi
  exec "${qsmbids[@]}" "$bids" "$out" participant "${options[@]}" --participant-label "$label" \
    --nprocs "${SLURM_CPUS_PER_TASK:-1}" "${memory[@]}" -w "$work"
}

group() {
  exec "${qsmbids[@]}" "$bids" "$out" group "${options[@]}" -w "$work"
}

"${@:-submit}"
