"""Builds the Space: a folder that runs by itself, with the page, the engine, what they need and the Space's card.

python build.py FOLDER
"""

from __future__ import annotations

import re
import shutil
import sys
from importlib.metadata import requires
from pathlib import Path

HERE = Path(__file__).parent
ENGINE = HERE.parent / "core" / "impasto"
#: What is there to make the page, and is no part of it.
_TOOLS = ("build.py", "demo.py", "make_assets.py", "paintings.py", "strokes.py", "crafts.py", "brushes.py", "train_nets.py")


def build(folder: Path) -> Path:
    """Make the folder anew. Only files of this project's own building are replaced."""
    whole = all((folder / name).exists() for name in ("app.py", "requirements.txt", "impasto/engine.py"))
    if folder.exists() and any(folder.iterdir()) and (not whole or folder.resolve() in (HERE, *HERE.parents)):
        raise SystemExit(f"{str(folder)!r} is not empty and is no Space: name another folder")
    shutil.rmtree(folder, ignore_errors=True)
    nothing_made = shutil.ignore_patterns("__pycache__", "*.pyc", ".gradio")
    shutil.copytree(ENGINE, folder / "impasto", ignore=nothing_made)
    for path in sorted(HERE.iterdir()):
        if path.is_file() and path.name not in _TOOLS and path.suffix in (".py", ".md"):
            shutil.copy(path, folder)
    for name in ("assets", "web"):
        shutil.copytree(HERE / name, folder / name, ignore=nothing_made)
    shutil.copy(HERE.parent / "LICENSE", folder)
    (folder / "requirements.txt").write_text("".join(f"{line}\n" for line in requirements()), encoding="utf-8")
    return folder


def requirements() -> list[str]:
    """What impasto itself and its page need, as pyproject.toml has it. Gradio is the platform's to install, by the card."""
    listed = [line.partition(";") for line in requires("impasto") or []]
    wanted = [name for name, _, marker in listed if not marker or re.search("extra == .app.", marker)]
    return [name.strip() for name in wanted if not name.startswith("gradio")]


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    print(build(Path(sys.argv[1])))
