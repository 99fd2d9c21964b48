"""Images, masks and sizes that do not match: the result has the requested size, or there is an error of one line."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import impasto
from impasto.images.resize import fit_size
from impasto.options import PADDING_MODES, STYLE_LOSS_NAMES
from tests.robustness.fuzz.cases import cases, result_or_none


@st.composite
def images(draw: st.DrawFn, min_side: int = 1) -> np.ndarray:
    """(height, width, channels) uint8, at most 90 pixels wide and high, 1 to 4 channels: noise, one color, or half black"""
    height, width, channels = draw(st.integers(min_side, 90)), draw(st.integers(min_side, 90)), draw(st.integers(1, 4))
    kind = draw(st.sampled_from(("noise", "flat", "half")))
    generator = np.random.default_rng(draw(st.integers(0, 99)))
    values = generator.integers(0, 256, (height, width, channels), np.uint8)
    if kind == "flat":
        values[:] = values[0, 0]
    if kind == "half":
        values[: height // 2] = 0
    return values


@cases(60)
@given(
    content=images(10),
    styles=st.lists(images(10), min_size=1, max_size=3),
    masks=st.none() | st.lists(images(), min_size=1, max_size=3),
    keep=st.none() | images(),
    settings=st.fixed_dictionaries(
        {"size": st.integers(32, 80)},
        optional={
            "padding": st.sampled_from(sorted(PADDING_MODES)),
            "style_loss": st.sampled_from(STYLE_LOSS_NAMES),
            "pooling": st.sampled_from(("average", "max")),
            "optimizer": st.sampled_from(("adam", "lbfgs")),
            "init": st.sampled_from(("content", "noise", "gray", "style")),
            "colors": st.sampled_from(("style", "content", "match")),
            "guides": st.sampled_from(("plain", "inside", "all")),
            "style_scale": st.tuples(st.floats(0.1, 4)),
            "tv": st.floats(0, 10),
            "strength": st.floats(0, 1),
            "ladder": st.booleans(),
        },
    ),
)
@pytest.mark.usefixtures("tiny_network")
def test_result_has_the_requested_size_or_is_an_error_of_one_line(
    content: np.ndarray,
    styles: list[np.ndarray],
    masks: list[np.ndarray] | None,
    keep: np.ndarray | None,
    settings: dict[str, Any],
) -> None:
    settings |= {"masks": masks, "keep": keep, "iterations": 2, "device": "cpu", "precision": "float32"}
    result = result_or_none(lambda: impasto.stylize(content, styles, **settings))
    if result is None:
        return
    width, height = fit_size(content.shape[1::-1], settings["size"])
    if settings.get("padding", "zero").startswith("circular"):
        assert abs(result.image.width - width) <= 16
        assert abs(result.image.height - height) <= 16
    else:
        assert result.image.size == (width, height)
    assert np.isfinite([result.loss, result.content_loss, result.style_loss]).all()
