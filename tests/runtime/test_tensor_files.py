"""Reading tensor files of unknown origin."""

from __future__ import annotations

from pathlib import Path

import pytest
import safetensors.torch
import torch

from impasto.errors import CheckpointError, ImpastoError, NetError
from impasto.runtime.tensor_files import read_tensor_file, tensor_file_errors


def test_tensors_and_metadata_are_read(tmp_path: Path) -> None:
    safetensors.torch.save_file({"a": torch.arange(6.0).view(2, 3)}, tmp_path / "file", {"key": "value"})
    tensors, metadata = read_tensor_file(tmp_path / "file", "key")
    assert torch.equal(tensors["a"], torch.arange(6.0).view(2, 3))
    assert tensors["a"].data_ptr() % 64 == 0  # torch's alignment
    assert metadata == {"key": "value"}


def test_file_without_the_metadata_key_is_refused(tmp_path: Path) -> None:
    safetensors.torch.save_file({"a": torch.zeros(1)}, tmp_path / "file")
    assert read_tensor_file(tmp_path / "file")[1] == {}
    with pytest.raises(KeyError, match="key"):
        read_tensor_file(tmp_path / "file", "key")


@pytest.mark.parametrize("content", [b"", b"no tensors", b"\xff" * 100])
def test_invalid_file_raises_the_invalid_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(NetError, match="invalid"):
        _read(tmp_path / "file")


def test_missing_file_raises_the_missing_error(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="missing") as raised:
        _read(tmp_path / "file")
    assert raised.value.__suppress_context__


def test_unexpected_content_raises_the_invalid_error(tmp_path: Path) -> None:
    with pytest.raises(NetError, match="invalid"), tensor_file_errors(missing=ImpastoError(), invalid=NetError("invalid")):
        raise KeyError("key")


def _read(path: Path) -> None:
    with tensor_file_errors(missing=CheckpointError("missing"), invalid=NetError("invalid")):
        read_tensor_file(path)
