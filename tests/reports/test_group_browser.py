"""The study's page in a browser: accessible, offline, sorted, filtered, drawn and followed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import Page, browser, needs_chromium

from benchmarks.group import make_study
from qsmbids.cli.main import main

pytestmark = [needs_chromium, pytest.mark.slow]

HEADINGS = "[...document.querySelectorAll('#rows th')].map((one) => one.textContent)"
ROWS = "[...document.querySelectorAll('#rows tbody tr:not([hidden])')]"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    bids, out = make_study(tmp_path_factory.mktemp("study"), 60, sessions=2)
    assert main([str(bids), str(out), "group"]) == 0
    return out / "group.html"


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


def _choose(shown: Page, form: str, name: str, value: str) -> None:
    field = f"document.getElementById('{form}').elements['{name}']"
    shown.run(
        f"{field}.value = '{value}';"
        f"{field}.dispatchEvent(new Event('input', {{bubbles: true}})); null"
    )


@pytest.mark.parametrize("width", [390, 1440])
def test_page_is_accessible_fits_and_asks_for_nothing(page: Path, shown: Page, width: int) -> None:
    shown.requests.clear()
    shown.open(page, width)
    assert shown.violations() == []
    assert shown.run("document.documentElement.scrollWidth") <= width
    assert [one for one in shown.requests if not one.startswith("data:")] == [page.as_uri()]


def test_the_table_is_sorted_by_numbers_and_filtered(page: Path, shown: Page) -> None:
    shown.open(page)
    column = shown.run(HEADINGS).index("Median R2* (1/s)")
    values = f"{ROWS}.map((row) => row.cells[{column}].dataset.sort)"
    for wanted in (False, True):
        shown.run(f"document.querySelectorAll('#rows th button')[{column}].click()")
        found = [float(text) for text in shown.run(values) if text is not None]
        assert found == sorted(found, reverse=wanted)
        assert len(found) == 2 * 2 * 58
        assert shown.run(values)[-1] is None  # what has no number comes last
    _choose(shown, "filter", "status", "failed")
    told = shown.run(f"{ROWS}.map((row) => row.cells[0].textContent)")
    assert told == ["sub-0059"] * 2
    _choose(shown, "filter", "status", "")
    _choose(shown, "filter", "text", "SUB-0007 ses-2")
    assert shown.run("document.getElementById('shown').textContent") == "2 of 235 rows"


def test_a_click_on_a_point_opens_the_participants_page(page: Path, shown: Page) -> None:
    shown.open(page)
    shown.run("document.querySelector('.strip canvas').scrollIntoView()")
    place = shown.run(
        "(() => { const canvas = document.querySelector('.strip canvas');"
        "const box = canvas.getBoundingClientRect();"
        "const lane = data.measures[0].lanes[0];"
        "const [low, high] = ends(lane.values);"
        "const at = lane.values.indexOf(Math.max(...lane.values));"
        "const x = 8 + (lane.values[at] - low) / (high - low) * (box.width - 20);"
        "const y = 22 + (((at * 0.618034) % 1) - 0.5) * 30;"
        "return [box.left + x, box.top + y, data.pages[at]]; })()"
    )
    shown.click(*place[:2])
    shown.wait(f"location.pathname.endsWith('/{place[2]}')")


def test_regions_and_sessions_are_drawn_as_chosen(page: Path, shown: Page) -> None:
    shown.open(page)
    picture = "document.querySelector('#scatter canvas').toDataURL()"
    drawn = {shown.run(picture)}
    for name, value in (("variable", "group"), ("region", "dentate"), ("variable", "")):
        _choose(shown, "region-choice", name, value)
        drawn.add(shown.run(picture))
    assert len(drawn) == 4
    rows = "[...document.querySelectorAll('#session-table tbody tr')]"
    assert shown.run(f"{rows}.length") == 58
    first, second, change = shown.run(
        f"[...{rows}[0].cells].slice(1).map((cell) => Number(cell.dataset.sort))"
    )
    assert change == pytest.approx(second - first)
    assert not shown.run("document.getElementById('sessions').hidden")
