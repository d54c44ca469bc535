"""From a scanner's DICOM files to a BIDS dataset: what was found, the plan, the files."""

from qsmbids.dicom.archive import opened
from qsmbids.dicom.image import Image
from qsmbids.dicom.labels import Labels
from qsmbids.dicom.plan import Entry, LeftOut, Plan, make_plan
from qsmbids.dicom.scan import scan
from qsmbids.dicom.target import check_target
from qsmbids.dicom.write import write_dataset

__all__ = [
    "Entry",
    "Image",
    "Labels",
    "LeftOut",
    "Plan",
    "check_target",
    "make_plan",
    "opened",
    "scan",
    "write_dataset",
]
