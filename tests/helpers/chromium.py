"""A page in headless Chromium, spoken to over the pipe of its DevTools protocol."""

from __future__ import annotations

import base64
import itertools
import json
import os
import select
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next((found for name in _NAMES if (found := shutil.which(name))), None)
needs_chromium = pytest.mark.skipif(BROWSER is None, reason="Chromium is not on this machine")
_FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--enable-unsafe-swiftshader"),
    *("--disable-background-networking", "--no-first-run", "--remote-debugging-pipe"),
)
_AXE = Path(__file__).parents[1] / "data" / "axe-core" / "axe.min.js"
_PATIENCE = 90.0  # seconds, on a busy machine
_LEFT = ("Inspected target navigated or closed", "Execution context was destroyed.")


class PageLeft(AssertionError):
    """The page that a script ran in was left for another one before it had ended."""


class Page:
    """One page; ``requests`` are the addresses that it has asked for."""

    def __init__(self, write: int, read: int):
        self._write, self._read, self._buffer = write, read, b""
        self._numbers = itertools.count(1)
        self.requests: list[str] = []
        self._session = ""
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        attached = self._call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Network", "Runtime"):
            self._call(f"{domain}.enable")

    def open(self, path: Path, width: int = 1440) -> Page:
        """Show a file in a window of this width, and wait until it stands there."""
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self._call("Emulation.setDeviceMetricsOverride", **size)
        self._call("Page.navigate", url=path.as_uri())
        self.wait(f"document.readyState === 'complete' && location.href === '{path.as_uri()}'")
        return self

    def run(self, script: str) -> Any:
        """Return the value of a script, or of the promise that it gives."""
        told = self._call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def wait(self, condition: str) -> None:
        """Wait until a script gives true, here or on the page that this one is left for."""
        end = time.monotonic() + _PATIENCE
        while not self._holds(condition):
            assert time.monotonic() < end, f"in vain: {condition}"
            time.sleep(0.2)

    def click(self, x: float, y: float) -> None:
        """Press and release the left button at a place of the window."""
        for kind in ("mousePressed", "mouseReleased"):
            place = {"x": x, "y": y, "button": "left", "clickCount": 1}
            self._call("Input.dispatchMouseEvent", type=kind, **place)

    def violations(self) -> list[str]:
        """Return the rules of accessibility that the page breaks, by axe-core."""
        self.run(_AXE.read_text(encoding="utf-8") + "; null")
        rules = "axe.run({iframes: false}).then((told) => told.violations.map((one) => one.id))"
        return list(self.run(rules))

    def pdf(self) -> bytes:
        """Return the page as it is printed."""
        return base64.b64decode(self._call("Page.printToPDF", printBackground=False)["data"])

    def _holds(self, condition: str) -> bool:
        try:
            return bool(self.run(condition))
        except PageLeft:
            return False

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            told = self._next()
            if told.get("method") == "Network.requestWillBeSent":
                self.requests.append(told["params"]["request"]["url"])
            if told.get("id") == number:
                if told.get("error", {}).get("message") in _LEFT:
                    raise PageLeft(told["error"])
                assert "error" not in told, told["error"]
                return dict(told["result"])

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            assert select.select([self._read], [], [], _PATIENCE)[0], "the browser says nothing"
            self._buffer += os.read(self._read, 1 << 20)
        text, _, self._buffer = self._buffer.partition(b"\0")
        return dict(json.loads(text))


@contextmanager
def browser(folder: Path) -> Iterator[Page]:
    """Give an empty page of a browser of its own, which keeps its files in ``folder``."""
    theirs_in, ours_out = os.pipe()
    ours_in, theirs_out = os.pipe()
    command = shlex.join([str(BROWSER), *_FLAGS, f"--user-data-dir={folder / 'profile'}"])
    started = subprocess.Popen(
        ["bash", "-c", f"exec {command} 3<&{theirs_in} 4>&{theirs_out}"],
        pass_fds=(theirs_in, theirs_out),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    for end in (theirs_in, theirs_out):
        os.close(end)
    try:
        yield Page(ours_out, ours_in)
    finally:
        started.terminate()
        started.wait(20)
        for end in (ours_in, ours_out):
            os.close(end)
