"""``--reports-only`` and ``--boilerplate-only``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from qsmbids.bids import Inventory, Series, write_dataset_description, write_text
from qsmbids.errors import InputError
from qsmbids.settings import Settings
from qsmbids.workflows import records


def rewrite_reports(settings: Settings) -> int:
    """Write the page and methods text of every participant in the output folder anew."""
    from qsmbids.interfaces.reporting import write_report

    for participant in participants_made(settings):
        print(write_report(settings.output_dir, participant))
    return 0


def participants_made(settings: Settings) -> list[str]:
    """Return the participants wanted of whom the output folder holds results or failures."""
    failed = settings.output_dir.glob("logs/sub-*/*_error.json")
    folders = [*settings.output_dir.glob("sub-*/"), *(path.parent for path in failed)]
    made = sorted({path.name.removeprefix("sub-") for path in folders})
    absent = sorted(set(settings.participants) - set(made))
    if absent or not made:
        who = f"sub-{absent[0]}" if absent else "any participant"
        raise InputError(f"{settings.output_dir} holds no results of {who}; process first.")
    return [label for label in made if label in settings.participants or not settings.participants]


def write_boilerplate(inventory: Inventory, settings: Settings) -> int:
    """Write the methods text of what would be run, for each participant, and print it."""
    from qsmbids.reports import methods_text

    write_dataset_description(settings)
    texts: dict[str, None] = {}
    for participant in inventory.participants:
        own = [series for series in inventory.series if series.participant == participant]
        stages = [stage for series in own for stage in _planned(series, settings)]
        if stages:
            text = methods_text(stages)
            write_text(records.log_dir(settings, participant) / "CITATION.md", text)
            texts[text] = None
    print("\n".join(texts))
    return 0


def _planned(series: Series, settings: Settings) -> Iterator[dict[str, Any]]:
    """Yield the stages of a series as its sidecars will tell them."""
    from qsmbids.background import METHODS as BACKGROUND
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
    for name in settings.methods:
        options = INVERSION[name].resolve(settings.options.get(name, {}))
        weights = {"Weights": describe(options["weights"])} if "weights" in options else {}
        yield {**stage("Inversion", name, options), **weights}
