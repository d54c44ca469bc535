"""The page of a study: one HTML file that needs nothing but itself."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from qsmbids import __version__
from qsmbids.reports.environment import environment
from qsmbids.reports.group.regions import VARIABLES, Table, first_series
from qsmbids.reports.group.rows import STATUS, Measure, Row
from qsmbids.reports.group.tables import Variables, measures_of
from qsmbids.reports.group.template_space import TemplateMap
from qsmbids.reports.picture import Picture


def render(
    output_dir: Path,
    rows: Sequence[Row],
    tables: Sequence[Table],
    variables: Variables,
    averages: Sequence[TemplateMap],
) -> str:
    """Return the page's HTML.

    Parameters
    ----------
    output_dir : Path
        The output dataset, relative to which the page links.
    rows : sequence of Row
        Maps, failures and what is missing.
    tables : sequence of Table
        Region values and their models.
    variables : mapping
        Age, sex and group by participant.
    averages : sequence of TemplateMap
        Mean and SD in template space.
    """
    measures = measures_of(rows)
    pages = {
        label: quote(page.name)
        for label in dict.fromkeys(row.participant for row in rows)
        if (page := output_dir / f"sub-{label}.html").is_file()
    }
    templates = environment()
    templates.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
    templates.filters["digits"] = _digits
    templates.filters["probability"] = lambda p: "< 0.0001" if p < 1e-4 else _digits(p)
    return templates.get_template("group/group.html.j2").render(
        version=__version__,
        rows=rows,
        measures=measures,
        pages=pages,
        participants=len({row.participant for row in rows}),
        maps=sum(bool(row.method) for row in rows),
        counts=Counter(row.status for row in rows),
        sessions=any(row.session for row in rows),
        rests=any(row.rest for row in rows),
        words=STATUS,
        tables=tables,
        variables=[name for name in VARIABLES if any(name in one for one in variables.values())],
        pictures=[picture for one in averages for picture in _pictures(one)],
        averages=averages,
        data=_data(rows, measures, tables, variables, pages),
    )


def _digits(value: float) -> str:
    """Return a number with three digits that count, however small."""
    return f"{value:.3g}".replace("-", "\N{MINUS SIGN}")


def _data(
    rows: Sequence[Row],
    measures: Sequence[Measure],
    tables: Sequence[Table],
    variables: Variables,
    pages: Mapping[str, str],
) -> dict[str, Any]:
    """Return what the page's plots are drawn from."""
    maps = [row for row in rows if row.method]
    series = sorted({row.series for row in maps} | {s for t in tables for s in _series(t)})
    place = {key: number for number, key in enumerate(series)}
    labels = [key.split("_")[0].removeprefix("sub-") for key in series]
    return {
        "series": series,
        "pages": [pages.get(label, "") for label in labels],
        "firsts": {
            table.title: [place[key] for key in first_series(_series(table)).values()]
            for table in tables
        },
        "variables": {
            name: [variables.get(label, {}).get(name) for label in labels]
            for name in VARIABLES
            if any(name in one for one in variables.values())
        },
        "measures": [_lanes(maps, measure, place) for measure in measures],
        "regions": [
            {
                "title": table.title,
                "unit": table.unit,
                "region": region,
                "values": _column(place, means),
                "slope": _slope(table, region),
            }
            for table in tables
            for region, means in table.means.items()
        ],
    }


def _lanes(maps: Sequence[Row], measure: Measure, place: Mapping[str, int]) -> dict[str, Any]:
    """Return one measure: its values by method, or of the series alone, and who stands out."""
    lanes: dict[str, dict[str, float]] = {}
    standing_out: dict[str, set[int]] = {}
    ranges = set()
    for row in maps:
        if measure in row.lights:
            light = row.lights[measure]
            method = "" if measure.of_series else row.method
            lanes.setdefault(method, {})[row.series] = light.value
            ranges.add(light.expected)
            if measure.name in row.outliers:
                standing_out.setdefault(method, set()).add(place[row.series])
    return {
        "name": measure.name,
        "unit": measure.unit,
        "range": ranges.pop() if len(ranges) == 1 else [None, None],
        "lanes": [
            {
                "method": method,
                "values": _column(place, values),
                "out": sorted(standing_out.get(method, ())),
            }
            for method, values in lanes.items()
        ],
    }


def _column(place: Mapping[str, int], values: Mapping[str, float]) -> list[float | None]:
    """Return values in the order of the series, with the digits that a plot needs."""
    column: list[float | None] = [None] * len(place)
    for key, value in values.items():
        if math.isfinite(value):
            column[place[key]] = float(f"{value:.4g}")
    return column


def _series(table: Table) -> set[str]:
    return {key for means in table.means.values() for key in means}


def _slope(table: Table, region: str) -> float | None:
    """Return what the mean changes by in a year, adjusted for the other variables."""
    ages = [term for term in table.models[region].terms if term.name == "age"]
    return ages[0].effects[0].estimate if ages else None


def _pictures(one: TemplateMap) -> list[Picture]:
    from qsmbids.reports import slices, windows
    from qsmbids.reports.view import view_of

    view = view_of(one.mean, levels=8)
    mean, sd = view.cut(one.mean), view.cut(one.sd)
    inside = mean[mean != 0]
    window = windows.TISSUE_PPM if one.suffix == "Chimap" else windows.own_window(inside, 99)
    texts = (("Mean", mean, window), ("SD", sd, windows.own_window(sd[sd != 0], 99)))
    return [
        Picture(
            f"{what} of {one.title}",
            f"{what} of {one.n} participants in the template's space, where at least half of "
            f"them are known; {low:g} to {high:g} {one.unit}.",
            f"Axial slices of the {what} of {one.title}.",
            slices.strip(slices.along(image, view, 2), (low, high), one.unit, columns=4),
        )
        for what, image, (low, high) in texts
    ]
