"""Packaging, installing and removing the Krita plugin."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from impasto import __version__
from impasto.cli.main import main
from impasto.editor_plugins import krita, package
from impasto.editor_plugins.package import GIMP_PLUGIN, KRITA_PLUGIN, SHARED_MODULES, EditorPlugin, build_zip, plugin_files
from impasto.installation import this_local_folder
from impasto.options import option_schema

ROOT = Path(__file__).parents[1]
PLUGINS = [KRITA_PLUGIN, GIMP_PLUGIN]


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    path = tmp_path / f"impasto-{__version__}-py3-none-any.whl"
    path.write_bytes(b"a wheel")
    return path


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Krita's data folder and its settings file"""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "data" / "krita", tmp_path / "config" / "kritarc"


def test_zip_has_the_structure_that_krita_imports(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(build_zip(KRITA_PLUGIN, tmp_path / "dist", wheel)) as archive:
        names = archive.namelist()
        for copy in SHARED_MODULES:
            assert archive.read(f"impasto_krita/shared/impasto_client/{copy.name}") == copy.read_bytes()
        desktop = archive.read("impasto_krita.desktop").decode()
    assert "impasto_krita/" in names  # without the folder's own entry: "No plugins found in archive"
    assert {"impasto_krita.desktop", "impasto_krita.action", "impasto_krita/__init__.py", "impasto_krita/Manual.html"} <= set(
        names
    )
    assert f"impasto_krita/shared/impasto_client/engine/{wheel.name}" in names
    assert not [name for name in names if "__pycache__" in name or name.endswith(".pyi")]
    settings = dict(line.split("=", 1) for line in desktop.splitlines() if "=" in line)
    assert settings["X-KDE-Library"] == "impasto_krita"
    assert f"impasto_krita/{settings['X-Krita-Manual']}" in names


def test_zip_for_gimp_is_one_folder_with_a_program(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(build_zip(GIMP_PLUGIN, tmp_path / "dist", wheel)) as archive:
        names = archive.namelist()
        mode = archive.getinfo("impasto_gimp/impasto_gimp.py").external_attr >> 16
    assert {name.split("/")[0] for name in names} == {"impasto_gimp"}
    assert mode & 0o111 == 0o111  # else GIMP ignores it
    assert f"impasto_gimp/impasto_client/engine/{wheel.name}" in names
    assert {f"impasto_gimp/impasto_client/{copy.name}" for copy in SHARED_MODULES} <= set(names)


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda plugin: plugin.editor)
def test_zip_is_reproducible(plugin: EditorPlugin, wheel: Path, tmp_path: Path) -> None:
    first, second = (build_zip(plugin, tmp_path / name, wheel) for name in "ab")
    assert first.read_bytes() == second.read_bytes()


def test_plugin_has_the_paintings_of_the_page_with_their_license() -> None:
    files, assets = plugin_files(KRITA_PLUGIN), ROOT / "gradio_app" / "assets"
    folder = "impasto_krita/shared/impasto_client/paintings"
    paintings = json.loads(files[f"{folder}/paintings.json"])
    page = json.loads((assets / "paintings.json").read_text())
    assert paintings == [{"title": painting["title"], "file": painting["file"]} for painting in page]
    for painting in paintings:
        assert files[f"{folder}/{painting['file']}"] == (assets / painting["file"]).read_bytes()
        assert painting["file"].encode() in files[f"{folder}/CREDITS.md"]
    assert b"CC0" in files[f"{folder}/CREDITS.md"]


def test_wheel_of_the_source_distribution_has_the_same_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from_repository = [plugin_files(plugin) for plugin in PLUGINS]
    build = [sys.executable, "-m", "hatchling", "build", "--directory", str(tmp_path / "dist"), "--target"]
    subprocess.run([*build, "sdist"], cwd=ROOT, check=True, capture_output=True)
    (source,) = (tmp_path / "dist").glob("*.tar.gz")
    with tarfile.open(source) as archive:
        archive.extractall(tmp_path, filter="data")
    subprocess.run([*build, "wheel"], cwd=tmp_path / source.name[: -len(".tar.gz")], check=True, capture_output=True)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    monkeypatch.setattr(package, "_SOURCES", (tmp_path / "installed/impasto/plugin",))
    monkeypatch.setattr(package, "_PAGE_ASSETS", tmp_path / "nowhere")
    assert [plugin_files(plugin) for plugin in PLUGINS] == from_repository


def modules() -> list[Path]:
    return [*sorted((ROOT / "plugin").rglob("*.py")), *SHARED_MODULES]


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.stem)
def test_plugin_needs_only_python_3_8_and_qt(path: Path) -> None:
    """Krita offers Python 3.8, the standard library and Qt"""
    tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 8))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported = [name.name for name in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            imported = [node.module or ""]
        else:
            continue
        for name in imported:
            own = {"impasto_client", "krita", "PyQt5", "PyQt6", "gi", "gimp_plugin"}
            assert name.split(".")[0] in sys.stdlib_module_names | own
            assert not name.startswith("PyQt") or path.stem == "qt"


def test_plugin_and_engine_have_the_same_version() -> None:
    assert f'VERSION = "{__version__}"' in (ROOT / "plugin/impasto_client/version.py").read_text()


def test_install_and_uninstall(folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    data, settings = folders
    settings.parent.mkdir()
    before = "[General]\nname=x\n\n[python]\nenable_other=true\n\n[theme]\nTheme=Krita dark\n"
    settings.write_text(before)
    assert main(["krita", "install"]) == 0
    assert (data / "pykrita/impasto_krita/ui/docker.py").exists()
    assert (data / "pykrita/impasto_krita.desktop").exists()
    assert (data / "actions/impasto_krita.action").exists()
    assert sys.executable in (data / "impasto/settings.json").read_text()
    lines = settings.read_text().splitlines()
    assert lines[lines.index("[python]") : lines.index("[theme]")] == [
        "[python]",
        "enable_other=true",
        "enable_impasto_krita=true",
        "",
    ]
    assert main(["krita", "install"]) == 0  # a second time changes nothing
    assert settings.read_text().splitlines() == lines
    engine = Path(this_local_folder()) / "engine"
    engine.mkdir(parents=True)
    assert main(["krita", "uninstall"]) == 0
    assert not [path for path in data.rglob("*") if "impasto" in path.name]
    assert not engine.exists()
    assert settings.read_text() == before
    capsys.readouterr()
    assert main(["krita", "uninstall"]) == 0
    assert "no plugin to remove" in capsys.readouterr().err


def test_install_before_krita_has_run(folders: tuple[Path, Path]) -> None:
    krita.install_plugin()
    assert folders[1].read_text() == "[python]\nenable_impasto_krita=true\n"


def test_unwritable_folder_is_reported_in_one_line(folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    folders[0].parent.mkdir()
    folders[0].write_text("a file instead of a folder")
    assert main(["krita", "install"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_install_for_gimp_and_uninstall(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("GIMP3_DIRECTORY", raising=False)
    for version in ("2.10", "3.0", "3.2"):
        (tmp_path / "GIMP" / version).mkdir(parents=True)
    assert main(["gimp", "install"]) == 0
    for version in ("3.0", "3.2"):
        folder = tmp_path / "GIMP" / version
        program = folder / "plug-ins/impasto_gimp/impasto_gimp.py"
        assert program.stat().st_mode & 0o111
        assert (folder / "plug-ins/impasto_gimp/impasto_client/protocol.py").exists()
        assert sys.executable in (folder / "impasto/settings.json").read_text()
    assert not list((tmp_path / "GIMP" / "2.10").iterdir())
    assert main(["gimp", "uninstall"]) == 0
    assert not [path for path in tmp_path.rglob("*") if "impasto" in path.name]
    capsys.readouterr()
    assert main(["gimp", "uninstall"]) == 0
    assert "no plug-in to remove" in capsys.readouterr().err


def test_gimp_offers_what_the_engine_does() -> None:
    """GIMP asks for the arguments before there is an engine, so the plug-in has copies of them."""
    source = (ROOT / "plugin/impasto_gimp/gimp_plugin/arguments.py").read_text()
    constants = {}
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            if name in ("CHOICES", "DEFAULTS"):
                constants[name] = ast.literal_eval(node.value)
    schema = {option["name"]: option for option in option_schema()}
    for name, labels in constants["CHOICES"].items():
        offers = [(label, None if value == "none" else value) for value, label in labels.items()]
        assert offers == [tuple(offer) for offer in schema[name]["offers"]]
    defaults = {name: schema[name]["default"] for name in constants["DEFAULTS"]}
    assert constants["DEFAULTS"] == {**defaults, "padding": "none"}
