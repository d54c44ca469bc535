#!/usr/bin/env bash
# QSM-CI, end-to-end span: phase.nii.gz, magnitude.nii.gz, mask.nii.gz, params.json -> chimap.nii.gz
set -euo pipefail
in="${1:-/input}" out="${2:-/output}"

exec qsmbids-chain "$in/phase.nii.gz" "$in/magnitude.nii.gz" "$in/mask.nii.gz" \
  --params "$in/params.json" --out "$out/chimap.nii.gz" \
  --background "${QSMCI_SET_BACKGROUND:-jdf}" --method "${QSMCI_SET_METHOD:-tv}"
