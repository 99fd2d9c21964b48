"""Setting up the engine for an editor's plugin on a computer without Python: what is installed, in which steps, and what
failures mean.

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
import tarfile
import threading
import time
import zipfile
from pathlib import Path
from typing import Iterator, Mapping, NamedTuple

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
#: Lets uv choose the build of PyTorch by the card's driver
TORCH_ARGUMENTS = ("--torch-backend", "auto")
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
    def this(cls) -> Computer:
        """The computer that this program runs on."""
        system, machine = platform.system(), platform.machine().lower()
        if system == "Darwin" and "ARM64" in platform.version():  # also where an editor for Intel processors is translated
            machine = "arm64"
        driver_files = {
            "NVIDIA": ("/proc/driver/nvidia/version", os.path.expandvars(r"%SystemRoot%\System32\nvcuda.dll")),
            "AMD": ("/dev/kfd",),
        }
        found = (name for name, paths in driver_files.items() if any(os.path.exists(path) for path in paths))
        return cls(system, machine, next(found, ""))

    @property
    def torch_kind(self) -> str:
        """The kind of PyTorch that uv chooses, as users know it."""
        if self.system == "Darwin":
            return "Apple GPU"
        if self.graphics == "AMD" and self.system != "Linux":
            return "CPU"
        return f"{self.graphics} GPU" if self.graphics else "CPU"

    @property
    def needed_bytes(self) -> float:
        """What the engine takes on the disk."""
        return _SIZES[self.torch_kind]

    def uv_archive(self) -> str:
        """The name of uv's archive for this computer.  Raises SetupError: PyTorch does not exist for it."""
        is_arm = self.machine in ("arm64", "aarch64")
        if self.system == "Darwin" and not is_arm:
            raise SetupError(
                "PyTorch is no longer made for Macs with Intel processors: its last version, 2.2, is too old for the engine. "
                "Use a Mac with Apple silicon, or the page."
            )
        if not is_arm and self.machine not in ("x86_64", "amd64"):
            raise SetupError(f"PyTorch does not exist for processors of the kind {self.machine}: use a 64-bit computer.")
        if self.system == "Darwin":
            return "uv-aarch64-apple-darwin.tar.gz"
        if self.system == "Windows":  # on ARM, Windows runs programs for x86-64, for which all packages exist
            return "uv-x86_64-pc-windows-msvc.zip"
        if self.system == "Linux":
            return f"uv-{'aarch64' if is_arm else 'x86_64'}-unknown-linux-gnu.tar.gz"
        raise SetupError(f"PyTorch does not exist for {self.system}: use Linux, Windows or macOS.")


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


def python_in(folder: str, system: str = "") -> str:
    """The interpreter of a virtual environment."""
    is_windows = (system or platform.system()) == "Windows"
    return folder + r"\Scripts\python.exe" if is_windows else folder + "/bin/python"


def installed_python(folder: str) -> str | None:
    """The interpreter of the engine in a folder, or None if its installation was never completed."""
    return python_in(folder) if os.path.isfile(os.path.join(folder, _COMPLETE_MARKER)) else None


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
                "What was downloaded as uv is something else, as behind the login page of a network: open a page in your "
                "browser, and try again."
            )
        os.replace(self.part, self.path)


class Command(NamedTuple):
    """A program to be run"""

    arguments: list[str]
    environment: Mapping[str, str]


class Setup:
    """One installation, in place, since an environment cannot be moved. The previous engine is kept until it is complete."""

    def __init__(self, folder: str, wheel: str, computer: Computer) -> None:
        """folder: where everything goes; wheel: the engine"""
        self.folder, self.wheel, self.computer = folder, wheel, computer
        self.engine = os.path.join(folder, "engine")
        self._backup = self.engine + ".old"
        self._started = False

    def steps(self) -> Iterator[Download | Command]:
        """Yield what to do, one after another, each after the one before has succeeded.

        Raises SetupError, OSError; call `undo` after these, and after the failure of a step.
        """
        archive_name = self.computer.uv_archive()
        self._ensure_possible()
        uv_folder = os.path.join(self.folder, f"uv-{UV_VERSION}")
        uv = os.path.join(uv_folder, "uv.exe" if archive_name.endswith(".zip") else "uv")
        if not os.path.isfile(uv):
            os.makedirs(uv_folder, exist_ok=True)
            archive = os.path.join(uv_folder, archive_name)
            yield Download(f"{UV_PAGE}/{UV_VERSION}/{archive_name}", archive, UV_ARCHIVES[archive_name])
            _extract_program(archive, uv)
        environment = {
            "UV_CACHE_DIR": os.path.join(self.folder, "cache"),  # packages that have arrived are not downloaded again
            "UV_PYTHON_INSTALL_DIR": os.path.join(self.folder, "python"),
            "UV_NO_PROGRESS": "1",
        }
        self._move_aside()
        yield Command([uv, "venv", "--python", PYTHON_VERSION, "--managed-python", self.engine], environment)
        python = python_in(self.engine, self.computer.system)
        yield Command([uv, "pip", "install", "--python", python, *TORCH_ARGUMENTS, _requirement(self.wheel)], environment)
        yield Command([python, "-c", _CHECK], {})
        with open(os.path.join(self.engine, _COMPLETE_MARKER), "w", encoding="utf-8") as file:
            file.write(os.path.basename(self.wheel))
        self._started = False
        delete_in_background(self._backup)
        delete_in_background(environment["UV_CACHE_DIR"])
        for other in glob.glob(os.path.join(glob.escape(self.folder), "uv-*")):
            if other != uv_folder:
                delete_in_background(other)

    def undo(self) -> None:
        """Delete the unfinished engine, and bring the previous one back. What was downloaded stays for the next try."""
        if self._started:
            self._started = False
            delete_in_background(self.engine)
            if os.path.isdir(self._backup) and not os.path.exists(self.engine):
                os.replace(self._backup, self.engine)

    def _move_aside(self) -> None:
        """Make room for the new engine. A working one is kept as a backup until the new one is complete.

        Raises SetupError, OSError: a file of the old one is in use.
        """
        self._started = True
        if installed_python(self.engine):
            delete_in_background(self._backup)
            os.replace(self.engine, self._backup)
        elif os.path.exists(self.engine) and not delete_in_background(self.engine):
            raise SetupError("An earlier, unfinished engine is in use. Close other Kritas, and try again.")

    def _ensure_possible(self) -> None:
        """Raises SetupError: there is too little room, or the folder's path is too long; OSError."""
        if self.computer.system == "Windows" and len(self.engine) + _LONGEST_INNER_PATH > _LONGEST_WINDOWS_PATH:
            raise SetupError(
                f"The paths of the engine's files would be too long for Windows in {self.folder}: set the environment "
                r"variable LOCALAPPDATA to a short folder, such as C:\Local, for Krita."
            )
        os.makedirs(self.folder, exist_ok=True)
        free = shutil.disk_usage(self.folder).free
        if free < self.computer.needed_bytes:
            raise SetupError(
                f"The disk is too full: the engine needs {gigabytes(self.computer.needed_bytes)} in {self.folder}, and "
                f"{gigabytes(free)} are free. Free some space and try again."
            )


def describe(computer: Computer, folder: str) -> str:
    """What a set-up would install, and whether there is room for it: one or two sentences."""
    try:
        computer.uv_archive()
    except SetupError as error:
        return str(error)
    free, needed = _free_bytes(folder), computer.needed_bytes
    room = f"{gigabytes(free)} are free." if free >= needed else f"Only {gigabytes(free)} are free: make some room first."
    return (
        f"Painting needs the engine, a separate program with Python and PyTorch for your {computer.torch_kind}: about "
        f"{gigabytes(needed)}. {room}"
    )


def gigabytes(size: float) -> str:
    """A size for people, such as "1.5 GB"."""
    return f"{size / 1e9:.1f} GB" if size < 9.95e9 else f"{size / 1e9:.0f} GB"


def _free_bytes(folder: str) -> int:
    """The room on the disk of a folder that may not exist yet; 0 if its disk does not."""
    while True:
        try:
            return shutil.disk_usage(folder).free
        except OSError:
            folder, child = os.path.dirname(folder), folder
            if folder == child:
                return 0


class DiskProgress:
    """How far an installation is, by how much it has written to the disk."""

    def __init__(self, folder: str, needed: float) -> None:
        self._folder, self._needed = folder, needed
        self._started, self._free = time.monotonic(), _free_bytes(folder)
        self.fraction = 0.0  # never falls

    def update(self) -> str:
        """Look at the disk, and return the state as text, such as "0.4 of 1.5 GB, 2 min left"."""
        written = max(0.0, self._free - _free_bytes(self._folder))
        self.fraction = max(self.fraction, min(0.99, written / self._needed))
        text = f"{min(written, self._needed) / 1e9:.1f} of {gigabytes(self._needed)}"
        seconds = time.monotonic() - self._started
        if self.fraction < 0.02 or seconds < 5:
            return text
        left = seconds * (1 / self.fraction - 1)
        return f"{text}, {f'{left / 60:.0f} min' if left > 90 else f'{left:.0f} s'} left"


#: Sentences about failures, by what programs print, in the order in which they are looked for
_FAILURES = [
    (
        r"tls initialization failed|without qt's network",
        "This Krita cannot download. Set the engine up in a terminal, with impasto setup, as the manual describes.",
    ),
    (
        r"no space left|not enough space|disk full|disk quota|os error 112\b",
        "The disk is full: the engine needs {needed} in {folder}. Free some space and try again.",
    ),
    (
        r"contains a virus|os error 225\b",
        "The antivirus program has stopped the installation. Allow the folder {folder} there, and try again.",
    ),
    (
        r"being used by another process|os error 32\b",
        "Another program, such as an antivirus program, has a file of the engine open. Close other Kritas, and try again.",
    ),
    (
        r"filename or extension is too long|file name too long|os error 206\b",
        "The paths of the engine's files are too long for Windows: enable long paths in Windows, or set LOCALAPPDATA to a "
        "short folder for Krita.",
    ),
    (
        r"permission denied|access is denied|read-only file system",
        "{folder} cannot be written to. Change its permissions and try again.",
    ),
    (
        r"\b407\b|proxy|tunnel error",
        "The proxy of this network did not let the download through. Set the environment variable HTTPS_PROXY, with user and "
        "password if it needs them, for Krita.",
    ),
    (
        r"\b40[13]\b|forbidden|unauthorized",
        "The server refused the download (403). A firewall may block it: try another network, or ask who runs this one.",
    ),
    (
        r"certificate|\bssl\b|\btls\b",
        "The connection is not trusted: something on this network replaces certificates. Try another network, or set "
        "SSL_CERT_FILE for Krita.",
    ),
    (
        r"dns error|failed to lookup|name resolution|host .*not found|host not found|error sending request|could not connect"
        r"|connection (error|reset|refused|closed|timed out)|timed out|timeout|unreachable|error decoding response body",
        "The download broke off. Check the network connection and try again: it goes on from where it was.",
    ),
    (
        r"dll load failed|winerror 126|c10\.dll|vcruntime|msvcp140",
        "A library of Windows is missing: install the Microsoft Visual C++ Redistributable (x64), and try again.",
    ),
    (
        r"no solution found|no matching distribution|has no wheels|not found in the package registry",
        "Some of the engine's packages do not exist for this computer. The log says which.",
    ),
]


def explain_failure(output: str, folder: str, computer: Computer) -> str:
    """One sentence, with a remedy, about a step that failed.  output: what it has printed"""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    values = {"folder": folder, "needed": gigabytes(computer.needed_bytes), "last": lines[-1] if lines else ""}
    for pattern, sentence in _FAILURES:
        if re.search(pattern, output.lower()):
            return sentence.format(**values)
    return f"Setting up the engine failed: {values['last'] or 'no reason was given'}"


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
        raise SetupError(f"{archive} does not contain {name}: report this.")
    with open(program + ".new", "wb") as file_out:
        file_out.write(content)
    os.chmod(program + ".new", 0o755)
    os.replace(program + ".new", program)
    os.remove(archive)


def delete_in_background(folder: str) -> bool:
    """Delete a folder of several gigabytes in another thread, if it exists.  Returns whether its path is free at once."""
    if not os.path.isdir(folder):
        return True
    with contextlib.suppress(OSError):  # a partly deleted environment must not count as complete
        os.remove(os.path.join(folder, _COMPLETE_MARKER))
    renamed = f"{folder}.{time.time_ns()}"
    try:
        os.replace(folder, renamed)
    except OSError:
        renamed = folder
    threading.Thread(target=shutil.rmtree, args=(renamed,), kwargs={"ignore_errors": True}, daemon=True).start()
    return renamed != folder
