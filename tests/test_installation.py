"""Setting up the engine: decisions by value for each system, and sentences about failures. No program is run."""

from __future__ import annotations

import os
import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from impasto import disk, installation
from impasto.feedforward.registry import user_folder
from impasto.installation import (
    Command,
    Computer,
    Download,
    Setup,
    SetupError,
    describe,
    engine_data_folders,
    local_folder,
    this_engine_data_folders,
)
from impasto.runtime.files import cache_folder
from impasto.setup_failures import explain_failure

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


@pytest.mark.parametrize(
    ("system", "environment", "expected"),
    [
        (
            "Windows",
            {"LOCALAPPDATA": r"C:\Users\Ana\AppData\Local"},
            [
                r"C:\Users\Ana\AppData\Local\impasto\impasto\nets",
                r"C:\Users\Ana\AppData\Local\impasto\impasto\Cache",
            ],
        ),
        ("Darwin", {}, ["HOME/Library/Application Support/impasto/nets", "HOME/Library/Caches/impasto"]),
        ("Linux", {}, ["HOME/.local/share/impasto/nets", "HOME/.cache/impasto"]),
        ("Linux", {"XDG_DATA_HOME": "/data", "XDG_CACHE_HOME": "relative"}, ["/data/impasto/nets", "HOME/.cache/impasto"]),
        ("Windows", {"IMPASTO_NETS": r"D:\nets", "IMPASTO_CACHE": r"D:\cache"}, [r"D:\nets", r"D:\cache"]),
    ],
)
def test_networks_are_where_platformdirs_puts_them(system: str, environment: dict[str, str], expected: list[str]) -> None:
    assert engine_data_folders(system, environment, "HOME") == expected


@pytest.mark.parametrize(
    "environment", [{}, {"XDG_DATA_HOME": "/data", "XDG_CACHE_HOME": "/cache"}, {"IMPASTO_NETS": "/nets"}]
)
def test_folders_of_networks_are_those_of_the_engine(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("IMPASTO_NETS", "IMPASTO_CACHE", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert this_engine_data_folders() == [str(user_folder()), str(cache_folder())]


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
    assert "PyTorch for your NVIDIA GPU, about 7.0 GB" in describe(WINDOWS, str(tmp_path))
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
        ("a\nsomething else\n", "The installation failed: something else"),
        ("", "no reason was given"),
    ],
)
def test_failures_are_sentences_with_a_remedy(output: str, sentence: str) -> None:
    assert sentence in explain_failure(output, "FOLDER", "7.0 GB")


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
