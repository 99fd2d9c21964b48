"""`impasto setup` with the real uv, a server in place of its pages, and a PATH without any program."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from impasto import installation
from impasto.cli.main import main
from impasto.installation import Computer
from tests.plugin.linked_wheels import write_linked_wheels
from tests.uv_server import PYTHON, UvServer, uv_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[UvServer]:
    with uv_server(tmp_path_factory.mktemp("uv")) as server:
        yield server


@pytest.fixture
def machine(server: UvServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> UvServer:
    """A computer without Python, where uv and its Pythons come from the server"""
    for name, value in server.constants.items():
        monkeypatch.setattr(installation, name, value)
    for name, value in {**server.environment, "PATH": str(tmp_path / "empty")}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(Computer, "needed_bytes", 1e8)
    server.fault = ""
    server.ranges.clear()
    return server


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The engine's wheel, and linked ones of all packages that it needs"""
    folder = tmp_path_factory.mktemp("wheels")
    write_linked_wheels(folder, "impasto", "demo,faces")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder)]
    subprocess.run([*pip, str(Path(__file__).parents[2])], check=True)
    return folder


def set_up(folder: Path, engine: str) -> int:
    return main(["setup", "--folder", str(folder), "--engine", engine])


def engine_wheel(wheels: Path) -> str:
    (wheel,) = wheels.glob("impasto-*.whl")
    return str(wheel)


def test_setup_with_the_real_uv(machine: UvServer, wheels: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("UV_FIND_LINKS", str(wheels))
    assert set_up(tmp_path / "engine", engine_wheel(wheels)) == 0
    python = installation.installed_python(str(tmp_path / "engine" / "engine"))
    assert python
    version = subprocess.run(
        [python, "-c", "import sys; print(sys.version, sys.base_prefix)"], check=True, capture_output=True
    )
    assert version.stdout.decode().startswith(PYTHON)
    assert str(tmp_path / "engine" / "python") in version.stdout.decode()  # a Python of its own
    subprocess.run([python, "-m", "impasto", "--version"], check=True, capture_output=True)
    assert not (tmp_path / "engine" / "cache").exists()
    assert machine.ranges == [None]
    assert set_up(tmp_path / "engine", engine_wheel(wheels)) == 0  # an update downloads uv no second time
    assert machine.ranges == [None]
    assert not (tmp_path / "engine" / "engine.old").exists()


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("forbidden", "The server refused the download (403)"),
        ("login page", "is something else, as behind the login page"),
        ("broken off", "The download was interrupted"),
        ("no server", "The download was interrupted"),
        ("no index", "The download was interrupted"),
        ("forbidden index", "The server refused the download (403)"),
        ("no package", "do not exist for this computer"),
        ("no proxy", "The proxy of this network"),
    ],
)
def test_failed_setup_says_what_to_do_and_keeps_the_previous_engine(
    machine: UvServer,
    wheels: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    fault: str,
    sentence: str,
) -> None:
    machine.fault = fault
    if fault == "no server":
        monkeypatch.setattr(installation, "UV_PAGE", "http://127.0.0.1:9/uv")
    if fault in ("no index", "forbidden index", "no proxy"):
        address = {"no index": "http://127.0.0.1:9/simple", "forbidden index": f"{machine.address}/forbidden/simple"}
        monkeypatch.setenv("UV_DEFAULT_INDEX", address.get(fault, "https://packages.invalid/simple"))
    if fault == "no proxy":  # to PyTorch's server, for the build that fits this machine
        monkeypatch.setattr(installation, "TORCH_OPTION", "--torch-backend")
        monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    folder = tmp_path / "engine"
    (folder / "engine").mkdir(parents=True)
    (folder / "engine" / "complete").write_text("impasto 0.0.1")
    assert set_up(folder, engine_wheel(wheels)) == 2
    output = capsys.readouterr().err
    assert sentence in output.splitlines()[-1]
    assert (folder / "engine" / "complete").read_text() == "impasto 0.0.1"
    assert not (folder / "engine.old").exists()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 48 MB: room for uv, and not for a Python"""
    mount, unmount = shutil.which("mount"), shutil.which("umount")
    folder = tmp_path / "disk"
    folder.mkdir()
    command = [str(mount), "-t", "tmpfs", "-o", "size=48m", "impasto", str(folder)]
    if mount is None or unmount is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("a small disk can be mounted by root only")
    try:
        yield folder
    finally:
        subprocess.run([unmount, "--lazy", str(folder)], check=True)


@pytest.mark.parametrize(("disk", "sentence"), [("full", "The disk is full"), ("read-only", "cannot be written to")])
def test_full_and_read_only_disks(
    small_disk: Path,
    machine: UvServer,
    wheels: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    disk: str,
    sentence: str,
) -> None:
    """What uv itself says when it cannot write"""
    monkeypatch.setattr(Computer, "needed_bytes", 1e6)
    folder = small_disk / "engine"
    (folder / "engine").mkdir(parents=True)
    (folder / "engine" / "complete").write_text("impasto 0.0.1")
    if disk == "read-only":
        (folder / f"uv-{installation.UV_VERSION}").mkdir()
        subprocess.run(["/bin/mount", "-o", "remount,ro", str(small_disk)], check=True)
    assert set_up(folder, engine_wheel(wheels)) == 2
    assert sentence in capsys.readouterr().err.splitlines()[-1]
    assert (folder / "engine" / "complete").read_text() == "impasto 0.0.1"


def test_missing_library_of_windows(
    machine: UvServer, wheels: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A torch that cannot be imported is found before the engine counts as complete."""
    others = tmp_path / "wheels"
    shutil.copytree(wheels, others)
    (torch,) = others.glob("torch-*.whl")
    name = torch.name.removesuffix("-py3-none-any.whl")
    with zipfile.ZipFile(torch) as old:
        files = {member: old.read(member) for member in old.namelist() if not member.endswith(".pth")}
    files["torch.py"] = b"raise ImportError('DLL load failed while importing _C: The specified module could not be found.')"
    files[f"{name}.dist-info/RECORD"] = "".join(f"{file},,\n" for file in files).encode()
    with zipfile.ZipFile(torch, "w") as new:
        for member, content in files.items():
            new.writestr(member, content)
    monkeypatch.setenv("UV_FIND_LINKS", str(others))
    assert set_up(tmp_path / "engine", engine_wheel(wheels)) == 2
    assert "Visual C++ Redistributable" in capsys.readouterr().err.splitlines()[-1]
    assert installation.engine_python(str(tmp_path / "engine")) is None


def test_broken_download_goes_on_from_where_it_was(
    machine: UvServer, wheels: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("UV_FIND_LINKS", str(wheels))
    machine.fault = "broken off"
    assert set_up(tmp_path / "engine", engine_wheel(wheels)) == 2
    machine.fault = ""
    assert set_up(tmp_path / "engine", engine_wheel(wheels)) == 0
    assert machine.ranges == [None, f"bytes={len(machine.uv) // 2}-"]


def test_pinned_uv_is_the_tested_one() -> None:
    uv = pytest.importorskip("uv")
    version = subprocess.run([uv.find_uv_bin(), "--version"], check=True, capture_output=True, text=True).stdout
    assert version.split()[1] == installation.UV_VERSION


def test_a_missing_engine_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["setup", "--folder", str(tmp_path / "x"), "--engine", str(tmp_path / "typo.whl")]) == 2
    assert "there is no engine at" in capsys.readouterr().err
