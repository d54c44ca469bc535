#!/usr/bin/env bash
# QSM-CI, dipole stage: localfield.nii.gz, mask.nii.gz, params.json -> chimap.nii.gz
set -euo pipefail
in="${1:-/input}" out="${2:-/output}"

exec qsmbids-invert "$in/localfield.nii.gz" "$in/mask.nii.gz" --params "$in/params.json" \
  --out "$out/chimap.nii.gz" --method dcnet-tv \
  --option "regularization=${QSMCI_SET_REGULARIZATION:-0.15}"
