"""Build the Hugging Face Space: a folder that runs by itself, with the page, the engine, requirements and README.

python scripts/build_space.py FOLDER
"""

from __future__ import annotations

import re
import shutil
import sys
from importlib.metadata import requires
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
APP = ROOT / "gradio_app"
ENGINE = ROOT / "core" / "impasto"


def build(folder: Path) -> Path:
    """Create the folder, or replace one that this function has created.  Raises SystemExit for any other folder."""
    is_space = all((folder / name).exists() for name in ("app.py", "requirements.txt", "impasto/__init__.py"))
    contains_sources = folder.resolve() in (APP, *APP.parents)
    if folder.exists() and any(folder.iterdir()) and (not is_space or contains_sources):
        raise SystemExit(f"{str(folder)!r} is not empty and is not a Space: name another folder")
    shutil.rmtree(folder, ignore_errors=True)
    generated = shutil.ignore_patterns("__pycache__", "*.pyc", "*.pyi", ".gradio")
    shutil.copytree(ENGINE, folder / "impasto", ignore=generated)
    for name in ("page", "assets", "translations", "web"):
        shutil.copytree(APP / name, folder / name, ignore=generated)
    for file in (APP / "app.py", APP / "README.md", ROOT / "LICENSE"):
        shutil.copy(file, folder)
    (folder / "requirements.txt").write_text("".join(f"{line}\n" for line in requirements()), encoding="utf-8")
    return folder


def requirements() -> list[str]:
    """List what impasto and the page need, as in pyproject.toml. The platform installs Gradio, as README.md asks it to."""
    lines = [line.partition(";") for line in requires("impasto") or []]
    needed = [name for name, _, marker in lines if not marker or re.search("extra == .app.", marker)]
    return [name.strip() for name in needed if not name.startswith("gradio")]


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    print(build(Path(sys.argv[1])))
