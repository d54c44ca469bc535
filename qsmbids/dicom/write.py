"""Converting what the plan names, and writing it into the dataset."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from qsmbids.bids.dataset import BIDS_VERSION, CODE_URL
from qsmbids.bids.sidecar import write_json, write_text
from qsmbids.dicom.acquisition import AGAIN
from qsmbids.dicom.anonymise import clean_image, clean_sidecar
from qsmbids.dicom.plan import Entry, Plan
from qsmbids.dicom.scan import convert, read_header
from qsmbids.dicom.target import DESCRIPTION
from qsmbids.errors import InputError

README = """Magnetic resonance images, converted from DICOM by qsmbids-dicom with dcm2niix.

Gradient echoes stand in anat/ (part-mag and part-phase, or part-real and part-imag; one file an
echo), field maps in fmap/. What identifies a person was left out of sidecars and image headers;
the images show whole heads, and so the face.
"""


def write_dataset(
    folder: Path, plan: Plan, target: Path, *, done: Callable[[Entry], None]
) -> list[tuple[Entry, str]]:
    """Convert the planned series and write them; one that fails does not stop the others.

    Parameters
    ----------
    folder : Path
        With the DICOM files.
    plan : Plan
        What to write.
    target : Path
        The dataset's folder; see `check_target`.
    done : callable
        Called with each entry that was written.

    Returns
    -------
    list of (Entry, str)
        What could not be written, and why.
    """
    failed = []
    written: list[str] = []
    with tempfile.TemporaryDirectory(prefix="qsmbids-dicom-") as scratch:
        convert(folder, Path(scratch), [o.image for e in plan.entries for o in e.outputs])
        for entry in plan.entries:
            try:
                _check(entry, Path(scratch))
                _write(entry, Path(scratch), target)
            except InputError as error:
                failed.append((entry, str(error)))
                continue
            written.append(entry.participant)
            done(entry)
    if written:
        _root(target, sorted(set(written)))
    return failed


def _check(entry: Entry, scratch: Path) -> None:
    """Refuse an acquisition whose images did not come out, or do not lie on one grid."""
    import nibabel as nib
    import numpy as np

    images = []
    for image in (output.image for output in entry.outputs):
        path = scratch / f"{image.stem}.nii"
        # the same name must be the same image as when the plan was made
        if not path.is_file() or read_header(path.with_suffix(".json")) != image.header:
            raise InputError(f"files are missing or broken; {AGAIN}")
        if any(scratch.glob(f"{image.stem}_Eq*.nii")):  # dcm2niix's remedy for uneven slices
            raise InputError(f"slices are missing or unevenly spaced; {AGAIN}")
        images.append(nib.Nifti1Image.from_filename(path))
    sizes = ["x".join(map(str, size)) for size in sorted({image.shape for image in images})]
    if len(images[0].shape) != 3:
        raise InputError(f"{sizes[0]} values, where each echo should be one volume")
    if len(sizes) > 1:
        raise InputError(f"images of {' and '.join(sizes)} voxels: slices are missing; {AGAIN}")
    if not all(np.allclose(i.affine, images[0].affine, atol=1e-3) for i in images):
        raise InputError(f"images that do not lie on one grid; {AGAIN}")


def _write(entry: Entry, scratch: Path, target: Path) -> None:
    """Write all images of an entry, or none."""
    begun: list[Path] = []
    try:
        for output in entry.outputs:
            image = target / f"{output.path}.nii.gz"
            image.parent.mkdir(parents=True, exist_ok=True)
            if image.exists():
                raise InputError(f"{image} exists; nothing is overwritten")
            begun += [image, target / f"{output.path}.json"]
            clean_image(scratch / f"{output.image.stem}.nii", image)
            fields = {**clean_sidecar(output.image.header), **output.fields}
            kept = {name: v for name, v in fields.items() if name not in output.without}
            write_json(begun[-1], kept)
    except BaseException:
        for path in begun:
            path.unlink(missing_ok=True)
        raise


def _root(target: Path, participants: Sequence[str]) -> None:
    """Write the files at the root of a new dataset; add participants to the table of an old one."""
    from qsmbids import __version__

    if not (target / DESCRIPTION).exists():
        software = {"Name": "qsmbids-dicom", "Version": __version__, "CodeURL": CODE_URL}
        content = {
            "Name": "Gradient echoes for quantitative susceptibility mapping",
            "BIDSVersion": BIDS_VERSION,
            "DatasetType": "raw",
            "GeneratedBy": [software],
        }
        write_json(target / DESCRIPTION, content)
        write_text(target / "README", README)
    table = target / "participants.tsv"
    rows = table.read_text(encoding="utf-8").splitlines() if table.is_file() else ["participant_id"]
    known = {row.split("\t")[0] for row in rows}
    blank = "\tn/a" * rows[0].count("\t")
    rows += [f"sub-{p}{blank}" for p in participants if f"sub-{p}" not in known]
    write_text(table, "\n".join(rows) + "\n")
