"""Full disks, limits on file sizes and read-only folders: an error of one line, and no existing file is lost."""

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
from impasto.optimization.checkpoint import CheckpointWriter, RunState, read_checkpoint
from impasto.optimization.optimizers import LBFGS
from impasto.runtime.files import _PREFIX, write_atomic
from impasto.vgg.download import fetch_weights
from tests.conftest import Serve, replace_source, scene, write_torchvision_file
from tests.fork_server import ForkServer
from tests.robustness.faults.conftest import SmallDisk


def fill(disk: Path, leave: int = 0) -> None:
    """Fill a disk up to `leave` free bytes."""
    with (disk / "filler").open("wb") as file:
        file.write(bytes(max(0, shutil.disk_usage(disk).free - leave)))


def stylize_arguments(tmp_path: Path, output: Path, random_weights_file: Path, *more: object) -> tuple[object, ...]:
    Image.fromarray(scene(72, 56)).save(tmp_path / "photo.png")
    options = ("--weights", random_weights_file, "--size", 64, "--iterations", 3, "--force")
    return ("stylize", "photo.png", "photo.png", "-o", output, *options, *more)


def rescued_widths(log: str) -> list[int]:
    """Return the widths of the results that were saved elsewhere according to the log; delete these files."""
    widths = []
    for path in map(Path, re.findall(r"No space left on device.*; the painting is in '(.+)'", log)):
        with Image.open(path) as image:
            widths.append(image.width)
        shutil.rmtree(path.parent)
    return widths


@pytest.mark.slow
def test_full_disk_at_the_end_loses_no_result(
    small_disk: SmallDisk, fork_server: ForkServer, tmp_path: Path, random_weights_file: Path
) -> None:
    disk = small_disk(1 << 16)
    Image.fromarray(scene(20, 20)).save(disk / "out.png")
    before = (disk / "out.png").read_bytes()
    fill(disk, 4096)  # enough to create a file, not to write it
    arguments = stylize_arguments(tmp_path, disk / "out.png", random_weights_file, "--save-every", 1)
    exited = fork_server.run(*arguments, folder=tmp_path)
    assert exited.status == 2
    assert "Traceback" not in exited.stderr
    assert (disk / "out.png").read_bytes() == before
    assert sorted(path.name for path in disk.iterdir()) == ["filler", "out.png"]
    assert rescued_widths(exited.stderr) == [64]


@pytest.mark.slow
def test_full_disk_loses_no_result_of_a_batch(
    small_disk: SmallDisk, fork_server: ForkServer, tmp_path: Path, random_weights_file: Path
) -> None:
    disk = small_disk(1 << 16)
    for n in (1, 2):
        Image.fromarray(scene(72, 56, n)).save(tmp_path / f"photo{n}.png")
    fill(disk, 4096)
    arguments = ("batch", "--contents", "photo1.png", "photo2.png", "--styles", "photo1.png", "-o", disk, "--size", 64)
    exited = fork_server.run(*arguments, "--weights", random_weights_file, "--iterations", 1, folder=tmp_path)
    assert exited.status == 2
    assert "0 painted, 0 existed already, 2 failed" in exited.stderr
    assert [path.name for path in disk.iterdir()] == ["filler"]
    assert rescued_widths(exited.stderr) == [64, 64]


@pytest.mark.slow
def test_run_continues_without_space_for_a_checkpoint(
    small_disk: SmallDisk, fork_server: ForkServer, tmp_path: Path, random_weights_file: Path
) -> None:
    disk = small_disk(1 << 13)
    arguments = stylize_arguments(tmp_path, tmp_path / "out.png", random_weights_file, "--checkpoint", disk / "run")
    exited = fork_server.run(*arguments, folder=tmp_path)
    assert exited.status == 0, exited.stderr
    assert exited.stderr.count("checkpoint not written, the run goes on") == 1
    assert list(disk.iterdir()) == []
    assert (tmp_path / "out.png").exists()


def test_checkpoint_that_cannot_be_written_leaves_the_previous_one(small_disk: SmallDisk) -> None:
    disk = small_disk(1 << 18)
    writer = CheckpointWriter(disk / "run", {"options": {}}, {})
    optimizer = LBFGS()
    writer.maybe_write(0, 1, RunState(torch.zeros(64, 64, 3), optimizer), 0.0)
    fill(disk)
    writer._next = 0.0
    writer.maybe_write(0, 2, RunState(torch.ones(64, 64, 3), optimizer), 0.0)
    assert read_checkpoint(disk / "run").iteration == 1


@pytest.mark.slow
def test_file_size_limit_is_reported_like_a_full_disk(
    fork_server: ForkServer, tmp_path: Path, random_weights_file: Path
) -> None:
    arguments = stylize_arguments(tmp_path, tmp_path / "out.png", random_weights_file)
    exited = fork_server.run(*arguments, folder=tmp_path, max_file_size=2000)
    assert exited.status == 2
    assert "cannot be written (File too large)" in exited.stderr
    assert "Traceback" not in exited.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photo.png"]


@pytest.mark.slow
def test_weights_that_do_not_fit_into_the_cache_are_an_error(
    small_disk: SmallDisk, serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    content = write_torchvision_file(tmp_path / "vgg19.pth")
    replace_source(monkeypatch, serve(content), content)
    for size in (1 << 20, len(content) + (1 << 20)):  # too small for the download, and for the converted file
        disk = small_disk(size)
        monkeypatch.setenv("IMPASTO_CACHE", str(disk))
        with pytest.raises(WeightsError, match=r"cannot be stored in .*(No space left|free some disk space)"):
            fetch_weights("vgg19")
        assert list(disk.iterdir()) == []


@pytest.mark.slow
def test_read_only_folders_are_refused_before_the_run(
    fork_server: ForkServer, tmp_path: Path, random_weights_file: Path, small_disk: SmallDisk
) -> None:
    disk = small_disk(1 << 20)
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)  # root ignores file permissions
    exited = fork_server.run(*stylize_arguments(tmp_path, disk / "out.png", random_weights_file), folder=tmp_path)
    assert exited.status == 2
    assert exited.stderr.count("\n") == 1
    assert "cannot be written (Read-only file system)" in exited.stderr
    arguments = stylize_arguments(tmp_path, tmp_path / "out.png", random_weights_file, "--checkpoint", disk / "run")
    exited = fork_server.run(*arguments, folder=tmp_path)  # warns, and continues
    assert exited.status == 0
    assert "Read-only file system" in exited.stderr
    exited = fork_server.run("weights", "fetch", "vgg16", folder=tmp_path, IMPASTO_CACHE=str(disk / "cache"))
    assert exited.status == 2
    assert "cannot be stored in" in exited.stderr
    assert exited.stderr.splitlines()[-1].startswith("impasto: ")


def test_unfinished_files_of_a_killed_process_are_removed_by_the_next_write(tmp_path: Path) -> None:
    gone = 2**22 + 1  # more than the largest process id
    stale, foreign = tmp_path / f"{_PREFIX}{gone}-7f", tmp_path / f".impasto-00000000-{gone}-7f"
    folder, own = tmp_path / f"{_PREFIX}{gone}-80", tmp_path / f"{_PREFIX}{os.getpid()}-1"
    folder.mkdir()
    for path in (stale, foreign, own, folder / "half"):
        path.write_bytes(b"half")
    write_atomic(tmp_path / "whole", b"whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([foreign.name, own.name, "whole"])


def test_longest_valid_file_name_is_written(tmp_path: Path) -> None:
    save_picture(tmp_path / ("a" * 251 + ".png"), read_picture(scene(20, 20)))
    with pytest.raises(ImageError, match="File name too long"):
        save_picture(tmp_path / ("a" * 252 + ".png"), read_picture(scene(20, 20)))
