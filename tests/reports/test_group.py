"""The page and the tables of a study, from output folders of studies that never were."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from scipy import stats

from benchmarks.group import make_study
from qsmbids.bids.tables import read_table
from qsmbids.bids.variables import read_variables
from qsmbids.cli.main import main
from qsmbids.errors import InputError
from qsmbids.reports.group.statistics import fit_model, outliers
from qsmbids.reports.group.template_space import average

SESSIONS, PARTICIPANTS = 2, 60


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A study of two sessions; 58 was never processed, 59 failed, 3 lacks its second session."""
    bids, out = make_study(
        tmp_path_factory.mktemp("study"), PARTICIPANTS, sessions=SESSIONS, template=(8, 9, 7)
    )
    shutil.rmtree(out / "sub-0003" / "ses-2")
    lights = out / "logs/sub-0001/sub-0001_ses-1_lights.json"
    told = json.loads(lights.read_text())
    one = told["Series"][0] | {"Value": 4000.0, "Good": False}
    told["Series"][0] = one | {"Text": "</script><b>loud</b> & wrong"}
    lights.write_text(json.dumps(told))
    assert main([str(bids), str(out), "group"]) == 0
    return bids, out


def _rows(out: Path, **wanted: str) -> list[dict[str, str]]:
    rows = read_table(out / "group.tsv")
    return [row for row in rows if all(row.get(k, "n/a") == v for k, v in wanted.items())]


def _data(out: Path) -> dict[str, object]:
    page = (out / "group.html").read_text(encoding="utf-8")
    (text,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    return json.loads(text)


def test_a_row_for_every_map_every_failure_and_all_that_is_missing(study) -> None:
    _, out = study
    assert len(_rows(out)) == 2 * SESSIONS * (PARTICIPANTS - 2) - 2 + SESSIONS + 1
    assert len(_rows(out, session_id="ses-1", method="tv")) == PARTICIPANTS - 2
    (missing,) = _rows(out, status="missing")
    assert (missing["participant_id"], missing["message"]) == ("sub-0058", "there are no images")
    failed = _rows(out, status="failed")
    assert [row["series"] for row in failed] == ["sub-0059_ses-1", "sub-0059_ses-2"]
    assert "the phase is constant" in failed[0]["message"]


def test_the_dictionary_explains_every_column(study) -> None:
    _, out = study
    for name in ("group", "group_regions"):
        columns = (out / f"{name}.tsv").read_text().splitlines()[0].split("\t")
        words = json.loads((out / f"{name}.json").read_text())
        assert list(words) == columns
        assert all(one["Description"] for one in words.values())


def test_what_is_red_and_what_stands_out_is_told(study) -> None:
    _, out = study
    odd, same = _rows(out, series="sub-0001_ses-1")
    assert odd["status"] == same["status"] == "look"
    assert int(odd["red"]) >= 1
    assert odd["message"] == "</script><b>loud</b> & wrong"
    assert "Signal to noise" in odd["outliers"]
    measure = _data(out)["measures"][0]
    assert measure["name"] == "Signal to noise"
    (lane,) = measure["lanes"]  # both maps of a series share it
    place = _data(out)["series"].index("sub-0001_ses-1")
    assert place in lane["out"]
    assert lane["values"][place] == 4000


def test_the_page_needs_nothing_but_itself_and_nothing_in_it_is_run(study) -> None:
    _, out = study
    page = (out / "group.html").read_text(encoding="utf-8")
    assert "<b>loud</b>" not in page
    assert "&lt;b&gt;loud&lt;/b&gt; &amp; wrong" in page
    assert not re.search(r"<(link|iframe|object)\b|@import|https?:", page)
    assert all(src.startswith("data:image/webp") for src in re.findall(r'\bsrc="([^"]*)', page))
    links = set(re.findall(r'href="(sub-[^"#]*)', page))
    assert links == {path.name for path in out.glob("sub-*.html")}
    assert 'href="sub-0007.html#sub-0007_ses-2"' in page


def test_region_values_meet_age_sex_and_group(study) -> None:
    bids, out = study
    rows = read_table(out / "group_regions.tsv")
    assert {row["sex"] for row in rows} == {"F", "M"}
    data = _data(out)
    assert list(data["variables"]) == ["age", "sex", "group"]
    firsts = [len(places) for places in data["firsts"].values()]
    assert firsts == [PARTICIPANTS - 2] * 3  # one series a participant goes into a model
    table = {
        row["participant_id"]: float(row["age"]) for row in read_table(bids / "participants.tsv")
    }
    at = data["series"].index("sub-0002_ses-1")
    assert data["variables"]["age"][at] == table["sub-0002"]
    slopes = [one["slope"] for one in data["regions"] if one["region"] == "pallidum"]
    assert slopes == [pytest.approx(0.001, abs=3e-4)] * 3  # as the study was made


def test_the_mean_map_is_that_of_first_series_on_one_grid(tmp_path: Path) -> None:
    _, out = make_study(tmp_path, 5, template=(6, 5, 4))
    name = "space-MNI152NLin2009cAsym_desc-tv_Chimap.nii.gz"
    paths = [out / f"sub-000{n}/anat/sub-000{n}_{name}" for n in range(1, 6)]
    data = [nib.load(path).get_fdata() for path in paths[:4]]
    data[0][0, 0, 0] = data[1][0, 0, 0] = data[2][0, 0, 0] = 0  # known of one alone
    for path, values in zip(paths, data, strict=False):
        nib.save(nib.Nifti1Image(values.astype(np.float32), np.eye(4)), path)
    nib.save(nib.Nifti1Image(np.ones((3, 3, 3), np.float32), np.eye(4)), paths[4])
    labels = [f"000{n}" for n in range(1, 6)]
    tv = next(one for one in average(out, labels) if one.method == "tv")
    assert (tv.n, tv.left_out) == (4, [paths[4].relative_to(out).as_posix()])
    np.testing.assert_allclose(tv.mean.data[1:], np.mean(data, 0)[1:], atol=1e-7)
    np.testing.assert_allclose(tv.sd.data[1:], np.std(data, 0, ddof=1)[1:], atol=1e-7)
    assert tv.mean.data[0, 0, 0] == 0
    stored = out / "group/space-MNI152NLin2009cAsym_desc-tvMean_Chimap.nii.gz"
    before = stored.stat().st_mtime_ns
    again = next(one for one in average(out, labels) if one.method == "tv")
    np.testing.assert_array_equal(again.mean.data, tv.mean.data)
    assert (stored.stat().st_mtime_ns, again.n) == (before, 4)
    nib.save(nib.Nifti1Image(data[0].astype(np.float32) + 1, np.eye(4)), paths[0])
    other = next(one for one in average(out, labels) if one.method == "tv")
    assert other.mean.data[1, 1, 1] == pytest.approx(tv.mean.data[1, 1, 1] + 0.25)


def test_outliers_are_few_and_known(rng: np.random.Generator) -> None:
    values = rng.normal(10, 1, 200)
    values[[3, 50]] = 30, -9
    values[7] = np.nan
    assert np.flatnonzero(outliers(values)).tolist() == [3, 50]
    assert not outliers([1, 1, 1, 50]).any()
    assert not outliers([2.0] * 20 + [3.0]).any()


def test_one_variable_alone_is_the_textbook_test(rng: np.random.Generator) -> None:
    age = rng.uniform(20, 80, 40)
    y = 0.1 + 0.002 * age + rng.normal(0, 0.05, 40)
    (term,) = fit_model(y, {"age": age.tolist()}).terms
    line = stats.linregress(age, y)
    (effect,) = term.effects
    assert (effect.estimate, term.p) == pytest.approx((line.slope, line.pvalue))
    reach = stats.t.ppf(0.975, 38) * line.stderr
    assert (effect.low, effect.high) == pytest.approx((line.slope - reach, line.slope + reach))
    group = rng.choice(["a", "b", "c"], 40).tolist()
    (term,) = fit_model(y, {"group": group}).terms
    parts = [y[[one == level for one in group]] for level in "abc"]
    assert term.p == pytest.approx(stats.f_oneway(*parts).pvalue)
    assert term.effects[1].level == "c \N{MINUS SIGN} a"
    assert term.effects[1].estimate == pytest.approx(parts[2].mean() - parts[0].mean())


def test_variables_are_adjusted_for_each_other(rng: np.random.Generator) -> None:
    old = rng.random(200) < 0.5
    age = np.where(old, 60, 30) + rng.normal(0, 5, 200)
    sex = np.where(rng.random(200) < np.where(old, 0.9, 0.1), "M", "F")  # the men are older
    y = 0.01 * age + rng.normal(0, 0.05, 200)
    model = fit_model(y, {"age": age.tolist(), "sex": sex.tolist(), "same": sex.tolist()})
    assert [term.name for term in model.terms] == ["age", "sex"]  # the third says nothing new
    assert model.terms[0].effects[0].estimate == pytest.approx(0.01, abs=1e-3)
    assert model.terms[0].p < 1e-10
    assert fit_model(y, {"sex": sex.tolist()}).terms[0].p < 1e-10
    assert model.terms[1].p > 1e-3


def test_who_is_not_known_is_left_out_of_a_model() -> None:
    model = fit_model([1.0, 2.0, 3.0, np.nan], {"sex": ["F", None, "M", "M"]})
    assert (model.n, model.mean) == (2, 2.0)
    assert model.terms == ()  # two values leave no degree of freedom


def test_ages_and_labels_as_people_write_them(tmp_path: Path) -> None:
    table = tmp_path / "participants.tsv"
    table.write_text("participant_id\tAge\tsex\tsite\nsub-1\t89+\tF\tx\n2\tn/a\tM\tx\nsub-3\told\n")
    assert read_variables(tmp_path) == {"1": {"age": 89.0, "sex": "F"}, "2": {"sex": "M"}, "3": {}}
    table.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"participants\.tsv cannot be read"):
        read_variables(tmp_path)
