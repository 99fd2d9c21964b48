"""Wheels that link to the packages of this Python, so that pip can install them without downloading and unpacking 5 GB."""

from __future__ import annotations

import zipfile
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement


def write_linked_wheels(folder: Path, package: str, extras: str) -> None:
    """Write a wheel for each package that `package` with these extras requires, as it is installed here.

    Each has the name, version and requirements of the real one, but contains only the path of the folder it is in.
    """
    waiting = [Requirement(f"{package}[{extras}]")]
    done = {package}
    while waiting:
        requirement = waiting.pop()
        for text in distribution(requirement.name).requires or ():
            required = Requirement(text)
            wanted = required.marker is None or any(
                required.marker.evaluate({"extra": extra}) for extra in ("", *requirement.extras)
            )
            if wanted and required.name not in done:
                done.add(required.name)
                waiting.append(required)
                _write_linked_wheel(folder, required.name)


def _write_linked_wheel(folder: Path, name: str) -> None:
    installed = distribution(name)
    stem = f"{name.replace('-', '_')}-{installed.version}"
    metadata = [f"Name: {name}", f"Version: {installed.version}"]
    metadata += [f"Requires-Dist: {requirement}" for requirement in installed.requires or ()]
    files = {
        f"{stem}.pth": f"{installed.locate_file('')}\n",
        f"{stem}.dist-info/METADATA": "\n".join(["Metadata-Version: 2.1", *metadata, ""]),
        f"{stem}.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: impasto\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = f"{stem}.dist-info/RECORD"
    files[record] = "".join(f"{file},,\n" for file in (*files, record))
    with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as wheel:
        for file, content in files.items():
            wheel.writestr(file, content)
