"""Damaged image files: each is read as an image, or is an ImageError of one line."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from impasto.errors import ImageError
from impasto.images.encode import _png16, read_recipe_text
from impasto.images.picture import read_picture
from impasto.layers import SMALLEST_SIDE
from tests.conftest import scene
from tests.robustness.fuzz.cases import cases, damaged, result_or_none

WIDTH, HEIGHT = 24, 20


def _encode(image_format: str, mode: str = "RGB", **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(scene(WIDTH, HEIGHT)).convert(mode).save(buffer, image_format, **options)
    return buffer.getvalue()


def _encode_16_bit(image_format: str) -> bytes:
    values = scene(WIDTH, HEIGHT).astype(np.uint16) * 257
    if image_format == "png":
        return _png16(values, '{"impasto": "1"}')
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, values, photometric="rgb", compression="zlib" if image_format == "compressed" else None)
    return buffer.getvalue()


def _deep_tiff(**options: Any) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, scene(WIDTH, HEIGHT).astype(np.float32) / 255, photometric="rgb", **options)
    return buffer.getvalue()


def _jpeg_with_metadata() -> bytes:
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a picture"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    return _encode("JPEG", exif=exif, icc_profile=profile, quality=80)


VALID = {
    "png": _encode("PNG"),
    "palette.png": _encode("PNG", "P"),
    "gray-alpha.png": _encode("PNG", "LA"),
    "16-bit.png": _encode_16_bit("png"),
    "jpeg": _jpeg_with_metadata(),
    "progressive.jpeg": _encode("JPEG", progressive=True),
    "cmyk.jpeg": _encode("JPEG", "CMYK"),
    "gif": _encode("GIF", "P"),
    "webp": _encode("WEBP", "RGBA"),
    "lossless.webp": _encode("WEBP", lossless=True),
    "tiff": _encode("TIFF", compression="tiff_lzw"),
    "16-bit.tiff": _encode_16_bit("plain"),
    "float.tiff": _deep_tiff(),
    "planar.tiff": _deep_tiff(bigtiff=True, compression="lzw", predictor=3),
    "compressed-16-bit.tiff": _encode_16_bit("compressed"),
    "bmp": _encode("BMP"),
    "avif": _encode("AVIF"),
    "ppm": _encode("PPM"),
    "tga": _encode("TGA"),
}


@pytest.mark.parametrize("name", VALID)
def test_undamaged_files_are_read(name: str, tmp_path: Path) -> None:
    path = tmp_path / "picture"
    path.write_bytes(VALID[name])
    assert sorted(read_picture(path).size) == [HEIGHT, WIDTH]


@pytest.mark.slow
@cases(1200)
@given(content=st.sampled_from(sorted(VALID)).flatmap(lambda name: damaged(VALID[name])))
def test_damaged_file_is_an_image_or_an_error_of_one_line(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "picture"
    path.write_bytes(content)
    picture = result_or_none(lambda: read_picture(path, max_megapixels=1), ImageError)
    if picture is not None:
        values = picture.pixels
        assert values.shape[2] == 3
        assert min(picture.size) >= SMALLEST_SIDE
        assert bool(((values >= 0) & (values <= 1)).all())
        assert picture.alpha is None or picture.alpha.shape == values.shape[:2]
    assert isinstance(result_or_none(lambda: read_recipe_text(path), ImageError), str | None)


@cases(150)
@given(content=st.binary(max_size=300), name=st.sampled_from(sorted(VALID)))
def test_random_bytes_after_a_valid_header_are_an_image_or_an_error(content: bytes, name: str, tmp_path: Path) -> None:
    path = tmp_path / "picture"
    path.write_bytes(VALID[name][:32] + content)
    result_or_none(lambda: read_picture(path, max_megapixels=1), ImageError)
