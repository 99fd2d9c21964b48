"""Run the page as users do, with its own command, and open it in a real Chromium."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

import numpy as np
import pytest
from PIL import Image

from impasto.feedforward.network import Style, TransformNet
from tests.conftest import MEASURED, scene

ROOT = Path(__file__).parents[2]
APP = ROOT / "gradio_app"
PAINTINGS = json.loads((APP / "assets" / "paintings.json").read_text(encoding="utf-8"))
FAST_PAGE = str(Path(__file__).with_name("fast_page"))
FAKE_ZERO_GPU = str(Path(__file__).with_name("fake_zero_gpu"))
INSTALL = "sudo apt-get install --no-install-recommends chromium-headless-shell"
_QUIET = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
CHROMIUM_FLAGS = ["--no-sandbox", *_QUIET, "--disable-component-update", "--disable-sync"]
#: Width and height of a visitor's window
WINDOW = {"width": 1280, "height": 1000}
#: All but those about files and loops left open: Gradio leaves a loop open, and Python reports it with an import, which raises
#: KeyError when the garbage collector runs in the middle of another import. The soak benchmark counts what stays open.
WARNINGS = "default,ignore::ResourceWarning"
LoadModule = Callable[[str], Any]
#: Seconds in which a server must start.
_START_SECONDS = 120


@contextlib.contextmanager
def serve_page(app: Path, folder: Path, **variables: str) -> Iterator[SimpleNamespace]:
    """Serve the page in a process of its own, on a free port.

    app: the folder of app.py; folder: for everything the server writes; variables: environment variables
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    uploads, temporary = folder / "uploads", folder / "temporary"
    uploads.mkdir(parents=True)
    temporary.mkdir()
    defaults = {"GRADIO_SERVER_PORT": str(port), "GRADIO_TEMP_DIR": str(uploads), "TMPDIR": str(temporary)}
    environment = {**os.environ, **defaults, "PYTHONWARNINGS": WARNINGS, "PYTHONUNBUFFERED": "1", **variables}
    log = folder / "log"
    with log.open("wb", buffering=0) as file:
        command = [sys.executable, "app.py"]
        process = subprocess.Popen(command, cwd=app, env=environment, stdout=subprocess.PIPE, stderr=file)
        assert process.stdout is not None
        running = threading.Event()
        reader = threading.Thread(target=_copy_output, args=(process.stdout, file, running))
        reader.start()
        try:
            assert running.wait(_START_SECONDS), "the page does not start: " + log.read_text()
            assert process.poll() is None, log.read_text()
            yield SimpleNamespace(
                url=f"http://127.0.0.1:{port}/", process=process, uploads=uploads, temporary=temporary, log=log
            )
        finally:
            process.terminate()
            process.wait(60)
            reader.join(60)
            process.stdout.close()


def _copy_output(output: IO[bytes], log: IO[bytes], running: threading.Event) -> None:
    """Copy a server's output to its log, and report when it accepts requests or has ended."""
    for line in output:
        log.write(line)
        if b"Running on local URL" in line:
            running.set()
    running.set()


@pytest.fixture(scope="session", params=["local", "space"])
def page_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """The page on this computer, and built as a Space on a simulated ZeroGPU"""
    if request.param == "local":
        app, variables = APP, {"PYTHONPATH": python_path(FAST_PAGE), **MEASURED}
    else:
        app = tmp_path_factory.mktemp("space") / "copy"
        command = [sys.executable, str(ROOT / "scripts" / "build_space.py"), str(app)]
        subprocess.run(command, check=True, capture_output=True)
        variables = {
            "SPACE_ID": "somebody/impasto",
            "SPACES_ZERO_GPU": "1",
            "PYTHONPATH": python_path(FAST_PAGE, FAKE_ZERO_GPU),
        }
    with serve_page(app, tmp_path_factory.mktemp("page"), **variables) as server:
        yield SimpleNamespace(kind=request.param, app=app, **vars(server))


def python_path(*folders: str) -> str:
    """These folders before what PYTHONPATH has already"""
    existing = os.environ.get("PYTHONPATH")
    return os.pathsep.join([*folders, *([existing] if existing else [])])


def chromium() -> str | None:
    """The program, the one without windows first: it takes less time."""
    return shutil.which("chromium-headless-shell") or shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A Chromium with a profile, in which it keeps the page's compiled scripts: windows open in half the time."""
    from playwright.sync_api import sync_playwright

    program = chromium()
    if program is None:
        pytest.skip(f"Chromium is not installed: {INSTALL}")
    profile = tmp_path_factory.mktemp("chromium")
    with sync_playwright() as playwright:
        options: dict[str, Any] = {"executable_path": program, "args": CHROMIUM_FLAGS, "viewport": WINDOW}
        context = playwright.chromium.launch_persistent_context(profile, **options)
        yield context
        context.close()


def resident_megabytes(process: int) -> float:
    """Memory that a process occupies"""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


class Visitor:
    """A browser window with the page. Records the browser's errors and its requests to other hosts."""

    def __init__(
        self,
        browser: Any,
        server: SimpleNamespace,
        *,
        window: Mapping[str, int] = WINDOW,
        color_scheme: str = "light",
        touch: bool = False,
        language: str = "",
    ) -> None:
        """browser: in which the window opens, or a context of it; window: its size; touch: whether there is a touch screen

        language: that the browser asks for, such as "de-AT"; "": its own
        """
        self.page = browser.new_page()
        self.page.set_viewport_size(window)
        self.page.emulate_media(color_scheme=color_scheme)
        # What other windows of this browser have stored is not this visitor's; what this one stores outlives a reload.
        self.page.add_init_script("if (!sessionStorage.visited) { localStorage.clear(); sessionStorage.visited = '1'; }")
        session = self.page.context.new_cdp_session(self.page)
        if touch:
            session.send("Emulation.setTouchEmulationEnabled", {"enabled": True})
        if language:
            agent = self.page.evaluate("navigator.userAgent")
            session.send("Emulation.setUserAgentOverride", {"userAgent": agent, "acceptLanguage": language})
        self.page.set_default_timeout(120_000)  # for a busy machine
        self.foreign_requests: list[str] = []
        self.errors: list[str] = []
        self.page.on("request", lambda request: self._record_request(request.url, server.url))
        self.page.on("console", lambda line: self.errors.append(line.text) if line.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.goto(server.url)
        self.page.locator("#go").wait_for()

    def _record_request(self, url: str, server_url: str) -> None:
        if not url.startswith((server_url, "data:", "blob:")):
            self.foreign_requests.append(url)

    def find(self, elem_id: str) -> Any:
        return self.page.locator(f"#{elem_id}")

    def upload(self, elem_id: str, path: Path) -> None:
        self.find(elem_id).locator("input[type=file]").first.set_input_files(path)
        self.find(elem_id).locator("img").first.wait_for()

    def set_number(self, elem_id: str, value: str) -> None:
        """Type into a number field, or into a slider's number field."""
        box = self.find(elem_id).locator("input[type=number]")
        box.fill(value)
        box.press("Enter")

    def choose_small(self, quality: str) -> None:
        """Open the options, and choose a quality and the smallest size."""
        self.open_tab("Detail")
        self.find("quality").get_by_label(quality).check()
        self.find("size").locator("input").click()
        self.page.get_by_role("option", name="256").click()

    def open_tab(self, name: str) -> None:
        """Open one of the tabs of "More"."""
        if not self.find("more").get_by_role("tab", name=name).is_visible():
            self.find("more").locator("button").first.click()
        self.find("more").get_by_role("tab", name=name).click()

    def tiles(self, wall: str) -> Any:
        """The pictures on a wall"""
        return self.find(wall).locator(".tile")

    def status(self) -> str:
        return str(self.find("status").locator(".text").inner_text())

    def result_url(self) -> str:
        """The picture to the right of the line"""
        return self.find("result").locator("img.painting").get_attribute("src") or ""

    def wait_until(self, condition: Callable[[], object], seconds: float = 180) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"not within {seconds:g} s; the status line is {self.status()!r}"
            self.page.wait_for_timeout(100)

    def wait_for_rendering(self) -> None:
        """Wait until the page has applied its pending updates and has been drawn again."""
        self.page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def start_painting(self) -> None:
        self.find("go").click()
        self.find("stop").wait_for()

    def paint(self) -> None:
        before = self.result_url()
        self.find("go").click()
        self.wait_until(lambda: self.result_url() != before and "preview" not in self.result_url())
        self.find("go").wait_for()
        self.wait_until(lambda: not self.status().startswith(("Starting", "Ready in", "Painting", "In full detail")))

    def paint_first_result(self, photo: Path) -> None:
        self.upload("photo", photo)
        self.find("go").click()
        self.wait_until(lambda: self.status().startswith("Ready in"))

    def download(self, path: Path) -> Image.Image:
        with self.page.expect_download() as download:
            self.find("download").click()
        download.value.save_as(path)
        with Image.open(path) as image:
            image.load()
        return image

    def close(self) -> None:
        self.page.close()


#: Opens the page for a visitor
OpenPage = Callable[..., Visitor]
#: For tests of what happens in the browser, which is the same for both servers
ON_ONE_SERVER = pytest.mark.parametrize("page_server", ["local"], indirect=True)


@pytest.fixture
def open_page(browser: Any, page_server: SimpleNamespace) -> Iterator[Callable[..., Visitor]]:
    """Open the page in a new window. At the end no window has contacted another host or seen an error."""
    visitors: list[Visitor] = []

    def open_window(**window: Any) -> Visitor:
        visitors.append(Visitor(browser, page_server, **window))
        return visitors[-1]

    yield open_window
    for visitor in visitors:
        visitor.close()
    assert [visitor.foreign_requests for visitor in visitors] == [[]] * len(visitors)
    assert [visitor.errors for visitor in visitors] == [[]] * len(visitors)


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photo that is painted at once"""
    path = tmp_path_factory.mktemp("photos") / "small.png"
    Image.fromarray(scene(72, 54)).save(path)
    return path


@pytest.fixture(scope="session")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A photo whose painting takes long enough to be stopped"""
    path = tmp_path_factory.mktemp("photos") / "large.jpg"
    Image.fromarray(scene(480, 360)).save(path)
    return path


def rgb_values(image: Image.Image) -> np.ndarray:
    """(H, W, 3), from 0 to 255"""
    return np.asarray(image.convert("RGB"), dtype=float)


def save_network(folder: Path, name: str, seed: int = 0, thumbnail: str = "") -> TransformNet:
    """Write an untrained feed-forward network; thumbnail: a JPEG file in base64."""
    path = folder / f"{name}.safetensors"
    TransformNet.initialize([Style(name, thumbnail)], seed, width=8, blocks=1).save(path)
    return TransformNet.load(path)


@contextlib.contextmanager
def page_modules(uploads: Path) -> Iterator[pytest.MonkeyPatch]:
    """Make the page's modules importable, with an upload folder of their own, and forget them at the end."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(uploads))
        patch.syspath_prepend(str(APP))
        yield patch
        for name in [name for name in sys.modules if name == "app" or name.split(".")[0] == "page"]:
            del sys.modules[name]


@pytest.fixture
def load_module(tmp_path: Path) -> Iterator[LoadModule]:
    """Import one of the page's modules: load_module("page.uploads")"""
    loops: list[asyncio.AbstractEventLoop] = []
    new_event_loop = asyncio.new_event_loop
    with page_modules(tmp_path / "uploads") as patch:
        patch.setattr(asyncio, "new_event_loop", lambda: loops.append(new_event_loop()) or loops[-1])
        yield importlib.import_module
    for loop in loops:  # Gradio leaves them open
        loop.close()
    asyncio.set_event_loop(None)
