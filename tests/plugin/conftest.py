"""A real Krita on a display that nobody sees, with the plugin as users get it: from the built zip."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
#: The command that starts Krita; kritas.sh names others.
KRITA = shlex.split(os.environ.get("IMPASTO_KRITA", "krita"))
INSTALL = "sudo apt-get install --no-install-recommends krita xvfb python3-pyqt5 python3-venv libgl1-mesa-dri"


@pytest.fixture(scope="session")
def plugin_zip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sys.path.insert(0, str(ROOT / "plugin"))
    import build

    return build.build(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="session")
def display() -> Iterator[str]:
    if not all(map(shutil.which, (KRITA[0], "Xvfb"))):
        pytest.skip(f"Krita and Xvfb are not installed: {INSTALL}")
    with virtual_display() as name:
        yield name


@contextlib.contextmanager
def virtual_display() -> Iterator[str]:
    """An X server that shows nothing to anybody"""
    told, tell = os.pipe()
    screen = ["-screen", "0", "1600x1000x24", "-nolisten", "tcp"]
    server = subprocess.Popen(["Xvfb", "-displayfd", str(tell), *screen], pass_fds=[tell], stderr=subprocess.DEVNULL)
    os.close(tell)
    with os.fdopen(told) as answer:
        number = answer.readline().strip()
    yield f":{number}"
    server.terminate()
    server.wait()


@pytest.fixture(scope="session")
def warm_profile(tmp_path_factory: pytest.TempPathFactory, plugin_zip: Path, display: str) -> Path:
    return make_profile(tmp_path_factory.mktemp("krita"), plugin_zip, display)


def make_profile(home: Path, plugin_zip: Path, display: str) -> Path:
    """A home with the plugin, put there by Krita's own importer, and the probe. Krita has started in it once."""
    plugins = home / "data" / "krita" / "pykrita"
    plugins.mkdir(parents=True)
    shutil.copytree(HERE / "probe", plugins, dirs_exist_ok=True)
    settings = home / "config" / "kritarc"
    settings.parent.mkdir()
    settings.write_text("[python]\nenable_plugin_importer=true\nenable_impasto_probe=true\n")
    assert run_in_krita(home, display, "imports", {"path": str(plugin_zip)}, 60) == ["impasto_krita"]
    settings.write_text("[python]\nenable_impasto_krita=true\nenable_impasto_probe=true\n")
    return home


@pytest.fixture
def home(warm_profile: Path, tmp_path: Path) -> Path:
    """A home of the test's own"""
    shutil.copytree(warm_profile, tmp_path / "home", symlinks=True)
    return tmp_path / "home"


@pytest.fixture
def inside(home: Path, display: str) -> Callable[..., Any]:
    """Runs a test of inside.py in Krita: inside("name", argument=value) gives what it returns; "mishaps.name" is another's."""

    def run(test: str, limit: float = 180, engine: str | None = sys.executable, **arguments: Any) -> Any:
        return run_in_krita(home, display, test, arguments, limit, engine)

    return run


def environment(home: Path, display: str, engine: str | None = None) -> dict[str, str]:
    """What Krita is started with. Its Python is the first on the PATH, so that has to be the system's."""
    folders = {f"XDG_{kind.upper()}_HOME": str(home / kind) for kind in ("data", "config", "cache")}
    base = {"HOME": str(home), "DISPLAY": display, "PATH": "/usr/bin:/bin", "XDG_RUNTIME_DIR": str(home / "run"), **folders}
    (home / "run").mkdir(mode=0o700, exist_ok=True)
    cache = os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))
    base["IMPASTO_CACHE"] = os.environ.get("IMPASTO_CACHE", str(Path(cache) / "impasto"))
    return base | ({"IMPASTO_ENGINE": engine} if engine else {})


def run_in_krita(
    home: Path, display: str, test: str, arguments: dict[str, Any], limit: float, engine: str | None = None
) -> Any:
    """What a test of inside.py returns, or "MODULE.NAME" of another"""
    out = home / "result.json"
    out.unlink(missing_ok=True)
    order = {"folder": str(HERE), "test": test, "arguments": arguments, "out": str(out), "limit": limit}
    variables = environment(home, display, engine) | {"IMPASTO_PROBE": json.dumps(order)}
    log = home / "krita.log"
    for _ in range(2):
        with log.open("w") as said:
            ended = subprocess.run(
                [*KRITA, "--nosplash"], env=variables, stdout=said, stderr=said, timeout=limit + 30, check=False, cwd=home
            )
        if out.exists() or "no Qt platform plugin could be initialized" not in log.read_text():
            break  # on a machine that stands still for minutes, the display does not answer: then once more
    if not out.exists():
        trace = Path(f"{out}.trace")
        pytest.fail(
            f"Krita ended with {ended.returncode}\n{trace.read_text() if trace.exists() else ''}\n{log.read_text()[-3000:]}"
        )
    told = json.loads(out.read_text())
    if "error" in told:
        pytest.fail(f"in Krita: {told['error']}\n{log.read_text()[-2000:]}")
    return told["result"]
