"""What a page says of a picture, and the picture itself."""

from __future__ import annotations

import base64
from dataclasses import dataclass


@dataclass(frozen=True)
class Picture:
    """One picture: heading, caption, alternative text and data URI."""

    title: str
    caption: str
    alt: str
    uri: str


def data_uri(webp: bytes) -> str:
    """Return a WebP image as a data URI."""
    return "data:image/webp;base64," + base64.b64encode(webp).decode("ascii")
