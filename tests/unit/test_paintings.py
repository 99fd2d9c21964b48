from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "gradio_app"))
import paintings


@pytest.mark.parametrize("name", list(paintings.PAINTINGS))
def test_a_painting_is_the_same_from_the_same_seed(name: str) -> None:
    first, second = (np.asarray(paintings.paint(name, seed=2)) for _ in range(2))
    assert first.shape == (768, 1024, 3)
    np.testing.assert_array_equal(first, second)
    assert first.std() > 40  # and it is a picture


def test_the_command_writes_a_painting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["paintings.py", "rose_window", "-o", str(tmp_path / "a.png")])
    assert paintings.main() == 0
    assert (tmp_path / "a.png").stat().st_size > 100_000
