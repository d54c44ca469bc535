"""The command line and the configuration file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from qsmbids.background import DEFAULT
from qsmbids.background import METHODS as BACKGROUND
from qsmbids.cli import values
from qsmbids.cli.levels import find_level
from qsmbids.cli.main import main
from qsmbids.cli.parser import parse
from qsmbids.contrast import SEPARATION, WEIGHTING
from qsmbids.errors import UsageError
from qsmbids.inversion import COMBINATIONS
from qsmbids.inversion import METHODS as INVERSION
from qsmbids.settings import Settings
from qsmbids.workflows import machine
from qsmbids.workflows.folders import check_folders


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    (tmp_path / "ds").mkdir()
    return [str(tmp_path / "ds"), str(tmp_path / "out"), "participant", "-w", str(tmp_path / "w")]


def test_the_default_background_removal_is_the_registrys(command: list[str]) -> None:
    assert parse(command).background == Settings.background == DEFAULT


@pytest.mark.parametrize("flag", ["--participant-label", "--participant_label"])
def test_labels_lose_their_prefix(command: list[str], flag: str) -> None:
    settings = parse([*command, flag, "sub-01", "02", "01", "--session-label", "ses-a"])
    assert settings.participants == ("01", "02")
    assert settings.sessions == ("a",)


@pytest.mark.parametrize(
    ("text", "gigabytes"), [("8GB", 8), ("8g", 8), ("16000 M", 16), ("1.5GiB", 1.5), ("1T", 1000)]
)
def test_memory_has_a_unit(text: str, gigabytes: float) -> None:
    assert values.memory(text) == pytest.approx(gigabytes)


@pytest.mark.parametrize("text", ["8", "GB", "-1GB", "0GB", "8XB"])
def test_memory_without_a_unit_is_a_usage_error(command: list[str], text: str) -> None:
    with pytest.raises(SystemExit) as error:
        parse([*command, f"--mem={text}"])
    assert error.value.code == 2


def test_options_take_the_type_of_their_default(command: list[str]) -> None:
    settings = parse([*command, "--option", "tikhonov.regularization=1", "resharp.radius=7"])
    assert settings.options["tikhonov"] == {"regularization": 1.0}
    assert isinstance(settings.options["tikhonov"]["regularization"], float)
    assert settings.options["resharp"]["radius"] == 7


def test_the_papers_preset_is_of_the_methods_asked_for_and_options_win(command: list[str]) -> None:
    asked = ["--method", "uqsm", "qsminvnet+", "tkd", "--preset", "paper"]
    options = parse([*command, *asked, "--option", "qsminvnet+.iterations=30"]).options
    assert options["uqsm"] == {"consistency": 0.0}
    fit = {"consistency": 0.0, "iterations": 30, "gain": 0.0, "domain": "target"}
    assert options["qsminvnet+"] == fit
    assert set(options) == {"uqsm", "qsminvnet+"}
    with pytest.raises(UsageError, match="--preset paper is for: synthnet"):
        parse([*command, "--method", "tkd", "--preset", "paper"])


@pytest.mark.parametrize("name", [name for name, method in INVERSION.items() if method.paper])
def test_every_papers_preset_is_made_of_options_that_the_method_has(name: str) -> None:
    method = INVERSION[name]
    chosen = method.resolve(method.paper)
    assert chosen != method.defaults()
    assert all(type(chosen[key]) is type(default) for key, default in method.defaults().items())


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ("tkd.threshold", "METHOD.NAME=VALUE"),
        ("tkd.treshold=1", "no option 'treshold'"),
        ("tkd.threshold=high", "a number is needed"),
        ("magic.lambda=1", "choose the method from"),
    ],
)
def test_wrong_options_are_usage_errors(command: list[str], option: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        parse([*command, "--option", option])


def test_the_command_line_wins_over_the_file(command: list[str], tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text(
        'method = ["tkd", "ndi"]\nnprocs = 3\nclean_workdir = true\nmem = "2GB"\n'
        'participant-label = ["sub-05"]\nverbose = 2\nstop-on-first-crash = false\n'
        '[option]\n"tkd.threshold" = 0.3\n'
    )
    settings = parse([*command, "--config-file", str(config), "--method", "tikhonov"])
    assert settings.methods == ("tikhonov",)
    assert settings.nprocs == 3
    assert settings.mem_gb == pytest.approx(2)
    assert settings.clean_workdir
    assert not settings.stop_on_first_crash
    assert settings.participants == ("05",)
    assert settings.verbose == 2
    assert settings.options == {"tkd": {"threshold": 0.3}}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("metod = 'tkd'", "no option 'metod'"),
        ("clean-workdir = 'yes'", "true or false"),
        ("nprocs = true", "takes a value"),
        ("nprocs = ", "cannot be read as TOML"),
    ],
)
def test_a_wrong_file_is_a_usage_error(
    command: list[str], tmp_path: Path, content: str, says: str
) -> None:
    config = tmp_path / "config.toml"
    config.write_text(content)
    with pytest.raises(UsageError, match=says):
        parse([*command, "--config-file", str(config)])


def test_derivatives_have_names(command: list[str], tmp_path: Path) -> None:
    for name in ("masks", "fields"):
        (tmp_path / name).mkdir()
    settings = parse([*command, "-d", f"m={tmp_path / 'masks'}", "-d", str(tmp_path / "fields")])
    assert settings.derivatives == {"m": tmp_path / "masks", "fields": tmp_path / "fields"}
    with pytest.raises(UsageError, match="not a folder"):
        parse([*command, "-d", str(tmp_path / "nowhere")])


def test_folders_in_each_other_are_refused(tmp_path: Path) -> None:
    dataset, out = tmp_path / "ds", tmp_path / "out"
    dataset.mkdir()
    for output, work, says in (
        (dataset, tmp_path / "w", "dataset itself"),
        (out, dataset / "work", "lies in the dataset"),
        (out, dataset, "lies in the dataset"),
        (out, out / "work", "lies in the output folder"),
    ):
        with pytest.raises(UsageError, match=says):
            parse([str(dataset), str(output), "participant", "-w", str(work)])
    with pytest.raises(UsageError, match="not a folder"):
        parse([str(tmp_path / "none"), str(out), "participant"])


def test_a_plugin_file_is_read(command: list[str], tmp_path: Path) -> None:
    plugin = tmp_path / "plugin.yml"
    plugin.write_text("plugin: SLURM\nplugin_args: {sbatch_args: '-p long'}\n")
    settings = parse([*command, "--use-plugin", str(plugin)])
    assert settings.plugin == {"plugin": "SLURM", "plugin_args": {"sbatch_args": "-p long"}}
    plugin.write_text("plugin: MultiProc\nplugin_args: {n_procs: 5, memory_gb: 7}\n")
    settings = parse([*command, "--use-plugin", str(plugin)])
    assert (settings.plugin, settings.nprocs, settings.mem_gb) == (None, 5, 7)
    plugin.write_text("plugin_args: {n_procs: 5}\n")
    with pytest.raises(UsageError, match="must name a Nipype plugin"):
        parse([*command, "--use-plugin", str(plugin)])


def test_a_filter_file_is_checked(command: list[str], tmp_path: Path) -> None:
    path = tmp_path / "filter.json"
    path.write_text('{"series": {"acquisition": "fast"}}')
    assert parse([*command, "--bids-filter-file", str(path)]).filters["series"] == {
        "acquisition": "fast"
    }
    for content, says in (('{"t1w": {}}', "none of"), ("{", "JSON"), ('{"series": 1}', "object")):
        path.write_text(content)
        with pytest.raises(UsageError, match=says):
            parse([*command, "--bids-filter-file", str(path)])


def test_usage_errors_are_one_sentence_and_code_2(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, "--option", "tkd"]) == 2
    assert main([command[0], command[0], "participant"]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert len(shown.err.splitlines()) == 2
    assert "Traceback" not in shown.err


def test_a_container_limits_what_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_CGROUPS", tmp_path)
    assert machine.free_memory() > 0
    (tmp_path / "cpu.max").write_text("100000 100000\n")
    (tmp_path / "memory.max").write_text("2000000000\n")
    assert machine.processors() == 1
    assert machine.free_memory() <= 1.8
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert machine.processors() >= 1


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("ds out participant --participant-label train", "participant"),
        ("ds out participant --participant-label 01 evaluate --nprocs 2", "participant"),
        ("--participant-label train --nprocs 2 ds out group", "group"),
        ("--clean-workdir ds out train", "train"),
        ("train evaluate participant", "participant"),
        ("group evaluate train --recipe participant", "train"),
        ("- participant train --recipe uqsm", "train"),
        ("ds --maps train=elsewhere -- out evaluate", "evaluate"),
        ("ds --method uqsm out train --held-out participant", "train"),
        ("ds out evaluate --reference train --help", "evaluate"),
        ("ds out train --nprocs many", "train"),
        ("ds out train --nonsense evaluate", "train"),
        ("train out participant --work w", "participant"),  # or workers, of the level train
        ("ds out", None),
        ("ds out analyse", None),
    ],
)
def test_the_level_is_the_third_word_whatever_others_are_called(line: str, level: str) -> None:
    assert find_level(line.split()) == level


def test_a_participant_called_as_a_level(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / "train").mkdir()
    out, work = str(tmp_path / "evaluate"), str(tmp_path / "w")
    command = [str(tmp_path / "train"), out, "participant", "-w", work, "--dry-run"]
    assert main([*command, "--participant-label", "train"]) == 2
    assert "sub-train" in capsys.readouterr().err


def _describe(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dataset_description.json").write_text(text)
    return folder


@pytest.mark.parametrize(
    ("out", "why"),
    [
        (".", "holds the dataset"),
        ("bids/sub-01", "lies in a participant's"),
        ("bids/sub-01/ses-a/maps", "lies in a participant's"),
        ("other/sub-03/maps", "lies in a participant's"),
        ("other", "qsmbids did not make"),
        ("damaged", "qsmbids did not make"),
        ("raw", "qsmbids did not make"),
    ],
)
def test_an_output_folder_that_is_not_ours_is_refused(tmp_path, out, why) -> None:
    bids = _describe(tmp_path / "bids", "{}")
    (bids / "sub-01").mkdir()
    _describe(tmp_path / "other", '{"GeneratedBy": [{"Name": "fMRIPrep"}]}')
    _describe(tmp_path / "damaged", "[" * 100_000)
    _describe(tmp_path / "raw", '{"Name": "qsmbids", "DatasetType": "raw"}')
    with pytest.raises(UsageError, match=why):
        check_folders(bids, (tmp_path / out).resolve(), tmp_path / "work")


def test_an_output_folder_of_ours_is_taken(tmp_path) -> None:
    bids = _describe(tmp_path / "bids", "{}")
    ours = _describe(bids / "derivatives" / "qsmbids", '{"GeneratedBy": [{"Name": "qsmbids"}]}')
    check_folders(bids, ours, tmp_path / "work")
    check_folders(bids, tmp_path / "new", tmp_path / "work")


def test_missing_is_a_kind_of_dry_run(tmp_path: Path) -> None:
    (tmp_path / "ds").mkdir()
    words = [str(tmp_path / "ds"), str(tmp_path / "out"), "participant", "--missing"]
    assert parse([*words, "--dry-run"]).mode == "missing"
    with pytest.raises(UsageError, match="--missing goes with --dry-run"):
        parse(words)


def test_help_methods_lists_each_option_with_its_meaning(capsys):
    with pytest.raises(SystemExit) as end:
        main(["--help-methods"])
    assert end.value.code == 0
    said = capsys.readouterr().out
    for name, method in {**INVERSION, **BACKGROUND, **SEPARATION, **WEIGHTING}.items():
        for option in method.defaults():
            assert f"  {name}.{option}=" in said
    assert "pdf.margin=20.0  Space around the mask's bounding box" in said
    assert "qsminvnet.patience=5  Iterations without a smaller held-out error" in said
    assert "laplacian.passes" not in said  # nothing sets it


BAD = [
    *("tkd.threshold=0.7", "tikhonov.regularization=0", "tv.iterations=0", "tv.tolerance=-1"),
    *("medi.edges=2", "ndi.step=9", "dcnet.average=3", "dcnet.memory_gb=0", "dcnet-tv.share=2"),
    *("qsminvnet.domain=both", "qsminvnet.held_out=0.9", "dip.source=x", "dip.seed=-1"),
    *("zs-uqsm+.batch=0", "cosmos.max_condition=0", "jdf.erosion=-1", "jdf.max_iterations=0"),
    *("pdf.margin=0", "lbv.peel=-1", "resharp.radius=0", "vsharp.min_radius=20"),
    *("swi.power=0", "swi.high_pass=-1", "r2star.relaxivity=0", "r2star.r2=-5"),
]


@pytest.mark.parametrize("option", BAD)
def test_a_bad_value_of_an_option_is_refused_at_once(option, command):
    """The dataset is empty: nothing was looked for yet."""
    name = option.partition(".")[0]
    known = {**INVERSION, **COMBINATIONS, **BACKGROUND, **SEPARATION, **WEIGHTING}
    with pytest.raises(UsageError, match=re.escape(known[name].label)):
        parse([*command, "--option", option])


def test_every_default_is_taken():
    for registry in (INVERSION, COMBINATIONS, BACKGROUND, SEPARATION, WEIGHTING):
        for method in registry.values():
            method.check(method.defaults())


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["--methd", "tv"], "Did you mean '--method'?"),
        (["--method", "dcnt"], "Did you mean 'dcnet'?"),
        (["--option", "tv.regularisation=1"], "Did you mean 'regularization'?"),
        (["--option", "medy.edges=1"], "Did you mean 'medi'?"),
    ],
)
def test_asks_what_was_meant(arguments, hint, command, capsys):
    try:
        code = main([*command, *arguments])
    except SystemExit as end:
        code = end.code
    assert code == 2
    assert hint in capsys.readouterr().err
