"""Writing files: links, modes and failures."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from impasto.errors import ImageError
from impasto.runtime.files import ensure_writable, write_atomic

needs_links = pytest.mark.skipif(sys.platform == "win32", reason="symbolic links need a permission on Windows")


@needs_links
def test_the_target_of_a_link_is_written(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    target, link = tmp_path / "folder" / "target.png", tmp_path / "link.png"
    link.symlink_to(target)
    for content in (b"new", b"newer"):  # the link is dangling at first
        write_atomic(ensure_writable(link), content)
        assert link.is_symlink()
        assert target.read_bytes() == content
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["folder", "link.png", "target.png"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no file modes")
def test_a_replaced_file_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    for mode in (0o640, 0o604):
        path.chmod(mode)
        write_atomic(path, b"new")
        assert stat.S_IMODE(path.stat().st_mode) == mode
    mask = os.umask(0)
    os.umask(mask)
    write_atomic(tmp_path / "b.png", b"new")
    assert stat.S_IMODE((tmp_path / "b.png").stat().st_mode) == 0o666 & ~mask


def test_file_in_use_is_replaced_a_little_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows, while a viewer has the file open"""
    replace, refused = os.replace, [32, 5]

    def busy(source: Path, target: Path) -> None:
        if refused:
            error = PermissionError(13, "The process cannot access the file because it is being used by another process")
            error.winerror = refused.pop()  # type: ignore[attr-defined,unused-ignore]
            raise error
        replace(source, target)

    monkeypatch.setattr(os, "replace", busy)
    write_atomic(tmp_path / "out.png", b"new")
    assert (tmp_path / "out.png").read_bytes() == b"new"
    assert not refused


def test_forbidden_file_is_reported_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def forbidden(source: Path, target: Path) -> None:
        calls.append(source)
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", forbidden)
    with pytest.raises(ImageError, match="cannot be written \\(Permission denied\\)"):
        write_atomic(tmp_path / "out.png", b"new")
    assert len(calls) == 1
    assert not list(tmp_path.iterdir())
