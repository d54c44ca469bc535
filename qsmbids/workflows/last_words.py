"""What a run says last: which maps to look at, and where the pages are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from qsmbids.bids import Series
from qsmbids.settings import Settings
from qsmbids.workflows import records
from qsmbids.workflows.run_log import RunLog

_PAGES = 10  # whose paths are shown
_TOLD = 20  # series whose warnings the terminal shows; the log has all


def tell_doubts(
    log: RunLog, settings: Settings, ended: Sequence[Series], warnings: Mapping[str, list[str]]
) -> tuple[int, dict[str, int]]:
    """Say which maps are doubtful and why; return the number of maps, and of red ones by series."""
    maps, red, doubtful = 0, {}, {}
    for series in ended:
        lights = records.lights_of(series, settings)
        maps += len(lights)
        if worst := [texts[0] for texts in lights.values() if texts]:
            red[series.key] = len(worst)
        told = [*worst[:1], *warnings.get(series.key, [])]
        if told:
            doubtful[series.key] = told
    if doubtful:
        heading = f"Look at {len(doubtful)} of {len(ended)} series before you use"
        log.line(f"{heading} their maps:", error=True)
    for number, (key, told) in enumerate(doubtful.items()):
        for text in told:
            if number < _TOLD:
                log.line(f"  {name_first(key, text)}", error=True)
            else:
                log.write(f"  {name_first(key, text)}")
    if len(doubtful) > _TOLD:
        more = len(doubtful) - _TOLD
        log.line(f"  and {more} more: see the log and the pages.", error=True)
    return maps, red


def tell_pages(
    log: RunLog, settings: Settings, ended: Sequence[Series], maps: int, red: Mapping[str, int]
) -> None:
    """Say last where the pages are, and which maps have red lights."""
    labels = dict.fromkeys(series.participant for series in ended)
    pages = [settings.output_dir / f"sub-{label}.html" for label in labels]
    pages = [page for page in pages if page.is_file()]
    if pages:
        more = f" and {len(pages) - _PAGES} more" if len(pages) > _PAGES else ""
        log.line(f"Pages: {' '.join(map(str, pages[:_PAGES]))}{more}")
    if maps:
        who = ", ".join(list(red)[:_TOLD]) + (", ..." if len(red) > _TOLD else "")
        count = sum(red.values())
        some = f"{count} of {maps} maps have something to look at: {who}"
        log.line(some if red else f"0 of {maps} maps have something to look at")


def name_first(key: str, text: str) -> str:
    """Return a sentence about a series that begins with its name, unless it names it already."""
    return text if key in text else f"{key}: {text}"
