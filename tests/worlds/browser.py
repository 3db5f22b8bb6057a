"""Browser: headless Chromium, driven over its pipe (Chrome DevTools Protocol), with nothing but the standard library.

In:   the distribution's `chromium` (or `google-chrome`); MISSING says how to get it where there is none.
Out:  `Page`: opens a file, clicks, types, asks for the value of an expression, takes pictures.

Not here: what is looked at. No name is resolved, so nothing comes from another machine; what was asked for is told.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
MISSING = "no Chromium: install the distribution's package, as in `apt-get install chromium`"

_FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"),
    *("--disable-extensions", "--mute-audio", "--remote-debugging-pipe"),
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
_KEYS = {
    "Enter": (13, "\r"),
    "Escape": (27, ""),
    "Tab": (9, ""),
    "ArrowRight": (39, ""),
    "ArrowLeft": (37, ""),
    "ArrowUp": (38, ""),
    "ArrowDown": (40, ""),
    "Backspace": (8, ""),
}


class Page:
    """One page. `told` has what the browser said meanwhile: exceptions, the console, what the policy refused."""

    def __init__(self, writes: int, reads: int) -> None:
        self._writes, self._reads, self._rest, self._number = writes, reads, b"", 0
        self._session: str | None = None
        self.events: list[dict[str, Any]] = []

    # --- the protocol ---

    def call(self, method: str, seconds: float = 30, **params: Any) -> dict[str, Any]:
        """One command of the protocol, and its result."""
        self._number += 1
        number = self._number
        message: dict[str, Any] = {"id": number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._writes, json.dumps(message).encode() + b"\0")
        until = time.monotonic() + seconds
        while True:
            answer = self._next(until)
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                found: dict[str, Any] = answer["result"]
                return found
            self.events.append(answer)

    def _next(self, until: float) -> dict[str, Any]:
        while b"\0" not in self._rest:
            if not select.select([self._reads], [], [], max(0.0, until - time.monotonic()))[0]:
                raise TimeoutError("the browser does not answer")
            part = os.read(self._reads, 1 << 20)
            if not part:
                raise RuntimeError("the browser has ended")
            self._rest += part
        first, _, self._rest = self._rest.partition(b"\0")
        answer: dict[str, Any] = json.loads(first)
        return answer

    def begin(self, **of: str) -> None:
        """Attach to a new page."""
        target = self.call("Target.createTarget", url="about:blank", **of)["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def stranger(self) -> Page:
        """A page of another profile, which knows nothing of this one. Until `back` this one is not used."""
        other = Page(self._writes, self._reads)
        other._rest, other._number = self._rest, self._number
        context = other.call("Target.createBrowserContext")["browserContextId"]
        other.begin(browserContextId=context)
        return other

    def back(self, other: Page) -> None:
        """Go on with this page after `stranger`, whose profile is gone then."""
        other._session, session = None, other._session
        other.call("Target.detachFromTarget", sessionId=session)
        self._rest, self._number = other._rest, other._number

    # --- what a person does ---

    def open(self, url: str, seconds: float = 30) -> None:
        """Open an address and wait until it has loaded."""
        self.events.clear()
        self.call("Page.navigate", url=url)
        until = time.monotonic() + seconds
        while not any(item.get("method") == "Page.loadEventFired" for item in self.events):
            self.events.append(self._next(until))

    def value(self, expression: str) -> Any:
        """The value of an expression in the page; a promise is waited for."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in found:
            raise RuntimeError(json.dumps(found["exceptionDetails"])[:2000])
        return found["result"].get("value")

    def click(self, selector: str) -> None:
        """Click the middle of an element, wherever that is on the screen: what lies over it is clicked instead."""
        chosen = json.dumps(selector)
        place = self.value(
            f"(() => {{ const e = document.querySelector({chosen}); if (!e) return null;"
            " e.scrollIntoView({block: 'nearest', inline: 'nearest'}); const b = e.getBoundingClientRect();"
            " return [b.x + b.width / 2, b.y + b.height / 2]; })()"
        )
        assert place is not None, f"nothing on the page is {selector}"
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="left", clickCount=1)

    def type(self, text: str) -> None:
        """Type where the focus is."""
        for char in text:
            self.call("Input.dispatchKeyEvent", type="keyDown", text=char, key=char)
            self.call("Input.dispatchKeyEvent", type="keyUp", key=char)

    def press(self, key: str, shift: bool = False) -> None:
        """Press a key that writes nothing."""
        code, text = _KEYS[key]
        told = {"key": key, "code": key, "windowsVirtualKeyCode": code, "modifiers": 8 if shift else 0}
        self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **told)
        self.call("Input.dispatchKeyEvent", type="keyUp", **told)

    def look(self, width: int = 1280, height: int = 800, dark: bool = False, media: str = "") -> None:
        """The window's size, and what its user prefers."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", media=media, features=[scheme])

    def until(self, expression: str, seconds: float = 20) -> Any:
        """The value of an expression once it is something; what it was last, if it never is."""
        end = time.monotonic() + seconds
        while not (found := self.value(expression)) and time.monotonic() < end:
            time.sleep(0.05)
        return found

    def picture(self, file: Path) -> None:
        """What is on the screen, as PNG."""
        file.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    # --- what the browser says ---

    def complaints(self) -> list[str]:
        """Exceptions, errors of the console and of the policy since the page was opened."""
        self.value("1")
        found = []
        for item in self.events:
            params = item.get("params", {})
            if item.get("method") == "Runtime.exceptionThrown":
                found.append(json.dumps(params["exceptionDetails"])[:1000])
            elif item.get("method") == "Log.entryAdded":
                found.append(params["entry"]["text"])
            elif item.get("method") == "Runtime.consoleAPICalled":
                found.append(json.dumps(params["args"])[:1000])
        return found

    def requests(self) -> list[str]:
        """Addresses that were asked for since the page was opened, its own first."""
        self.value("1")
        asked = (item for item in self.events if item.get("method") == "Network.requestWillBeSent")
        return [item["params"]["request"]["url"] for item in asked]


@contextmanager
def browser(profile: Path) -> Iterator[Page]:
    """A browser with one page, for the time of a `with`. `profile` is a folder of its own."""
    assert CHROMIUM is not None, MISSING
    to_read, writes = os.pipe()
    reads, to_write = os.pipe()

    def pipes() -> None:  # the browser reads from 3 and writes to 4
        os.dup2(to_read, 10)
        os.dup2(to_write, 11)
        os.dup2(10, 3)
        os.dup2(11, 4)

    process = subprocess.Popen(
        [CHROMIUM, *_FLAGS, f"--user-data-dir={profile}", "about:blank"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        close_fds=False,
        preexec_fn=pipes,
    )
    os.close(to_read)
    os.close(to_write)
    page = Page(writes, reads)
    try:
        page.begin()
        yield page
    finally:
        os.close(writes)
        os.close(reads)
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
