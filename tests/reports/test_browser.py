"""The participant's page and its viewer in a browser: accessible, offline, printable, alive."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import Page, browser, needs_chromium
from output_folder import save_everything

from qsmbids.reports import write_participant_page

pytestmark = [needs_chromium, pytest.mark.slow]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out")
    save_everything(out)
    return write_participant_page(out, "01")


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browser(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


@pytest.mark.parametrize("width", [390, 768, 1440])
def test_page_is_accessible_and_fits(page: Path, shown: Page, width: int) -> None:
    shown.open(page, width)
    assert shown.violations() == []
    assert shown.run("document.documentElement.scrollWidth") <= width


def test_nothing_is_asked_for_until_the_viewer_is_opened(page: Path, shown: Page) -> None:
    shown.requests.clear()
    shown.open(page)
    assert [one for one in shown.requests if not one.startswith("data:")] == [page.as_uri()]
    shown.run("document.querySelector('details.viewer').open = true")
    shown.wait("document.querySelector('iframe').src !== ''")
    viewer = (page.parent / "logs/sub-01/sub-01_viewer.html").as_uri()
    shown.wait("performance.getEntriesByType('resource').length >= 0")
    assert shown.run("document.querySelector('iframe').src") == viewer


def test_maps_follow_each_other_and_stand_beside_each_other(page: Path, shown: Page) -> None:
    shown.open(page)
    names = "[...document.querySelectorAll('.stage p')].map((one) => one.textContent)"
    assert shown.run(names) == ["tkd"]
    shown.run("document.querySelector('[data-step]').click()")
    assert shown.run(names) == ["tv"]
    shown.run("document.querySelector('[data-beside]').click()")
    assert shown.run(names) == ["tkd", "tv"]
    shown.run("document.querySelector('[data-run]').click()")
    shown.wait(f"{names}.join() === 'tkd'")
    shown.wait(f"{names}.join() === 'tv'")
    same = "document.querySelector('.stage img').src === document.getElementById('sub-01_tv').src"
    assert shown.run(same)


def test_a_text_is_copied(page: Path, shown: Page) -> None:
    shown.open(page)
    button = "document.querySelector('[data-copies=sub-01_bibtex]')"
    assert shown.run(f"{button}.hidden") is False
    shown.run(f"{button}.click()")
    shown.wait(f"{button}.textContent === 'Copied'")


def test_print_begins_on_the_first_page(page: Path, shown: Page) -> None:
    shown.open(page)
    media = "getComputedStyle(document.querySelector('.series')).breakBefore"
    assert shown.run(media) == "auto"
    printed = shown.pdf()
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) < 20
    rule = (
        "[...document.styleSheets[0].cssRules].filter((one) => one.media?.mediaText === 'print')"
        ".flatMap((one) => [...one.cssRules]).filter((one) => one.style.breakBefore === 'page')"
        ".some((one) => document.querySelector('main').firstElementChild.matches(one.selectorText))"
    )
    assert shown.run(rule) is False


def test_the_viewer_tells_the_value_under_the_crosshair(page: Path, shown: Page) -> None:
    shown.requests.clear()
    shown.open(page.parent / "logs/sub-01/sub-01_viewer.html", 1200)
    shown.wait("document.body.dataset.ready === 'yes'")
    told = "document.getElementById('place').textContent"
    before = shown.run(told)
    assert re.fullmatch(r"x, y, z = .* mm: -?\d\.\d{3} ppm, magnitude \d+", before)
    shown.click(250, 420)
    shown.wait(f"{told} !== {before!r}")
    shown.run(
        "document.getElementById('map').value = '1';"
        "document.getElementById('map').dispatchEvent(new Event('change'))"
    )
    outside = [one for one in shown.requests if not one.startswith(("file:", "data:", "blob:"))]
    assert outside == []
    assert shown.violations() == []
