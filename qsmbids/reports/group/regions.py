"""Region values of a study, and what is known of its participants."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from qsmbids.bids.names import entities_of
from qsmbids.bids.tables import read_table
from qsmbids.bids.variables import VARIABLES
from qsmbids.evaluation.paired_tests import holm
from qsmbids.regions import table as region_table
from qsmbids.reports.group.statistics import Model, fit_model

_END = "_regions.tsv"

COLUMNS = {
    "participant_id": {"Description": "Label of the participant"},
    "session_id": {"Description": "Label of the session"},
    "series": {"Description": "Entities that the files of the series share"},
    "atlas": {"Description": "Atlas or segmentation that the regions are from"},
    **region_table.COLUMNS,
    **{name: {"Description": f"{name} in participants.tsv"} for name in VARIABLES},
}
"""Columns of ``group_regions.tsv`` and what they mean."""


@dataclass
class Table:
    """The means of one map in the regions of one atlas.

    Attributes
    ----------
    atlas, map, method : str
    means : dict of str to dict of str to float
        By region, then by series.
    models : dict of str to Model
        By region: the mean over age, sex and group, of each participant's first series.
    corrected : dict of str to dict of str to float
        By variable, then by region: p-values after Holm for the regions of this table.
    """

    atlas: str
    map: str
    method: str
    means: dict[str, dict[str, float]] = field(default_factory=dict)
    models: dict[str, Model] = field(default_factory=dict)
    corrected: dict[str, dict[str, float]] = field(default_factory=dict)

    @property
    def unit(self) -> str:
        """The unit of the means."""
        return {"Chimap": "ppm", "R2starmap": "1/s", "T2starmap": "s"}.get(self.map, "")

    @property
    def title(self) -> str:
        """What the table is called."""
        return " ".join(filter(None, (self.map, self.method, f"({self.atlas})")))


def gather_regions(output_dir: Path, participants: Iterable[str]) -> list[dict[str, object]]:
    """Return the rows of all region tables in an output folder.

    A table that cannot be read counts as absent.

    Parameters
    ----------
    output_dir, participants
        As in `qsmbids.reports.group.rows.gather_rows`.
    """
    found: list[dict[str, object]] = []
    for label in participants:
        folder = output_dir / f"sub-{label}"
        for path in sorted([*folder.glob(f"anat/*{_END}"), *folder.glob(f"ses-*/anat/*{_END}")]):
            try:
                rows = read_table(path)
            except (OSError, ValueError):
                continue
            entities = entities_of(path)
            atlas = entities.pop("seg", "")
            series = "_".join(f"{name}-{value}" for name, value in entities.items())
            session = entities.get("ses")
            shared = {
                "participant_id": f"sub-{label}",
                "session_id": f"ses-{session}" if session else None,
                "series": series,
                "atlas": atlas,
            }
            found += [{**shared, **row} for row in rows if {"region", "map"} <= row.keys()]
    return found


def tabulate(
    rows: Iterable[Mapping[str, object]], variables: Mapping[str, Mapping[str, float | str]]
) -> list[Table]:
    """Return the means by map and region, with their models over age, sex and group."""
    tables: dict[tuple[str, str, str], Table] = {}
    for row in rows:
        name = (str(row["atlas"]), str(row["map"]), str(row.get("method", "")))
        means = tables.setdefault(name, Table(*name)).means.setdefault(str(row["region"]), {})
        means[str(row["series"])] = _number(row.get("mean"))
    for one in tables.values():
        _model(one, variables)
    return list(tables.values())


def _number(text: object) -> float:
    try:
        return float(str(text))
    except ValueError:
        return math.nan


def _model(own: Table, variables: Mapping[str, Mapping[str, float | str]]) -> None:
    firsts = first_series(series for means in own.means.values() for series in means)
    known = [name for name in VARIABLES if any(name in one for one in variables.values())]
    columns = {name: [variables.get(label, {}).get(name) for label in firsts] for name in known}
    for region, means in own.means.items():
        values = [means.get(series, math.nan) for series in firsts.values()]
        own.models[region] = fit_model(values, columns)
    for name in known:
        p = {
            region: term.p
            for region, model in own.models.items()
            for term in model.terms
            if term.name == name
        }
        own.corrected[name] = dict(zip(p, holm(list(p.values())), strict=True))


def first_series(series: Iterable[str]) -> dict[str, str]:
    """Return the first series of each participant by label: repeated scans are not independent.

    >>> first_series(["sub-2", "sub-1_ses-b", "sub-1_ses-a"])
    {'1': 'sub-1_ses-a', '2': 'sub-2'}
    """
    firsts: dict[str, str] = {}
    for one in sorted(set(series)):
        firsts.setdefault(one.split("_")[0].removeprefix("sub-"), one)
    return firsts
