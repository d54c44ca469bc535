"""The pictures of what all maps of a series share: magnitude, phase, fields, decay."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from qsmbids.array_types import Mask
from qsmbids.bids.volume import Image
from qsmbids.reports import slices, windows
from qsmbids.reports.echo_pictures import CAPTIONS
from qsmbids.reports.images import SeriesImages
from qsmbids.reports.picture import Picture, data_uri
from qsmbids.reports.windows import Window

_OUTLINES = {
    "brain": ("brain mask (blue)", "The blue line should follow the brain's surface."),
    "eroded": ("eroded mask (yellow)", "Fields and maps are valid inside the yellow line."),
    "unreliable": ("doubtful phase (pink)", "Where it is pink the phase had no weight."),
}

_REGISTRATION = (
    "A checkerboard of the first head orientation and the mean of the others. Expect edges that go "
    "on from field to field; steps are a registration that failed."
)
_WEIGHTED = {
    "swi": (
        "Susceptibility-weighted image",
        "Expect veins and bleedings dark; what is dark may be paramagnetic or calcified.",
    ),
    "minimum": (
        "Minimum-intensity projection",
        "Its least value over an axial slab about each slice: veins join to trees.",
    ),
}


def series_pictures(images: SeriesImages, read: Mapping[str, Image]) -> Iterator[Picture]:
    """Give the pictures of a series in the order of its processing.

    Parameters
    ----------
    images : SeriesImages
        View and masks.
    read : mapping of str to (x, y, z) array
        The shown part of ``magnitude``, ``registration``, ``total``, ``local`` and ``r2star``,
        as there are.
    """
    if "magnitude" in read:
        yield _magnitude(images, read["magnitude"])
    if "registration" in read:
        yield _own_window(images, read["registration"], "Registration", _REGISTRATION)
    yield from _echoes(images, ("wrapped", "unwrapped"))
    if "total" in read:
        text = "Expect a smooth field inside the brain; a jump is a phase wrap that was left."
        total = images.inside(read["total"], "brain")
        yield _field(images, total, "Total field", text, windows.TOTAL_PPM)
    if "local" in read:
        text = "Slow shading towards the rim or the sinuses is background that was left."
        local = images.inside(read["local"])
        yield _field(images, local, "Local field", text, windows.LOCAL_PPM)
    yield from _echoes(images, ("noise", "residual"))
    for name, (title, caption) in _WEIGHTED.items():
        if name in read:
            yield _own_window(images, read[name], title, caption)
    if "r2star" in read:
        yield plane_picture(
            images,
            images.inside(read["r2star"], "brain"),
            "R2*",
            "Expect veins and iron-rich deep grey matter bright, and where signal is lost.",
            windows.r2star_window(images.strength),
            "1/s",
        )


def plane_picture(
    images: SeriesImages,
    image: Image,
    title: str,
    caption: str,
    window: Window,
    unit: str,
    outlines: Mapping[str, Mask] | None = None,
) -> Picture:
    """Return the picture of an axial, a coronal and a sagittal slice; NaN is not drawn."""
    panels = slices.planes(image, images.shown, outlines or {})
    return Picture(
        title,
        f"{caption} Grey window {windows.in_words(window, unit).rstrip('.')}.",
        f"{title}: axial, coronal and sagittal slice.",
        slices.strip(panels, window, unit),
    )


def _magnitude(images: SeriesImages, image: Image) -> Picture:
    masks = dict(images.masks)
    reliable = masks.pop("reliable", None)
    if reliable is not None and "brain" in masks:
        masks["unreliable"] = masks["brain"] & ~reliable
    told = [_OUTLINES[name] for name in masks]
    names, texts = ", ".join(name for name, _ in told), " ".join(text for _, text in told)
    caption = f"Outlines: {names}. {texts}" if told else "No mask was found."
    window = windows.own_window(image[images.mask_of(image)])
    return plane_picture(images, image, "Magnitude", caption, window, "a.u.", masks)


def _own_window(images: SeriesImages, image: Image, title: str, caption: str) -> Picture:
    """Return the picture of an image without a unit."""
    window = windows.own_window(image[images.mask_of(image)])
    return plane_picture(images, image, title, caption, window, "a.u.")


def _field(images: SeriesImages, field: Image, title: str, caption: str, window: Window) -> Picture:
    values, unit = images.in_ppm(field)
    shown = window if unit == "ppm" else windows.in_hertz(window)
    return plane_picture(images, values, title, caption, shown, unit)


def _echoes(images: SeriesImages, names: tuple[str, ...]) -> Iterator[Picture]:
    """Give the pictures that the run has drawn."""
    for name in names:
        path = images.series.pictures.get(name)
        if path is not None:
            title, caption = CAPTIONS[name]
            alt = f"{title}: axial, coronal and sagittal slice."
            yield Picture(title, caption, alt, data_uri(path.read_bytes()))
