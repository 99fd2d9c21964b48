"""Masks and guides. Receptive fields are measured by changing pixels and comparing features."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from impasto.errors import ImageError
from impasto.images.mask import read_mask
from impasto.images.picture import Picture, read_picture
from impasto.images.tileable import Tileable
from impasto.optimization.spatial_guidance import propagate_mask
from impasto.vgg.network import VGG
from tests.conftest import random_weights, scene

LAYERS = ["conv1_1", "conv2_1", "conv3_1", "conv4_1"]


def half(width: int = 64, height: int = 48) -> torch.Tensor:
    place = torch.zeros(height, width)
    place[:, : width // 2] = 1
    return place


@pytest.mark.parametrize("padding", ["zero", "circular-x"])
def test_inside_and_all_match_the_receptive_field(padding: str) -> None:
    place, wraps = half(), Tileable.from_padding(padding)
    net = VGG(random_weights("vgg16", torch.float64, divide=8), LAYERS, padding=padding, dtype=torch.float64)
    torch.manual_seed(0)
    image = torch.rand(48, 64, 3, dtype=torch.float64)
    without, within = image.clone(), image.clone()
    without[place == 0] = torch.rand_like(without[place == 0])
    within[place == 1] = torch.rand_like(within[place == 1])
    plain, outside_changed, inside_changed = (net.forward(changed) for changed in (image, without, within))
    inside, every = (
        propagate_mask(place, LAYERS, "vgg16", "inside", wraps),
        propagate_mask(place, LAYERS, "vgg16", "all", wraps),
    )
    for name in LAYERS[:3]:  # deeper, nothing is inside in so small a picture
        same = (plain[name] - outside_changed[name]).abs().amax(2) == 0
        touched = (plain[name] - inside_changed[name]).abs().amax(2) > 0
        assert not (inside[name].bool() & ~same).any()  # whoever is inside sees nothing of the outside
        assert not (touched & ~every[name].bool()).any()  # whoever sees the region is among all
        assert float(inside[name].sum()) > 0
        assert float((same & ~inside[name].bool()).double().mean()) < 0.05  # and hardly anybody else is


def test_plain_guide_averages_the_mask_under_a_position() -> None:
    guides = propagate_mask(half(), LAYERS, "vgg16")
    assert guides["conv1_1"].mean() == 0.5
    assert guides["conv4_1"][0].tolist() == [1, 1, 1, 1, 0, 0, 0, 0]


def test_inside_falls_back_to_the_plain_guide() -> None:
    small = torch.zeros(48, 64)
    small[8:16, 8:16] = 1
    inside, plain = propagate_mask(small, LAYERS, "vgg16", "inside"), propagate_mask(small, LAYERS, "vgg16")
    assert torch.equal(inside["conv4_1"], plain["conv4_1"])
    assert not torch.equal(inside["conv1_1"], plain["conv1_1"])


def test_mask_needs_matching_proportions_and_white_pixels() -> None:
    picture = read_picture(scene(60, 40))
    drawn = scene(120, 80)
    assert read_mask(read_picture(drawn), picture, "mask 1").shape == (40, 60)
    with pytest.raises(ImageError, match="mask 1 is 80 x 80 pixels, its picture 60 x 40"):
        read_mask(read_picture(scene(80, 80)), picture, "mask 1")
    with pytest.raises(ImageError, match="black all over"):
        read_mask(Picture(torch.zeros(40, 60, 3)), picture, "mask 1")


def test_boolean_masks_are_white_and_black() -> None:
    drawn = np.zeros((40, 60), bool)
    drawn[:10] = True
    assert read_mask(read_picture(drawn), read_picture(scene(60, 40)), "mask 1").mean() == 0.25


def test_transparent_mask_pixels_are_black() -> None:
    white = Picture(torch.ones(40, 60, 3), torch.zeros(40, 60))
    assert white.alpha is not None
    white.alpha[:20] = 1
    assert read_mask(white, read_picture(scene(60, 40)), "mask 1").mean() == 0.5
