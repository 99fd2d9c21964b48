"""Training: a net comes nearer to what it is to learn, and can be gone on with."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest
import torch
from PIL import Image

from impasto import ImageError, OptionError, OutOfMemoryError
from impasto.cli.main import main
from impasto.feedforward.network import Style, TransformNet
from impasto.feedforward.photos import photos_from_folders, random_crop, read_photos, sample_photos
from impasto.feedforward.stylizer import FeedforwardStylizer, TemporalSmoothing
from impasto.feedforward.training import PHASES, STROKE_SIZES, Phase, Trainer, TrainingStep
from impasto.images.picture import Picture, read_picture
from impasto.options import Options
from tests.conftest import scene
from tests.unit.test_nets import made


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("impasto.feedforward.training.PHASES", (Phase(32, 0.7, 3e-3), Phase(48, 0.3, 2e-3)))


def lesson(made_up_file: Path, styles: int = 1, **more: object) -> Trainer:
    named = {name: more.pop(name) for name in ("preset", "style_layers") if name in more}
    options = Options(size=64, weights=str(made_up_file), network="vgg16", precision="float32", device="cpu", **named)
    photos = read_photos([scene(96, 80, n) for n in range(3)])
    return Trainer([scene(64, 64, 10 + n) for n in range(styles)], photos, options, **more)  # type: ignore[arg-type]


def test_a_net_learns(made_up_file: Path) -> None:
    begun = lesson(made_up_file)
    found = [progress.loss for progress in islice(begun.steps(3600), 120)]
    assert found[-1] < 0.6 * found[4]  # a mean over the last steps


def test_a_net_learns_the_same_from_the_same(made_up_file: Path) -> None:
    one, other = (list(lesson(made_up_file).steps(count=4)) for _ in range(2))
    assert all(torch.equal(tensor, other[-1].net.state[name]) for name, tensor in one[-1].net.state.items())


def test_pieces_grow_and_half_of_the_steps_are_about_what_most_ask_for(
    made_up_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sum(phase.share for phase in PHASES) == pytest.approx(1)
    assert [phase.side for phase in PHASES] == sorted(phase.side for phase in PHASES)
    drawn, draw = [], Trainer._task
    monkeypatch.setattr(Trainer, "_task", lambda *told: drawn.append(draw(*told)) or drawn[-1])
    begun = lesson(made_up_file)
    told = [progress.fraction for progress in begun.steps(count=10)]
    assert [task.piece.shape[0] for task in drawn] == 7 * [32] + 3 * [48]
    work = 7 * [32**2] + 3 * [48**2]
    assert told == pytest.approx([sum(work[: n + 1]) / sum(work) for n in range(10)])  # what is left of it is time
    assert told[-1] == 1
    generator = torch.Generator().manual_seed(0)
    tasks = [draw(begun, 32, generator) for _ in range(200)]
    assert 80 < sum((task.strength, task.stroke) == (0.5, 1.0) for task in tasks) < 120
    assert {task.stroke for task in tasks} == set(STROKE_SIZES)
    assert min(task.strength for task in tasks) < 0.3 < 0.75 < max(task.strength for task in tasks)


def test_phases_go_by_time_where_there_is_one(made_up_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a clock of our own, by which a step takes a second"""
    clock, drawn, draw = [0.0], [], Trainer._task

    def task(self: Trainer, side: int, generator: torch.Generator) -> object:
        clock[0] += 1
        drawn.append(side)
        return draw(self, side, generator)

    begun = lesson(made_up_file)
    begun.load_weights()
    monkeypatch.setattr("impasto.feedforward.training.time.perf_counter", lambda: clock[0])
    monkeypatch.setattr(Trainer, "_task", task)
    told = [progress.fraction for progress in begun.steps(seconds=10)]
    assert drawn == 7 * [32] + 3 * [48]
    assert told == pytest.approx([n / 10 for n in range(1, 11)])


def test_the_rate_falls_in_each_phase(made_up_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rates, step = [], torch.optim.Adam.step
    monkeypatch.setattr(
        torch.optim.Adam, "step", lambda self: rates.append(self.param_groups[0]["lr"]) or step(self), raising=True
    )
    list(lesson(made_up_file).steps(count=10))
    assert (rates[0], rates[7]) == pytest.approx((3e-3, 2e-3))
    for phase in (rates[:7], rates[7:]):
        assert phase == sorted(phase, reverse=True)
    assert rates[6] < 5e-4


def test_a_net_of_two_styles_learns_both(made_up_file: Path) -> None:
    begun = lesson(made_up_file, 2)
    *_, last = islice(begun.steps(3600), 12)
    gains = last.net.state["up.gain"]
    assert len(last.net.styles) == 2
    assert all(float((gains[n, 0] - 1).abs().max()) > 0 for n in range(2))
    assert not torch.equal(gains[0], gains[1])
    assert last.preview(begun.photos[0], 40).size == (80, 40)


def test_a_net_is_gone_on_with(made_up_file: Path, tmp_path: Path) -> None:
    *_, first = islice(lesson(made_up_file).steps(3600), 4)
    first.net.save(tmp_path / "net.safetensors")
    resumed = lesson(made_up_file, resume=TransformNet.load(tmp_path / "net.safetensors"))
    *_, last = islice(resumed.steps(3600), 3)
    assert last.net.facts["steps"] == 7
    difference = max(float((last.net.state[name] - tensor).abs().max()) for name, tensor in first.net.state.items())
    assert 0 < difference < 0.2  # a few steps from there, and not from the beginning
    with pytest.raises(OptionError, match="that net has learned other"):
        lesson(made_up_file, resume=TransformNet.new([Style("other")]))
    with pytest.raises(OptionError, match="21 styles are too many"):
        lesson(made_up_file, 21)
    with pytest.raises(OptionError, match="a net learns a style"):
        lesson(made_up_file, style_layers="none")


def test_pieces_are_pieces_of_photographs() -> None:
    photos = read_photos([scene(200, 120), scene(40, 60, 1)])
    generator = torch.Generator().manual_seed(0)
    pieces = [random_crop(photos, 48, generator) for _ in range(20)]
    assert all(piece.shape == (48, 48, 3) and float(piece.min()) >= 0 and float(piece.max()) <= 1 for piece in pieces)
    assert len({float(piece.mean()) for piece in pieces}) == 20
    with pytest.raises(ImageError, match="no photograph to learn on"):
        read_photos([])


def test_a_broken_photograph_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Image.fromarray(scene(1600, 20)).save(tmp_path / "a.png")  # too thin once it is made smaller
    (tmp_path / "b.png").write_bytes(b"no picture")
    Image.fromarray(scene(1600, 900)).save(tmp_path / "c.png")
    (photo,) = photos_from_folders([tmp_path])
    assert (photo.shape, photo.dtype) == ((432, 768, 3), torch.uint8)
    assert caplog.text.count("left out") == 2


def test_a_net_of_the_papers_loss_is_a_net(made_up_file: Path, tmp_path: Path) -> None:
    about = [Style.of("a\u202fb\nc", Image.fromarray(scene(64, 64)), "CC0\n")]
    begun = lesson(made_up_file, preset="paper", about=about)
    (last,) = islice(begun.steps(3600), 1)
    assert last.loss > 10
    last.net.facts["loss"] = 1e11  # as it is on larger pictures of more contrast
    last.net.save(tmp_path / "net.safetensors")
    assert [(style.name, style.licence) for style in TransformNet.load(tmp_path / "net.safetensors").styles] == [
        ("a_b_c", "CC0_")
    ]


def test_there_are_photographs_where_none_are_given() -> None:
    pytest.importorskip("skimage")
    assert len(sample_photos()) == 10


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    for n in range(2):
        Image.fromarray(scene(90, 72, n)).save(tmp_path / "photos" / f"photo{n}.png")
    Image.fromarray(scene(64, 64, 9)).save(tmp_path / "waves.png")
    return tmp_path


def test_the_commands(folder: Path, made_up_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    train = ["train", "waves.png", "-o", "waves.safetensors", "--photos", "photos", "--minutes", "0.02", "--size", "64"]
    more = [
        "--weights",
        str(made_up_file),
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
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert told[-1]["fraction"] == 1
    assert [told[0]["step"], told[-1]["step"]] == [1, len(told)]
    for name in ("now.png", "loss.png"):
        with Image.open(name) as image:
            image.load()
    assert main(["nets", "waves.safetensors"]) == 0
    assert "waves  (CC0)" in capsys.readouterr().out
    assert main([*train, *more]) == 2
    assert "'waves.safetensors' is already there" in capsys.readouterr().err

    assert main(["apply", "waves.safetensors", "photos/photo0.png", "-o", "out.png"]) == 0
    with Image.open("out.png") as image:
        assert image.size == (90, 72)
        assert json.loads(image.text["impasto"])["net"]["styles"] == ["waves"]
    several = ["apply", "waves.safetensors", "photos", "-o", "out", "--format", "jpg", "--size", "60", "--steady", ".8"]
    assert main(several) == 0
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["photo0_waves.jpg", "photo1_waves.jpg"]
    (folder / "out" / "photo0_waves.jpg").unlink()
    (folder / "photos" / "broken.png").write_bytes(b"no picture")
    capsys.readouterr()
    assert main([*several, "--json"]) == 2
    told = capsys.readouterr()
    assert [json.loads(line)["state"] for line in told.out.splitlines()] == ["failed", "painted", "there"]
    assert "broken_waves.jpg failed: 'photos/broken.png'" in told.err
    with Image.open("out/photo1_waves.jpg") as image:
        assert image.size == (60, 48)
    assert main(["rerun", "out.png"]) == 2
    assert "was painted by the net 'waves'" in capsys.readouterr().err

    pytest.importorskip("onnx")
    assert main(["export", "waves.safetensors", "--onnx", "waves.onnx"]) == 0
    assert (folder / "waves.onnx").stat().st_size > 1_000_000


def test_a_training_that_is_stopped_keeps_what_was_learned(
    folder: Path, made_up_file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = Trainer.steps

    def stopped(self: Trainer, seconds: float, count: float) -> Iterator[TrainingStep]:
        yield from islice(steps(self, 3600), 2)
        raise KeyboardInterrupt

    monkeypatch.setattr(Trainer, "steps", stopped)
    line = ["train", "waves.png", "-o", "net.safetensors", "--photos", "photos", "--size", "64"]
    line += ["--weights", str(made_up_file), "--network", "vgg16"]
    assert main(line) == 130
    assert "stopped at 0%; net.safetensors is the net so far" in capsys.readouterr().err
    assert TransformNet.load("net.safetensors").facts["steps"] == 2
    assert main([*line, "--resume", "net.safetensors", "--force"]) == 130
    assert TransformNet.load("net.safetensors").facts["steps"] == 4


def test_ctrl_c_while_the_net_is_written_loses_nothing(
    folder: Path, made_up_file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    save = TransformNet.save

    def interrupted(self: TransformNet, path: Path) -> None:
        signal.raise_signal(signal.SIGINT)
        save(self, path)

    monkeypatch.setattr(TransformNet, "save", interrupted)
    line = ["train", "waves.png", "-o", "net.safetensors", "--photos", "photos", "--size", "64", "--steps", "1"]
    assert main([*line, "--weights", str(made_up_file), "--network", "vgg16"]) == 0
    assert "net.safetensors, 1 steps in" in capsys.readouterr().err
    assert TransformNet.load("net.safetensors").facts["steps"] == 1


def test_a_preview_that_cannot_be_written_stops_no_training(
    folder: Path, made_up_file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise ImageError("no room for the preview")

    monkeypatch.setattr("impasto.images.encode.save_picture", full)
    monkeypatch.setattr("impasto.feedforward.training_session.SAVE_INTERVAL", 0.0)  # after each step
    line = ["train", "waves.png", "-o", "net.safetensors", "--photos", "photos", "--size", "64", "--minutes", "0.02"]
    assert main([*line, "--weights", str(made_up_file), "--network", "vgg16", "--preview", "now.png"]) == 0
    assert "no room for the preview" in capsys.readouterr().err
    assert TransformNet.load("net.safetensors").facts["steps"] > 0


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (["train", "waves.png", "-o", "net.png"], "a net ends in .safetensors"),
        (["train", "waves.png", "-o", "none/net.safetensors"], "cannot be written (No such file or directory)"),
        (["train", "waves.png", "-o", "net.safetensors", "--preview", "a.png", "--plot", "a.png"], "need a file each"),
        (["train", "waves.png", "-o", "net.safetensors", "--style-layers", "none"], "a net learns a style"),
        (["train", "waves.png", "-o", "net.safetensors", "--minutes", "soon"], "minutes is 'soon'"),
        (["train", "waves.png", "-o", "net.safetensors", "--photos", "photos", "--size", "0"], "size 0 says nothing to a net"),
        (["train", "waves.png", "waves.png", "photos", "-o", "net.safetensors", "--photos", "nowhere"], "no file or folder"),
        (["apply", "nothing", "waves.png", "-o", "out.png"], "there is no net 'nothing'"),
        (["apply", "waves.png", "waves.png", "-o", "out.png"], "is not a net"),
        (["apply", "net.safetensors", "waves.png", "-o", "waves.png"], "already there"),
        (["apply", "net.safetensors", "photos", "-o", "waves.png"], "is a file, and there are 2 pictures"),
        (["apply", "net.safetensors", "photos", "-o", "new.png"], "is a file, and there are 2 pictures"),
        (["apply", "net.safetensors", "photos", "-o", "new", "--format", "xyz"], "no format 'xyz'"),
        (["apply", "photos", "waves.png", "-o", "out.png"], "there is no net 'photos'"),
        (["nets", "nothing"], "there is no net 'nothing'"),
        (["apply", "net.safetensors", "waves.png", "-o", "out.png", "--style-weights", "1,2"], "2 for 1 style"),
        (["apply", "net.safetensors", "waves.png", "-o", "out.png", "--steady", "1"], "steady is 1.0"),
        (["apply", "net.safetensors", "waves.png", "-o", "out.png", "--memory", "1MB"], "do not fit"),
        (["export", "net.safetensors", "--onnx", "net.txt"], "an ONNX file ends in .onnx"),
    ],
)
def test_what_is_wrong_is_told_in_a_line(line: list[str], said: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    net = Path("net.safetensors")
    if line[0] != "train":
        TransformNet.new([Style("one")], width=4, blocks=1).save(net)
    before = sorted(folder.rglob("*"))
    assert main(line) == 2
    told = capsys.readouterr()
    assert said in told.err
    assert told.err.count("\n") == 1
    assert sorted(folder.rglob("*")) == before


def test_what_a_net_paints_has_all_that_paintings_have() -> None:
    net = made()
    content = scene(60, 48)
    plain = FeedforwardStylizer(net).paint(content)
    assert plain.size == (60, 48)
    see_through = Picture(read_picture(content).pixels, torch.linspace(0, 1, 60).expand(48, 60), 16)
    found = FeedforwardStylizer(net).paint(see_through)
    assert found.depth == 16
    assert found.alpha is not None
    assert torch.equal(found.alpha, torch.linspace(0, 1, 60).expand(48, 60))
    gray = FeedforwardStylizer(net, Options(size=0, colors="content")).paint(content).pixels
    assert float((gray - plain.pixels).abs().mean()) > 0.01
    matched = FeedforwardStylizer(net, Options(size=0, colors="match")).paint(content).pixels
    assert float((matched.mean((0, 1)) - read_picture(content).pixels.mean((0, 1))).abs().max()) < 0.05


def test_masks_say_where_each_style_goes_and_what_stays() -> None:
    net, content = made(), scene(60, 48)
    left = scene(60, 48) * 0
    left[:, :30] = 255
    kept = FeedforwardStylizer(net, Options(size=0, keep=left)).paint(content)
    assert torch.equal(kept.pixels[:, :28], read_picture(content).pixels[:, :28])
    assert torch.equal(kept.pixels[:, 32:], FeedforwardStylizer(net).paint(content).pixels[:, 32:])
    masked = FeedforwardStylizer(net, Options(size=0, masks=[left, 255 - left])).paint(content).pixels
    one, other = (
        FeedforwardStylizer(net, Options(size=0, style_weights=shares)).paint(content).pixels for shares in ((1, 0), (0, 1))
    )
    assert float((one - other).abs().mean()) > 0.01
    assert torch.allclose(masked[:, :28], one[:, :28], atol=1e-5)
    assert torch.allclose(masked[:, 32:], other[:, 32:], atol=1e-5)
    with pytest.raises(OptionError, match="give one of the two"):
        FeedforwardStylizer(net, Options(size=0, masks=[left, left], style_weights=(1, 1)))


def test_a_films_frames_are_kept_steady() -> None:
    frames = [scene(48, 48), scene(48, 48, 5)]
    loose = [FeedforwardStylizer(made()).paint(frame).pixels for frame in frames]
    painter = FeedforwardStylizer(made(), steady=TemporalSmoothing(0.9))
    steady = [painter.paint(frame).pixels for frame in frames]
    assert torch.equal(steady[0], loose[0])
    assert not torch.equal(steady[1], loose[1])
    again = painter.paint(frames[1]).pixels  # and nearer to it as time goes by
    assert float((again - loose[1]).abs().mean()) < float((steady[1] - loose[1]).abs().mean())


def test_what_does_not_fit_is_refused_with_what_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("impasto.runtime.memory_budget.used_memory", lambda _: 500_000_000)
    with pytest.raises(OutOfMemoryError, match=r"4000 x 4000 pixels do not fit into .*: the largest size that does is \d+"):
        FeedforwardStylizer(TransformNet.new([Style("one")]), Options(size=4000, memory="1.5GB")).paint(scene(64, 64))
