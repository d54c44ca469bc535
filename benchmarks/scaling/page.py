"""The page and the figure, from the results alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import figure
import peers

Results = dict[str, Any]
HEADINGS = {
    "field": "Field, decay and masks",
    "background": "Background removal",
    "inversion": "Inversion",
    "unwrapping": "Peers: unwrapping one echo",
    "masking": "Peers: brain mask",
    "forward field": "Peers: field of a susceptibility map",
}
NOTES = {
    "field": "Total field: three echoes combined, best-path unwrapping and linear fit where the "
    "row does not say otherwise. The brain mask is found on a grid of about 2 mm.",
    "background": "Radii are in mm, so that spheres hold more voxels on a finer grid.",
    "inversion": "Networks without their uncertainty, which has a row. *Fitted to the participant: "
    "seconds of one iteration over the whole volume, of the 20 to 150 that a fit takes; zs-uqsm+ "
    "trains on patches of fixed size before, which is not counted. COSMOS takes three fields. "
    "uqsm and uqsm+ run the network of synthnet with other weights.",
    "unwrapping": "Ours works in the mask's bounding box; best-path is scikit-image's there. "
    "phase-unwrap works slice by slice on the whole grid and high-pass filters, warpkit is ROMEO.",
    "masking": "brainextractor moves a surface for 1,000 iterations, which do not depend on the "
    "grid.",
    "forward field": "Ours pads by half of the longest axis; qsm-forward doubles each axis, in "
    "double precision.",
}


def write(found: Results, target: Path) -> None:
    """Write ``target``.md and ``target``.svg.

    Parameters
    ----------
    found : dict
        As in ``target``.json.
    target : Path
        Without ending.
    """
    figure.draw(found, target.with_suffix(".svg"))
    parts = [introduction(found, target.name)]
    for kind, heading in HEADINGS.items():
        runs = [run for run in found["runs"] if run["kind"] == kind]
        if kind == "masking" and runs:
            runs = [run for run in found["runs"] if run["name"] == "brain mask"] + runs
        if runs:
            parts += [f"## {heading}", NOTES[kind], table(runs, found)]
    if found["about"]["peers"]:
        parts.append(tried(found["about"]["peers"]))
    target.with_suffix(".md").write_text("\n\n".join(parts) + "\n")


def floors(found: Results) -> dict[int, float]:
    """Return the seconds of an FFT pair on each grid."""
    return {
        run["size"]: run["seconds"]
        for run in found["runs"]
        if run["kind"] == "floor" and "seconds" in run
    }


def introduction(found: Results, name: str) -> str:
    """Return what stands above the tables."""
    about, limits = found["about"], found["limits"]
    packages = ", ".join(f"{n} {v}" for n, v in about["packages"].items())
    share = 100 * found["grids"][-1]["box"] / found["grids"][-1]["voxels"]
    return f"""# Speed and memory against the size of the grid

Made by `{about["command"]}`; the page and the figure alone by
`python benchmarks/scaling --from {name}.json`.

- {about["date"]}, qsmbids {about["version"]}, commit {about["commit"]}, Python \
{about["python"]}, {packages}
- {about["machine"]}; threads: {about["threads"]}, no graphics processor; load of the machine \
before: {about["load"]}
- a simulated head (3 T, 3 echoes, SNR 100) in a cube of 216 mm; the mask's bounding box, to which \
most stages cut, is {share:.0f} % of the grid
- each case in a process of its own, after a first call on a small grid; the shortest of up to \
five calls where they are short
- **FFT**: the floor of the time, one real FFT there and back on the bounding box, padded as the \
methods pad it; **x**: seconds in multiples of that
- **GB**: the most memory beyond that of the process before it held any image, so the input \
counts; the floor in the figure is one float32 image in, one out
- \\>: left out, since it exceeds the limit of {limits["seconds"]} s or {limits["memory"]:g} GB \
or, judged from the grid before, would

![Seconds and peak memory against voxels]({name}.svg)

{table([run for run in found["runs"] if run["kind"] == "floor"], found)}"""


def table(runs: list[Results], found: Results) -> str:
    """Return a table, a row a method and a column a grid."""
    sizes = [grid["size"] for grid in found["grids"]]
    names = list(dict.fromkeys(run["name"] for run in runs))
    lines = [
        "| s, x, GB | " + " | ".join(f"{size}³" for size in sizes) + " |",
        "|---" * (len(sizes) + 1) + "|",
    ]
    for name in names:
        row = {run["size"]: run for run in runs if run["name"] == name}
        star = "*" if next(iter(row.values()))["fitted"] else ""
        texts = [cell(row.get(size), floors(found).get(size)) for size in sizes]
        lines.append(f"| {name}{star} | " + " | ".join(texts) + " |")
    return "\n".join(lines)


def cell(run: Results | None, floor: float | None) -> str:
    """Return seconds, their ratio to the floor, and GB; or why there are none."""
    if run is None:
        return ""
    if "note" in run:
        return run["note"].replace("more than", "\\>").replace("|", "/")
    ratio = f"{run['seconds'] / floor:.3g}x" if floor else "?"
    gigabytes = f"{run['PeakMemoryMB'] / 1024:.2g}" if "PeakMemoryMB" in run else "?"
    return f"{run['seconds']:.2g}, {ratio}, {gigabytes}"


def tried(versions: Results) -> str:
    """Return which peers there are."""
    compared = ", ".join(f"{name} {version}" for name, version in versions.items())
    absent = "; ".join(f"{name} ({why})" for name, why in peers.ABSENT.items())
    return f"Compared: {compared}. Tried with pip and not compared: {absent}."
