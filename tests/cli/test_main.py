"""The command line: results, output and errors."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from impasto.cli.main import build_parser, command_parsers, main
from impasto.cli.option_flags import flag
from impasto.images.picture import read_picture, to_uint
from impasto.options import Options
from tests.conftest import pixels, png_text

MakePicture = Callable[..., Path]
RunCommand = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path, picture: MakePicture, random_weights_file: Path, run_impasto: RunCommand) -> RunCommand:
    """Runs `impasto ...` in a folder with photo.png and style.png, on a network with random weights"""
    picture("photo.png")
    picture("style.png", 40, 48)

    def command(*arguments: str) -> subprocess.CompletedProcess[str]:
        if {"stylize", "reconstruct", "texture", "paper"} & set(arguments[:1]) and "--weights" not in arguments:
            arguments = (*arguments, "--weights", str(random_weights_file))
        return run_impasto(*arguments, folder=tmp_path)

    return command


def test_stylize_writes_the_result(run: RunCommand, tmp_path: Path) -> None:
    line = ("stylize", "photo.png", "style.png", "-o", "out.png", "--size", "64", "--iterations", "2", "--colors", "match")
    completed = run(*line, "--json")
    assert completed.returncode == 0, completed.stderr
    with Image.open(tmp_path / "out.png") as image:
        assert image.size == (64, 53)
    *steps, record = map(json.loads, completed.stdout.splitlines())
    assert [step["step"] for step in steps] == [1, 2]
    assert steps[-1]["fraction"] == 1
    assert steps[-1]["size"] == [64, 53]
    first, last = steps  # the initial image is the content
    assert first["content_loss"] == 0 < first["style_loss"] == first["loss"]
    assert last["content_loss"] > 0 < last["style_loss"] < last["loss"]
    assert record["output"] == "out.png"
    assert record["loss"] == steps[-1]["loss"] > 0
    assert "out.png, 64 x 53" in completed.stderr


@pytest.mark.slow
def test_reconstruct_and_texture(run: RunCommand, tmp_path: Path) -> None:
    fast_settings = ("--iterations", "2")
    assert (
        run(
            "reconstruct", "photo.png", "--layer", "conv2_1", "-o", "reconstruction.png", "--size", "64", *fast_settings
        ).returncode
        == 0
    )
    with Image.open(tmp_path / "reconstruction.png") as image:
        assert image.size == (64, 53)
        options = json.loads(png_text(image)["impasto"])["options"]
    assert (options["preset"], options["content_layers"], options["style_layers"]) == ("paper", "conv2_1", "none")
    assert options["init"] == "noise"
    assert run("texture", "style.png", "-o", "texture.png", "--size", "80x40", *fast_settings).returncode == 0
    with Image.open(tmp_path / "texture.png") as image:
        assert image.size == (80, 40)
        options = json.loads(png_text(image)["impasto"])["options"]
    assert (options["init"], options["content_layers"]) == ("noise", "none")
    for size in ("80", "80x", "axb", "8x80"):
        refused = run("texture", "style.png", "-o", "no.png", "--size", size)
        assert refused.returncode == 2
        assert len(refused.stderr.splitlines()) == 1
    assert "conv9_9" in run("reconstruct", "photo.png", "--layer", "conv9_9", "-o", "no.png").stderr


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("stylize", "(default: the preset's, which is max for impasto)"),
        ("stylize", "(default: 512)"),
        ("paper", "(default: 256)"),
        ("paper", "(default: draft)"),
        ("reconstruct", "(default: the preset's, which is average for paper)"),
        ("reconstruct", "(default: noise)"),
        ("texture", "(default: noise)"),
        ("rerun", "size of the style relative to the result"),
        ("rerun", "(default: the recipe's)"),
    ],
)
def test_help_shows_the_defaults_of_the_command(command: str, text: str) -> None:
    words = " ".join(command_parsers(build_parser())[command].format_help().split())
    assert text in words
    assert ("(default: 512)" in words) == (command not in ("paper", "rerun", "texture"))


def test_existing_files_are_replaced_only_with_force(run: RunCommand, tmp_path: Path) -> None:
    (tmp_path / "out.png").write_bytes(b"mine")
    fast_settings = ("stylize", "photo.png", "style.png", "-o", "out.png", "--size", "32", "--iterations", "1")
    refused = run(*fast_settings)
    assert (refused.returncode, (tmp_path / "out.png").read_bytes()) == (2, b"mine")
    assert "--force" in refused.stderr
    assert run(*fast_settings, "--force").returncode == 0
    with Image.open(tmp_path / "out.png") as image:
        assert image.size == (32, 27)


MESSAGES = {
    ("stylize", "missing.jpg", "style.png", "-o", "out.png"): "there is no file 'missing.jpg'",
    ("stylize", "photo.png", "text.png", "-o", "out.png"): "'text.png' is not a picture",
    ("stylize", "photo.png", "style.png", "-o", "out.xyz"): "cannot tell the format of 'out.xyz'",
    ("stylize", "photo.png", "style.png", "-o", "none/out.png"): "'none/out.png' cannot be written",
    ("stylize", "photo.png", "style.png", "-o", "out.png", "--sise", "64"): "did you mean --size?",
    ("stylize", "photo.png", "style.png", "-o", "out.png", "--size", "big"): "size is 'big'",
    ("stylize", "photo.png", "style.png", "-o", "out.png", "--size", "9"): "size 9 is too small",
    ("stylize", "photo.png", "style.png", "-o", "out.png", "--preset", "papper"): "did you mean 'paper'?",
    ("stylize", "photo.png", "style.png", "-o", "out.png", "--style-layers", "conv1_9"): "did you mean 'conv1_",
    ("stylize", "photo.png", "style.png", "-o", "out.png", "--strength", "0.5", "--ratio", "1"): "give one of the two",
    ("stylize", "photo.png", "style.png", "-o", "out.png", "--device", "cuda:99"): "cuda",
    ("stylize", "photo.png", "style.png", "-o", "out.png", "--weights", "text.png"): "'text.png' holds no weights",
    ("stylize", "photo.png", "style.png", "-o", "out.png", "--max-megapixels", "0.001"): "over the limit",
    ("stylize", "photo.png", "style.png", "-o", "out.png", "--save-every", "0"): "save-every is '0'",
    ("stylize", "photo.png", "style.png", "-o", "out.png", "--plot", "curve.jpg"): "use the suffix .png",
    ("stylize", "photo.png", "style.png", "-o", "out.png", "--resume", "text.png"): "not a checkpoint",
    ("stylize", "photo.png", "style.png", "-o", "out.png", "--mask", "text.png"): "'text.png' is not a picture",
    ("stylize", "photo.png", "style.png", "-o", "out.png", "--network", "vgg19-normalised"): "impasto weights normalize",
    ("rerun", "photo.png"): "has no recipe",
    ("paper", "photo.png", "style.png", "-o", "out", "--figure", "grids"): "grids",
    ("batch", "--contents", "photo.png", "--styles", "none", "-o", "out"): "no file or folder 'none'",
    ("stylize", "photo.png", "-o", "out.png"): "STYLE",
    ("stylize", "photo.png", "style.png"): "-o/--output",
    ("stylise", "photo.png"): "no command 'stylise': did you mean 'stylize'?",
    ("photo.png", "style.png", "-o", "out.png"): "did you mean `impasto stylize photo.png ...`?",
    ("weights", "fetch", "vgg61"): "no network 'vgg61': did you mean 'vgg1",
    ("weights", "fetch", "vgg19-normalised"): "vgg19-normalised is made of vgg19: fetch that",
    (): "COMMAND",
}


@pytest.mark.parametrize("arguments", MESSAGES)
def test_bad_input_is_one_line_with_status_2_and_no_file(run: RunCommand, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    (tmp_path / "text.png").write_text("not a picture")
    before = sorted(path.name for path in tmp_path.iterdir())
    completed = run(*arguments)
    assert completed.returncode == 2
    assert completed.stdout == ""
    assert completed.stderr.startswith("impasto: ")
    assert completed.stderr.count("\n") == 1
    assert MESSAGES[arguments] in completed.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == before


@pytest.mark.slow
def test_help_lists_every_option_without_torch(tmp_path: Path) -> None:
    code = "import sys\nfrom impasto.cli.main import main\ntry: main(['stylize', '--help'])\nexcept SystemExit: pass\n"
    code += "print('torch' in sys.modules)"
    completed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "COLUMNS": "200"}
    )
    assert completed.stdout.rstrip().endswith("False")
    assert completed.stderr == ""
    for field in dataclasses.fields(Options):
        assert flag(field) in completed.stdout


def test_presets_and_weights_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["presets"]) == 0
    assert "paper" in capsys.readouterr().out
    assert main(["weights"]) == 0
    listing = capsys.readouterr().out
    assert "CC BY 4.0" in listing
    assert "BSD-3-Clause" in listing
    assert "dcbb9e9d" in listing


@pytest.mark.slow
def test_stylize_with_the_real_network(run: RunCommand, tmp_path: Path, vgg16: object, picture: MakePicture) -> None:
    line = [sys.executable, "-m", "impasto", "stylize", "photo.png", "style.png", "-o", "real.png", "--size", "48"]
    completed = subprocess.run(
        [*line, "--network", "vgg16", "--quality", "draft", "--iterations", "3"], cwd=tmp_path, capture_output=True, text=True
    )
    assert completed.returncode == 0, completed.stderr


@pytest.mark.slow
def test_snapshots_plots_and_masks(run: RunCommand, tmp_path: Path) -> None:
    Image.new("L", (48, 40), 255).save(tmp_path / "white.png")
    line = ("stylize", "photo.png", "style.png", "-o", "out.jpg", "--size", "32", "--iterations", "5")
    more = ("--save-every", "2", "--plot", "curve.png", "--mask", "white.png", "--style-scale", "0.5")
    completed = run(*line, *more)
    assert completed.returncode == 0, completed.stderr
    assert {path.name for path in tmp_path.glob("out*")} == {"out.jpg", "out_2.jpg", "out_4.jpg"}
    with Image.open(tmp_path / "curve.png") as image:
        assert image.width > 400
        colors = image.convert("RGB").getcolors(1 << 20)
        assert colors is not None
        assert len(colors) > 20
    (tmp_path / "out.jpg").unlink()
    refused = run(*line, *more)
    assert refused.returncode == 2
    assert "exists already" in refused.stderr
    assert not (tmp_path / "out.jpg").exists()
    same = run(*line[:4], "curve2.png", *line[5:], "--plot", "curve2.png")
    assert "need a file each" in same.stderr
    assert not (tmp_path / "curve2.png").exists()
    # A resumed run replaces its snapshots.
    resumable = ("stylize", "photo.png", "style.png", "-o", "on.png", "--size", "32", "--iterations", "5", "--save-every", "2")
    assert run(*resumable, "--checkpoint", "run").returncode == 0
    (tmp_path / "on.png").unlink()
    resumed = run(*resumable, "--checkpoint", "run", "--resume", "run")
    assert resumed.returncode == 0, resumed.stderr


@pytest.mark.slow
def test_paper_makes_its_figures(run: RunCommand, tmp_path: Path) -> None:
    """All seven figures have their pictures, and a second run makes only the missing ones."""
    line = ("paper", "photo.png", "style.png", "photo.png", "-o", "figures", "--size", "32", "--iterations", "1")
    completed = run(*line)
    assert completed.returncode == 0, completed.stderr
    names = {path.stem for path in (tmp_path / "figures").iterdir()}
    assert {f"figure_{name}" for name in ("content", "style", "grid", "ratio", "layers", "inits", "gallery")} <= names
    assert sum(name.startswith("content_") for name in names) == 10
    assert sum(name.startswith("style_") for name in names) == 5
    assert sum(name.startswith("grid_") for name in names) == 20
    assert {"layer_conv2_2", "layer_conv4_2", "init_style", "init_noise_4", "ratio_0.1", "gallery_2"} <= names
    with Image.open(tmp_path / "figures" / "figure_grid.png") as image:
        assert image.width > 4 * 32
        assert image.height > 5 * 27
    with Image.open(tmp_path / "figures" / "grid_2_0.001.png") as image:
        options = json.loads(png_text(image)["impasto"])["options"]
    assert (options["style_layers"], options["ratio"], options["pooling"], options["init"]) == (
        "conv1_1,conv2_1",
        0.001,
        "average",
        "noise",
    )
    (tmp_path / "figures" / "grid_2_0.001.png").unlink()
    again = run(*line, "--figure", "grid")
    assert "1 painted, 19 existed already" in again.stderr
    assert again.stdout == f"figures{os.sep}figure_grid.png\n"
    other = run(*line[:-1], "2", "--figure", "layers")  # the existing pictures have another number of steps
    assert other.returncode == 2
    assert "with other pictures or settings" in other.stderr
    assert other.stdout == ""


def test_output_to_standard_output(
    tmp_path: Path, picture: MakePicture, random_weights_file: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    line = ["stylize", str(picture("photo.png")), str(picture("style.png")), "--size", "32", "--iterations", "1"]
    line += ["--weights", str(random_weights_file)]
    assert main([*line, "-o", str(tmp_path / "file.png")]) == 0
    capsysbinary.readouterr()
    for arguments, kind in ([], "PNG"), (["--format", "jpg"], "JPEG"), (["--format", ".TIF"], "TIFF"):
        assert main([*line, "-o", "-", *arguments]) == 0
        output, errors = capsysbinary.readouterr()
        with Image.open(io.BytesIO(output)) as image:
            assert (image.format, image.size) == (kind, (32, 27))
            if kind == "PNG":
                np.testing.assert_array_equal(pixels(image), to_uint(read_picture(tmp_path / "file.png"), 8))
        assert b"standard output, 32 x 27" in errors
    assert not Path("-").exists()
    for arguments, message in (
        (["-o", "-", "--json"], b"so does --json"),
        (["-o", "-", "--save-every", "2"], b"save-every names its pictures after the result"),
        (["-o", "-", "--format", "doc"], b"no format 'doc'"),
        (["-o", str(tmp_path / "b.png"), "--format", "jpg"], b"the file's name tells its format"),
    ):
        assert main([*line, *arguments]) == 2
        output, errors = capsysbinary.readouterr()
        assert (output, message in errors) == (b"", True)


def test_snapshots_of_the_size_of_the_result(
    tmp_path: Path, picture: MakePicture, random_weights_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("impasto.optimization.pyramid._SMALLEST_LEVEL", 32)
    monkeypatch.setattr("impasto.optimization.pyramid._level_steps", lambda *_: 2)
    line = ["stylize", str(picture("photo.png", 64, 48)), str(picture("style.png")), "--size", "64", "--iterations", "2"]
    line += ["--weights", str(random_weights_file), "--save-every", "1"]
    assert main([*line, "-o", str(tmp_path / "own.png")]) == 0
    assert main([*line, "-o", str(tmp_path / "full.png"), "--save-size", "full"]) == 0
    sizes = {name: {read_picture(path).size for path in tmp_path.glob(f"{name}_*.png")} for name in ("own", "full")}
    assert len(sizes["own"]) > 1
    assert sizes["full"] == {(64, 48)}


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links need a permission on Windows")
def test_links_are_files_that_exist(
    tmp_path: Path, picture: MakePicture, random_weights_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "link.png").symlink_to(tmp_path / "target.png")
    line = ["stylize", str(picture("photo.png")), str(picture("style.png")), "--size", "32", "--iterations", "1"]
    line += ["--weights", str(random_weights_file), "-o", str(tmp_path / "link.png")]
    assert main(line) == 2
    assert "exists already" in capsys.readouterr().err
    assert main([*line, "--force"]) == 0
    assert (tmp_path / "link.png").is_symlink()
    assert (tmp_path / "target.png").is_file()


def test_console_that_cannot_show_a_name(tmp_path: Path) -> None:
    """A console of code page 1252, and a folder with a name in another script"""
    folder = tmp_path / "картины"
    environment = os.environ | {"IMPASTO_CACHE": str(folder), "PYTHONIOENCODING": "cp1252", "PYTHONUTF8": "0"}
    command = [sys.executable, "-m", "impasto", "weights"]
    finished = subprocess.run(command, env=environment, capture_output=True, timeout=60)
    assert finished.returncode == 0, finished.stderr
    assert rb"\u043a\u0430\u0440" in finished.stdout
