"""The commands train, apply, export and nets."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from impasto import ImageError
from impasto.cli.main import main
from impasto.feedforward.network import Style, TransformNet
from impasto.feedforward.training import Trainer, TrainingStep
from tests.conftest import png_text, scene
from tests.feedforward.helpers import SMALL_PHASES, random_net


@pytest.fixture(autouse=True)
def small_crops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("impasto.feedforward.training.PHASES", SMALL_PHASES)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    for n in range(2):
        Image.fromarray(scene(90, 72, n)).save(tmp_path / "photos" / f"photo{n}.png")
    Image.fromarray(scene(64, 64, 9)).save(tmp_path / "waves.png")
    return tmp_path


@pytest.mark.slow
def test_train_nets_apply_and_export(folder: Path, random_weights_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    train = ["train", "waves.png", "-o", "waves.safetensors", "--photos", "photos", "--minutes", "0.02", "--size", "64"]
    more = [
        "--weights",
        str(random_weights_file),
        "--network",
        "vgg16",
        "--preview",
        "now.png",
        "--plot",
        "loss.png",
        "--license",
        "CC0",
    ]
    assert main([*train, *more, "--json"]) == 0
    steps = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert steps[-1]["fraction"] == 1
    assert [steps[0]["step"], steps[-1]["step"]] == [1, len(steps)]
    for name in ("now.png", "loss.png"):
        with Image.open(name) as image:
            image.load()
    assert main(["nets", "waves.safetensors"]) == 0
    assert "waves  (CC0)" in capsys.readouterr().out
    assert main([*train, *more]) == 2
    assert "'waves.safetensors' exists already" in capsys.readouterr().err

    assert main(["apply", "waves.safetensors", "photos/photo0.png", "-o", "out.png"]) == 0
    with Image.open("out.png") as image:
        assert image.size == (90, 72)
        assert json.loads(png_text(image)["impasto"])["net"]["styles"] == ["waves"]
    several = ["apply", "waves.safetensors", "photos", "-o", "out", "--format", "jpg", "--size", "60", "--steady", ".8"]
    assert main(several) == 0
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["photo0_waves.jpg", "photo1_waves.jpg"]
    (folder / "out" / "photo0_waves.jpg").unlink()
    (folder / "photos" / "broken.png").write_bytes(b"no picture")
    capsys.readouterr()
    assert main([*several, "--json"]) == 2
    output = capsys.readouterr()
    assert [json.loads(line)["state"] for line in output.out.splitlines()] == ["failed", "painted", "there"]
    assert "broken_waves.jpg failed: 'photos/broken.png'" in output.err
    with Image.open("out/photo1_waves.jpg") as image:
        assert image.size == (60, 48)
    assert main(["rerun", "out.png"]) == 2
    assert "was made by the style network 'waves'" in capsys.readouterr().err

    pytest.importorskip("onnx")
    assert main(["export", "waves.safetensors", "--onnx", "waves.onnx"]) == 0
    assert (folder / "waves.onnx").stat().st_size > 1_000_000


@pytest.mark.slow
def test_interrupted_training_saves_the_network(
    folder: Path, random_weights_file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = Trainer.steps

    def interrupted(self: Trainer, seconds: float, count: float) -> Iterator[TrainingStep]:
        yield from islice(steps(self, 3600), 2)
        raise KeyboardInterrupt

    monkeypatch.setattr(Trainer, "steps", interrupted)
    line = ["train", "waves.png", "-o", "net.safetensors", "--photos", "photos", "--size", "64"]
    line += ["--weights", str(random_weights_file), "--network", "vgg16"]
    assert main(line) == 130
    assert "stopped at 0%; net.safetensors is the network so far" in capsys.readouterr().err
    assert TransformNet.load("net.safetensors").training_info["steps"] == 2
    assert main([*line, "--resume", "net.safetensors", "--force"]) == 130
    assert TransformNet.load("net.safetensors").training_info["steps"] == 4


def test_ctrl_c_during_the_final_save_is_deferred(
    folder: Path, random_weights_file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    save = TransformNet.save

    def interrupted(self: TransformNet, path: Path) -> None:
        signal.raise_signal(signal.SIGINT)
        save(self, path)

    monkeypatch.setattr(TransformNet, "save", interrupted)
    line = ["train", "waves.png", "-o", "net.safetensors", "--photos", "photos", "--size", "64", "--steps", "1"]
    assert main([*line, "--weights", str(random_weights_file), "--network", "vgg16"]) == 0
    assert "net.safetensors, 1 steps in" in capsys.readouterr().err
    assert TransformNet.load("net.safetensors").training_info["steps"] == 1


@pytest.mark.slow
def test_training_continues_when_the_preview_cannot_be_written(
    folder: Path, random_weights_file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ImageError("no room for the preview")

    monkeypatch.setattr("impasto.images.encode.save_picture", fail)
    monkeypatch.setattr("impasto.feedforward.training_session.SAVE_INTERVAL", 0.0)  # save after each step
    line = ["train", "waves.png", "-o", "net.safetensors", "--photos", "photos", "--size", "64", "--minutes", "0.02"]
    assert main([*line, "--weights", str(random_weights_file), "--network", "vgg16", "--preview", "now.png"]) == 0
    assert "no room for the preview" in capsys.readouterr().err
    assert TransformNet.load("net.safetensors").training_info["steps"] > 0


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (["train", "waves.png", "-o", "net.png"], "a network needs the suffix .safetensors"),
        (["train", "waves.png", "-o", "none/net.safetensors"], "cannot be written (No such file or directory)"),
        (["train", "waves.png", "-o", "net.safetensors", "--preview", "a.png", "--plot", "a.png"], "need a file each"),
        (["train", "waves.png", "-o", "net.safetensors", "--style-layers", "none"], "style_layers is none"),
        (["train", "waves.png", "-o", "net.safetensors", "--minutes", "soon"], "minutes is 'soon'"),
        (
            ["train", "waves.png", "-o", "net.safetensors", "--photos", "photos", "--size", "0"],
            "size 0 sets no stroke size for a network",
        ),
        (["train", "waves.png", "waves.png", "photos", "-o", "net.safetensors", "--photos", "nowhere"], "no file or folder"),
        (["apply", "nothing", "waves.png", "-o", "out.png"], "no style network 'nothing'"),
        (["apply", "waves.png", "waves.png", "-o", "out.png"], "is not a style network"),
        (["apply", "net.safetensors", "waves.png", "-o", "waves.png"], "exists already"),
        (["apply", "net.safetensors", "photos", "-o", "waves.png"], "is a file, and there are 2 pictures"),
        (["apply", "net.safetensors", "photos", "-o", "new.png"], "is a file, and there are 2 pictures"),
        (["apply", "net.safetensors", "photos", "-o", "new", "--format", "xyz"], "no format 'xyz'"),
        (["apply", "photos", "waves.png", "-o", "out.png"], "no style network 'photos'"),
        (["nets", "nothing"], "no style network 'nothing'"),
        (["apply", "net.safetensors", "waves.png", "-o", "out.png", "--style-weights", "1,2"], "2 for 1 style"),
        (["apply", "net.safetensors", "waves.png", "-o", "out.png", "--steady", "1"], "steady is 1.0"),
        (["apply", "net.safetensors", "waves.png", "-o", "out.png", "--memory", "1MB"], "do not fit"),
        (["export", "net.safetensors", "--onnx", "net.txt"], "an ONNX file needs the suffix .onnx"),
    ],
)
def test_errors_are_one_line_and_write_nothing(
    line: list[str], message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    net = Path("net.safetensors")
    if line[0] != "train":
        TransformNet.initialize([Style("one")], width=4, blocks=1).save(net)
    before = sorted(folder.rglob("*"))
    assert main(line) == 2
    errors = capsys.readouterr().err
    assert message in errors
    assert errors.count("\n") == 1
    assert sorted(folder.rglob("*")) == before


def test_faces_are_protected_in_pictures_and_not_in_frames(folder: Path) -> None:
    random_net(1).save(folder / "net.safetensors")
    photo = str(Path(__file__).parents[2] / "gradio_app" / "assets" / "astronaut.jpg")
    results = {}
    for name, flags in (("plain", ["--protect", "none"]), ("face", []), ("frame", ["--steady", "0.5"])):
        assert main(["apply", "net.safetensors", photo, "-o", f"{name}.png", "--size", "128", *flags]) == 0
        with Image.open(folder / f"{name}.png") as image:
            results[name] = np.asarray(image).astype(int)
    assert np.abs(results["face"] - results["plain"])[20:36, 48:64].mean() > 2
    assert np.abs(results["face"] - results["plain"])[80:].max() == 0
    assert np.array_equal(results["frame"], results["plain"])
