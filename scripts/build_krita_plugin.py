"""Build the zip that Krita imports, with the engine's wheel in it.

python plugin/build.py [FOLDER]      # dist, if no folder is named
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from impasto import krita


def build(folder: Path) -> Path:
    """Returns the path of the zip."""
    with tempfile.TemporaryDirectory() as made:
        pip = [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
            "--wheel-dir",
            made,
        ]
        subprocess.run([*pip, str(Path(__file__).parents[1])], check=True)
        (wheel,) = Path(made).glob("impasto-*.whl")
        return krita.pack(folder, wheel)


if __name__ == "__main__":
    print(build(Path(sys.argv[1] if len(sys.argv) > 1 else "dist")))
