"""The participant's page and methods text, made in a worker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nipype.interfaces.base import DynamicTraitedSpec, Undefined, traits

from qsmbids.interfaces.base import Stage, StageInputs, StageOutputs

_TOLD = ("Name", "Method", "Parameters", "Weights", "SecondNetwork", "Fit")
"""What the methods text says of a stage."""


class _ReportInputs(DynamicTraitedSpec, StageInputs):
    participant = traits.Str(mandatory=True)
    output_dir = traits.Str(mandatory=True)


class _ReportOutputs(StageOutputs):
    page = traits.Str()


class ParticipantReport(Stage):
    """Write a participant's page and methods text from what stands in the output folder.

    Parameters
    ----------
    waits_for : int
        As many inputs ``after_0``, ``after_1`` ... take what must be written before.
    """

    input_spec = _ReportInputs
    output_spec = _ReportOutputs
    _always_run = True

    def __init__(self, waits_for: int = 0, **inputs: Any):
        super().__init__(**inputs)
        for number in range(waits_for):
            self.inputs.add_trait(f"after_{number}", traits.Any(nohash=True))
            self.inputs.trait_set(**{f"after_{number}": Undefined})

    def _compute(self, cwd: str) -> None:
        self._results["page"] = str(
            write_report(Path(self.inputs.output_dir), self.inputs.participant)
        )


def write_report(output_dir: Path, participant: str) -> Path:
    """Write a participant's page and ``logs/sub-<label>/CITATION.md``; return the page's path."""
    from qsmbids.bids import write_text
    from qsmbids.bids.results import own_series
    from qsmbids.reports import methods_text, write_participant_page
    from qsmbids.reports.facts import acquisition_of, measured

    stages = stages_of(output_dir, participant)
    if stages:
        told = [measured(acquisition_of(one)) for one in own_series(output_dir, participant)]
        text = methods_text(stages, told)
        write_text(output_dir / "logs" / f"sub-{participant}" / "CITATION.md", text)
    return write_participant_page(output_dir, participant)


def stages_of(output_dir: Path, participant: str) -> list[dict[str, Any]]:
    """Return the stages that made the participant's images, each once, without their times."""
    from qsmbids.bids.results import find_series

    stages: list[dict[str, Any]] = []
    for series in find_series(output_dir, participant):
        for image in series.with_stages:
            for stage in image.provenance.get("Stages") or []:
                plain = {key: stage[key] for key in _TOLD if key in stage}
                if plain not in stages:
                    stages.append(plain)
    return stages
