"""The participant's page: one HTML file that needs nothing but itself, and a viewer beside it."""

from __future__ import annotations

from pathlib import Path

from qsmbids import __version__
from qsmbids.bids.results import Failure, find_failures, own_series
from qsmbids.bids.sidecar import write_text
from qsmbids.reports.environment import environment
from qsmbids.reports.run_facts import run_facts, run_files
from qsmbids.reports.series_section import series_section


def write_participant_page(output_dir: Path, participant: str) -> Path:
    """Write the page of one participant from what stands in the output folder.

    Parameters
    ----------
    output_dir : Path
        The output dataset.
    participant : str
        Label without ``sub-``.

    Returns
    -------
    Path
        ``sub-<participant>.html`` in ``output_dir``; an older one is replaced in one step.
    """
    output_dir = Path(output_dir)
    failures = [_failure(output_dir, f) for f in find_failures(output_dir, participant)]
    failed = {one["series"]: one["message"] for one in failures}
    series = [
        series_section(output_dir, participant, one, failed.get(one.key, ""))
        for one in own_series(output_dir, participant)
    ]
    html = (
        environment()
        .get_template("participant.html.j2")
        .render(
            participant=participant,
            version=__version__,
            failures=failures,
            series=series,
            run=run_facts(output_dir, participant),
            logs=run_files(output_dir, participant, [one["key"] for one in series]),
        )
    )
    path = output_dir / f"sub-{participant}.html"
    write_text(path, html)
    return path


def _failure(output_dir: Path, failure: Failure) -> dict[str, str]:
    """Return what the page says of a failure; ``link`` only for a crash file in the folder."""
    link = ""
    if failure.crashfile:
        crash = (output_dir / failure.crashfile).resolve()
        if crash.is_relative_to(output_dir.resolve()):
            link = crash.relative_to(output_dir.resolve()).as_posix()
    return {
        "series": failure.series,
        "stage": failure.stage,
        "message": failure.message.removeprefix(f"{failure.series}: "),
        "crashfile": failure.crashfile,
        "link": link,
    }
