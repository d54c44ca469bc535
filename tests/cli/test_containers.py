"""What stands beside the code for containers agrees with the code."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import yaml

import qsmbids
from docs.tools import descriptor
from qsmbids.cli.parser import level_options

ROOT = Path(__file__).resolve().parents[2]
DOCKER = ROOT / "docker"


def test_the_descriptor_is_that_of_the_parser() -> None:
    stored = (DOCKER / "boutiques.json").read_text("utf-8")
    assert stored == descriptor.rendered(), "make descriptor"


def sample(told: dict[str, Any]) -> list[str]:
    """Return an option of the descriptor as a form would fill it in."""
    if told["type"] == "Flag":
        return [told["command-line-flag"]]
    value = "2GB" if told["id"] == "mem" else "2"
    values = told.get("value-choices", [value])[: 2 if told.get("list") else 1]
    return [told["command-line-flag"], *map(str, values)]


def test_each_option_of_the_descriptor_is_read_by_the_parser() -> None:
    content = json.loads((DOCKER / "boutiques.json").read_text("utf-8"))
    options = [told for told in content["inputs"] if "command-line-flag" in told]
    assert len(options) > 25
    for told in options:
        level_options().parse_args(sample(told))
        assert f" {told['value-key']}" in content["command-line"]


def test_the_labels_state_the_version() -> None:
    for name in ("Dockerfile", "docker/qsmbids.def"):
        text = (ROOT / name).read_text("utf-8")
        found = re.search(r'image\.version[= ]"?([^"\s]+)', text)
        assert found, name
        assert found[1] == qsmbids.__version__, name


def test_the_extras_of_the_image_exist() -> None:
    (asked,) = re.findall(r'pip install .*"\.\[(.+)\]"', (ROOT / "Dockerfile").read_text("utf-8"))
    known = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert set(asked.split(",")) <= set(known["optional-dependencies"])


def test_what_the_image_needs_is_handed_to_the_build() -> None:
    given = {line[1:] for line in (ROOT / ".dockerignore").read_text().split() if line[0] == "!"}
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.M)
    assert {name for line in copied for name in line.split()} == given
    assert given <= {path.name for path in (*ROOT.iterdir(), Path(qsmbids.__file__).parent)}


def test_the_options_for_babs_are_the_parsers() -> None:
    config = yaml.safe_load((DOCKER / "babs.yaml").read_text("utf-8"))
    given = dict(config["bids_app_args"])
    arguments = [given.pop("$SUBJECT_SELECTION_FLAG"), "01"]
    for name, value in given.items():
        arguments += [name, *([value.replace("$SLURM_CPUS_PER_TASK", "4")] if value else [])]
    args = level_options().parse_args(arguments)
    assert args.participant_label == ["01"]
    job = float(config["cluster_resources"]["hard_memory_limit"].rstrip("G"))
    assert args.mem < job
    assert config["zip_foldernames"]["qsmbids"] == "-".join(qsmbids.__version__.split(".")[:3])
