from __future__ import annotations

import pytest
import torch

from impasto.images.tileable import Tileable, blend_opposite_edges


@pytest.mark.parametrize("tileable", [Tileable(x=True), Tileable(y=True), Tileable(True, True)])
def test_blending_makes_opposite_edges_match(tileable: Tileable) -> None:
    y, x = torch.meshgrid(torch.linspace(0.2, 0.8, 64), torch.linspace(0.1, 0.9, 96), indexing="ij")
    picture = torch.stack([x, y, (x + y) / 2], dim=-1)
    blended = blend_opposite_edges(picture, tileable)
    for axis, is_tileable in enumerate(tileable):
        before, after = ((image.select(axis, 0) - image.select(axis, -1)).abs().max() for image in (picture, blended))
        assert float(after) < 0.15 * float(before) if is_tileable else float(after) > 0.9 * float(before)
    torch.testing.assert_close(blended[30:34, 46:50], picture[30:34, 46:50])  # the middle is unchanged
