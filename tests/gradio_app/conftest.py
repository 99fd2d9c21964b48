"""The page as users have it: served by its own command, and looked at with a real Chromium."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from tests.conftest import scene

ROOT = Path(__file__).parents[2]
QUICK = str(Path(__file__).with_name("quick"))
INSTALL = "sudo apt-get install --no-install-recommends chromium"
_QUIET = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
CHROMIUM = ["--no-sandbox", *_QUIET, "--disable-component-update", "--disable-sync"]
#: All but those of files and loops left open: gradio leaves a loop, and Python tells of it by an import, which fails with a
#: KeyError where the garbage is collected in the middle of another import. What stays open is counted by the soak.
WARNINGS = "default,ignore::ResourceWarning"
#: What the page's modules are called where they are imported without being installed.
MODULES = ("app", "build", "kept", "orders", "pictures", "programs", "said", "shelves", "studio", "visitors", "widgets")


@contextlib.contextmanager
def served(folder: Path, home: Path, **variables: str) -> Iterator[SimpleNamespace]:
    """The page of a folder, on a port of its own, as a process of its own"""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    uploads = home / "uploads"
    uploads.mkdir(parents=True)
    given = {"GRADIO_SERVER_PORT": str(port), "GRADIO_TEMP_DIR": str(uploads), "PYTHONWARNINGS": WARNINGS}
    log = (home / "log").open("w")
    process = subprocess.Popen(
        [sys.executable, "app.py"], cwd=folder, env={**os.environ, **given, **variables}, stdout=log, stderr=log
    )
    url = f"http://127.0.0.1:{port}/"
    try:
        until = time.monotonic() + 120
        while True:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(url, timeout=5).read()
                break
            assert process.poll() is None, (home / "log").read_text()
            assert time.monotonic() < until, "the page does not come: " + (home / "log").read_text()
            time.sleep(0.3)
        yield SimpleNamespace(url=url, process=process, uploads=uploads, log=home / "log")
    finally:
        process.terminate()
        process.wait(60)
        log.close()


@pytest.fixture(scope="session", params=["home", "zero", "space"])
def page_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """The page on this computer, on a made-up ZeroGPU, and as the Space's folder by itself"""
    folder, variables = ROOT / "gradio_app", {"PYTHONPATH": QUICK}
    if request.param == "zero":
        variables = {"SPACES_ZERO_GPU": "1", "PYTHONPATH": os.pathsep.join([QUICK, str(Path(__file__).with_name("zero"))])}
    if request.param == "space":
        folder = tmp_path_factory.mktemp("space") / "copy"
        subprocess.run([sys.executable, str(ROOT / "gradio_app" / "build.py"), str(folder)], check=True, capture_output=True)
        variables["SPACE_ID"] = "somebody/impasto"
    with served(folder, tmp_path_factory.mktemp("page"), **variables) as server:
        yield SimpleNamespace(kind=request.param, folder=folder, **vars(server))


def chromium() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    program = chromium()
    if program is None:
        pytest.skip(f"Chromium is not installed: {INSTALL}")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=CHROMIUM)
        yield started
        started.close()


def resident(process: int) -> float:
    """Megabytes of memory that a process has"""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


class Visitor:
    """Somebody in front of the page. What the browser asks of other hosts, and its errors, are kept."""

    def __init__(self, browser: Any, server: SimpleNamespace, **context: Any) -> None:
        self._context = browser.new_context(
            **{"viewport": {"width": 1280, "height": 1000}, "accept_downloads": True, **context}
        )
        self.page = self._context.new_page()
        self.page.set_default_timeout(30_000)
        self.outside: list[str] = []
        self.errors: list[str] = []
        self.page.on("request", lambda asked: self._note(asked.url, server.url))
        self.page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(server.url)
        self.page.locator("#go").wait_for()

    def _note(self, url: str, own: str) -> None:
        if not url.startswith((own, "data:", "blob:")):
            self.outside.append(url)

    def find(self, name: str) -> Any:
        return self.page.locator(f"#{name}")

    def give(self, where: str, path: Path) -> None:
        if self.find(where).get_by_label("Clear").count():
            self.find(where).get_by_label("Clear").click()
        self.find(where).locator("input[type=file]").first.set_input_files(path)
        self.find(where).locator("img").first.wait_for()

    def set(self, name: str, value: str) -> None:
        """Type into a number, or a slider's number."""
        box = self.find(name).locator("input[type=number]")
        box.fill(value)
        box.press("Enter")

    def status(self) -> str:
        return self.find("status").inner_text()

    def shown(self) -> str:
        """What is on the right of the line"""
        return self.find("result").locator("img").nth(1).get_attribute("src") or ""

    def until(self, done: Callable[[], bool], seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < end, f"waited in vain; the page says {self.status()!r}"
            self.page.wait_for_timeout(40)

    def begin(self) -> None:
        self.find("go").click()
        self.find("stop").wait_for()

    def paint(self) -> None:
        before = self.shown()
        self.find("go").click()
        self.until(lambda: self.shown() != before and "preview" not in self.shown())
        self.find("go").wait_for()
        self.until(lambda: not self.status().startswith(("Starting", "Painting")))

    def download(self, path: Path) -> Image.Image:
        with self.page.expect_download() as began:
            self.find("download").click()
        began.value.save_as(path)
        with Image.open(path) as image:
            image.load()
        return image

    def close(self) -> None:
        self._context.close()


@pytest.fixture
def arrive(browser: Any, page_server: SimpleNamespace) -> Iterator[Callable[..., Visitor]]:
    """Visitors: arrive() opens the page. In the end no one has asked another host for anything, nor seen an error."""
    visitors: list[Visitor] = []

    def open_page(**context: Any) -> Visitor:
        visitors.append(Visitor(browser, page_server, **context))
        return visitors[-1]

    yield open_page
    for visitor in visitors:
        visitor.close()
    assert [visitor.outside for visitor in visitors] == [[]] * len(visitors)
    assert [visitor.errors for visitor in visitors] == [[]] * len(visitors)


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photo that is painted in a moment"""
    path = tmp_path_factory.mktemp("photos") / "small.png"
    Image.fromarray(scene(72, 54)).save(path)
    return path


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photo that takes long enough to be stopped"""
    path = tmp_path_factory.mktemp("photos") / "large.jpg"
    Image.fromarray(scene(480, 360)).save(path)
    return path


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Any]]:
    """Imports a module of the page: modules("pictures")"""
    import importlib

    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    monkeypatch.syspath_prepend(str(ROOT / "gradio_app"))
    for name in MODULES:
        monkeypatch.delitem(sys.modules, name, raising=False)
    loops, make = [], asyncio.new_event_loop
    monkeypatch.setattr(asyncio, "new_event_loop", lambda: loops.append(make()) or loops[-1])
    yield importlib.import_module
    for name in MODULES:
        sys.modules.pop(name, None)
    for loop in loops:  # Gradio leaves them open
        loop.close()
    asyncio.set_event_loop(None)
