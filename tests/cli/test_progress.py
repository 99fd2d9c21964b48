"""Progress output without a terminal."""

from __future__ import annotations

import pytest

from impasto.cli.progress import ProgressBar


def test_equal_lines_are_printed_once(capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressBar("weights") as bar:
        bar.bytes(1_000_000, 61_000_000)
        for _ in range(3):
            bar.bytes(61_000_000, 61_000_000)
    assert capsys.readouterr().err == "weights: 2%, 1 of 61 MB\nweights: 100%, 61 of 61 MB\n"
