"""The palette: what is written in it can be read on every ground."""

from __future__ import annotations

import itertools

import pytest

from tests.gradio_app.conftest import LoadModule


def luminance(color: str) -> float:
    """Relative luminance of "#RRGGBB" (WCAG 2.2)"""
    channels = [int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_text_and_borders_have_enough_contrast(load_module: LoadModule, mode: str) -> None:
    palette = {name: getattr(shade, mode) for name, shade in load_module("page.theme").PALETTE.items()}
    grounds, texts = ("paper", "raised", "tint"), ("ink", "secondary", "action", "action-hover", "error")
    for ground, text in itertools.product(grounds, texts):
        assert contrast(palette[ground], palette[text]) >= 4.5, (ground, text)
    for button in ("action", "action-hover"):
        assert contrast(palette[button], palette["on-action"]) >= 4.5
    for ground in ("paper", "raised"):
        assert contrast(palette[ground], palette["edge"]) >= 3
