"""Templates and atlases of TemplateFlow: had, or left out in one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from bids_tree import settings_for

from qsmbids.bids.templates import find_atlas, find_template
from qsmbids.errors import InputError
from qsmbids.workflows.templates import with_templates


def answer(monkeypatch: pytest.MonkeyPatch, has: dict[tuple[Any, ...], list[Path]]) -> None:
    """Let TemplateFlow's client answer from a table, by suffix, atlas, desc and resolution."""
    from templateflow import api

    def get(space: str, *, suffix: str, resolution: int | None, **more: Any) -> list[Path]:
        assert more.pop("extension") == ".nii.gz"
        return has.get((space, suffix, more.get("atlas"), more.get("desc"), resolution), [])

    monkeypatch.setattr(api, "get", get)


def test_the_brain_at_the_finest_resolution_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    head, brain = Path("head.nii.gz"), Path("brain.nii.gz")
    answer(
        monkeypatch, {("T", "T1w", None, "brain", 2): [brain], ("T", "T1w", None, None, 1): [head]}
    )
    assert find_template("T") == brain
    answer(monkeypatch, {("T", "T1w", None, None, 1): [head]})
    assert find_template("T") == head
    answer(monkeypatch, {("T", "dseg", "A", None, 1): [Path("b"), Path("a")]})
    assert find_atlas("T", "A") == Path("a")
    with pytest.raises(InputError, match="no atlas 'B' in the space T"):
        find_atlas("T", "B")


def test_without_a_network_the_run_goes_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from templateflow import api

    def get(*_: Any, **__: Any) -> None:
        raise ConnectionError("no route")

    monkeypatch.setattr(api, "get", get)
    asked = settings_for(
        tmp_path / "ds",
        atlases=("deepgrey", "Schaefer2018"),
        output_spaces=("MNI152NLin2009cAsym", "MNI152NLin2009aSym"),
    )
    settings, told = with_templates(asked)
    assert settings.atlases == ("deepgrey",)
    assert settings.output_spaces == ("MNI152NLin2009aSym",)
    assert len(told) == 2
    assert told[0].startswith("The atlas Schaefer2018 could not be had from TemplateFlow")
    assert told[0].endswith("The run goes on without the atlas Schaefer2018.")
