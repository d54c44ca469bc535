"""What every worker imports, and the leading process most of; to import this module does it.

It takes four fifths of the time that it would take otherwise.
"""

from __future__ import annotations

import gc
import sys

OFTEN = gc.get_threshold()
"""How often Python looks for garbage by itself."""

gc.set_threshold(100_000)  # each time it would look at all that is imported
if "nibabel" not in sys.modules and "pydicom" not in sys.modules:
    # NIfTI headers may hold DICOM, which nobody asks nibabel for: it need not find its reader
    sys.modules["pydicom"] = None  # type: ignore[assignment]
    import nibabel  # noqa: F401

    del sys.modules["pydicom"]
