"""Picture files that are damaged on purpose: each is a picture or an ImageError of one line, and nothing else."""

from __future__ import annotations

import io
from pathlib import Path

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
from tests.robustness.fuzz.cases import cases, damaged, tried

WIDTH, HEIGHT = 24, 20


def _saved(kind: str, mode: str = "RGB", **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(scene(WIDTH, HEIGHT)).convert(mode).save(buffer, kind, **options)
    return buffer.getvalue()


def _deep(kind: str) -> bytes:
    values = scene(WIDTH, HEIGHT).astype(np.uint16) * 257
    if kind == "png":
        return _png16(values, '{"impasto": "1"}')
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, values, photometric="rgb", compression="zlib" if kind == "packed" else None)
    return buffer.getvalue()


def _with_metadata() -> bytes:
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a picture"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    return _saved("JPEG", exif=exif, icc_profile=profile, quality=80)


WHOLE = {
    "png": _saved("PNG"),
    "palette.png": _saved("PNG", "P"),
    "gray-alpha.png": _saved("PNG", "LA"),
    "deep.png": _deep("png"),
    "jpeg": _with_metadata(),
    "progressive.jpeg": _saved("JPEG", progressive=True),
    "cmyk.jpeg": _saved("JPEG", "CMYK"),
    "gif": _saved("GIF", "P"),
    "webp": _saved("WEBP", "RGBA"),
    "lossless.webp": _saved("WEBP", lossless=True),
    "tiff": _saved("TIFF", compression="tiff_lzw"),
    "deep.tiff": _deep("plain"),
    "packed.tiff": _deep("packed"),
    "bmp": _saved("BMP"),
    "avif": _saved("AVIF"),
    "ppm": _saved("PPM"),
    "tga": _saved("TGA"),
}


@pytest.mark.parametrize("kind", WHOLE)
def test_what_they_are_made_of_is_whole(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "picture"
    path.write_bytes(WHOLE[kind])
    assert sorted(read_picture(path).size) == [HEIGHT, WIDTH]


@cases(2500)
@given(content=st.sampled_from(sorted(WHOLE)).flatmap(lambda kind: damaged(WHOLE[kind])))
def test_a_damaged_file_is_a_picture_or_an_error_of_one_line(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "picture"
    path.write_bytes(content)
    picture = tried(lambda: read_picture(path, max_megapixels=1), ImageError)
    if picture is not None:
        values = picture.pixels
        assert values.shape[2] == 3
        assert min(picture.size) >= SMALLEST_SIDE
        assert bool(((values >= 0) & (values <= 1)).all())
        assert picture.alpha is None or picture.alpha.shape == values.shape[:2]
    assert isinstance(tried(lambda: read_recipe_text(path), ImageError), str | None)


@cases(300)
@given(content=st.binary(max_size=300), beginning=st.sampled_from(sorted(WHOLE)))
def test_so_is_anything_behind_a_pictures_first_bytes(content: bytes, beginning: str, tmp_path: Path) -> None:
    path = tmp_path / "picture"
    path.write_bytes(WHOLE[beginning][:32] + content)
    tried(lambda: read_picture(path, max_megapixels=1), ImageError)
