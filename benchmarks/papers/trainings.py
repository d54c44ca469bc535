"""Small networks trained alike but for one thing, and how well they do on heads unseen.

TABLE is one of: ``augmentation``, what augmentation does for uQSM, and which shape the added
sources have (Liu, appendices B and C); ``training-data``, what synthetic shapes must be like to
train a network (Jochmann, Haueisen and Schweser); ``domains``, whether unlabelled fields of the
target help a network with labels of another kind, for which QSMInvNet+ (Liu and Koch, ISMRM 2021)
is made: here labels are of synthetic shapes, the target is heads. Networks that are there already
are not trained again.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from itertools import product
from pathlib import Path
from typing import Any

import torch
from scipy.fft import set_workers

from benchmarks import heads
from benchmarks.papers import variants
from benchmarks.papers.ledger import Ledger, Record, parser, read_command
from benchmarks.papers.tables import pair_table, score_table
from benchmarks.papers.variants import TABLES, Options, Table
from qsmbids.evaluation import evaluate, regions_of
from qsmbids.inference.predict import predict
from qsmbids.inference.predictor import Predictor
from qsmbids.networks.device import torch_threads
from qsmbids.networks.weights import load_weights
from qsmbids.physics import Problem
from qsmbids.training.methods import find_recipe
from qsmbids.training.methods.recipe import Recipe
from qsmbids.training.run import train

Found = dict[str, dict[str, dict[str, Record]]]
"""Records by kind of field, variant and case."""


def small(name: str, options: Options, quick: bool) -> Recipe:
    """Return the recipe of that name for a network of a tenth of the size, with options.

    An option ``recipe`` names another recipe to start from.
    """
    less = {"config.base": 8, "config.levels": 4, "patches": {48: 1.0}, "learning_rate": 1e-3}
    chosen = {**less, **options}
    if quick:  # without heads, which take a while to make
        names = {"sources", *({"target_sources"} & set(chosen))}
        chosen |= {"config.base": 2, "config.levels": 3, "patches": {32: 1.0}}
        chosen |= {source: {"shapes": 1.0} for source in names}
    return find_recipe(chosen.pop("recipe", name)).with_options(chosen)


def trained(recipe: Recipe, out: Path, asked: argparse.Namespace) -> Path:
    """Return the weights of a training, begun, gone on with, or long done.

    Raises
    ------
    SystemExit
        If the training was told to stop; the same command goes on with it.
    """
    card = out / "weights.json"
    wanted = (json.loads(json.dumps(recipe.card())), asked.steps)
    known = json.loads(card.read_text()) if card.exists() else {}
    if (known.get("recipe"), known.get("steps")) != wanted:
        torch.set_num_threads(asked.threads)
        print(f"training {out}", flush=True)
        train(recipe, out, heads=asked.heads, steps=asked.steps, workers=0, resume=True)
    if json.loads(card.read_text())["steps"] != asked.steps:
        raise SystemExit(f"{out} was stopped; the same command goes on with it")
    return out / "weights.safetensors"


def collect(table: Table, weights: Mapping[str, Path], ledger: Ledger, asked: Any) -> Found:
    """Score each network on the unseen heads."""
    found: Found = {kind: {name: {} for name in weights} for kind in heads.FIELDS}
    with set_workers(asked.threads):
        for number, kind in product(range(asked.anatomies), heads.FIELDS):
            for name, file in weights.items():
                anatomy = str(heads.FIRST_HEAD + number)
                work = partial(score, asked.size, number, kind, file)
                found[kind][name][anatomy] = ledger.get(f"{kind} {anatomy}", name, work)
    return found


@lru_cache(maxsize=1)
def unseen(size: float, number: int, kind: str) -> heads.Case:
    """Return the field of a head; that of the last call is kept."""
    return heads.FIELDS[kind](heads.random_head(size, heads.FIRST_HEAD + number), number)


def score(size: float, number: int, kind: str, weights: Path) -> Record:
    """Measure a network's own map, without the data consistency that the app adds to it."""
    case = unseen(size, number, kind)
    model, card = load_weights(weights)
    where = {name: case[name] for name in ("voxel_size", "b0_dir")}
    with torch_threads():
        problem = Problem(case["field"], case["mask"], **where, device="cpu")
        chi = predict(Predictor(model, problem, card, "target"), consistency=0.0)
    regions = regions_of(case["labels"])
    return {"truth": evaluate(chi, case["chi"], case["mask"], regions=regions)}


def body(table: Table, found: Found) -> list[str]:
    """Return the page's tables."""
    lines = list(table.seen)
    for kind, records in found.items():
        lines += [f"## Fields of the kind `{kind}`", ""]
        lines += [*score_table(records, "truth", table.shown, table.paper), ""]
        for heading, pairs, paper in table.pairs:
            lines += [f"### {heading}", ""]
            lines += [*pair_table(records, "truth", pairs, table.shown, paper), ""]
    return lines


def main(argv: Sequence[str] | None = None) -> None:
    """Train and score what is not there yet, and write the page."""
    read = parser(__doc__)
    read.add_argument("table", choices=list(TABLES))
    read.add_argument("--anatomies", type=int, help="unseen heads, 6 by default")
    read.add_argument("--steps", type=int, help="of each training, 600 by default")
    read.add_argument("--heads", type=Path, help="folder of simulated heads for training")
    asked = read_command(read, argv, "trainings")
    asked.anatomies = asked.anatomies or (2 if asked.quick else 6)
    asked.steps = asked.steps or (2 if asked.quick else 600)
    asked.heads = asked.heads or asked.scratch.parent / "heads"
    table = TABLES[asked.table]
    folder = asked.scratch / f"{asked.table}-{'quick' if asked.quick else asked.steps}"
    weights = {
        name: trained(small(table.base, how, asked.quick), folder / name.replace(" ", "-"), asked)
        for name, how in table.variants.items()
    }
    ledger = Ledger(folder / "scores.json", {"size": asked.size}, weights, asked.fresh)
    found = collect(table, weights, ledger, asked)
    facts = [*variants.facts(asked, table, small(table.base, {}, asked.quick)), table.fact]
    ledger.write_page(asked, table.title, facts, body(table, found))


if __name__ == "__main__":
    main()
