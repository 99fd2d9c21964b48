"""The command, as a person meets it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from PIL import Image

from impasto import cli
from impasto.options import Options

Maker = Callable[..., Path]
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path, picture: Maker, made_up_file: Path) -> Run:
    """Runs `impasto ...` in a folder with photo.png and style.png, on a network with made-up weights"""
    picture("photo.png")
    picture("style.png", 40, 48)

    def command(*arguments: str) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", "impasto", *arguments]
        if arguments[:1] == ("stylize",) and "--weights" not in arguments:
            line += ["--weights", str(made_up_file)]
        return subprocess.run(line, cwd=tmp_path, capture_output=True, text=True)

    return command


def test_a_picture_is_painted(run: Run, tmp_path: Path) -> None:
    done = run("stylize", "photo.png", "style.png", "-o", "out.png", "--size", "64", "--iterations", "2", "--json")
    assert done.returncode == 0, done.stderr
    with Image.open(tmp_path / "out.png") as image:
        assert image.size == (64, 53)
    record = json.loads(done.stdout)
    assert record["output"] == "out.png"
    assert record["loss"] > 0
    assert "out.png, 64 x 53" in done.stderr


def test_nothing_is_overwritten_unless_forced(run: Run, tmp_path: Path) -> None:
    (tmp_path / "out.png").write_bytes(b"mine")
    quick = ("stylize", "photo.png", "style.png", "-o", "out.png", "--size", "32", "--iterations", "1")
    refused = run(*quick)
    assert (refused.returncode, (tmp_path / "out.png").read_bytes()) == (2, b"mine")
    assert "--force" in refused.stderr
    assert run(*quick, "--force").returncode == 0
    with Image.open(tmp_path / "out.png") as image:
        assert image.size == (32, 27)


BAD = {
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
    ("stylize", "photo.png", "-o", "out.png"): "STYLE",
    ("stylize", "photo.png", "style.png"): "-o/--output",
    ("stylise", "photo.png"): "stylise",
    ("weights", "fetch", "vgg61"): "no network 'vgg61': did you mean 'vgg1",
    (): "COMMAND",
}


@pytest.mark.parametrize("arguments", BAD)
def test_bad_input_is_one_line_and_status_2_and_no_file(run: Run, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    (tmp_path / "text.png").write_text("this is no picture")
    before = sorted(path.name for path in tmp_path.iterdir())
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("impasto: ")
    assert done.stderr.count("\n") == 1
    assert BAD[arguments] in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_ctrl_c_saves_what_there_is(tmp_path: Path, picture: Maker, made_up_file: Path) -> None:
    picture("photo.png")
    line = [sys.executable, "-u", "-m", "impasto", "stylize", "photo.png", "photo.png", "-o", "out.png", "--size", "48"]
    line += ["--iterations", "100000", "--weights", str(made_up_file)]
    heard = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # a shell's background jobs are started deaf to it
    process = subprocess.Popen(line, cwd=tmp_path, stderr=subprocess.PIPE, text=True, preexec_fn=heard)
    assert process.stderr is not None
    while "painting: " not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the picture so far" in error
    assert "Traceback" not in error
    with Image.open(tmp_path / "out.png") as image:
        assert image.size == (48, 40)


def test_help_names_every_option_and_needs_no_torch(tmp_path: Path) -> None:
    code = "import sys, impasto.cli\ntry: impasto.cli.main(['stylize', '--help'])\nexcept SystemExit: pass\n"
    code += "print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "COLUMNS": "200"})
    assert done.stdout.rstrip().endswith("False")
    assert done.stderr == ""
    for name in Options.__dataclass_fields__:
        assert f"--{name.replace('_', '-')}" in done.stdout


def test_presets_and_weights_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["presets"]) == 0
    assert "paper" in capsys.readouterr().out
    assert cli.main(["weights"]) == 0
    shown = capsys.readouterr().out
    assert "CC BY 4.0" in shown
    assert "BSD-3-Clause" in shown
    assert "dcbb9e9d" in shown


def test_a_picture_is_painted_on_the_real_network(run: Run, tmp_path: Path, vgg16: object, picture: Maker) -> None:
    line = [sys.executable, "-m", "impasto", "stylize", "photo.png", "style.png", "-o", "real.png", "--size", "48"]
    done = subprocess.run([*line, "--network", "vgg16", "--quality", "draft"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
