"""Pictures, masks and sizes that fit each other badly: the painting has the size that was asked for, or it is an error."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import impasto
from impasto.images.resize import fit_size
from impasto.options import PADDING_MODES, STYLE_LOSS_NAMES
from tests.robustness.fuzz.cases import cases, tried


@st.composite
def pictures(draw: st.DrawFn, least: int = 1) -> np.ndarray:
    """Of any size up to 90 pixels, with one to four channels: noise, one color, or half of it black"""
    height, width, channels = draw(st.integers(least, 90)), draw(st.integers(least, 90)), draw(st.integers(1, 4))
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
    content=pictures(10),
    styles=st.lists(pictures(10), min_size=1, max_size=3),
    masks=st.none() | st.lists(pictures(), min_size=1, max_size=3),
    keep=st.none() | pictures(),
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
@pytest.mark.usefixtures("tiny")
def test_a_painting_has_the_size_that_was_asked_for_or_it_is_an_error_of_one_line(
    content: np.ndarray,
    styles: list[np.ndarray],
    masks: list[np.ndarray] | None,
    keep: np.ndarray | None,
    settings: dict[str, Any],
) -> None:
    settings |= {"masks": masks, "keep": keep, "iterations": 2, "device": "cpu", "precision": "float32"}
    result = tried(lambda: impasto.stylize(content, styles, **settings))
    if result is None:
        return
    width, height = fit_size(content.shape[1::-1], settings["size"])
    if settings.get("padding", "zero").startswith("circular"):
        assert abs(result.image.width - width) <= 16
        assert abs(result.image.height - height) <= 16
    else:
        assert result.image.size == (width, height)
    assert np.isfinite([result.loss, result.content_loss, result.style_loss]).all()
