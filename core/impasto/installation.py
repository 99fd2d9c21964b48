"""Setting up the engine for an editor's plugin on a computer without Python: what is installed, and in which steps.

uv (https://docs.astral.sh/uv) brings a Python of its own and installs the engine with the build of PyTorch that fits the
computer. This module says what to do; the Krita plugin, which contains a copy, does it in Qt's event loop, and `impasto setup`
in a terminal. Standard library only.
"""

from __future__ import annotations

import contextlib
import glob
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import time
import zipfile
from functools import lru_cache
from pathlib import Path
from typing import IO, Any, Generator, Mapping, NamedTuple

from .disk import delete_in_background, delete_leftovers, free_bytes, lock, move
from .i18n import i18n
from .setup_failures import explain_failure

PYTHON_VERSION = "3.12"
UV_VERSION = "0.11.12"
UV_PAGE = "https://github.com/astral-sh/uv/releases/download"
#: SHA-256 of the archives of this version, as published with it
UV_ARCHIVES = {
    "uv-aarch64-apple-darwin.tar.gz": "bb7c6ef869ec00cd1452f4884acf23d00b153c356ba9197ae99a1bc1ceadb7f3",
    "uv-aarch64-unknown-linux-gnu.tar.gz": "d6e3e5183e71bbd40400da3d2913743cefb98835d8312a5e7908c33865597515",
    "uv-x86_64-pc-windows-msvc.zip": "e46956a6b088a0382101c797eef945c1b03826e629e968d434cf838d42d85b6b",
    "uv-x86_64-unknown-linux-gnu.tar.gz": "9acdecddacba550ee616c02bb4616d894352022550c5977524556fd5077ce1d4",
}
#: uv's option for the build of PyTorch
TORCH_OPTION = "--torch-backend"
#: The last build of PyTorch for cards before this compute capability
_OLD_CARDS, _OLD_BUILD = 7.5, "cu126"
#: Photos to train networks on, and the face detector
EXTRAS = "demo,faces"
#: Environment variables that an editor sets for itself and that would break the engine's Python
EDITOR_VARIABLES = ("PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "QT_PLUGIN_PATH", "QML2_IMPORT_PATH", "VIRTUAL_ENV")

#: Bytes on disk, with Python and all packages, per kind of PyTorch
_SIZES = {"CPU": 1.5e9, "Apple GPU": 1.5e9, "NVIDIA GPU": 7e9, "AMD GPU": 16e9}
#: Loads what needs a library of the system or the card's driver
_CHECK = (
    "import torch, torchvision, imagecodecs, impasto; "
    "print('impasto', impasto.__version__, 'torch', torch.__version__, 'cuda' if torch.cuda.is_available() else '')"
)
#: Windows limits paths to 260 characters, and the longest inside of the engine's folder has about this many.
_LONGEST_INNER_PATH, _LONGEST_WINDOWS_PATH = 190, 259
_COMPLETE_MARKER = "complete"  # a file that is written last


class SetupError(Exception):
    """The engine cannot be set up; the message is a sentence for the user, with a remedy."""


class Computer(NamedTuple):
    """What decides about the installation"""

    system: str  # as platform.system(): Linux, Windows, Darwin
    machine: str  # as platform.machine(), in lower case
    graphics: str = ""  # NVIDIA, AMD, or neither

    @classmethod
    @lru_cache(maxsize=None)
    def this(cls) -> Computer:
        """The computer that this program runs on."""
        system, machine = platform.system(), platform.machine().lower()
        if system == "Darwin" and "ARM64" in platform.version():  # also where an editor for Intel processors is translated
            machine = "arm64"
        drivers = ("/proc/driver/nvidia/version", os.path.expandvars(r"%SystemRoot%\System32\nvcuda.dll"))
        if any(map(os.path.exists, drivers)):
            return cls(system, machine, "NVIDIA")
        # uv looks for ROCm by this program; a graphics processor without ROCm computes nothing.
        return cls(system, machine, "AMD" if system == "Linux" and shutil.which("rocm_agent_enumerator") else "")

    @property
    def torch_kind(self) -> str:
        """The kind of PyTorch that uv chooses, as users know it."""
        if self.system == "Darwin":
            return "Apple GPU"
        return f"{self.graphics} GPU" if self.graphics else "CPU"

    @property
    def needed_bytes(self) -> float:
        """What the engine takes on the disk."""
        return _SIZES[self.torch_kind]

    def torch_backend(self, capability: float | None = None) -> str:
        """The build of PyTorch for uv. It chooses that for a card by the driver, but Intel's only if the engine could use it.

        capability: compute capability of the oldest NVIDIA card; None: ask the driver
        """
        if self.system == "Darwin":
            return "auto"
        if self.graphics != "NVIDIA":
            return "auto" if self.graphics else "cpu"
        capability = _compute_capability() if capability is None else capability
        return _OLD_BUILD if 0 < capability < _OLD_CARDS else "auto"

    def uv_archive(self) -> str:
        """The name of uv's archive for this computer.  Raises SetupError: PyTorch does not exist for it."""
        is_arm = self.machine in ("arm64", "aarch64")
        if self.system == "Darwin" and not is_arm:
            raise SetupError(
                i18n(
                    "PyTorch is no longer made for Macs with Intel processors: its last version, 2.2, is too old for the "
                    "engine. Use a Mac with Apple silicon, or the page."
                )
            )
        if not is_arm and self.machine not in ("x86_64", "amd64"):
            raise SetupError(
                i18n(
                    "PyTorch does not exist for processors of the kind {processor}: use a 64-bit computer.",
                    processor=self.machine,
                )
            )
        if self.system == "Darwin":
            return "uv-aarch64-apple-darwin.tar.gz"
        if self.system == "Windows":  # on ARM, Windows runs programs for x86-64, for which all packages exist
            return "uv-x86_64-pc-windows-msvc.zip"
        if self.system == "Linux":
            return f"uv-{'aarch64' if is_arm else 'x86_64'}-unknown-linux-gnu.tar.gz"
        raise SetupError(i18n("PyTorch does not exist for {system}: use Linux, Windows or macOS.", system=self.system))


def local_folder(system: str, environment: Mapping[str, str], home: str) -> str:
    """Where the engine is installed: a folder of this computer, not one that follows the user to others.

    In Flatpaks and Snaps it is inside of the sandbox.
    """
    if system == "Windows":
        return environment.get("LOCALAPPDATA", home + r"\AppData\Local") + r"\impasto-engine"
    if system == "Darwin":
        return home + "/Library/Application Support/impasto-engine"
    data = environment.get("SNAP_USER_COMMON") or environment.get("XDG_DATA_HOME") or home + "/.local/share"
    return data + "/impasto-engine"


def this_local_folder() -> str:
    """The local folder of this user and computer."""
    return local_folder(platform.system(), os.environ, os.path.expanduser("~"))


def engine_data_folders(system: str, environment: Mapping[str, str], home: str) -> list[str]:
    """Where the engine keeps the networks that it has trained, and those that it has downloaded.

    The engine asks platformdirs, which the plugin does not have.
    """
    if system == "Windows":
        data = environment.get("LOCALAPPDATA", home + r"\AppData\Local") + r"\impasto\impasto"
        defaults = data + r"\nets", data + r"\Cache"
    else:
        folders = {"XDG_DATA_HOME": home + "/.local/share", "XDG_CACHE_HOME": home + "/.cache"}
        if system == "Darwin":
            folders = {"XDG_DATA_HOME": home + "/Library/Application Support", "XDG_CACHE_HOME": home + "/Library/Caches"}
        for name in folders:
            if environment.get(name, "").startswith("/"):
                folders[name] = environment[name]
        defaults = folders["XDG_DATA_HOME"] + "/impasto/nets", folders["XDG_CACHE_HOME"] + "/impasto"
    return [environment.get("IMPASTO_NETS") or defaults[0], environment.get("IMPASTO_CACHE") or defaults[1]]


def this_engine_data_folders() -> list[str]:
    """The folders of this user's networks."""
    return engine_data_folders(platform.system(), os.environ, os.path.expanduser("~"))


def python_in(folder: str, system: str = "") -> str:
    """The interpreter of a virtual environment."""
    is_windows = (system or platform.system()) == "Windows"
    return folder + r"\Scripts\python.exe" if is_windows else folder + "/bin/python"


def installed_python(folder: str) -> str | None:
    """The interpreter of the engine in a folder, or None if its installation was never completed."""
    return python_in(folder) if os.path.isfile(os.path.join(folder, _COMPLETE_MARKER)) else None


def engine_python(folder: str) -> str | None:
    """The interpreter of the engine that was set up in a folder, or of the previous one if an update has not ended."""
    engine = os.path.join(folder, "engine")
    return installed_python(engine) or installed_python(engine + ".old")


class Download(NamedTuple):
    """A file to be downloaded, and checked"""

    url: str
    path: str
    sha256: str

    @property
    def part(self) -> str:
        """The path of what has arrived so far, which the next try goes on from."""
        return self.path + ".part"

    def finish(self) -> None:
        """Check the file that has arrived.  Raises SetupError: it is another one."""
        with open(self.part, "rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()
        if digest != self.sha256:
            os.remove(self.part)
            raise SetupError(
                i18n(
                    "What was downloaded as uv is something else, as behind the login page of a network: open a page in your "
                    "browser, and try again."
                )
            )
        move(self.part, self.path)


class Command(NamedTuple):
    """A program to be run"""

    arguments: list[str]
    environment: Mapping[str, str]


class Setup:
    """One installation, in place, since an environment cannot be moved. The previous engine is kept until it is complete."""

    def __init__(self, folder: str, engine: str, computer: Computer) -> None:
        """folder: where everything goes; engine: the engine's wheel or source, or a version of it"""
        self.folder, self.computer = folder, computer
        self.engine = os.path.join(folder, "engine")
        self._source = engine
        self._backup = self.engine + ".old"
        self._cache = os.path.join(folder, "cache")
        self._pythons = os.path.join(folder, "python")
        self._started = False
        self._lock: IO[str] | None = None
        self._steps = self._make_steps()

    def next_step(self) -> Download | Command | None:
        """What to do next, after the step before has succeeded; None: the engine is ready.

        Raises SetupError: it cannot go on. Call `undo` after that, and after the failure of a step.
        """
        try:
            return next(self._steps, None)
        except (OSError, EOFError, tarfile.TarError, zipfile.BadZipFile) as error:
            raise SetupError(self.explain(str(error))) from error

    def explain(self, output: str) -> str:
        """One sentence, with a remedy, about a step that failed.  output: what it has printed"""
        return explain_failure(output, self.folder, gigabytes(self.computer.needed_bytes))

    def _make_steps(self) -> Generator[Download | Command, None, None]:
        archive_name = self.computer.uv_archive()
        self._ensure_possible()
        self._lock = lock(os.path.join(self.folder, "lock"))
        if self._lock is None:
            raise SetupError(i18n("The engine is being installed in another window. Wait until that has ended."))
        delete_leftovers(self.folder)
        self._restore()
        uv_folder = os.path.join(self.folder, f"uv-{UV_VERSION}")
        uv = os.path.join(uv_folder, "uv.exe" if archive_name.endswith(".zip") else "uv")
        if not os.path.isfile(uv):
            os.makedirs(uv_folder, exist_ok=True)
            archive = os.path.join(uv_folder, archive_name)
            download = Download(f"{UV_PAGE}/{UV_VERSION}/{archive_name}", archive, UV_ARCHIVES[archive_name])
            yield download
            download.finish()
            _extract_program(archive, uv)
        # Packages that are complete are not downloaded again.
        environment = {"UV_CACHE_DIR": self._cache, "UV_PYTHON_INSTALL_DIR": self._pythons, "UV_NO_PROGRESS": "1"}
        self._move_aside()
        yield Command([uv, "venv", "--python", PYTHON_VERSION, "--managed-python", self.engine], environment)
        python = python_in(self.engine, self.computer.system)
        torch = [TORCH_OPTION, self.computer.torch_backend()] if TORCH_OPTION else []
        yield Command([uv, "pip", "install", "--python", python, *torch, _requirement(self._source)], environment)
        yield Command([python, "-c", _CHECK], {})
        with open(os.path.join(self.engine, _COMPLETE_MARKER), "w", encoding="utf-8") as file:
            file.write(os.path.basename(self._source))
        self._started = False
        for folder in (self._backup, self._cache, *glob.glob(os.path.join(glob.escape(self.folder), "uv-*"))):
            if folder != uv_folder:
                delete_in_background(folder)
        self._unlock()

    def undo(self) -> None:
        """Delete the unfinished engine, and bring the previous one back. What was downloaded stays for the next try."""
        self._steps.close()
        if self._started:
            self._started = False
            delete_in_background(self.engine)
            with contextlib.suppress(OSError):  # then the next setup does it, and until then the backup is used
                self._restore()
        self._unlock()

    def _restore(self) -> None:
        """Put the previous engine back in its place, if an installation has left it aside.  Raises OSError."""
        if installed_python(self._backup) and not installed_python(self.engine) and delete_in_background(self.engine):
            move(self._backup, self.engine)

    def _move_aside(self) -> None:
        """Make room for the new engine. A working one is kept as a backup until the new one is complete.

        Raises SetupError: a file of the old one is in use.
        """
        in_use = i18n("The engine is in use. Close other programs that use Impasto, and try again.")
        if installed_python(self.engine):
            if not delete_in_background(self._backup):
                raise SetupError(in_use)
            try:
                move(self.engine, self._backup)
            except OSError:
                raise SetupError(in_use) from None
        elif not delete_in_background(self.engine):
            raise SetupError(in_use)
        self._started = True

    def _unlock(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _ensure_possible(self) -> None:
        """Raises SetupError: there is too little room, or the folder's path is too long; OSError."""
        if self.computer.system == "Windows" and len(self.engine) + _LONGEST_INNER_PATH > _LONGEST_WINDOWS_PATH:
            raise SetupError(
                i18n(
                    "The paths of the engine's files would be too long for Windows in {folder}: set the environment "
                    "variable LOCALAPPDATA to a short folder, such as C:\\Local, and start this program again.",
                    folder=self.folder,
                )
            )
        os.makedirs(self.folder, exist_ok=True)
        free, needed = free_bytes(self.folder), missing_bytes(self.computer, self.folder)
        if free < needed:
            raise SetupError(
                i18n(
                    "The disk is too full: the engine needs {needed} in {folder}, and only {free} is free. Free some space "
                    "and try again.",
                    needed=gigabytes(needed),
                    folder=self.folder,
                    free=gigabytes(free),
                )
            )


def missing_bytes(computer: Computer, folder: str) -> float:
    """What an installation still writes to the disk: less after one that was interrupted."""
    present = 0
    for name in ("cache", "python"):
        for parent, _, files in os.walk(os.path.join(folder, name)):
            for file in files:
                with contextlib.suppress(OSError):
                    present += os.lstat(os.path.join(parent, file)).st_size
    return max(0.1 * computer.needed_bytes, computer.needed_bytes - present)


def describe(computer: Computer, folder: str) -> str:
    """What a setup would install, and whether there is room for it: one or two sentences."""
    try:
        computer.uv_archive()
    except SetupError as error:
        return str(error)
    free, missing = free_bytes(folder), missing_bytes(computer, folder)
    needs = i18n(
        "Impasto needs a one-time download: Python and PyTorch for your {device}, about {size}.",
        device=computer.torch_kind,
        size=gigabytes(computer.needed_bytes),
    )
    if free >= missing:
        return needs + " " + i18n("{size} is free.", size=gigabytes(free))
    return needs + " " + i18n("Only {size} is free: make some room first.", size=gigabytes(free))


def gigabytes(size: float) -> str:
    """A size for people, such as "1.5 GB"."""
    return f"{size / 1e9:.1f} GB" if size < 9.95e9 else f"{size / 1e9:.0f} GB"


class DiskProgress:
    """How far an installation is, by how much it has written to the disk."""

    def __init__(self, folder: str, needed: float) -> None:
        self._folder, self._needed = folder, needed
        self._started, self._free = time.monotonic(), free_bytes(folder)
        self.fraction = 0.0  # never falls

    def update(self) -> str:
        """Look at the disk, and return the state as text, such as "0.4 of 1.5 GB, 2 min left"."""
        written = max(0.0, self._free - free_bytes(self._folder))
        self.fraction = max(self.fraction, min(0.99, written / self._needed))
        text = i18n("{part} of {size}", part=f"{min(written, self._needed) / 1e9:.1f}", size=gigabytes(self._needed))
        seconds = time.monotonic() - self._started
        if self.fraction < 0.02 or seconds < 5:
            return text
        left = seconds * (1 / self.fraction - 1)
        return i18n("{text}, {seconds} left", text=text, seconds=f"{left / 60:.0f} min" if left > 90 else f"{left:.0f} s")


def _requirement(engine: str) -> str:
    """What uv installs: the engine's wheel or source, as an address, since paths may have spaces; or a version of it."""
    if os.path.exists(engine):
        return f"impasto[{EXTRAS}] @ {Path(engine).resolve().as_uri()}"
    return re.sub(r"^impasto", f"impasto[{EXTRAS}]", engine)


def _extract_program(archive: str, program: str) -> None:
    """Take one program out of an archive, and delete the archive.  Raises SetupError: it does not contain the program."""
    name, content = os.path.basename(program), None
    if archive.endswith(".zip"):
        with zipfile.ZipFile(archive) as zip_file:
            members = [member for member in zip_file.namelist() if os.path.basename(member) == name]
            content = zip_file.read(members[0]) if members else None
    else:
        with tarfile.open(archive) as tar:
            for member in tar:
                if member.isfile() and os.path.basename(member.name) == name:
                    file = tar.extractfile(member)
                    content = file.read() if file else None
    if content is None:
        raise SetupError(i18n("{archive} does not contain {name}: report this.", archive=archive, name=name))
    with open(program + ".new", "wb") as file_out:
        file_out.write(content)
    os.chmod(program + ".new", 0o755)
    os.replace(program + ".new", program)
    os.remove(archive)


def _compute_capability() -> float:
    """The compute capability of the oldest NVIDIA card, by its driver; 0 if that does not answer."""
    command = ["nvidia-smi", "--query-gpu=compute_cap", "--format=csv,noheader"]
    hidden: dict[str, Any] = {}
    if sys.platform == "win32":
        hidden["creationflags"] = subprocess.CREATE_NO_WINDOW
    try:
        output = subprocess.run(command, capture_output=True, timeout=10, check=True, **hidden).stdout
        return min(float(line) for line in output.split())
    except (OSError, ValueError, subprocess.SubprocessError):
        return 0.0
