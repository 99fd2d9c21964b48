"""Disks that are full, files that may not grow, folders that are read-only: a sentence, and nothing lost that was there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import torch
from PIL import Image

from impasto.errors import ImageError, WeightsError
from impasto.images.encode import save_picture
from impasto.images.picture import read_picture
from impasto.optimization.checkpoint import CheckpointWriter, read_checkpoint
from impasto.optimization.optimizers import LBFGS
from impasto.runtime.files import _PREFIX, write_atomic
from impasto.vgg.download import fetch_weights
from tests.conftest import Serve, publish, scene, torchvision_file
from tests.fork_server import ForkServer
from tests.robustness.faults.conftest import Disk


def fill(place: Path, leave: int = 0) -> None:
    """Leave so many bytes of a disk free."""
    with (place / "filler").open("wb") as file:
        file.write(bytes(max(0, shutil.disk_usage(place).free - leave)))


def painted(tmp_path: Path, target: Path, random_weights_file: Path, *more: object) -> tuple[object, ...]:
    Image.fromarray(scene(72, 56)).save(tmp_path / "photo.png")
    line = ("stylize", "photo.png", "photo.png", "-o", target, "--weights", random_weights_file, "--size", 64, "--iterations", 3)
    return (*line, "--force", *more)


def test_a_disk_that_is_full_at_the_end_costs_no_painting(
    disk: Disk, fork_server: ForkServer, tmp_path: Path, random_weights_file: Path
) -> None:
    place = disk(1 << 16)
    Image.fromarray(scene(20, 20)).save(place / "out.png")
    before = (place / "out.png").read_bytes()
    fill(place, 4096)  # room to try, not to write it
    ended = fork_server.run(*painted(tmp_path, place / "out.png", random_weights_file, "--save-every", 1), folder=tmp_path)
    assert ended.status == 2
    assert "Traceback" not in ended.said
    assert (place / "out.png").read_bytes() == before
    assert sorted(path.name for path in place.iterdir()) == ["filler", "out.png"]
    assert rescued(ended.said) == [64]


def test_a_disk_that_fills_up_costs_no_painting_of_a_batch(
    disk: Disk, fork_server: ForkServer, tmp_path: Path, random_weights_file: Path
) -> None:
    place = disk(1 << 16)
    for n in (1, 2):
        Image.fromarray(scene(72, 56, n)).save(tmp_path / f"photo{n}.png")
    fill(place, 4096)
    line = ("batch", "--contents", "photo1.png", "photo2.png", "--styles", "photo1.png", "-o", place, "--size", 64)
    ended = fork_server.run(*line, "--weights", random_weights_file, "--iterations", 1, folder=tmp_path)
    assert ended.status == 2
    assert "0 painted, 0 were there already, 2 failed" in ended.said
    assert [path.name for path in place.iterdir()] == ["filler"]
    assert rescued(ended.said) == [64, 64]


def rescued(said: str) -> list[int]:
    """The widths of the paintings that are said to be elsewhere; they are removed."""
    widths = []
    for saved in map(Path, re.findall(r"No space left on device.*; the painting is in '(.+)'", said)):
        with Image.open(saved) as image:
            widths.append(image.width)
        shutil.rmtree(saved.parent)
    return widths


def test_a_disk_without_room_for_a_checkpoint_costs_no_painting(
    disk: Disk, fork_server: ForkServer, tmp_path: Path, random_weights_file: Path
) -> None:
    place = disk(1 << 13)
    line = painted(tmp_path, tmp_path / "out.png", random_weights_file, "--checkpoint", place / "run")
    ended = fork_server.run(*line, folder=tmp_path)
    assert ended.status == 0, ended.said
    assert ended.said.count("checkpoint not written, painting goes on") == 1
    assert list(place.iterdir()) == []
    assert (tmp_path / "out.png").exists()


def test_a_checkpoint_that_cannot_be_written_leaves_the_last_one(disk: Disk) -> None:
    place = disk(1 << 18)
    keeper = CheckpointWriter(place / "run", {"options": {}}, {})
    optimizer = LBFGS()
    keeper.maybe_write(0, 1, torch.zeros(64, 64, 3), optimizer, 0.0)
    fill(place)
    keeper._next = 0.0
    keeper.maybe_write(0, 2, torch.ones(64, 64, 3), optimizer, 0.0)
    assert read_checkpoint(place / "run").iteration == 1


def test_files_that_may_not_grow_are_like_a_full_disk(fork_server: ForkServer, tmp_path: Path, random_weights_file: Path) -> None:
    ended = fork_server.run(*painted(tmp_path, tmp_path / "out.png", random_weights_file), folder=tmp_path, largest=2000)
    assert ended.status == 2
    assert "cannot be written (File too large)" in ended.said
    assert "Traceback" not in ended.said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photo.png"]


def test_a_network_that_does_not_fit_into_the_cache_says_so(
    disk: Disk, serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    content = torchvision_file(tmp_path / "vgg19.pth")
    publish(monkeypatch, serve(content), content)
    for size in (1 << 20, len(content) + (1 << 20)):  # while it is fetched, and while it is kept
        place = disk(size)
        monkeypatch.setenv("IMPASTO_CACHE", str(place))
        with pytest.raises(WeightsError, match=r"cannot be kept in .*(No space left|make room)"):
            fetch_weights("vgg19")
        assert list(place.iterdir()) == []


def test_folders_that_are_read_only_are_refused_before_the_work(
    fork_server: ForkServer, tmp_path: Path, random_weights_file: Path, disk: Disk
) -> None:
    place = disk(1 << 20)
    subprocess.run(["mount", "-o", "remount,ro", place], check=True)  # for root, modes are no hindrance
    for more in ((), ("--checkpoint", place / "run")):
        target = tmp_path / "out.png" if more else place / "out.png"
        ended = fork_server.run(*painted(tmp_path, target, random_weights_file, *more), folder=tmp_path)
        if more:  # told, and painted all the same
            assert ended.status == 0
            assert "Read-only file system" in ended.said
        else:
            assert ended.status == 2
            assert ended.said.count("\n") == 1
            assert "cannot be written (Read-only file system)" in ended.said
    ended = fork_server.run("weights", "fetch", "vgg16", folder=tmp_path, IMPASTO_CACHE=str(place / "cache"))
    assert ended.status == 2
    assert "cannot be kept in" in ended.said
    assert ended.said.splitlines()[-1].startswith("impasto: ")


def test_what_a_killed_process_has_begun_goes_with_the_next_file(tmp_path: Path) -> None:
    gone = 2**22 + 1  # no process has this number
    left, others = tmp_path / f"{_PREFIX}{gone}-7f", tmp_path / f".impasto-00000000-{gone}-7f"
    folder, mine = tmp_path / f"{_PREFIX}{gone}-80", tmp_path / f"{_PREFIX}{os.getpid()}-1"
    folder.mkdir()
    for path in (left, others, mine, folder / "half"):
        path.write_bytes(b"half")
    write_atomic(tmp_path / "whole", b"whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([others.name, mine.name, "whole"])


def test_a_name_as_long_as_names_may_be_is_written(tmp_path: Path) -> None:
    save_picture(tmp_path / ("a" * 251 + ".png"), read_picture(scene(20, 20)))
    with pytest.raises(ImageError, match="File name too long"):
        save_picture(tmp_path / ("a" * 252 + ".png"), read_picture(scene(20, 20)))
