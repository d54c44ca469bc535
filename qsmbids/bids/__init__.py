"""Finding series and their metadata, naming derivatives, writing what stands beside them."""

from qsmbids.bids.dataset import write_dataset_description
from qsmbids.bids.names import derivative_path, desc_label
from qsmbids.bids.orientations import with_orientations
from qsmbids.bids.series import Inventory, Series, Skipped
from qsmbids.bids.sidecar import sidecar, write_json, write_text

__all__ = [
    "Inventory",
    "Series",
    "Skipped",
    "derivative_path",
    "desc_label",
    "sidecar",
    "with_orientations",
    "write_dataset_description",
    "write_json",
    "write_text",
]
