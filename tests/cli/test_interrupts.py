"""Commands that are stopped: what they save, and that a killed run resumes."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from PIL import Image

from impasto.cli.main import main
from impasto.cli.progress import ProgressBar
from impasto.optimization.run import Result, Step
from tests.fork_server import ForkServer

MakePicture = Callable[..., Path]


@pytest.mark.slow
def test_ctrl_c_saves_the_current_picture(tmp_path: Path, picture: MakePicture, random_weights_file: Path) -> None:
    picture("photo.png")
    line = [sys.executable, "-u", "-m", "impasto", "stylize", "photo.png", "photo.png", "-o", "out.png", "--size", "48"]
    line += ["--iterations", "100000", "--weights", str(random_weights_file)]
    default_sigint = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # shells start background jobs with SIGINT ignored
    process = subprocess.Popen(line, cwd=tmp_path, stderr=subprocess.PIPE, text=True, preexec_fn=default_sigint)
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


@pytest.mark.usefixtures("vgg16")
def test_the_instant_result_is_saved_while_its_large_forms_are_set(
    tmp_path: Path, picture: MakePicture, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("impasto.optimization.pyramid._SMALLEST_LEVEL", 32)

    def interrupt(bar: ProgressBar, step: Step, steps: int) -> None:
        if step.scale == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(ProgressBar, "step", interrupt)
    photo, out = str(picture("photo.png")), str(tmp_path / "out.png")
    assert main(["stylize", photo, photo, "-o", out, "--size", "64", "--quality", "draft"]) == 130
    assert "the picture so far, 64 x" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "signals", "status", "message"),
    [
        ("stylize", [signal.SIGINT], 0, r"out\.png, 32 x 27, \d+ s"),  # only writing is left
        ("stylize", [signal.SIGTERM], 0, r"out\.png, 32 x 27, \d+ s"),
        ("stylize", [signal.SIGINT, signal.SIGINT], 130, "impasto: stopped"),  # the second signal interrupts
        ("batch", [signal.SIGTERM], 143, "stopped; 1 painted, .*"),  # the next picture is not started
    ],
)
def test_ctrl_c_during_the_final_save_is_deferred(
    command: str,
    signals: list[signal.Signals],
    status: int,
    message: str,
    tmp_path: Path,
    picture: MakePicture,
    random_weights_file: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    photo, save = str(picture("photo.png")), Result.save

    def interrupted(result: Result, path: Path) -> None:
        save(result, path)
        for number in signals:
            signal.raise_signal(number)

    monkeypatch.setattr(Result, "save", interrupted)
    settings = ["--size", "32", "--iterations", "1", "--weights", str(random_weights_file)]
    pictures = [photo, photo, "-o", str(tmp_path / "out.png")]
    if command == "batch":
        pictures = ["--contents", photo, str(picture("other.png")), "--styles", photo, "-o", str(tmp_path / "all")]
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        assert main([command, *pictures, *settings]) == status
        assert signal.getsignal(signal.SIGINT) == handlers[signal.SIGINT]
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert re.search(f"{message}$", capsys.readouterr().err.strip())
    (written,) = [*tmp_path.glob("out.png"), *tmp_path.glob("all/*.png")]
    with Image.open(written) as image:
        assert image.size == (32, 27)


@pytest.mark.slow
def test_killed_run_resumes_to_the_same_picture(
    tmp_path: Path, picture: MakePicture, random_weights_file: Path, fork_server: ForkServer
) -> None:
    picture("photo.png")
    options = ("--size", "48", "--iterations", "28", "--preset", "paper", "--weights", str(random_weights_file), "--json")
    line = ("stylize", "photo.png", "photo.png", *options)
    uninterrupted = fork_server.run(*line, "-o", "uninterrupted.png", folder=tmp_path)
    assert uninterrupted.status == 0, uninterrupted.stderr
    killed = fork_server.run(
        *line,
        *("-o", "killed.png", "--checkpoint", "run", "--save-every", "20"),
        folder=tmp_path,
        stop_signal=signal.SIGKILL,
        wait_for="killed_20.png",
    )
    assert killed.status == -signal.SIGKILL
    assert not (tmp_path / "killed.png").exists()
    resumed = fork_server.run(*line, "-o", "resumed.png", "--resume", "run", folder=tmp_path)
    assert resumed.status == 0, resumed.stderr
    assert json.loads(resumed.stdout.splitlines()[0])["step"] > 1
    assert (tmp_path / "resumed.png").read_bytes() == (tmp_path / "uninterrupted.png").read_bytes()
