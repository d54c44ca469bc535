"""Scans that something is wrong with: what a page has to say of its map."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from bids_tree import write_derivatives
from scipy import ndimage
from scipy.spatial.transform import Rotation

from qsmbids.interfaces.sign import tell_sign
from qsmbids.masking import brain_mask
from qsmbids.phase import estimate_field, fit_decay
from qsmbids.physics import b0_direction, voxel_size
from qsmbids.reports.checks import Check, series_checks
from qsmbids.reports.checks.measure import measure
from qsmbids.simulation import Head


@dataclass(frozen=True)
class Scan:
    """A gradient-echo scan on disk-like arrays.

    Attributes
    ----------
    magnitude, phase : (echo, x, y, z) array
        Phase in radians; one image where ``difference``, of the phase between two echoes.
    echo_times : tuple of float
        As stated, in seconds.
    strength : float
        As stated, in tesla.
    affine : (4, 4) array
    brain : (x, y, z) bool array
        A good brain mask.
    mask : (x, y, z) bool array or None
        The one that the run gets from derivatives.
    difference : bool
    sign : str
        What ``--phase-sign`` says.
    frequency : float or None
        Imaging frequency in MHz, as stated.
    """

    magnitude: np.ndarray
    phase: np.ndarray
    echo_times: tuple[float, ...]
    strength: float
    affine: np.ndarray
    brain: np.ndarray
    mask: np.ndarray | None = None
    difference: bool = False
    sign: str = "auto"
    frequency: float | None = None

    @property
    def voxel_size(self) -> np.ndarray:
        """Edge lengths in mm."""
        return np.linalg.norm(self.affine[:3, :3], axis=0)


def scan_of(head: Head) -> Scan:
    """Return a simulated head as a scan."""
    return Scan(
        head.magnitude,
        head.phase,
        head.echo_times,
        head.field_strength,
        head.affine,
        head.brain_mask,
    )


def read_real(heads: Path, name: str = "siemens3T-gre") -> Scan:
    """Return the measured head of two magnitudes and a phase difference, with its mask."""
    first, second, phase, brain = (
        nib.as_closest_canonical(nib.load(heads / path))
        for path in (
            f"images/{name}_echo-1_mag.nii.gz",
            f"images/{name}_echo-2_mag.nii.gz",
            f"images/{name}_phasediff.nii.gz",
            f"masks/{name}_brain.nii.gz",
        )
    )
    stated = json.loads((heads / f"images/{name}_phasediff.json").read_text())
    return Scan(
        np.stack([one.get_fdata(dtype=np.float32) for one in (first, second)]),
        phase.get_fdata(dtype=np.float32)[None] * np.float32(np.pi / 4096),
        (stated["EchoTime1"], stated["EchoTime2"]),
        stated["MagneticFieldStrength"],
        first.affine,
        brain.get_fdata() > 0,
        difference=True,
    )


def lights(scan: Scan) -> list[Check]:
    """Return the checks of a scan from raw data to total field, as a run makes them."""
    edges, b0_dir = voxel_size(scan.affine), b0_direction(scan.affine)
    phase, times = scan.phase, list(scan.echo_times)
    if scan.difference:
        phase = np.concatenate([0 * phase, phase])
        times = [times[1] - times[0], 2 * (times[1] - times[0])]
    mask, doubts = scan.mask, ()
    if mask is None:
        found = brain_mask(scan.magnitude[0], voxel_size=edges, affine=scan.affine)
        mask, doubts = found.mask, found.warnings
    estimate = estimate_field(
        phase,
        scan.magnitude,
        times,
        field_strength=scan.strength,
        mask=mask,
        voxel_size=edges,
    )
    grid = {"voxel_size": edges, "b0_dir": b0_dir}
    sign = tell_sign(estimate.field, scan.magnitude[0], estimate.weight, grid, scan.sign)
    told = measure(
        scan.magnitude,
        phase,
        mask,
        sign.factor * estimate.field,
        estimate.weight,
        voxel_size=edges,
        b0_dir=b0_dir,
        affine=scan.affine,
        given=scan.mask is not None,
    )
    decay = None
    if len(scan.magnitude) > 1:
        decay = fit_decay(scan.magnitude, scan.echo_times, mask).r2star
        decay = float(np.median(decay[mask]))
    volume = float(mask.sum() * np.prod(edges)) / 1000
    return series_checks(told, strength=scan.strength, r2star=decay, volume=volume, doubts=doubts)


def write(scan: Scan, root: Path, label: str) -> None:
    """Write a scan as a participant of a BIDS dataset, its mask beside it in ``derivatives``."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "README").write_text("Scans for tests.\n")
    (root / "dataset_description.json").write_text(
        json.dumps({"Name": "scans", "BIDSVersion": "1.10.0"})
    )
    stated: dict[str, Any] = {"MagneticFieldStrength": scan.strength}
    if scan.frequency is not None:
        stated["ImagingFrequency"] = scan.frequency
    fmap = scan.difference
    folder = root / f"sub-{label}" / ("fmap" if fmap else "anat")
    steps = np.round(scan.phase * 4096 / (2 * np.pi)).clip(-2048, 2047).astype(np.int16)
    peak = np.percentile(scan.magnitude, 99.9)
    whole = np.round(scan.magnitude * (2000 / peak)).clip(0, 32000).astype(np.int16)
    for echo, time in enumerate(scan.echo_times):
        name = f"magnitude{echo + 1}" if fmap else f"echo-{echo + 1}_part-mag_MEGRE"
        _save(folder / f"sub-{label}_{name}", whole[echo], scan, {**stated, "EchoTime": time})
        if not fmap:
            more = {"EchoTime": time, "Units": "arbitrary"}
            name = f"echo-{echo + 1}_part-phase_MEGRE"
            _save(folder / f"sub-{label}_{name}", steps[echo], scan, {**stated, **more})
    if fmap:
        more = {f"EchoTime{n + 1}": time for n, time in enumerate(scan.echo_times)}
        _save(folder / f"sub-{label}_phasediff", steps[0], scan, {**stated, **more})
    if scan.mask is not None:
        masks = root / "derivatives" / "masks"
        write_derivatives(masks)
        path = masks / f"sub-{label}/anat/sub-{label}_desc-brain_mask"
        _save(path, scan.mask.astype(np.uint8), scan, {"Type": "Brain"})


def _save(stem: Path, data: np.ndarray, scan: Scan, sidecar: dict[str, Any]) -> None:
    stem.parent.mkdir(parents=True, exist_ok=True)
    image = nib.Nifti1Image(data, scan.affine)
    image.header.set_xyzt_units("mm")
    image.set_qform(scan.affine, code=1)
    image.set_sform(scan.affine, code=1)
    nib.save(image, stem.with_name(stem.name + ".nii.gz"))
    stem.with_name(stem.name + ".json").write_text(json.dumps(sidecar))


def _timed(factor: float) -> Callable[[Scan], Scan]:
    return lambda scan: replace(scan, echo_times=tuple(factor * t for t in scan.echo_times))


def _one_time_off(scan: Scan) -> Scan:
    times = list(scan.echo_times)
    times[1] += 0.002
    return replace(scan, echo_times=tuple(times))


def _tilted(degrees: float) -> Callable[[Scan], Scan]:
    """The header turns the head about its x axis, as a conversion that loses the tilt does."""
    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_euler("x", degrees, degrees=True).as_matrix()
    return lambda scan: replace(scan, affine=turn @ scan.affine)


def _moved(scan: Scan) -> Scan:
    """The last two echoes (of two, the second) lie 3 mm elsewhere."""
    step = 3.0 / scan.voxel_size[1]
    magnitude = scan.magnitude.copy()
    signal = np.exp(1j * scan.phase)
    which = range(1, 2) if scan.difference else range(len(magnitude) - 2, len(magnitude))

    def shift(image: np.ndarray, order: int) -> np.ndarray:
        return ndimage.shift(image, (0, step, 0), order=order, mode="nearest")

    for echo in which:
        own = 0 if scan.difference else echo
        whole = scan.magnitude[echo] * signal[own]
        moved = shift(whole.real, 1) + 1j * shift(whole.imag, 1)
        magnitude[echo] = shift(scan.magnitude[echo], 1)
        signal[own] = moved
    return replace(scan, magnitude=magnitude, phase=np.angle(signal).astype(np.float32))


def _filtered(width: float) -> Callable[[Scan], Scan]:
    """Phase as of SWI: what a Gaussian of ``width`` mm leaves of the signal is divided out."""

    def apply(scan: Scan) -> Scan:
        size = width / scan.voxel_size
        phases = []
        for magnitude, phase in zip(scan.magnitude, scan.phase, strict=False):
            signal = magnitude * np.exp(1j * phase)
            slow = ndimage.gaussian_filter(signal.real, size) + 1j * ndimage.gaussian_filter(
                signal.imag, size
            )
            phases.append(np.angle(signal * slow.conj()))
        return replace(scan, phase=np.stack(phases).astype(np.float32))

    return apply


def _mirrored(scan: Scan) -> Scan:
    return replace(scan, phase=scan.phase[:, ::-1])


def of_another(other: Scan) -> Callable[[Scan], Scan]:
    """The phase of another head on the scan's grid."""

    def apply(scan: Scan) -> Scan:
        shape = scan.phase.shape[1:]
        phases = []
        for phase in other.phase[: len(scan.phase)]:
            scale = [n / m for n, m in zip(shape, phase.shape, strict=True)]
            signal = [ndimage.zoom(part(phase), scale, order=0) for part in (np.cos, np.sin)]
            phases.append(np.arctan2(signal[1], signal[0]))
        return replace(scan, phase=np.stack(phases).astype(np.float32))

    return apply


def _magnitude_as_phase(scan: Scan) -> Scan:
    """The range of the magnitude is stretched over a turn."""
    phase = scan.magnitude[: len(scan.phase)]
    phase = phase * np.float32(2 * np.pi / phase.max()) - np.float32(np.pi)
    return replace(scan, phase=phase)


def _with_mask(make: Callable[[Scan], np.ndarray]) -> Callable[[Scan], Scan]:
    return lambda scan: replace(scan, mask=make(scan))


def _without_top(scan: Scan) -> np.ndarray:
    used = np.flatnonzero(scan.brain.any((0, 1)))
    mask = scan.brain.copy()
    mask[:, :, used[-1] + 1 - round(45 / scan.voxel_size[2]) :] = False
    return mask


def _one_hemisphere(scan: Scan) -> np.ndarray:
    mask = scan.brain.copy()
    mask[: round(np.argwhere(mask)[:, 0].mean())] = False
    return mask


def _with_hole(scan: Scan) -> np.ndarray:
    """A ball of 20 mm in one hemisphere is missing."""
    places = np.argwhere(scan.brain)
    low, high = places.min(0), places.max(0)
    centre = low + (high - low) * [0.3, 0.5, 0.6]
    axes = np.ogrid[tuple(slice(0, n) for n in scan.brain.shape)]
    distance = sum(
        ((a - c) * v) ** 2 for a, c, v in zip(axes, centre, scan.voxel_size, strict=True)
    )
    return scan.brain & (distance > 20.0**2)


def _grown(millimetres: float) -> Callable[[Scan], np.ndarray]:
    def apply(scan: Scan) -> np.ndarray:
        away = ndimage.distance_transform_edt(~scan.brain, sampling=scan.voxel_size)
        return away <= millimetres

    return apply


def _noisy(level: float) -> Callable[[Scan], Scan]:
    """Noise of ``level`` where the brightest voxels have 4095."""

    def apply(scan: Scan) -> Scan:
        rng = np.random.default_rng(0)
        sigma = level * float(scan.magnitude.max()) / 4095
        size = (2, *scan.magnitude.shape)
        noise = rng.normal(0, sigma, size).astype(np.float32)
        if scan.difference:  # the noise of both echoes is in the difference
            signals = [
                scan.magnitude[0] + noise[0, 0] + 1j * noise[1, 0],
                scan.magnitude[1] * np.exp(1j * scan.phase[0]) + noise[0, 1] + 1j * noise[1, 1],
            ]
            phase = np.angle(signals[1] * signals[0].conj())[None]
            magnitude = np.abs(np.stack(signals))
        else:
            signal = scan.magnitude * np.exp(1j * scan.phase) + noise[0] + 1j * noise[1]
            magnitude, phase = np.abs(signal), np.angle(signal)
        return replace(scan, magnitude=magnitude.astype(np.float32), phase=phase.astype(np.float32))

    return apply


def _slab(scan: Scan) -> Scan:
    """37 mm from feet to head."""
    middle = round(float(np.argwhere(scan.brain)[:, 2].mean()))
    half = 18.5 / scan.voxel_size[2]
    return _cut(scan, slice(round(middle - half), round(middle + half)))


def _cut(scan: Scan, levels: slice) -> Scan:
    affine = scan.affine.copy()
    affine[:3, 3] += affine[:3, 2] * levels.start
    return replace(
        scan,
        magnitude=scan.magnitude[..., levels],
        phase=scan.phase[..., levels],
        brain=scan.brain[..., levels],
        affine=affine,
    )


def _thick(scan: Scan) -> Scan:
    """Slices of 6 mm."""
    joined = max(1, round(6 / scan.voxel_size[2]))
    count = scan.brain.shape[2] // joined * joined
    shape = (*scan.brain.shape[:2], count // joined, joined)

    def means(image: np.ndarray) -> np.ndarray:
        return image[..., :count].reshape(*image.shape[:-1], count // joined, joined).mean(-1)

    pairs = zip(scan.magnitude, scan.phase, strict=False)
    signal = np.stack([means(m * np.exp(1j * p)) for m, p in pairs])
    magnitude = np.stack([means(m) for m in scan.magnitude]) if scan.difference else np.abs(signal)
    affine = scan.affine.copy()
    affine[:3, 3] += affine[:3, 2] * (joined - 1) / 2
    affine[:3, 2] *= joined
    return replace(
        scan,
        magnitude=magnitude.astype(np.float32),
        phase=np.angle(signal).astype(np.float32),
        brain=scan.brain[..., :count].reshape(shape).mean(-1) > 0.5,
        affine=affine,
    )


def _scaled(*factors: float) -> Callable[[Scan], Scan]:
    """The header states other edge lengths."""

    def apply(scan: Scan) -> Scan:
        affine = scan.affine.copy()
        affine[:3, :3] *= factors
        return replace(scan, affine=affine)

    return apply


CASES: dict[str, Callable[[Scan], Scan]] = {
    "good": lambda scan: scan,
    "good mask": _with_mask(lambda scan: scan.brain),
    "te half": _timed(0.5),
    "te tenth": _timed(0.1),
    "one te": _one_time_off,
    "strength": lambda scan: replace(scan, strength=scan.strength / 2),
    "frequency": lambda scan: replace(
        scan, strength=scan.strength / 2, frequency=42.577 * scan.strength
    ),
    "b0 20": _tilted(20),
    "b0 45": _tilted(45),
    "b0 90": _tilted(90),
    "moved": _moved,
    "filtered": _filtered(6),
    "filtered wide": _filtered(12),
    "mirrored": _mirrored,
    "as phase": _magnitude_as_phase,
    "no top": _with_mask(_without_top),
    "hemisphere": _with_mask(_one_hemisphere),
    "hole": _with_mask(_with_hole),
    "mask +4.5": _with_mask(_grown(4.5)),
    "mask +15": _with_mask(_grown(15)),
    "sign": lambda scan: replace(scan, sign="negative"),
    "noise 300": _noisy(300),
    "noise 900": _noisy(900),
    "slab": _slab,
    "thick": _thick,
    "voxel x2": _scaled(2, 2, 2),
    "voxel z": _scaled(1, 1, 1.6),
}
"""By name; the phase of another head, which takes two scans, is `of_another`."""
