"""The Space: a folder that runs by itself, with valid metadata."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from build_space import APP, ROOT, build
from impasto.feedforward.registry import bundled_networks


def test_readme_metadata_is_valid_for_a_space() -> None:
    front = (APP / "README.md").read_text(encoding="utf-8").split("---\n")[1]
    fields = dict(re.findall(r"^(\w+): *(.*)$", front, re.MULTILINE))
    assert fields["sdk"] == "gradio"
    assert fields["app_file"] == "app.py"
    assert len(fields["short_description"]) <= 60
    palette = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
    assert {fields["colorFrom"], fields["colorTo"]} <= palette
    pinned = re.search(r'"gradio\[mcp\]>=([\d.]+)"', (ROOT / "pyproject.toml").read_text())
    assert pinned is not None
    assert tuple(map(int, fields["sdk_version"].split("."))) >= tuple(map(int, pinned[1].split(".")))


def contents(folder: Path) -> dict[str, bytes]:
    """All files by their paths"""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_space_is_self_contained(tmp_path: Path) -> None:
    folder = build(tmp_path / "space")
    assert build(folder) == folder  # again, replacing itself
    assert {path.name for path in folder.iterdir()} == {
        *("app.py", "README.md", "requirements.txt", "LICENSE"),
        *("impasto", "page", "assets", "web", "translations"),
    }
    requirements = (folder / "requirements.txt").read_text().splitlines()
    assert any(line.startswith("torch>=") for line in requirements)
    assert any(line.startswith("safetensors") for line in requirements)
    assert any(line.startswith("pillow-heif") for line in requirements)
    assert not any(line.startswith(("gradio", "pytest", "impasto")) for line in requirements)  # the platform installs Gradio
    trained = folder / "impasto" / "feedforward" / "pretrained"
    assert {path.stem for path in trained.iterdir()} == set(bundled_networks())
    for name in ("page", "assets", "web", "translations"):
        files = {path.name for path in (APP / name).iterdir() if path.name != "__pycache__"}
        assert {path.name for path in (folder / name).iterdir()} == files
    again = build(tmp_path / "again")
    assert contents(folder) == contents(again)
    assert all(path.stat().st_size < 10 << 20 for path in folder.rglob("*") if path.is_file())
    program = [sys.executable, "-c", "import impasto; print(impasto.__file__)"]
    imported = subprocess.run(program, cwd=folder, capture_output=True, text=True, check=True)
    assert Path(imported.stdout.strip()) == folder / "impasto" / "__init__.py"
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "diary.txt").write_text("dear diary")
    (mine / "impasto").mkdir()
    with pytest.raises(SystemExit, match="is not a Space"):
        build(mine)
    assert (mine / "diary.txt").exists()
    with pytest.raises(SystemExit, match="is not a Space"):
        build(APP)
