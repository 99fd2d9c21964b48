"""Build the zip of an editor's plugin, with the engine's wheel in it.

python scripts/build_plugin.py krita [FOLDER]      # default: dist
python scripts/build_plugin.py gimp [FOLDER]
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from impasto.editor_plugins.package import GIMP_PLUGIN, KRITA_PLUGIN, EditorPlugin, build_zip

ROOT = Path(__file__).parents[1]
PLUGINS = {"krita": KRITA_PLUGIN, "gimp": GIMP_PLUGIN}


def build(plugin: EditorPlugin, folder: Path, *pip_options: str) -> Path:
    """Build the wheel and the zip. Returns the path of the zip.

    The same files give the same bytes.  pip_options: for building the wheel, such as --no-build-isolation
    """
    with tempfile.TemporaryDirectory() as temporary:
        pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps", *pip_options]
        subprocess.run([*pip, "--wheel-dir", temporary, str(ROOT)], check=True)
        (wheel,) = Path(temporary).glob("impasto-*.whl")
        return build_zip(plugin, folder, wheel)


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in PLUGINS:
        sys.exit(__doc__.strip())
    print(build(PLUGINS[sys.argv[1]], Path(sys.argv[2] if len(sys.argv) > 2 else "dist")))
