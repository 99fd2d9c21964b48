"""Build the zip that Krita imports, with the engine's wheel in it.

python scripts/build_krita_plugin.py [FOLDER]      # default: dist
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from impasto.editor_plugins import build_zip

ROOT = Path(__file__).parents[1]


def build(folder: Path, *pip_options: str) -> Path:
    """Build the wheel and the zip. Returns the path of the zip.

    The same files give the same bytes.  pip_options: for building the wheel, such as --no-build-isolation
    """
    with tempfile.TemporaryDirectory() as temporary:
        pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps", *pip_options]
        subprocess.run([*pip, "--wheel-dir", temporary, str(ROOT)], check=True)
        (wheel,) = Path(temporary).glob("impasto-*.whl")
        return build_zip(folder, wheel)


if __name__ == "__main__":
    print(build(Path(sys.argv[1] if len(sys.argv) > 1 else "dist")))
