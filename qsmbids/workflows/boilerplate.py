"""The methods text of what would be run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from qsmbids.bids import Inventory, Series, write_dataset_description, write_text
from qsmbids.settings import Settings
from qsmbids.workflows import beside, records


def write_boilerplate(inventory: Inventory, settings: Settings) -> list[str]:
    """Write the methods text of what would be run for each participant; return each text once."""
    from qsmbids.reports import methods_text

    write_dataset_description(settings)
    texts: dict[str, None] = {}
    for participant in inventory.participants:
        own = [series for series in inventory.series if series.participant == participant]
        stages = [stage for series in own for stage in _planned(series, settings)]
        if stages:
            text = methods_text(stages, [_measured(series) for series in own])
            write_text(records.log_dir(settings, participant) / "CITATION.md", text)
            texts[text] = None
    return list(texts)


def _measured(series: Series) -> str:
    """Return how a series was measured, without its voxels, for which images would be opened."""
    from qsmbids.reports.facts import Acquisition, measured

    times = tuple(round(1000 * time, 4) for time in series.echo_times)
    return measured(
        Acquisition(times, series.field_strength, (), (), None, dict(series.acquisition))
    )


def _planned(series: Series, settings: Settings) -> Iterator[dict[str, Any]]:
    """Yield the stages of a series as its sidecars will tell them."""
    from qsmbids.background import METHODS as BACKGROUND
    from qsmbids.contrast import SEPARATION, WEIGHTING
    from qsmbids.inversion import COMBINATIONS
    from qsmbids.inversion import METHODS as INVERSION
    from qsmbids.networks.weights_file import describe

    def stage(name: str, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
        return {"Name": name, "Method": method, "Parameters": parameters}

    if series.orientations:
        for name in settings.combinations:
            yield stage(
                "Inversion", name, COMBINATIONS[name].resolve(settings.options.get(name, {}))
            )
        return
    if series.mask is None and series.start != "local-field":
        yield stage("Mask", settings.extraction, {})
    if series.start == "raw":
        yield stage("Total field", settings.fit, {"Unwrapping": settings.unwrapping})
    if series.start != "local-field":
        name = settings.background
        yield stage("Background", name, BACKGROUND[name].resolve(settings.options.get(name, {})))
    for kind, name, registry in (
        (
            "Separation",
            settings.separation if beside.separates(series, settings) else "",
            SEPARATION,
        ),
        ("Weighting", "swi" if beside.makes_swi(series, settings) else "", WEIGHTING),
    ):
        if name:
            yield stage(kind, name, registry[name].resolve(settings.options.get(name, {})))
    for name in settings.methods:
        options = INVERSION[name].resolve(settings.options.get(name, {}))
        weights = {"Weights": describe(options["weights"])} if "weights" in options else {}
        yield {**stage("Inversion", name, options), **weights}
