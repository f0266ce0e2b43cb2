"""A real Chromium without a window, driven over its DevTools protocol.

Debian's package is used as it is.
"""

import base64
import contextlib
import itertools
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

from helpers.embedded_process import NEVER_SECONDS, wait_for
from helpers.strict import INSTALL

LEFT = "Inspected target navigated or closed"
"""Chromium's answer where the page that was asked is no more."""


def chromium() -> str:
    """The program; without it the test is skipped."""
    found = shutil.which("chromium")
    return found or pytest.skip(f"needs chromium: {INSTALL}")


@contextmanager
def browser() -> Iterator["Page"]:
    """A browser with one page, from `with` to its end."""
    options = ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu")
    options += ("--no-first-run", "--disable-background-networking", "--disable-extensions")
    options += ("--remote-debugging-port=0", "--window-size=1280,900", "--hide-scrollbars")
    # Not pytest's folder: Chromium may still write to it while it ends.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        log = Path(profile) / "log.txt"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [chromium(), *options, f"--user-data-dir={profile}", "about:blank"],
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            address = re.compile(r"DevTools listening on (ws://\S+)")
            wait_for(lambda: address.search(log.read_text(errors="replace")))
            found = address.search(log.read_text(errors="replace"))
            assert found
            with connect(
                found[1],
                open_timeout=NEVER_SECONDS,
                ping_interval=None,  # a busy machine is slow to answer
                max_size=None,
                compression=None,
                proxy=None,
            ) as devtools:
                yield Page(devtools)
                with contextlib.suppress(Exception):
                    devtools.send(json.dumps({"id": 0, "method": "Browser.close"}))
                    process.wait(NEVER_SECONDS)
        finally:
            process.kill()
            process.wait()


class Page:
    """The page that the browser shows; `errors` are what its console says went wrong, `requests`
    the addresses that it asked for."""

    def __init__(self, devtools: ClientConnection) -> None:
        self._devtools = devtools
        self._numbers = itertools.count(1)
        self._session = ""
        self.errors: list[str] = []
        self.requests: list[str] = []
        targets = self.call("Target.getTargets")["targetInfos"]
        target = next(t["targetId"] for t in targets if t["type"] == "page")
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: Any) -> Any:
        """What a method of the protocol returns."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._devtools.send(json.dumps(message))
        while True:
            reply = json.loads(self._devtools.recv(NEVER_SECONDS))
            if reply.get("id") == number:
                if LEFT in reply.get("error", {}).get("message", ""):
                    return {"result": {}}
                assert "error" not in reply, (method, reply["error"])
                return reply["result"]
            self._note(reply.get("method"), reply.get("params"))

    def _note(self, event: str | None, values: Any) -> None:
        if event == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(values["exceptionDetails"]))
        elif event == "Log.entryAdded" and values["entry"]["level"] in ("error", "warning"):
            self.errors.append(json.dumps(values["entry"]))
        elif event == "Runtime.consoleAPICalled" and values["type"] in ("error", "warning"):
            self.errors.append(json.dumps(values["args"]))
        elif event == "Network.requestWillBeSent":
            self.requests.append(values["request"]["url"])
        elif event == "Page.javascriptDialogOpening":
            self.errors.append(f"a dialog: {values['message']}")

    def open(self, url: str) -> None:
        """Go to an address, and wait until it is loaded."""
        assert "errorText" not in self.call("Page.navigate", url=url)
        wait_for(lambda: self.js("document.readyState") == "complete")

    def js(self, expression: str) -> Any:
        """The value of an expression in the page; a promise is waited for. None where the page is
        left meanwhile, as by a link that was clicked."""
        result = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def text(self, selector: str) -> str:
        """What is to be read in the first element that a CSS selector finds."""
        return str(self.js(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''"))

    def table(self, selector: str) -> list[list[str]]:
        """The cells of a table's rows, without its head."""
        rows = f"document.querySelectorAll({json.dumps(selector + ' tbody tr')})"
        cells = "[...row.cells].map(cell => cell.innerText)"
        return list(self.js(f"[...{rows}].map(row => {cells})"))

    def press(self, *keys: str) -> None:
        """Press keys one after another, by their names: `Tab`, `ArrowRight`, `Enter`, `a`."""
        for key in keys:
            known = {"Tab": 9, "Enter": 13, "Escape": 27, "ArrowLeft": 37, "ArrowRight": 39}
            values: dict[str, Any] = {"key": key, "code": key}
            values["windowsVirtualKeyCode"] = known.get(key, ord(key[0].upper()))
            if key == "Enter" or len(key) == 1:
                values["text"] = "\r" if key == "Enter" else key
            self.call("Input.dispatchKeyEvent", type="keyDown", **values)
            values.pop("text", None)
            self.call("Input.dispatchKeyEvent", type="keyUp", **values)

    def look(self, *, dark: bool = False, width: int = 1280, height: int = 900) -> None:
        """Make the window so wide and high (CSS pixels), and the page light or dark."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def screenshot(self, file: Path, *, whole: bool = True) -> None:
        """Write a PNG of the page, or of what of it is in the window."""
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=whole)
        file.write_bytes(base64.b64decode(shot["data"]))
