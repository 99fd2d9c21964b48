"""What pictures become when they are uploaded, within which limits, and how they are blended."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from impasto import ImageError
from tests.conftest import scene
from tests.gradio_app.conftest import APP, LoadModule, resident_megabytes


def encoded(image: Image.Image, kind: str = "PNG", **save: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **save)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF"])
def test_every_supported_format_is_read(load_module: LoadModule, kind: str) -> None:
    uploads = load_module("page.uploads")
    image = Image.fromarray(scene(64, 48))
    decoded = uploads.read_upload(encoded(image, kind), "the photo")
    assert (decoded.mode, decoded.size) == ("RGB", (64, 48))
    assert np.abs(np.asarray(decoded).astype(float) - scene(64, 48)).mean() < 20


def test_a_large_photo_is_rotated_upright_and_reduced(load_module: LoadModule) -> None:
    uploads = load_module("page.uploads")
    exif = Image.Exif()
    exif[0x0112] = 6  # taken with the camera rotated
    decoded = uploads.read_upload(encoded(Image.new("RGB", (6000, 3000), "teal"), "JPEG", exif=exif.tobytes()), "the photo")
    assert decoded.size == (2048, 4096)
    assert not decoded.getexif()


@pytest.mark.slow
def test_a_50_megapixel_photo_is_read(load_module: LoadModule) -> None:
    decoded = load_module("page.uploads").read_upload(encoded(Image.new("RGB", (8192, 6144), "teal"), "JPEG"), "the photo")
    assert decoded.size == (4096, 3072)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot be read"),
        (b"GIF89a nothing", "cannot be read"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "cannot be read"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>", "cannot be read"),
        (b"%PDF-1.4", "cannot be read"),
        (encoded(Image.new("RGB", (9, 9))), "too small"),
        (encoded(Image.new("RGBA", (40, 40))), "fully transparent"),
        (encoded(Image.fromarray(scene(64, 48)))[:900], "damaged|cannot be read"),
        (encoded(Image.new("1", (7200, 7200))), "7200 x 7200 pixels, the limit is 51 megapixels"),
    ],
)
def test_invalid_pictures_raise_an_error_without_a_path(load_module: LoadModule, content: bytes, message: str) -> None:
    with pytest.raises(ImageError, match=message) as error:
        load_module("page.uploads").read_upload(content, "the photo")
    assert "/" not in str(error.value)


@pytest.mark.parametrize("mode", ["P", "1", "L"])
def test_pictures_of_one_byte_per_pixel_are_reduced_before_conversion(load_module: LoadModule, mode: str) -> None:
    uploads = load_module("page.uploads")
    content = encoded(Image.new(mode, (12_400, 3_200)))
    assert len(content) < 100_000
    before = resident_megabytes(os.getpid())
    decoded = uploads.read_upload(content, "the photo")
    assert max(decoded.size) <= uploads.MAX_SIDE
    assert resident_megabytes(os.getpid()) - before < 300


def test_pictures_with_more_than_8_bits_have_a_lower_limit(load_module: LoadModule) -> None:
    with pytest.raises(ImageError, match="more than 8 bits"):
        load_module("page.uploads").read_upload(encoded(Image.new("I;16", (5000, 200))), "the photo")


def test_a_file_over_the_size_limit_is_not_opened(load_module: LoadModule, tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    with path.open("wb") as file:
        file.truncate(21 << 20)
    with pytest.raises(ImageError, match="21 MB, the limit is 20 MB"):
        load_module("page.uploads").read_upload(path, "the photo")


@pytest.mark.slow
def test_a_new_process_reads_a_picture_first(small: Path) -> None:
    program = [
        sys.executable,
        "-c",
        "import sys; from page import uploads; print(uploads.read_upload(sys.argv[1], 'the photo').size)",
        str(small),
    ]
    done = subprocess.run(program, cwd=APP, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "(72, 54)", done.stderr


def test_blend_applies_opacity_and_mask(load_module: LoadModule) -> None:
    uploads = load_module("page.uploads")
    black, white = Image.new("RGB", (40, 30)), Image.new("RGB", (40, 30), "white")
    assert uploads.blend(black, white, 1).getpixel((3, 3)) == (255, 255, 255)
    assert uploads.blend(black, white, 0.25).getpixel((3, 3))[0] in (63, 64)
    mask = Image.new("L", (40, 30))
    mask.paste(255, (0, 0, 20, 30))
    half = uploads.blend(black, white, 0.5, mask)
    assert half.getpixel((3, 3))[0] in (127, 128)
    assert half.getpixel((30, 3)) == (0, 0, 0)


@pytest.mark.parametrize("value", ["", "data:,", "data:image/png;base64,AAAA", "data:image/png;base64,%", "data:text/html,x"])
def test_invalid_masks_are_ignored(load_module: LoadModule, value: str) -> None:
    assert load_module("page.uploads").read_mask(value, (40, 30)) is None


@pytest.mark.parametrize("photometric", ["rgb", "miniswhite"])
@pytest.mark.parametrize("as_file", [False, True])
def test_deep_files_are_read_as_by_the_engine(
    load_module: LoadModule, tmp_path: Path, photometric: str, as_file: bool
) -> None:
    values = scene(40, 32).astype(np.float32) / 255
    colors = scene(40, 32) if photometric == "rgb" else np.repeat(255 - scene(40, 32)[..., :1], 3, axis=2)
    tifffile.imwrite(tmp_path / "a.tif", values if photometric == "rgb" else values[..., 0], photometric=photometric)
    source = tmp_path / "a.tif" if as_file else (tmp_path / "a.tif").read_bytes()
    decoded = load_module("page.uploads").read_upload(source, "the photo")
    np.testing.assert_allclose(np.asarray(decoded).astype(float), colors, atol=1)
