"""What a page says of a picture, the picture itself, and what all of them share."""

from __future__ import annotations

import base64
from dataclasses import dataclass

PANEL = "#14161a"
TEXT = "#d6d9de"
WIDTH = 1360  # pixels
# method 4, the default, takes three times the time for files a fifth smaller
WEBP = {"quality": 85, "method": 0}


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
