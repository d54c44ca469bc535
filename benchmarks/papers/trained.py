"""Small networks trained alike but for one thing, and how well they do on heads unseen."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import scipy.fft as sf
import torch

from benchmarks.methods import FIRST_HEAD, Case, measured, simulated, with_errors
from benchmarks.papers.ledger import Ledger, Record, parser, read_command
from benchmarks.papers.page import write_page
from qsmbids.evaluation import evaluate, regions_of
from qsmbids.inference.predict import predict
from qsmbids.inference.predictor import Predictor
from qsmbids.networks.device import torch_threads
from qsmbids.networks.weights import load_weights
from qsmbids.simulation import Head
from qsmbids.training.data.corruption import CLEAN
from qsmbids.training.methods import find_recipe
from qsmbids.training.methods.recipe import Recipe
from qsmbids.training.run import train

KINDS = ("noisy", "measured")
NOISE = replace(CLEAN, noise=0.006)
Options = Mapping[str, Any]
Found = dict[str, dict[str, dict[str, Record]]]
"""Records by kind of field, variant and case."""


def arguments(doc: str, page: str, command: Sequence[str], steps: int) -> argparse.Namespace:
    """Return what was asked of a script that trains networks."""
    read = parser(doc)
    read.add_argument("--anatomies", type=int, help="unseen heads")
    read.add_argument("--steps", type=int, help=f"of each training, {steps} by default")
    read.add_argument("--heads", type=Path, help="folder of simulated heads for training")
    asked = read_command(read, command, page)
    asked.anatomies = asked.anatomies or (2 if asked.quick else 6)
    asked.steps = asked.steps or (2 if asked.quick else steps)
    asked.heads = asked.heads or asked.scratch.parent / "heads"
    return asked


def small(name: str, options: Options, quick: bool) -> Recipe:
    """Return the recipe of that name for a network of a tenth of the size, with options.

    An option ``recipe`` names another recipe to start from.
    """
    options = dict(options)
    recipe = find_recipe(options.pop("recipe", name))
    less = {"config.base": 8, "config.levels": 4, "patches": {48: 1.0}, "learning_rate": 1e-3}
    chosen = {**less, **options}
    if quick:  # without heads, which take a while to make
        sources = {"sources": {"shapes": 1.0}}
        if "target_sources" in chosen:
            sources["target_sources"] = {"shapes": 1.0}
        chosen |= {"config.base": 2, "config.levels": 3, "patches": {32: 1.0}}
        chosen |= sources
    return recipe.with_options(chosen)


def trained(recipe: Recipe, out: Path, asked: argparse.Namespace) -> Path:
    """Return the weights of a training, begun, gone on with, or long done.

    Raises
    ------
    SystemExit
        If the training was told to stop; the same command goes on with it.
    """
    card = out / "weights.json"
    if not (card.exists() and _is_of(json.loads(card.read_text()), recipe, asked.steps)):
        torch.set_num_threads(asked.threads)
        print(f"training {out}", flush=True)
        train(recipe, out, heads=asked.heads, steps=asked.steps, workers=0, resume=True)
    if json.loads(card.read_text())["steps"] != asked.steps:
        raise SystemExit(f"{out} was stopped; the same command goes on with it")
    return out / "weights.safetensors"


def _is_of(card: Mapping[str, Any], recipe: Recipe, steps: int) -> bool:
    return (card["recipe"], card["steps"]) == (json.loads(json.dumps(recipe.card())), steps)


def collect(
    page: str, base: str, variants: Mapping[str, Options], asked: argparse.Namespace
) -> tuple[Found, Ledger]:
    """Train each variant of the recipe ``base`` and score it on the unseen heads."""
    folder = asked.scratch / f"{page}-{'quick' if asked.quick else asked.steps}"
    weights = {
        name: trained(small(base, options, asked.quick), folder / name.replace(" ", "-"), asked)
        for name, options in variants.items()
    }
    settings = {"size": asked.size, "noise": NOISE.noise}
    ledger = Ledger(folder / "scores.json", settings, weights, asked.fresh)
    found: Found = {kind: {name: {} for name in variants} for kind in KINDS}
    with sf.set_workers(asked.threads):
        for number, kind in product(range(asked.anatomies), KINDS):
            for name, file in weights.items():
                anatomy = str(FIRST_HEAD + number)
                work = partial(_score, asked.size, number, kind, file)
                found[kind][name][anatomy] = ledger.get(f"{kind} {anatomy}", name, work)
    return found, ledger


def publish(
    doc: str,
    argv: Sequence[str] | None,
    *,
    page: str,
    title: str,
    base: str,
    steps: int,
    variants: Mapping[str, Options],
    body: Callable[[Found], list[str]],
    fact: str,
) -> None:
    """Train and score what is not there yet, and write the page: all that such a script does.

    Parameters
    ----------
    doc, page, title : str
        The script's docstring; the stem of its page's name; the page's heading.
    argv : sequence of str, optional
        The arguments; by default the command line's.
    base, steps, variants
        The recipe, how many steps by default, and what is changed in it, by name.
    body : callable
        From what was found to the lines of the page's tables.
    fact : str
        What the names of the variants mean.
    """
    command = list(sys.argv[1:] if argv is None else argv)
    asked = arguments(doc, page, command, steps)
    found, ledger = collect(page, base, variants, asked)
    facts = [*ledger.facts(), *shared_facts(asked, base), fact]
    text = [*body(found), "## Weights", "", *ledger.weights_table()]
    write_page(asked.page, title, facts, text, [page.replace("-", "_"), *command])


def shared_facts(asked: argparse.Namespace, base: str) -> list[str]:
    """Return the lines on how the networks were trained and scored."""
    recipe = small(base, {}, asked.quick)
    (edge,) = recipe.patches
    return [
        f"- each network: recipe `{base}` with {recipe.config['base']} filters at the first of "
        f"{recipe.config['levels']} levels, patches of {edge} voxels, {asked.steps} steps of "
        f"{recipe.batch}, learning rate {recipe.learning_rate:g}, the same seed: one training "
        "each, so that what chance does to a training is not in the tests",
        f"- scored on {asked.anatomies} random anatomies that no network has seen (seeds "
        f"{FIRST_HEAD} and up), voxels of {asked.size:g} mm, against the true susceptibility, by "
        "the network's own map without the data consistency that the app adds to it",
        "- `noisy`: dipole field with up to 0.006 ppm of noise where the magnitude is full; "
        "`measured`: also a smooth field that no susceptibility explains, half as strong as the "
        "rest, a residual of the background, wrong voxels",
        "- mean ± SD over anatomies; p of paired tests over anatomies, after Holm; NRMSE and HFEN "
        "in % over the brain",
    ]


@lru_cache(maxsize=1)
def _unseen(size: float, number: int, kind: str) -> tuple[Head, Case]:
    head = simulated(size, number)
    return head, measured(head, number) if kind == "measured" else with_errors(head, number, NOISE)


def _score(size: float, number: int, kind: str, weights: Path) -> Record:
    head, case = _unseen(size, number, kind)
    model, card = load_weights(weights)
    with torch_threads():
        predictor = Predictor(
            model,
            np.asarray(case["field"], np.float32),
            case["mask"],
            voxel_size=head.voxel_size,
            b0_dir=head.b0_dir,
            card=card,
            domain="target",
        )
        chi = predict(predictor, consistency=0.0)
    regions = regions_of(case["labels"])
    return {"truth": evaluate(chi, case["chi"], case["mask"], regions=regions)}
