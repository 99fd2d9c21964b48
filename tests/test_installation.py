"""Setting up the engine: decisions by value for each system, sentences about failures, and `impasto setup` with a real uv."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

import pytest

from impasto import disk, installation
from impasto.cli.main import main
from impasto.installation import Command, Computer, Download, Setup, SetupError, describe, local_folder
from impasto.setup_failures import explain_failure
from tests.plugin.linked_wheels import write_linked_wheels
from tests.uv_server import PYTHON, UvServer, uv_server

LINUX, WINDOWS, MAC = Computer("Linux", "x86_64"), Computer("Windows", "amd64", "NVIDIA"), Computer("Darwin", "arm64")
Usage = namedtuple("Usage", "total used free")


@pytest.fixture(autouse=True)
def _foreground(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let folders be deleted before the test goes on."""

    monkeypatch.setattr(disk, "_delete", lambda folder: shutil.rmtree(folder, ignore_errors=True))


@pytest.mark.parametrize(
    ("computer", "archive", "kind"),
    [
        (LINUX, "uv-x86_64-unknown-linux-gnu.tar.gz", "CPU"),
        (LINUX._replace(graphics="NVIDIA"), "uv-x86_64-unknown-linux-gnu.tar.gz", "NVIDIA GPU"),
        (LINUX._replace(graphics="AMD"), "uv-x86_64-unknown-linux-gnu.tar.gz", "AMD GPU"),
        (Computer("Linux", "aarch64"), "uv-aarch64-unknown-linux-gnu.tar.gz", "CPU"),
        (WINDOWS, "uv-x86_64-pc-windows-msvc.zip", "NVIDIA GPU"),
        (Computer("Windows", "arm64"), "uv-x86_64-pc-windows-msvc.zip", "CPU"),
        (MAC, "uv-aarch64-apple-darwin.tar.gz", "Apple GPU"),
    ],
)
def test_each_computer_gets_its_uv_and_torch(computer: Computer, archive: str, kind: str) -> None:
    assert computer.uv_archive() == archive
    assert archive in installation.UV_ARCHIVES
    assert computer.torch_kind == kind
    assert 1e9 < computer.needed_bytes < 20e9


@pytest.mark.parametrize(
    ("computer", "sentence"),
    [
        (Computer("Darwin", "x86_64"), "no longer made for Macs with Intel processors: its last version, 2.2, is too old"),
        (Computer("Windows", "x86"), "processors of the kind x86"),
        (Computer("Linux", "riscv64"), "processors of the kind riscv64"),
        (Computer("FreeBSD", "amd64"), "does not exist for FreeBSD"),
    ],
)
def test_computers_without_torch_are_told_so_before_anything_is_downloaded(
    computer: Computer, sentence: str, tmp_path: Path
) -> None:
    assert sentence in describe(computer, str(tmp_path))
    with pytest.raises(SetupError, match=sentence):
        Setup(str(tmp_path / "impasto"), "engine.whl", computer).next_step()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("system", "environment", "expected"),
    [
        ("Windows", {"LOCALAPPDATA": r"C:\Users\Ana\AppData\Local"}, r"C:\Users\Ana\AppData\Local\impasto-engine"),
        ("Windows", {}, r"HOME\AppData\Local\impasto-engine"),
        ("Darwin", {}, "HOME/Library/Application Support/impasto-engine"),
        ("Linux", {}, "HOME/.local/share/impasto-engine"),
        ("Linux", {"XDG_DATA_HOME": "/flatpak/data"}, "/flatpak/data/impasto-engine"),
        ("Linux", {"XDG_DATA_HOME": "/x", "SNAP_USER_COMMON": "/snap/common"}, "/snap/common/impasto-engine"),
    ],
)
def test_the_engine_is_in_a_folder_of_this_computer(system: str, environment: dict[str, str], expected: str) -> None:
    assert local_folder(system, environment, "HOME") == expected


def test_commands_on_windows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda folder: Usage(0, 0, 9e9))
    monkeypatch.setattr(installation, "_LONGEST_INNER_PATH", 0)  # the test's own folder may be long
    uv = tmp_path / f"uv-{installation.UV_VERSION}" / "uv.exe"
    uv.parent.mkdir()
    uv.write_bytes(b"")
    wheel = tmp_path / "a folder" / "engine.whl"
    wheel.parent.mkdir()
    wheel.write_bytes(b"")
    setup = Setup(str(tmp_path), str(wheel), WINDOWS)
    monkeypatch.setattr(installation, "_compute_capability", lambda: 8.9)
    venv, install, check = (setup.next_step() for _ in range(3))
    assert isinstance(venv, Command)
    assert isinstance(install, Command)
    assert isinstance(check, Command)
    assert venv.arguments[:5] == [str(uv), "venv", "--python", "3.12", "--managed-python"]
    assert install.arguments[4] == f"{setup.engine}\\Scripts\\python.exe" == check.arguments[0]
    assert install.arguments[5:7] == ["--torch-backend", "auto"]
    assert install.arguments[7].startswith("impasto[demo,faces] @ file:///")
    assert install.arguments[7].endswith("/a%20folder/engine.whl")
    assert "torch" in check.arguments[2]
    assert install.environment["UV_CACHE_DIR"].startswith(str(tmp_path))
    setup.undo()


def test_a_version_of_the_engine_is_installed_from_the_package_index() -> None:
    assert installation._requirement("impasto==0.1.0") == "impasto[demo,faces]==0.1.0"


def test_an_unfinished_engine_that_is_in_use_is_not_built_upon(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As on Windows, where open files keep their folder"""
    monkeypatch.setattr(installation, "delete_in_background", lambda folder: False)
    monkeypatch.setattr(Computer, "needed_bytes", 1e6)
    (tmp_path / f"uv-{installation.UV_VERSION}").mkdir()
    (tmp_path / f"uv-{installation.UV_VERSION}" / "uv").write_bytes(b"")
    (tmp_path / "engine").mkdir()
    setup = Setup(str(tmp_path), "engine.whl", LINUX)
    with pytest.raises(SetupError, match="is in use"):
        setup.next_step()
    setup.undo()


@pytest.mark.parametrize(
    ("computer", "capability", "backend"),
    [
        (LINUX, 0.0, "cpu"),  # also with Intel graphics, for which uv would bring a build that the engine cannot use
        (LINUX._replace(graphics="AMD"), 0.0, "auto"),
        (WINDOWS, 8.9, "auto"),
        (WINDOWS, 0.0, "auto"),  # the driver does not answer
        (WINDOWS, 6.1, "cu126"),  # later builds have no kernels for it
        (Computer("Windows", "amd64"), 0.0, "cpu"),
        (MAC, 0.0, "auto"),
    ],
)
def test_each_computer_gets_its_build_of_torch(computer: Computer, capability: float, backend: str) -> None:
    assert computer.torch_backend(capability) == backend


def prepared(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Setup:
    """A setup of an update, with uv in place, before its first step"""
    monkeypatch.setattr(Computer, "needed_bytes", 1e6)
    (folder / f"uv-{installation.UV_VERSION}").mkdir(parents=True)
    (folder / f"uv-{installation.UV_VERSION}" / "uv").write_bytes(b"")
    (folder / "engine").mkdir()
    (folder / "engine" / "complete").write_text("impasto 0.0.1")
    return Setup(str(folder), "engine.whl", LINUX)


def test_an_engine_in_use_survives_its_update(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    setup = prepared(tmp_path, monkeypatch)

    def busy(old: str, new: str) -> None:
        raise PermissionError(13, "in use")

    monkeypatch.setattr(installation, "move", busy)
    with pytest.raises(SetupError, match="The engine is in use"):
        setup.next_step()
    setup.undo()
    assert installation.engine_python(str(tmp_path))
    assert (tmp_path / "engine" / "complete").exists()


def test_an_update_that_a_crash_has_ended_is_undone_by_the_next(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    setup = prepared(tmp_path, monkeypatch)
    assert isinstance(setup.next_step(), Command)
    (tmp_path / "engine").mkdir()  # by uv; and then the computer was switched off
    assert installation.engine_python(str(tmp_path)) == installation.python_in(str(tmp_path / "engine.old"))
    setup._unlock()
    (tmp_path / f"cache.{10**18}").mkdir()
    another = Setup(str(tmp_path), "engine.whl", LINUX)
    another.next_step()
    another.undo()
    disk.wait_for_deletions()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["engine", "lock", f"uv-{installation.UV_VERSION}"]
    assert (tmp_path / "engine" / "complete").exists()


def test_two_setups_do_not_run_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    first = prepared(tmp_path, monkeypatch)
    first.next_step()
    second = Setup(str(tmp_path), "engine.whl", LINUX)
    with pytest.raises(SetupError, match="in another window"):
        second.next_step()
    second.undo()
    assert (tmp_path / "engine.old" / "complete").exists()  # that of the first
    first.undo()
    assert (tmp_path / "engine" / "complete").exists()
    third = Setup(str(tmp_path), "engine.whl", LINUX)
    assert isinstance(third.next_step(), Command)
    third.undo()


def test_what_is_there_already_needs_no_room(tmp_path: Path) -> None:
    assert installation.missing_bytes(LINUX, str(tmp_path)) == 1.5e9
    (tmp_path / "cache").mkdir()
    with (tmp_path / "cache" / "torch.whl").open("wb") as file:
        file.truncate(10**9)
    assert installation.missing_bytes(LINUX, str(tmp_path)) == 0.5e9


def test_a_missing_engine_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["setup", "--folder", str(tmp_path / "x"), "--engine", str(tmp_path / "typo.whl")]) == 2
    assert "there is no engine at" in capsys.readouterr().err


def test_a_missing_disk_has_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(folder: str) -> Usage:
        raise FileNotFoundError(folder)

    monkeypatch.setattr("shutil.disk_usage", missing)
    assert "Only 0.0 GB is free" in describe(LINUX, "/unplugged/disk")


def test_room_and_long_paths_are_checked_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda folder: Usage(0, 0, 1e9))
    with pytest.raises(SetupError, match=r"The disk is too full: the engine needs 1\.5 GB in .*, and only 1\.0 GB is free"):
        Setup(str(tmp_path), "engine.whl", LINUX).next_step()
    assert "Only 1.0 GB is free: make some room first" in describe(WINDOWS, str(tmp_path / "not" / "there"))
    assert "PyTorch for your NVIDIA GPU: about 7.0 GB" in describe(WINDOWS, str(tmp_path))
    with pytest.raises(SetupError, match="too long for Windows"):
        Setup("C:\\" + "x" * 70, "engine.whl", WINDOWS).next_step()


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        ("error: failed to write\n  Caused by: No space left on device (os error 28)", "The disk is full"),
        ("There is not enough space on the disk. (os error 112)", "The disk is full"),
        ("Operation did not complete successfully because the file contains a virus (os error 225)", "antivirus program has"),
        ("The process cannot access the file because it is being used by another process. (os error 32)", "is in use"),
        ("[WinError 5] Zugriff verweigert", "is in use"),
        ("[Errno 28] Auf dem Gerät ist kein Speicherplatz mehr verfügbar", "The disk is full"),
        ("The filename or extension is too long. (os error 206)", "enable long paths"),
        ("Permission denied (os error 13)", "cannot be written to"),
        ("client error (Connect)\ntunnel error: unsuccessful", "HTTPS_PROXY"),
        ("HTTP status client error (407 Proxy Authentication Required)", "HTTPS_PROXY"),
        ("HTTP status client error (403 Forbidden) for url (https://x)", "refused the download (403)"),
        ("invalid peer certificate: UnknownIssuer", "not trusted"),
        ("TLS initialization failed", "in a terminal, with impasto setup"),
        ("dns error\n failed to lookup address information", "Check the network connection"),
        ("Failed to download torch\n error decoding response body", "what is complete is not downloaded again"),
        ("ImportError: DLL load failed while importing _C: The specified module could not be found.", "Visual C++"),
        ('OSError: [WinError 126] ... Error loading "C:\\x\\torch\\lib\\c10.dll"', "Visual C++"),
        (
            "No solution found when resolving dependencies:\n  torch has no wheels",
            "do not exist for this computer. The log says which.",
        ),
        ("a\nsomething else\n", "Setting up the engine failed: something else"),
        ("", "no reason was given"),
    ],
)
def test_failures_are_sentences_with_a_remedy(output: str, sentence: str) -> None:
    assert sentence in explain_failure(output, "FOLDER", "7.0 GB")


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
    subprocess.run([*pip, str(Path(__file__).parents[1])], check=True)
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


def test_progress_is_that_of_the_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    free, now = [9e9], [100.0]
    monkeypatch.setattr("shutil.disk_usage", lambda folder: Usage(0, 0, free[0]))
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    progress = installation.DiskProgress(str(tmp_path), 2e9)
    assert progress.update() == "0.0 of 2.0 GB"
    free[0], now[0] = 8.5e9, 160.0
    assert progress.update() == "0.5 of 2.0 GB, 3 min left"
    assert progress.fraction == 0.25
    free[0] = 8.9e9  # something else was deleted
    progress.update()
    assert progress.fraction == 0.25
    free[0], now[0] = 7.4e9, 190.0
    assert progress.update() == "1.6 of 2.0 GB, 22 s left"


def test_download_that_is_complete_is_only_checked(tmp_path: Path) -> None:
    download = Download("http://127.0.0.1:9/uv", str(tmp_path / "uv"), "0" * 64)
    Path(download.part).write_bytes(b"something else")
    with pytest.raises(SetupError, match="something else"):
        download.finish()
    assert not os.listdir(tmp_path)
