"""Command lines and the files that they name: settings, plugins, options, ``params.json``."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import nibabel as nib
import numpy as np
from bids_tree import add_series, write_description
from hypothesis import assume
from hypothesis import strategies as st

from qsmbids.background import METHODS as BACKGROUND
from qsmbids.cli import invert
from qsmbids.cli.main import main
from qsmbids.inversion import METHODS
from qsmbids.masking import METHODS as MASKING
from tests.hostile.surfaces.surface import Surface, check_sentence
from tests.hostile.surfaces.values import json_files, json_values, numbers, objects, texts

_MOST_TURNS = 200  # an option may ask for more, and for the time that it takes
_values = numbers.map(str) | texts | st.sampled_from(["true", "none", "1,2", "1e400", "0x1", "1_0"])
_known = {**METHODS, **BACKGROUND, **MASKING}
_options = st.sampled_from(
    [f"{method}.{name}" for method, entry in _known.items() for name in entry.defaults()]
)
_option = st.builds(lambda name, value: f"{name}={value}", _options | texts, _values)


def _call(command: Callable[[list[str]], int], arguments: list[str]) -> int:
    """Return a command's exit code; assert that what it says of an error is a sentence."""
    told = io.StringIO()  # a dry run says on stdout what is left out, and why
    try:
        with redirect_stderr(told), redirect_stdout(told):
            code = command([_as_argument(text) for text in arguments])
    except SystemExit as error:  # argparse: the usage, then what is wrong
        return int(error.code or 0)
    said = told.getvalue()
    assert code in (0, 1, 2), code
    assert "Traceback" not in said
    if code:
        check_sentence(said)
    return code


def _as_argument(text: str) -> str:
    """Return a text as a process would get it: no zero, and bytes that are no UTF-8 as they are."""
    given = text.replace("\x00", "0").encode("utf-8", "surrogatepass")
    return given.decode("utf-8", "surrogateescape")


def _dry(box: Path, *arguments: str) -> bool:
    root = write_description(box / "raw")
    add_series(root, echoes=1)
    words = [*map(str, (root, box / "out", "participant", "-w", box / "work")), "--dry-run"]
    words += ["--skip-bids-validation", "--brain-extraction", "none"]
    code = _call(main, [*words, *arguments])
    assert not (box / "out").exists(), "a dry run has written"
    return code == 0


_flags = {
    "--method": st.sampled_from(["tkd", "tv", "cosmos", "uqsm"]) | texts,
    "--option": _option,
    "--weights": texts | st.builds(lambda name: f"uqsm={name}", texts),
    "--participant-label": texts | st.just("01"),
    "--session-label": texts,
    "--mem": _values | st.sampled_from(["8GB", "1e400 G", "0.0GB", "9" * 400 + "G"]),
    "--nprocs": _values,
    "--omp-nthreads": _values,
    "--derivatives": texts | st.builds(lambda name: f"{name}=.", texts),
    "--unwrapping": texts,
    "--phase-sign": st.sampled_from(["auto", "positive"]) | texts,
}
_lines = st.lists(
    st.sampled_from(sorted(_flags)).flatmap(
        lambda flag: st.tuples(st.just(flag), _flags[flag]).map(list)
    ),
    max_size=3,
).map(lambda pairs: [word for pair in pairs for word in pair])


def _read_line(case: list[str], box: Path) -> bool:
    return _dry(box, *case)


def _toml(content: dict[str, Any]) -> bytes:
    """Write what TOML and JSON have in common, a line a key; not all of it is TOML."""
    lines = (f"{json.dumps(key)} = {json.dumps(value)}" for key, value in content.items())
    return "\n".join(lines).encode("utf-8", "surrogatepass")


_names = [name.lstrip("-") for name in _flags]
_config = st.dictionaries(st.sampled_from([*_names, "verbose", "strict"]) | texts, json_values)
_tomls = _config.map(_toml) | st.binary(max_size=60) | st.just(b"a=" + b"[" * 100_000)


def _read_config(case: bytes, box: Path) -> bool:
    (box / "run.toml").write_bytes(case)
    return _dry(box, "--config-file", str(box / "run.toml"))


_yamls = st.one_of(
    json_files(
        objects(
            {
                "plugin": st.sampled_from(["MultiProc", "Linear", "SLURM"]),
                "plugin_args": objects({"n_procs": numbers, "memory_gb": numbers}),
            }
        )
    ),
    texts.map(lambda text: f"plugin: {text}\nplugin_args: {text}\n".encode("utf-8", "replace")),
    st.just(b"a: &a [x]\n" + b"".join(b"b%d: &b%d [*a, *a]\n" % (n, n) for n in range(40))),
)


def _read_plugin(case: bytes, box: Path) -> bool:
    (box / "plugin.yml").write_bytes(case)
    return _dry(box, "--use-plugin", str(box / "plugin.yml"))


_FAST = ("tkd", "tikhonov", "ndi", "tv", "medi")


class Inversion(NamedTuple):
    """A call of ``qsmbids-invert``: method, options, ``params.json``, factor on the field."""

    method: str
    options: list[str]
    params: bytes | None
    words: list[str]
    scale: float


def _inversions_of(method: str) -> st.SearchStrategy[Inversion]:
    names = st.sampled_from(sorted(METHODS[method].defaults()))
    option = st.builds(lambda name, value: f"{name}={value}", names, _values)
    params = json_files(
        objects(
            {
                "voxel_size": st.lists(numbers, max_size=4) | st.just([1, 1, 2]),
                "B0_dir": st.lists(numbers, max_size=4) | st.just([0, 0, 1]),
            }
        )
    )
    units = st.builds(
        lambda unit, b0, te: ["--units", unit, "--field-strength", str(b0), "--echo-time", str(te)],
        st.sampled_from(["ppm", "Hz", "rad"]),
        numbers,
        numbers,
    )
    scales = st.sampled_from([1.0, 1e-30, 1e30, 1e38, 0.0, float("nan"), float("inf"), -1.0])
    return st.builds(
        Inversion,
        st.just(method),
        st.lists(option, max_size=2),
        st.none() | params,
        st.just([]) | units,
        scales,
    )


_inversions = st.sampled_from(_FAST).flatmap(_inversions_of)


def _read_inversion(case: Inversion, box: Path) -> bool:
    """Invert a small field; a map that is written is finite."""
    for option in case.options:
        assume(not _takes_long(option))
    x = np.linspace(-1, 1, 8)
    field = (0.05 * np.multiply.outer(np.multiply.outer(x, x), x)).astype(np.float32)
    with np.errstate(all="ignore"):
        field = (field * np.float32(case.scale)).astype(np.float32)
    affine = np.diag([1.0, 1.0, 2.0, 1.0])
    nib.save(nib.Nifti1Image(field, affine), box / "field.nii")
    nib.save(nib.Nifti1Image(np.ones((8, 8, 8), np.uint8), affine), box / "mask.nii")
    words = [*map(str, (box / "field.nii", box / "mask.nii")), "--out", str(box / "chi.nii.gz")]
    for option in case.options:
        words += ["--option", option]
    if case.params is not None:
        (box / "params.json").write_bytes(case.params)
        words += ["--params", str(box / "params.json")]
    code = _call(invert.main, [*words, "--method", case.method, "--threads", "1", *case.words])
    assert (box / "chi.nii.gz").exists() == (code == 0)
    if code == 0:
        assert np.isfinite(np.asarray(nib.load(box / "chi.nii.gz").dataobj)).all()
    return code == 0


def _takes_long(option: str) -> bool:
    try:
        return float(option.partition("=")[2]) > _MOST_TURNS
    except (ValueError, OverflowError):
        return False


SURFACES = {
    "command line": Surface(_lines, _read_line),
    "settings file": Surface(_tomls, _read_config),
    "plugin file": Surface(_yamls, _read_plugin),
    "options and params": Surface(_inversions, _read_inversion, share=3),
}
