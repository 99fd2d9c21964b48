"""Painting in a real Krita, with the real engine at a small size. What happens inside Krita is in in_krita/painting.py."""

from __future__ import annotations

import re

import numpy as np
import pytest
from PIL import Image

from tests.plugin.krita_session import KritaSession

pytestmark = [pytest.mark.krita, pytest.mark.xdist_group("krita")]


def decode(pixels: str, width: int = 96, height: int = 64) -> np.ndarray:
    """Pixels in hexadecimal -> (height, width, 4): blue, green, red, alpha"""
    return np.frombuffer(bytes.fromhex(pixels), np.uint8).reshape(height, width, 4).astype(float)


def color_distance(a: np.ndarray, b: np.ndarray) -> float:
    """A simple measure of style: the distance between the means and covariances of the colors"""

    def moments(values: np.ndarray) -> np.ndarray:
        colors = values[..., :3].reshape(-1, 3) / 255
        return np.concatenate([colors.mean(0), np.cov(colors.T).ravel()])

    return float(np.linalg.norm(moments(a) - moments(b)))


def test_menu_action_paints_active_layer_in_style_of_another(krita: KritaSession) -> None:
    result = krita.run("painting.by_menu_action")
    assert result["problem"] == ""
    assert result["names"] == ["Background", "Photo", ["Painting (60 %) on Photo"], "Painting"]
    assert result["unchanged"]
    assert result["hidden"]
    assert result["names_after_repeating"][2] == ["Painting (60 %) on Photo"] * 2
    assert result["visible"] == [False, True]  # the newest only
    assert result["same_active"]
    assert result["undo_steps"] == ["Add Layer"] * 2  # one for each painting, also for the first with its group


def test_docker_paints_and_one_undo_removes_the_result(krita: KritaSession) -> None:
    result = krita.run("painting.by_docker")
    assert result["problem"] == ""
    assert result["names"] == ["Background", "Photo", ["Painting (50 %) on Photo"], "Painting"]
    assert result["bounds"] == [96, 64]
    assert max(result["preview"][:2]) <= 512
    assert re.fullmatch(r"About \d+ (s|min) at 64 x 43 px, \d\.\d GB of memory, then enlarged 1\.5 x", result["estimate"])
    photo, style, painted = decode(result["photo"]), decode(result["style"]), decode(result["result"])
    assert color_distance(painted, style) < 0.6 * color_distance(photo, style)
    assert (painted[..., 3] == 255).all()
    assert result["undone"]
    assert result["redone"]


def test_a_small_result_is_refined_to_the_size_of_its_layer(krita: KritaSession) -> None:
    result = krita.run("painting.refined")
    assert result["problem"] == ""
    assert result["default"] == ["Full", False]
    assert result["offered"] == [True, False]
    assert "128 x 96 px, enlarged 2.0 x" in result["info"]
    assert [status.split(" painted at ")[1] for status in result["statuses"]] == ["128 x 96 px", "256 x 192 px"]
    assert result["name"] == "Painting (50 %, refined) on Photo"
    assert result["unchanged"]
    first, refined = (decode(result[name], 256, 192).astype(np.uint8)[..., :3] for name in ("first", "refined"))
    images = [Image.fromarray(pixels).resize((128, 96), Image.Resampling.BICUBIC) for pixels in (first, refined)]
    shrunk = [np.asarray(image, float) for image in images]
    assert np.abs(shrunk[0] - shrunk[1]).mean() < 4
    assert np.abs(first.astype(float) - refined).mean() > 2


def test_a_selection_is_refined_within_its_soft_edge(krita: KritaSession) -> None:
    result = krita.run("painting.refined_selection")
    assert result["problem"] == ""
    assert int(result["status"].split(" painted at ")[1].split(" x ")[0]) > 200
    assert result["alpha"] == result["mask"]


def test_position_and_alpha_are_preserved(krita: KritaSession) -> None:
    result = krita.run("painting.offset_and_alpha")
    assert result["problem"] == ""
    assert result["bounds"] == result["expected_bounds"]
    assert result["alpha"] == result["expected_alpha"]


def test_selection_with_soft_edge_limits_the_result_as_an_editable_mask(krita: KritaSession) -> None:
    result = krita.run("painting.selection")
    assert result["problem"] == ""
    assert result["alpha"] == result["mask"]
    assert result["masks"] == ["transparencymask"]
    assert result["own_alpha"] == [255]  # the pixels below the mask are there
    assert result["after_painting_on_the_mask"] == 255
    assert result["undo_steps"] == ["Add Layer"]
    assert result["selected"]  # for the next painting
    assert result["undone"]
    assert 0 < np.frombuffer(bytes.fromhex(result["mask"]), np.uint8).mean() < 64


@pytest.mark.parametrize("kind", ["group", "vector", "clone", "fill", "file", "mask", "locked", "animated", "long name"])
def test_all_kinds_of_layers_are_painted_with_a_hidden_masked_style(krita: KritaSession, kind: str) -> None:
    result = krita.run("painting.layer_kind", kind=kind)
    assert result["problem"] == ""
    assert result["types"] == ["paintlayer"]
    assert result["above"]
    assert result["hidden"]
    assert result["locks"] == [[kind == "locked"] * 2, [False, False]]  # of the layer, as before, and of the result
    assert ("Only the current frame" in result["status"]) == (kind == "animated")
    assert len(result["name"]) < 100
    # The style's mask inverts its colors: orange and blue become blue and orange, which have another mean.
    painted = decode(result["result"])
    visible = painted[..., 3] > 128
    inverted_mean = 255 - np.mean([[200, 60, 34], [23, 190, 240]], axis=0)
    assert np.abs(painted[visible][:, :3].mean(0) - inverted_mean).mean() < 45


@pytest.mark.parametrize(
    ("model", "depth", "profile"),
    [
        ("RGBA", "U16", "sRGB-elle-V2-srgbtrc.icc"),
        ("RGBA", "F32", "sRGB-elle-V2-g10.icc"),
        ("GRAYA", "U8", "Gray-D50-elle-V2-srgbtrc.icc"),
        ("CMYKA", "U8", "Chemical proof"),
    ],
)
def test_result_has_the_color_space_of_the_document(krita: KritaSession, model: str, depth: str, profile: str) -> None:
    result = krita.run("painting.color_space", model=model, depth=depth, profile=profile)
    assert result["problem"] == ""
    assert result["space"] == [model, depth, True]
    assert ("clipped" in result["status"]) == (depth == "F32")
    photo, style, painted = decode(result["photo"]), decode(result["style"]), decode(result["result"])
    assert color_distance(painted, style) < 0.6 * color_distance(photo, style)


def test_faces_and_what_a_layer_marks_are_protected(krita: KritaSession) -> None:
    result = krita.run("painting.keep_faces")
    assert result["problem"] == ""
    x, y, *_ = result["faces"][0]
    assert (x, y) == pytest.approx((0.435, 0.22), abs=0.05)
    assert len(result["faces"]) == 1
    assert result["shown"]
    assert max(result["picture"]) == 300
    assert result["hidden"]
    assert [result[name]["protect"] for name in ("plain", "face", "both")] == ["none", "faces", "faces"]
    plain, face, both = (decode(result[name]["pixels"], 256, 256)[..., :3] for name in ("plain", "face", "both"))
    head, marked = (slice(35, 85), slice(90, 135)), (slice(180, 256), slice(0, 256))
    changes = np.abs(face - plain).mean(2)
    assert changes[head].mean() > 1.2 * changes[marked].mean()
    assert np.abs(both - face).mean(2)[marked].mean() > 5  # it would be 0 without the layer


def test_two_styles_are_mixed_or_painted_in_regions(krita: KritaSession) -> None:
    result = krita.run("painting.two_styles")
    assert result["problem"] == ""
    assert result["options"]["style_weights"] == [0.75, 0.25]
    assert ["Painting + Third (50 %) on Photo"] in result["names"]
    assert {name: result["second_options"][name] for name in ("padding", "style_loss")} == {
        "padding": "circular",
        "style_loss": "moments",
    }
    for name, side in (("left_region", 1), ("right_region", -1)):  # of the second style, which is green
        painted = decode(result[name])
        green = painted[..., 1] - painted[..., [0, 2]].mean(2)
        assert side * (green[:, :40].mean() - green[:, 56:].mean()) > 8, name
