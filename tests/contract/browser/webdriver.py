"""A browser by WebDriver over HTTP: Debian's chromium and chromedriver, no client library.

https://www.w3.org/TR/webdriver2/; logs and DevTools commands as ChromeDriver has them beside it.
"""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import requests

# Chromium asks for things of its own at every start otherwise; a test says that the page asks for nothing.
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
]
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
START_SECONDS = 30
COMMAND_SECONDS = 120
KEYS = {"Enter": "\ue007", "Tab": "\ue004", "Escape": "\ue00c", "Left": "\ue012", "Up": "\ue013", "Right": "\ue014",
        "Down": "\ue015", "Space": " "}


class Element:
    """An element of the page."""

    def __init__(self, browser: Browser, reference: str) -> None:
        self.browser, self.reference = browser, reference

    def _post(self, command: str, body: dict[str, Any] | None = None) -> Any:
        return self.browser.command("POST", f"element/{self.reference}/{command}", body or {})

    def click(self) -> None:
        """As a person does: scrolled into view, refused where something lies over it."""
        self._post("click")

    def type(self, text: str) -> None:
        self._post("value", {"text": text})

    def clear(self) -> None:
        self._post("clear")

    @property
    def text(self) -> str:
        return self.browser.command("GET", f"element/{self.reference}/text")


class Browser:
    """One session with a profile of its own."""

    def __init__(self, *flags: str) -> None:
        chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
        assert chromium and driver, "chromium and chromium-driver are not installed: `tests/run browser` installs them"
        self.profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.log = Path(self.profile.name) / "chromedriver.log"
        self.driver = subprocess.Popen([driver, f"--port={port}", f"--log-path={self.log}"],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.url, self.session = f"http://127.0.0.1:{port}", ""
        try:
            self._wait()
            self.session = self._start(chromium, flags)
        except BaseException:
            self.close()
            raise

    def _wait(self) -> None:
        end = time.monotonic() + START_SECONDS
        while True:
            try:
                if self._ask("GET", "status")["ready"]:
                    return
            except requests.ConnectionError:
                pass
            assert time.monotonic() < end and self.driver.poll() is None, "chromedriver does not start"
            time.sleep(0.05)

    def _start(self, chromium: str, flags: tuple[str, ...]) -> str:
        options = {"binary": chromium, "args": [*FLAGS, f"--user-data-dir={self.profile.name}/profile", *flags]}
        capabilities = {"browserName": "chrome", "goog:chromeOptions": options,
                        "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
                        "timeouts": {"script": COMMAND_SECONDS * 1000, "pageLoad": COMMAND_SECONDS * 1000}}
        made = self._ask("POST", "session", {"capabilities": {"alwaysMatch": capabilities}})
        return made["sessionId"]

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        answer = requests.request(method, f"{self.url}/{path}", json=body, timeout=COMMAND_SECONDS)
        value = answer.json()["value"]
        assert answer.ok, f"{path}: {value.get('error')}: {value.get('message')}"
        return value

    def command(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """A command of the session."""
        return self._ask(method, f"session/{self.session}/{path}", body)

    def close(self) -> None:
        if self.session:
            self._ask("DELETE", f"session/{self.session}")
        self.driver.terminate()
        self.driver.wait(timeout=20)
        self.profile.cleanup()

    def open(self, url: str) -> None:
        self.command("POST", "url", {"url": url})

    def run(self, script: str, *arguments: Any) -> Any:
        """Runs a script in the page; it may return a promise."""
        return self.command("POST", "execute/sync", {"script": script, "args": list(arguments)})

    def all(self, selector: str) -> list[Element]:
        found = self.command("POST", "elements", {"using": "css selector", "value": selector})
        return [Element(self, one[ELEMENT]) for one in found]

    def find(self, selector: str) -> Element:
        found = self.command("POST", "element", {"using": "css selector", "value": selector})
        return Element(self, found[ELEMENT])

    def press(self, *keys: str) -> None:
        """Keys, one after the other, to what has the focus."""
        pressed = [{"type": kind, "value": KEYS.get(key, key)} for key in keys for kind in ("keyDown", "keyUp")]
        self.command("POST", "actions", {"actions": [{"type": "key", "id": "keyboard", "actions": pressed}]})

    def devtools(self, command: str, **parameters: Any) -> Any:
        return self.command("POST", "goog/cdp/execute", {"cmd": command, "params": parameters})

    def size(self, width: int, height: int, mobile: bool = False) -> None:
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile)
        self.devtools("Emulation.setTouchEmulationEnabled", enabled=mobile)

    def media(self, kind: str = "", scheme: str = "light") -> None:
        """`print` or the screen; the colours that a person prefers."""
        self.devtools("Emulation.setEmulatedMedia", media=kind, features=[{"name": "prefers-color-scheme", "value": scheme}])

    def screenshot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.command("GET", "screenshot")))

    def logs(self, kind: str) -> list[dict[str, Any]]:
        """What came since the last call: `browser` is the console, `performance` what DevTools reports."""
        return self.command("POST", "se/log", {"type": kind})

    def requested(self) -> list[str]:
        """Addresses that the page asked for since the last call."""
        events = [json.loads(entry["message"])["message"] for entry in self.logs("performance")]
        return [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
