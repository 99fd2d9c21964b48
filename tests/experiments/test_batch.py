"""Batches: `impasto batch`, and the names of its results."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from impasto.cli.main import main
from impasto.errors import ImageError
from impasto.experiments.batch import output_paths
from impasto.optimization import cache, style_statistics

FAST_SETTINGS = ["--size", "32", "--iterations", "1"]


@pytest.fixture
def command_line(tmp_path: Path, picture: Callable[..., Path], random_weights_file: Path) -> list[str]:
    """Two photographs and two styles"""
    for name in ("photos", "styles"):
        (tmp_path / name).mkdir()
    picture("photos/one.png")
    picture("photos/two.jpg")
    picture("styles/red.png")
    picture("styles/blue.png", 40, 40)
    line = ["--contents", str(tmp_path / "photos"), "--styles", str(tmp_path / "styles"), "-o", str(tmp_path / "out")]
    return ["batch", *line, "--weights", str(random_weights_file), *FAST_SETTINGS]


@pytest.mark.slow
def test_batch_paints_every_pair_and_skips_existing_results(
    command_line: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(command_line) == 0
    names = ["one_blue.png", "one_red.png", "two_blue.png", "two_red.png"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names
    assert "4 painted, 0 existed already, 0 failed" in capsys.readouterr().err
    (tmp_path / "out" / "one_red.png").unlink()
    before = (tmp_path / "out" / "one_blue.png").stat().st_mtime_ns
    assert main([*command_line, "--json"]) == 0
    out, error = capsys.readouterr()
    assert [json.loads(line)["state"] for line in out.splitlines()] == ["there", "painted", "there", "there"]
    assert "1 painted, 3 existed already" in error
    assert (tmp_path / "out" / "one_blue.png").stat().st_mtime_ns == before
    assert main([*command_line, "--force"]) == 0
    assert (tmp_path / "out" / "one_blue.png").stat().st_mtime_ns > before


def test_failed_item_is_reported_and_the_rest_goes_on(
    command_line: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "photos" / "broken.png").write_bytes(b"not a picture")
    assert main(command_line) == 2
    error = capsys.readouterr().err
    assert "broken_red.png failed: " in error
    assert "4 painted, 0 existed already, 2 failed, of 6" in error
    assert not (tmp_path / "out" / "broken_red.png").exists()


def test_batch_loads_one_network_and_measures_each_style_once(
    command_line: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: dict[str, list[object]] = {"load_named_weights": [], "accumulate_moments": []}
    for module, name in ((cache, "load_named_weights"), (style_statistics, "accumulate_moments")):
        function = getattr(module, name)
        monkeypatch.setattr(module, name, lambda *a, n=name, f=function: (calls[n].append(a), f(*a))[1])
    assert main(command_line) == 0
    assert len(calls["load_named_weights"]) == 1
    assert len(calls["accumulate_moments"]) == 2  # one per style, for four results


def test_ctrl_c_keeps_finished_results(
    command_line: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from impasto.optimization.run import Run, Step

    steps, runs = Run.steps, []

    def interrupted(self: Run) -> Iterator[Step]:
        runs.append(self)
        if len(runs) == 3:
            raise KeyboardInterrupt
        return steps(self)

    monkeypatch.setattr(Run, "steps", interrupted)
    assert main(command_line) == 130
    assert len(list((tmp_path / "out").iterdir())) == 2
    assert "stopped; 2 painted" in capsys.readouterr().err


def test_formats_and_colliding_names(tmp_path: Path) -> None:
    files = [tmp_path / "a.png", tmp_path / "a.jpg", tmp_path / "b.png"]
    targets = output_paths(files, [tmp_path / "s.png"], tmp_path, ".jpg")
    assert [target.name for target in targets] == ["a-png_s.jpg", "a-jpg_s.jpg", "b_s.jpg"]
    targets = output_paths([tmp_path / "Photo.jpg", tmp_path / "photo.png"], [tmp_path / "s.png"], tmp_path, ".png")
    assert [target.name for target in targets] == [
        "Photo-jpg_s.png",
        "photo-png_s.png",
    ]  # equal names where the file system ignores case
    with pytest.raises(ImageError, match="two results would be named"):
        output_paths([tmp_path / "a_b.png", tmp_path / "a.png"], [tmp_path / "c.png", tmp_path / "b_c.png"], tmp_path, ".png")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("--format", "xyz"), "no format 'xyz': choose png"),
        (("--contents", "nowhere"), "there is no file or folder 'nowhere'"),
        (("-o", __file__), "is a file: name a folder"),
        (("--protect", "dog.png"), "a mask belongs to one picture"),
    ],
)
def test_bad_input_is_reported_before_the_first_run(
    command_line: list[str], capsys: pytest.CaptureFixture[str], change: tuple[str, ...], message: str
) -> None:
    assert main([*command_line, *change]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
