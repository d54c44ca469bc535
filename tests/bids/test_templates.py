"""Templates and atlases of TemplateFlow: had, or left out in one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from bids_tree import settings_for

from qsmbids.bids.templates import find_atlas, find_template
from qsmbids.errors import InputError
from qsmbids.workflows.templates import with_templates


def answer(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Let TemplateFlow's client have files of these names, in a template T."""
    from templateflow import api

    def ls(space: str, **query: Any) -> list[Path]:
        resolution = query.pop("resolution", None)
        ends = f"_{query.pop('suffix')}{query.pop('extension')}"
        wanted = [f"_{name}-{value}_" for name, value in query.items() if value]
        wanted += [f"_res-{resolution:02d}_"] if resolution else []
        return [
            Path(name)
            for name in names
            if space == "T" and name.endswith(ends) and all(one in name for one in wanted)
        ]

    monkeypatch.setattr(api, "ls", ls, raising=False)
    monkeypatch.setattr(api, "get", ls, raising=False)


def test_the_brain_comes_first_and_the_finest(monkeypatch: pytest.MonkeyPatch) -> None:
    head, brain = "tpl-T_res-01_T1w.nii.gz", "tpl-T_res-02_desc-brain_T1w.nii.gz"
    answer(monkeypatch, head, brain)
    assert find_template("T") == Path(brain)
    answer(monkeypatch, head)
    assert find_template("T") == Path(head)
    with pytest.raises(InputError, match="no T1-weighted image of a template 'X'"):
        find_template("X")


def test_an_atlas_comes_with_its_table(monkeypatch: pytest.MonkeyPatch) -> None:
    files = ("tpl-T_res-01_atlas-A_dseg.nii.gz", "tpl-T_res-02_atlas-A_dseg.nii.gz")
    answer(monkeypatch, *files, "tpl-T_atlas-A_dseg.tsv")
    assert find_atlas("T", "A") == (Path(files[0]), Path("tpl-T_atlas-A_dseg.tsv"))
    with pytest.raises(InputError, match="no atlas 'B' in the space T"):
        find_atlas("T", "B")
    answer(monkeypatch, *files)
    with pytest.raises(InputError, match="no table of its labels"):
        find_atlas("T", "A")


def test_of_several_atlases_one_has_to_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    stems = [f"tpl-T_res-01_atlas-A_desc-{n}Parcels_dseg" for n in (100, 200)]
    tables = [stem.replace("_res-01", "") + ".tsv" for stem in stems]
    answer(monkeypatch, *(f"{stem}.nii.gz" for stem in stems), *tables)
    with pytest.raises(InputError, match="choose one: A:100Parcels, A:200Parcels"):
        find_atlas("T", "A")
    assert find_atlas("T", "A:200Parcels") == (Path(f"{stems[1]}.nii.gz"), Path(tables[1]))


def test_without_a_network_the_run_goes_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from templateflow import api

    def get(*_: Any, **__: Any) -> None:
        raise ConnectionError("no route")

    monkeypatch.setattr(api, "ls", lambda *_, **__: [Path("there.nii.gz")], raising=False)
    monkeypatch.setattr(api, "get", get, raising=False)
    asked = settings_for(
        tmp_path / "ds",
        atlases=("deepgrey", "MASSP20"),
        output_spaces=("MNI152NLin2009cAsym", "MNI152NLin2009aSym"),
    )
    settings, told = with_templates(asked)
    assert settings.atlases == ("deepgrey",)
    assert settings.output_spaces == ("MNI152NLin2009aSym",)
    assert len(told) == 2
    assert told[0].startswith("The atlas MASSP20 could not be had from TemplateFlow")
    assert told[0].endswith("The run goes on without the atlas MASSP20.")
