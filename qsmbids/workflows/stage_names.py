"""What series and stages are called, by Nipype and by people; nothing heavy is imported here."""

from __future__ import annotations

import re
from hashlib import blake2b

from qsmbids.bids import desc_label
from qsmbids.inversion import COMBINATIONS, METHODS

LABELS = {
    "reading": "reading",
    "alignment": "registration",
    "masking": "brain mask",
    "mapping": "total field",
    "decay": "R2* and T2*",
    "background": "background removal",
    "inversion": "inversion",
    "weighting": "susceptibility weighting",
    "separation": "separation",
    "template": "registration to the template",
    "regions": "regions",
    "reference": "reference",
    "write": "writing",
    "report": "report",
}

# How long a stage takes beside the others, roughly: to tell the time left.
_SHARES = {
    **{"reading": 1, "masking": 10, "mapping": 5, "decay": 1, "background": 4},
    **{"alignment": 6, "inversion": 4, "regions": 1, "weighting": 1, "separation": 1},
}

_ODD = re.compile(r"[^A-Za-z0-9_]")
_PLAIN_KEY = re.compile(r"[A-Za-z0-9]+-[A-Za-z0-9]+(_[A-Za-z0-9]+-[A-Za-z0-9]+)*")


def node_name(key: str) -> str:
    """Turn a series' key into a name that Nipype and every file system take, no two into one.

    Labels may hold more than letters and digits (BIDS knows ``+``): what stands there is left
    out, and a digest of the key added.

    >>> node_name("sub-01_acq-x"), node_name("sub-01_acq-a+b")
    ('sub_01_acq_x', 'sub_01_acq_ab_eda8b6ab')
    """
    if _PLAIN_KEY.fullmatch(key):
        return key.replace("-", "_")
    digest = blake2b(key.encode("utf-8", "surrogateescape"), digest_size=4).hexdigest()
    return f"{_ODD.sub('', key.replace('-', '_'))}_{digest}"


def stage_label(node: str) -> str:
    """Return what people call the stage of a node, its method as the command line takes it.

    >>> stage_label("inversion_dcnettv")
    'inversion (dcnet-tv)'
    """
    stage, _, label = node.partition("_")
    names = {desc_label(name): name for name in (*METHODS, *COMBINATIONS)}
    method = names.get(label, label)
    return LABELS.get(stage, node) + (f" ({method})" if method and stage != "report" else "")


def stage_share(label: str) -> int:
    """Return the share of the time that the stage of a label takes; 0 of what is not in the plan.

    >>> stage_share("inversion (tv)"), stage_share("report")
    (4, 0)
    """
    names = {LABELS[stage]: share for stage, share in _SHARES.items()}
    return names.get(label.partition(" (")[0], 0)
