"""What runs leave and read again, and weights: forged, damaged, of the wrong kind."""

from __future__ import annotations

import json
import os
import struct
import time
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
from bids_tree import settings_for
from hypothesis import strategies as st
from safetensors.numpy import save

from qsmbids.bids import results
from qsmbids.bids.sidecar import read_curves
from qsmbids.networks import weights, weights_file
from qsmbids.networks.base import Network
from qsmbids.networks.direct import DirectNet
from qsmbids.workflows import locks, records
from tests.hostile.surfaces.surface import Surface
from tests.hostile.surfaces.values import damaged, json_files, json_values, numbers, objects, texts


class Weights(NamedTuple):
    """A weights file: its card, changes of its tensors, a metadata field to drop or forge."""

    card: Any
    tensors: dict[str, Any]
    forged: dict[str, str]


@cache
def _network() -> dict[str, np.ndarray]:
    net: Network = DirectNet(base=2, levels=2)
    return {name: value.numpy() for name, value in net.state_dict().items()}


_config = objects(
    {
        "base": st.sampled_from([2, 0, -1, 10**6, 10**9, 2.5]) | numbers,
        "levels": st.sampled_from([2, 0, -1, 10**6]) | numbers,
        "norm": st.sampled_from(["batch", "none", "domain"]),
        "domains": st.sampled_from([1, 2, 10**9]) | numbers,
        "slope": numbers,
    }
)
_DIRECT = {"architecture": "direct", "config": {"base": 2, "levels": 2}}
_parts = objects(
    {
        "architecture": st.sampled_from(["direct", "consistent", "spread", "brainmask"]),
        "config": st.just({"base": 2, "levels": 2}) | _config,
        "recipe": objects(
            {"name": texts, "corruption": objects({"tilt": numbers, "axial": numbers})}
        ),
        "name": texts,
        "steps": numbers,
    }
)
_cards = _parts.map(lambda changed: {**_DIRECT, **changed}) | st.just(_DIRECT)
_tensors = st.dictionaries(
    st.sampled_from(["unet.last.weight", "unet.last.bias", "x", ""]) | texts,
    st.sampled_from(
        [np.zeros(3, np.float32), np.full(3, np.nan, np.float32), np.zeros((0, 2), np.int8), None]
    ),
    max_size=2,
)
_forged = st.dictionaries(st.sampled_from(["format", "card", "sha256"]), texts, max_size=1)


def _packed(case: Weights) -> bytes:
    """Return the file, its checksum right unless forged."""
    arrays = {**_network(), **case.tensors}
    arrays = {
        name.encode("utf-8", "replace").decode(): one
        for name, one in arrays.items()
        if one is not None
    }
    metadata = {"format": weights_file.FORMAT, "card": json.dumps(case.card)}
    metadata["sha256"] = weights_file.checksum(arrays)
    forged = {key: text.encode("utf-8", "replace").decode() for key, text in case.forged.items()}
    return bytes(save(arrays, {**metadata, **forged}))


_sound = st.builds(Weights, _cards, _tensors | st.just({}), st.just({}) | _forged).map(_packed)
_header = json_files(json_values).map(lambda text: struct.pack("<Q", len(text)) + text)
_weights = st.one_of(_sound, _sound, damaged(_sound), _header)


def _read_weights(case: bytes, box: Path) -> None:
    path = box / "net.safetensors"
    path.write_bytes(case)
    weights_file.describe(path)
    network, card = weights.load_weights(path, Network)
    assert isinstance(card, dict)
    assert all(np.isfinite(value.numpy()).all() for value in network.state_dict().values())


class Lock(NamedTuple):
    """A lock that is there: its content, and its age in seconds."""

    content: bytes
    age: float


_locks = st.builds(
    Lock,
    json_files(
        objects(
            {
                "Host": st.just(locks._myself().host) | texts,
                "Process": st.sampled_from([1, os.getpid(), -1, 0, 2**31, 2**63]) | numbers,
                "Namespace": st.just(locks._myself().namespace) | numbers,
                "Started": st.just(locks._myself().started) | numbers,
            }
        )
    ),
    st.sampled_from([0.0, -1e9, 299.0, 301.0, 1e9]),
)


def _read_lock(case: Lock, box: Path) -> None:
    """Take a participant's lock: only where that of another run is old or its holder gone."""
    settings = settings_for(box / "raw")
    path = records.log_dir(settings, "01") / "sub-01.lock"
    path.parent.mkdir(parents=True)
    path.write_bytes(case.content)
    then = max(time.time() - case.age, 0)
    os.utime(path, (then, then))
    series: Any = [SimpleNamespace(participant="01")]
    with locks.held(series, settings):
        assert locks._owner(path) == locks._myself()
    assert not list(box.rglob("*.lock*"))


_lights = st.fixed_dictionaries({"Name": texts, "Text": texts, "Good": st.booleans()})
_records = json_files(
    objects(
        {
            "Fingerprint": texts,
            "Inputs": st.dictionaries(texts, json_values, max_size=2),
            "Outputs": st.dictionaries(texts, json_values, max_size=2),
            "Series": st.lists(_lights | json_values, max_size=2),
            "Maps": st.dictionaries(texts, st.lists(_lights | json_values, max_size=2), max_size=2),
            "Qsmbids": objects({"Warnings": json_values}),
            "series": json_values,
            "message": json_values,
        }
    )
)


def _read_records(case: bytes, box: Path) -> None:
    """Read what an earlier run may have left, wherever it may stand."""
    settings = settings_for(box / "raw")
    logs = records.log_dir(settings, "01")
    made = settings.output_dir / "sub-01/anat/sub-01_desc-tv_Chimap.nii.gz"
    series: Any = SimpleNamespace(participant="01", key="sub-01", images=(), orientations=())
    for folder in (logs, made.parent):
        folder.mkdir(parents=True)
    made.write_bytes(case)
    for path in (
        *(logs / f"sub-01_{name}.json" for name in ("done", "lights", "quality", "error")),
        logs / "sub-01_desc-tv_curve.tsv",
        made.with_name("sub-01_desc-tv_Chimap.json"),
    ):
        path.write_bytes(case)
    records.lights_of(series, settings)
    for found in results.find_series(settings.output_dir, "01"):
        assert isinstance(found.metadata("Units"), object)
        assert all(isinstance(text, str) for text in found.mask_doubts)
        assert isinstance(found.chimaps["tv"].provenance, dict)
    for failure in results.find_failures(settings.output_dir, "01"):
        assert isinstance(failure.message, str)
    read_curves(logs / "sub-01_desc-tv_curve.tsv")


SURFACES = {
    "weights": Surface(_weights, _read_weights, share=2),
    "lock": Surface(_locks, _read_lock, share=2),
    "record": Surface(_records, _read_records, share=2),
}
