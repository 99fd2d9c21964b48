"""Films: frames in folders and film files. PyAV writes the films that the tests read, and reads the results."""

from __future__ import annotations

import fractions
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from impasto.cli.main import main
from impasto.experiments.film import STATE_NAME, stylize_film
from impasto.feedforward.network import Style, TransformNet
from impasto.feedforward.stylizer import FeedforwardStylizer
from impasto.images.picture import Picture, read_picture
from impasto.options import Options
from tests.conftest import scene

av: Any = pytest.importorskip("av")

FRAMES = 11


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("net") / "waves.safetensors"
    TransformNet.initialize([Style("waves")], width=8, blocks=1).save(path)
    return path


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    """A folder with the frames frame1.png to frame11.png"""
    folder = tmp_path / "frames"
    folder.mkdir()
    for n in range(1, FRAMES + 1):
        Image.fromarray((scene(36, 28, n) * (0.5 + n / 30)).clip(0, 255).astype(np.uint8)).save(folder / f"frame{n}.png")
    return folder


def painted(folder: Path) -> dict[str, np.ndarray]:
    return {path.name: read_picture(path).pixels.numpy() for path in folder.glob("*.png")}


def interrupt(monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """Press Ctrl-C after some pictures."""
    original, calls = FeedforwardStylizer.stylize, iter(range(100))

    def stylize(self: FeedforwardStylizer, content: Any, *arguments: Any) -> Picture:
        if next(calls) == after:
            raise KeyboardInterrupt
        return original(self, content, *arguments)

    monkeypatch.setattr(FeedforwardStylizer, "stylize", stylize)


@pytest.mark.parametrize("state", ["kept", "deleted"])
def test_interrupted_frames_go_on_as_if_they_had_not_been(
    net: Path, frames: Path, tmp_path: Path, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, broken, unsmoothed = tmp_path / "whole", tmp_path / "broken", tmp_path / "unsmoothed"
    line = ["apply", str(net), str(frames), "--steady", "0.8", "-o"]
    assert main([*line, str(whole)]) == 0
    with monkeypatch.context() as context:
        interrupt(context, 5)
        assert main([*line, str(broken)]) == 130
    assert len(painted(broken)) == 5
    if state == "deleted":
        (broken / STATE_NAME).unlink()
    with monkeypatch.context() as context:  # with the averages at hand, the frames that exist are not stylized again
        interrupt(context, 6 if state == "kept" else 11)
        assert main([*line, str(broken)]) == 0
    assert not (broken / STATE_NAME).exists()
    expected, result = painted(whole), painted(broken)
    assert expected.keys() == result.keys()
    for name, pixels in expected.items():
        np.testing.assert_array_equal(result[name], pixels, err_msg=name)
    assert main(["apply", str(net), str(frames), "-o", str(unsmoothed)]) == 0
    assert not np.array_equal(painted(unsmoothed)["frame11_waves.png"], expected["frame11_waves.png"])


@pytest.mark.parametrize("missing", [[4, 8], [1], [11]], ids=str)
def test_missing_frames_are_made_as_the_first_time(net: Path, frames: Path, tmp_path: Path, missing: list[int]) -> None:
    line = ["apply", str(net), str(frames), "--steady", "0.8", "-o", str(tmp_path / "out")]
    assert main(line) == 0
    expected = painted(tmp_path / "out")
    for n in missing:
        (tmp_path / "out" / f"frame{n}_waves.png").unlink()
    assert main(line) == 0
    for name, pixels in expected.items():
        np.testing.assert_array_equal(painted(tmp_path / "out")[name], pixels, err_msg=name)


def test_frames_are_smoothed_in_natural_order(net: Path, frames: Path, tmp_path: Path) -> None:
    """Frame 2 follows frame 1, not frame 10 or 11: with a great weight of earlier frames, it hardly depends on its own."""
    assert main(["apply", str(net), str(frames), "-o", str(tmp_path / "all"), "--steady", "0.9"]) == 0
    assert (
        main(
            [
                "apply",
                str(net),
                *(str(frames / f"frame{n}.png") for n in (1, 2)),
                "-o",
                str(tmp_path / "two"),
                "--steady",
                "0.9",
            ]
        )
        == 0
    )
    np.testing.assert_array_equal(painted(tmp_path / "all")["frame2_waves.png"], painted(tmp_path / "two")["frame2_waves.png"])


def test_all_frames_of_an_animation(net: Path, tmp_path: Path) -> None:
    images = [Image.fromarray(scene(36, 28, n)) for n in range(3)]
    images[0].save(tmp_path / "moving.webp", save_all=True, append_images=images[1:], lossless=True)
    assert main(["apply", str(net), str(tmp_path / "moving.webp"), "-o", str(tmp_path / "out"), "--frames"]) == 0
    stylizer = FeedforwardStylizer(TransformNet.load(net))
    for n, image in enumerate(images, 1):
        expected = Picture(stylizer.stylize(np.asarray(image)).pixels).image
        np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "out" / f"moving_{n}_waves.png")), np.asarray(expected))


def write_film(path: Path, width: int, height: int, *, rate: int = 12, sound: bool = True, codec: str = "libx264") -> None:
    """Write a film of FRAMES frames of flat colors that change, with a tone."""
    with av.open(str(path), "w") as film:
        video = film.add_stream(codec, rate=rate, options={"crf": "10"})
        video.width, video.height, video.pix_fmt = width, height, "yuv420p" if width % 2 == 0 else "yuv444p"
        audio = film.add_stream("aac", rate=44100, layout="mono") if sound else None
        for n in range(FRAMES):
            pixels = np.full((height, width, 3), (20 * n, 120, 255 - 20 * n), np.uint8)
            film.mux(video.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        film.mux(video.encode(None))
        if audio:
            samples = np.sin(np.arange(44100 * FRAMES // rate) * 0.06).astype(np.float32)[None]
            frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
            frame.sample_rate, frame.time_base, frame.pts = 44100, fractions.Fraction(1, 44100), 0
            film.mux(audio.encode(frame))
            film.mux(audio.encode(None))


class Film:
    def __init__(self, path: Path) -> None:
        with av.open(str(path)) as film:
            video = film.streams.video[0]
            self.rate, self.size = float(video.average_rate), (video.width, video.height)
            self.sound = [bytes(packet) for packet in film.demux(audio=0) if packet.size] if film.streams.audio else []
        with av.open(str(path)) as film:
            decoded = list(film.decode(video=0))
            self.times = [round(frame.time, 4) for frame in decoded]
            self.colors = np.array([frame.to_ndarray(format="rgb24").mean((0, 1)) for frame in decoded])


class Unchanged(FeedforwardStylizer):
    """Returns the frames as they are"""

    def stylize(self, content: Any, *_: Any, **__: Any) -> Picture:
        return read_picture(content)


@pytest.mark.parametrize(("suffix", "size"), [(".mp4", (64, 48)), (".mkv", (64, 48)), (".mov", (65, 47))])
def test_film_keeps_rate_size_sound_and_colors(net: Path, tmp_path: Path, suffix: str, size: tuple[int, int]) -> None:
    source, target = tmp_path / f"film{suffix}", tmp_path / f"out{suffix}"
    write_film(source, *size)
    done = list(stylize_film(Unchanged(TransformNet.load(net), Options(size=0)), source, target))
    assert done == pytest.approx([n / FRAMES for n in range(1, FRAMES + 1)], abs=0.01)
    before, after = Film(source), Film(target)
    assert (after.rate, after.size, after.times) == (before.rate, before.size, before.times)
    assert after.sound == before.sound != []
    np.testing.assert_allclose(after.colors, before.colors, atol=4)
    assert sorted(path.name for path in tmp_path.iterdir()) == [source.name, target.name]


def test_webm(net: Path, tmp_path: Path) -> None:
    write_film(tmp_path / "film.mp4", 64, 48, sound=False)
    list(stylize_film(Unchanged(TransformNet.load(net), Options(size=0)), tmp_path / "film.mp4", tmp_path / "out.webm"))
    assert len(Film(tmp_path / "out.webm").times) == FRAMES


def test_command_stylizes_a_film(net: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, target = tmp_path / "film.mp4", tmp_path / "out.mp4"
    write_film(source, 64, 48)
    line = ["apply", str(net), str(source), "-o", str(target), "--steady", "0.5"]
    assert main(line) == 0
    assert "100%" in capsys.readouterr().err
    assert len(Film(target).times) == FRAMES
    assert main(line) == 2
    assert "exists already" in capsys.readouterr().err


def test_ctrl_c_leaves_a_film_of_what_is_done(
    net: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = tmp_path / "film.mp4", tmp_path / "out.mp4"
    write_film(source, 64, 48)
    interrupt(monkeypatch, 4)
    assert main(["apply", str(net), str(source), "-o", str(target)]) == 130
    assert "out.mp4 is the film so far" in capsys.readouterr().err
    film = Film(target)
    assert len(film.times) == 4
    assert film.sound
    assert sorted(path.name for path in tmp_path.iterdir()) == ["film.mp4", "out.mp4"]


@pytest.mark.parametrize(
    ("make", "output", "message"),
    [
        (lambda path: path.write_bytes(b"no film"), "out.mp4", "cannot be read or written as a film"),
        (lambda path: write_film(path, 64, 48), "out.doc", "is no film that can be written"),
        (lambda path: write_film(path, 64, 48), "-", "the output of a film is a file"),
    ],
    ids=["damaged", "suffix", "standard output"],
)
def test_what_is_no_film_is_refused(
    net: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], make: Callable[[Path], Any], output: str, message: str
) -> None:
    make(tmp_path / "film.mp4")
    assert (
        main(["apply", str(net), str(tmp_path / "film.mp4"), "-o", output if output == "-" else str(tmp_path / output)]) == 2
    )
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]
