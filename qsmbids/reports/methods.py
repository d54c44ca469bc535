"""The methods text: what was run, in sentences with numbered citations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from qsmbids import __version__
from qsmbids.background import METHODS as BACKGROUND
from qsmbids.contrast import SEPARATION, WEIGHTING
from qsmbids.inversion import COMBINATIONS
from qsmbids.inversion import METHODS as INVERSION
from qsmbids.masking import METHODS as MASKING
from qsmbids.phase import FITS, UNWRAPPING
from qsmbids.registry import Method, Registry
from qsmbids.reports.citations import CITATIONS, Citation

REGISTRIES: tuple[tuple[Registry, str], ...] = (
    (MASKING, "The brain was delineated"),
    (UNWRAPPING, "The phase was unwrapped"),
    (FITS, "The total field was estimated from the echoes"),
    (BACKGROUND, "The background field was removed"),
    (INVERSION, "Magnetic susceptibility was computed"),
    (COMBINATIONS, "Magnetic susceptibility was computed"),
    (SEPARATION, "Paramagnetic and diamagnetic sources were told apart"),
    (WEIGHTING, "A susceptibility-weighted image was made"),
)
"""Each registry and how a sentence about one of its methods begins."""

_NAMES_A_METHOD = ("unwrapping", "fit", "background")
_SOFTWARE = ("gorgolewski2016", "nipype", "pybids", "nibabel", "harris2020", "virtanen2020")


def methods_text(stages: Sequence[Mapping[str, Any]], measured: Sequence[str] = ()) -> str:
    """Return the methods text in Markdown for the stages that were run.

    Parameters
    ----------
    stages : sequence of mapping
        As in a map's sidecar: ``Name``, ``Method``, ``Parameters``, in the order of the run.
    measured : sequence of str
        Sentences on how the series were measured.

    Returns
    -------
    str
        A paragraph with numbered citations, then the numbered references.
    """
    text, references = describe(stages, measured)
    listed = "\n".join(f"{n}. {one}" for n, one in enumerate(references.values(), 1))
    return f"{text}\n\n{listed}\n"


def describe(
    stages: Sequence[Mapping[str, Any]], measured: Sequence[str] = ()
) -> tuple[str, dict[str, Citation]]:
    """Return the paragraph and the references it cites by key, in the order of their numbers."""
    keys: list[str] = []
    sentences = [
        *dict.fromkeys(sentence for sentence in measured if sentence),
        f"Susceptibility maps were made with qsmbids {__version__} along the steps that the "
        "consensus on quantitative susceptibility mapping of the brain recommends"
        f"{_cite(keys, ('qsmconsensus2024',))}.",
    ]
    for stage in stages:
        for sentence in _sentences(stage, keys):
            if sentence not in sentences:
                sentences.append(sentence)
    bids, software = _cite(keys, _SOFTWARE[:1]), _cite(keys, _SOFTWARE[1:])
    sentences.append(
        f"Data were read and written in the brain imaging data structure{bids} with Nipype, "
        f"PyBIDS, NiBabel, NumPy and SciPy{software}."
    )
    return " ".join(sentences), {key: CITATIONS[key] for key in keys}


def _sentences(stage: Mapping[str, Any], keys: list[str]) -> Iterator[str]:
    """Yield a sentence for each registered method that the stage used, else one that names it."""
    parameters = dict(stage.get("Parameters") or {})
    named = [(key, parameters.get(key)) for key in parameters if key.lower() in _NAMES_A_METHOD]
    found = False
    for key, name in [*named, ("", stage.get("Method"))]:
        entry = _find(name)
        if entry is not None:
            found = True
            parameters.pop(key, None)
            begin, method = entry
            weights = "" if key else _weights(stage, parameters)
            options = "" if key else _options(parameters)
            yield f"{begin} {method.summary}{weights}{options}{_cite(keys, method.citations)}."
            if not key:
                told = (_second(stage), _start_kept(stage, parameters), _closing(stage))
                yield from filter(None, told)
    other = "" if found else str(stage.get("Method") or "")
    if other.endswith("."):
        yield other
    elif other:
        yield f"{stage.get('Name') or 'Then'}: {other}{_options(parameters)}."


def _find(name: Any) -> tuple[str, Method] | None:
    """Return how a sentence about the method begins, and the method, if one has that name."""
    for registry, begin in REGISTRIES:
        if isinstance(name, str) and name in registry:
            return begin, registry[name]
    return None


def _weights(stage: Mapping[str, Any], parameters: dict[str, Any]) -> str:
    """Return which weights the stage used; they are then no parameter among the others."""
    used = stage.get("Weights")
    if not isinstance(used, Mapping):
        return ""
    parameters.pop("weights", None)
    parameters.pop("second", None)
    name, digest = used.get("Name"), str(used.get("SHA256"))
    return f", with the weights {name} of SHA-256 {digest[:12]}"


def _second(stage: Mapping[str, Any]) -> str:
    """Return which second network has a part in the map, if one has."""
    second = stage.get("SecondNetwork")
    if not isinstance(second, Mapping):
        return ""
    percent = 100 * float(second.get("Share") or 0)
    return (
        f"As much of the field stayed unexplained, {percent:.3g} % of that map is the map of "
        f"another network, with the weights {second.get('Name')} of SHA-256 "
        f"{str(second.get('SHA256'))[:12]}."
    )


def _closing(stage: Mapping[str, Any]) -> str:
    """Return that the map was brought into agreement with the field, which no paper does."""
    parameters = stage.get("Parameters") or {}
    if not parameters.get("consistency"):
        return ""
    return (
        f"The map of {stage.get('Method')} was then brought into agreement with the field in "
        "closed form, which is no part of the published method."
    )


def _start_kept(stage: Mapping[str, Any], parameters: Mapping[str, Any]) -> str:
    """Return that a fit gained too little and the network stayed as it was before, if so."""
    fit = stage.get("Fit")
    if not isinstance(fit, Mapping) or fit.get("KeptIteration") != 0:
        return ""
    gain = parameters.get("gain")
    asked = f"by {100 * gain:.3g} %" if isinstance(gain, (int, float)) and gain else "at all"
    return (
        f"None of the {fit.get('Iterations')} iterations on the participant's field by "
        f"{stage.get('Method')} lowered the held-out error {asked}: the network was used as it "
        "was before them."
    )


def _options(parameters: Mapping[str, Any]) -> str:
    simple = {k: v for k, v in parameters.items() if isinstance(v, (int, float, str))}
    text = ", ".join(f"{key} = {show(value)}" for key, value in simple.items())
    return f" ({text})" if text else ""


def _cite(keys: list[str], cited: Sequence[str]) -> str:
    """Return `` [1, 2]`` for ``cited``, giving new keys the next numbers."""
    keys.extend(key for key in cited if key not in keys)
    numbers = ", ".join(str(keys.index(key) + 1) for key in cited)
    return f" [{numbers}]" if numbers else ""


def show(value: Any) -> str:
    """Return a parameter's value as a person would write it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, (list, tuple)):
        return ", ".join(show(item) for item in value)
    if isinstance(value, Mapping):
        return "; ".join(f"{key} = {show(item)}" for key, item in value.items())
    return "none" if value is None else str(value)
