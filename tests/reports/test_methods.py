"""The methods text and its references."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from qsmbids.reports import methods_text
from qsmbids.reports.citations import CITATIONS
from qsmbids.reports.methods import REGISTRIES

METHODS = [
    pytest.param(name, method, begin, id=f"{registry.stage}-{name}")
    for registry, begin in REGISTRIES
    for name, method in registry.items()
]


@pytest.mark.parametrize(("name", "method", "begin"), METHODS)
def test_every_method_is_described_with_its_references(name, method, begin) -> None:
    assert set(method.citations) <= set(CITATIONS)
    text = methods_text([{"Name": "Stage", "Method": name, "Parameters": {}}])
    assert f"{begin} {method.summary} [" in text
    for key in method.citations:
        assert str(CITATIONS[key]) in text


def test_numbers_in_the_text_are_those_of_the_list() -> None:
    text = methods_text(
        [
            {"Method": "linear", "Parameters": {"Unwrapping": "laplacian"}},
            {"Method": "tkd", "Parameters": {"threshold": 0.19}},
        ]
    )
    paragraph, _, listed = text.partition("\n\n")
    cited = [int(n) for group in re.findall(r"\[([\d, ]+)\]", paragraph) for n in group.split(",")]
    numbers = [int(n) for n in re.findall(r"^(\d+)\. ", listed, re.MULTILINE)]
    assert sorted(set(cited)) == numbers == list(range(1, len(numbers) + 1))
    (unwrapping,) = re.findall(r"Laplacian of the phase \[(\d+)\]", paragraph)
    assert CITATIONS["schofield2003"].url in listed.splitlines()[int(unwrapping) - 1]
    assert "(threshold = 0.19)" in paragraph


def test_only_what_was_run_is_cited() -> None:
    text = methods_text([{"Method": "tkd"}])
    assert CITATIONS["shmueli2009"].url in text
    assert CITATIONS["sun2014"].url not in text


def test_a_stage_that_stands_twice_is_told_once() -> None:
    stage = {"Name": "Inversion", "Method": "tkd", "Parameters": {}}
    assert methods_text([stage, stage]) == methods_text([stage])


def test_other_stages_keep_their_words() -> None:
    text = methods_text([{"Name": "Mask", "Method": "The mask of fmriprep was used."}])
    assert " The mask of fmriprep was used. " in text
    assert "Decay: a fit." in methods_text([{"Name": "Decay", "Method": "a fit"}])


def test_references_are_complete_and_distinct() -> None:
    assert len({c.text for c in CITATIONS.values()}) == len(CITATIONS)
    dois = [c.doi for c in CITATIONS.values() if c.doi]
    assert len(set(dois)) == len(dois)
    for citation in CITATIONS.values():
        assert re.fullmatch(r"(10\.\d{4,9}/\S+)?", citation.doi)
        assert re.fullmatch(r"(https://\S+)?", citation.url)
        assert citation.text.endswith(".")


def test_methods_text_needs_no_matplotlib() -> None:
    code = (
        "import sys, qsmbids.reports as r; r.methods_text([]); print('matplotlib' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("method", ["qsminvnet", "zs-uqsm+", "dip"])
@pytest.mark.parametrize(
    ("gain", "said"), [(0.04, "lowered the held-out error by 4 %"), (0.0, "error at all")]
)
def test_a_fit_that_changed_nothing_is_told(method, gain, said) -> None:
    stage = {"Method": method, "Parameters": {"gain": gain}}
    fit = {"Iterations": 25, "HeldOutErrorAtFirst": 1.0, "HeldOutErrorKept": 1.0}
    text = methods_text([{**stage, "Fit": {**fit, "KeptIteration": 0}}])
    assert f"None of the 25 iterations on the participant's field by {method} " in text
    assert said in text
    assert "as it was before" not in methods_text([{**stage, "Fit": {**fit, "KeptIteration": 9}}])
    assert "as it was before" not in methods_text([stage])


def test_what_no_paper_does_is_said() -> None:
    stage = {"Method": "uqsm", "Parameters": {"consistency": 0.1}}
    assert "no part of the published method" in methods_text([stage])
    stage["Parameters"] = {"consistency": 0.0}
    assert "no part of the published method" not in methods_text([stage])


def test_a_second_network_is_named_with_its_part() -> None:
    second = {"Share": 0.25, "Name": "other", "SHA256": "0123456789abcdef"}
    text = methods_text([{"Method": "dcnet-tv", "Parameters": {}, "SecondNetwork": second}])
    assert "25 % of that map" in text
    assert "other of SHA-256 0123456789ab." in text
