"""Images as DICOM series of the participant's study."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from nipype.interfaces.base import traits
from numpy.typing import NDArray

from qsmbids import __version__
from qsmbids.files import whole_file
from qsmbids.interfaces import arrays
from qsmbids.interfaces.axis_order import turn_back
from qsmbids.interfaces.base import GridInputs, WritingStage, saved_array

if TYPE_CHECKING:
    from qsmbids.dicom.export import Meaning

_SHOWN_PPB = (-150.0, 150.0)
_STEP_PPB = 0.1


class _DicomInputs(GridInputs):
    image = saved_array(mandatory=True, desc="(x, y, z)")
    template = traits.Str(mandatory=True, desc="a DICOM file or folder of the study")
    folder = traits.Str(mandatory=True, desc="where to write")
    kind = traits.Enum("QSM", "SWI", "MNIP", mandatory=True)
    method = traits.Str(mandatory=True, desc="how it was made, for the description")
    place = traits.Int(mandatory=True, desc="among the exported series of the study")


class WriteDicom(WritingStage):
    """Write an image as DICOM, one file a slice."""

    input_spec = _DicomInputs

    def _compute(self, cwd: str) -> None:
        from qsmbids.dicom.export import series_of
        from qsmbids.dicom.template import read_template

        inputs, folder = self.inputs, Path(self.inputs.folder)
        values = np.asarray(turn_back(arrays.load(inputs.image), inputs.grid), np.float32)
        affine = np.array(inputs.grid["stored"]["affine"])
        template = read_template(Path(inputs.template), values.shape, affine)
        number = 100 * int(template.get("SeriesNumber") or 0) + inputs.place
        meaning = _meaning(inputs.kind, inputs.method, number, values)
        written = []
        for image in series_of(values, affine, template, meaning):
            path = folder / f"{image.InstanceNumber:04d}.dcm"
            with whole_file(path) as stream:
                image.save_as(stream, enforce_file_format=True)
            written.append(str(path))
        for path in folder.glob("*.dcm"):  # of an image that had more slices
            if str(path) not in written:
                path.unlink()
        self._results["written"] = written


def _meaning(kind: str, method: str, number: int, values: NDArray[np.float32]) -> Meaning:
    """Return what the values of an image are, as DICOM states it."""
    from qsmbids.dicom.export import Meaning

    made = f"{method}, qsmbids {__version__}. Research software, no medical device."
    if kind == "QSM":
        return Meaning(
            name=f"QSM {method} [ppb]",
            description=f"Magnetic susceptibility in ppb by {made}",
            kind=kind,
            number=number,
            unit="ppb",
            scale=1000.0,
            step=_STEP_PPB,
            window=_SHOWN_PPB,
        )
    names = {"SWI": "Susceptibility-weighted image", "MNIP": "Minimum of SWI over axial slabs"}
    shown = values[values > 0]
    top = float(np.percentile(shown, 99.5)) if shown.size else 1.0
    return Meaning(
        name=names[kind],
        description=f"{names[kind]} by {made}",
        kind=kind,
        number=number,
        window=(0.0, top),
    )
