"""The figure: seconds and memory against voxels, both axes logarithmic, floors dashed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
from matplotlib.axes import Axes

Results = dict[str, Any]
# Few lines a panel: methods that share a network have the same curve.
PANELS = {
    "Field and masks": (
        "field",
        ("total field", "Laplacian", "nonlinear fit", "R2*", "brain mask", "reliability"),
    ),
    "Background removal": ("background", ("resharp", "vsharp", "pdf", "jdf", "lbv")),
    "Inversion": ("inversion", ("tkd", "ndi", "tv", "medi", "dcnet", "dcnet-tv", "cosmos")),
    "Fit to the participant, an iteration": (
        "inversion",
        ("qsminvnet", "qsminvnet+", "zs-uqsm+", "dip"),
    ),
}
IN_AND_OUT = 8 / 2**30  # GB a voxel: one float32 image in, one out
GREY = "0.45"
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "speed",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def draw(found: Results, path: Path) -> None:
    """Write the figure.

    Parameters
    ----------
    found : dict
        The results.
    path : Path
        Of the ``.svg``.
    """
    voxels = {grid["size"]: grid["voxels"] for grid in found["grids"]}
    with matplotlib.rc_context(STYLE):
        figure, axes = plt.subplots(
            2, len(PANELS), figsize=(15, 7), sharex=True, sharey="row", layout="constrained"
        )
        for column, (title, (kind, names)) in enumerate(PANELS.items()):
            of_kind = [run for run in found["runs"] if run["kind"] == kind]
            axes[0, column].set_title(title)
            _lines(axes[0, column], of_kind, names, voxels, "seconds", 1)
            _lines(axes[1, column], of_kind, names, voxels, "PeakMemoryMB", 1 / 1024)
            _floors(axes[:, column], found, voxels)
            if axes[0, column].get_legend_handles_labels()[1]:
                axes[0, column].legend(frameon=False, fontsize=8)
        _scales(axes, voxels)
        figure.savefig(path, metadata={"Date": None})
        plt.close(figure)


def _lines(
    axes: Axes,
    runs: list[Results],
    names: tuple[str, ...],
    voxels: dict[int, int],
    quantity: str,
    unit: float,
) -> None:
    for number, name in enumerate(names):
        points = [
            (voxels[run["size"]], run[quantity] * unit)
            for run in runs
            if run["name"] == name and run.get(quantity, 0) > 0
        ]
        if points:
            axes.plot(
                *zip(*points, strict=True), "o-", ms=3, lw=1.2, color=f"C{number}", label=name
            )


def _floors(axes: Any, found: Results, voxels: dict[int, int]) -> None:
    pairs = [
        (voxels[run["size"]], run["seconds"])
        for run in found["runs"]
        if run["kind"] == "floor" and "seconds" in run
    ]
    images = [(count, count * IN_AND_OUT) for count in voxels.values()]
    for panel, floor, text in zip(
        axes, (pairs, images), ("one FFT pair", "image in and out"), strict=True
    ):
        if floor:
            panel.plot(*zip(*floor, strict=True), "--", color=GREY, lw=1)
            panel.annotate(
                text, floor[-1], (0, -28), textcoords="offset points",
                color=GREY, ha="right", va="top", fontsize=8,
            )  # fmt: skip


def _scales(axes: Any, voxels: dict[int, int]) -> None:
    for panel in axes.flat:
        panel.set(xscale="log", yscale="log")
        panel.set_xticks(list(voxels.values()), [f"{size}³" for size in voxels])
        panel.minorticks_off()
        panel.grid(color="0.92", lw=0.6)
        panel.set_axisbelow(True)
    axes[0, 0].set_ylabel("seconds")
    axes[1, 0].set_ylabel("peak memory, GB")
    for panel in axes[1]:
        panel.set_xlabel("voxels of the grid")
