"""Decoding of image files. Pillow's own orientation, NumPy and tifffile are the oracles."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms, ImageOps

from impasto.errors import ImageError
from impasto.images.decode import _pillow_limit_lock, decoding_errors, exclusive_pillow
from impasto.images.encode import save_picture
from impasto.images.picture import Picture, read_picture
from impasto.images.profile import SRGB_PROFILE
from tests.conftest import scene

PictureMaker = Callable[..., Path]


def to_bytes(picture: Picture) -> np.ndarray:
    """(H, W, 3) uint8"""
    return (picture.pixels.numpy() * 255).round().astype(np.uint8)


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tif", "a.gif", "a.webp", "a.jpg", "a.ppm"])
def test_every_format_matches_pillow(picture: PictureMaker, name: str) -> None:
    path = picture(name)
    with Image.open(path) as image:
        np.testing.assert_array_equal(to_bytes(read_picture(path)), np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(scene(33, 21)).save(tmp_path / "a.png", exif=exif)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(tmp_path / "a.png")))
    np.testing.assert_array_equal(to_bytes(read_picture(tmp_path / "a.png")), expected)


@pytest.mark.parametrize("name", ["a.jpg", "a.tif"])
def test_orientation_is_applied_once_in_jpeg_and_tiff(tmp_path: Path, name: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(scene(48, 24)).save(tmp_path / name, exif=exif)
    with Image.open(tmp_path / name) as image:
        expected = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    assert expected.shape == (48, 24, 3)
    np.testing.assert_array_equal(to_bytes(read_picture(tmp_path / name)), expected)


@pytest.mark.parametrize("mode", ["L", "LA", "1", "P", "PA", "CMYK", "YCbCr", "RGBA", "I;16", "F"])
def test_every_pillow_mode_becomes_rgb(mode: str) -> None:
    source = Image.fromarray(scene(30, 20))
    if mode == "I;16":
        image = Image.fromarray(np.asarray(source.convert("L")).astype(np.uint16) * 257)
    elif mode == "F":
        image = Image.fromarray(np.asarray(source.convert("L")).astype(np.float32) / 255)
    else:
        image = source.convert("P").convert("PA") if mode == "PA" else source.convert(mode)
    expected = (source.convert("L") if mode in ("I;16", "F") else image).convert("RGB")
    np.testing.assert_allclose(to_bytes(read_picture(image)), np.asarray(expected), atol=1)


def test_palette_transparency_becomes_alpha(tmp_path: Path) -> None:
    image = Image.fromarray(scene(30, 20)).quantize(16)
    image.save(tmp_path / "a.gif", transparency=image.getpixel((0, 0)))
    alpha = read_picture(tmp_path / "a.gif").alpha
    assert alpha is not None
    with Image.open(tmp_path / "a.gif") as reopened:
        np.testing.assert_array_equal(alpha.numpy() * 255, np.asarray(reopened.convert("RGBA"))[..., 3])


def test_first_frame_of_an_animation_is_read(tmp_path: Path) -> None:
    frames = [Image.fromarray(scene(30, 20, seed)) for seed in (1, 2)]
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:], lossless=True)
    np.testing.assert_array_equal(to_bytes(read_picture(tmp_path / "a.webp")), np.asarray(frames[0]))


def swapped_profile() -> bytes:
    """sRGB with red and green primaries exchanged"""
    raw = bytearray(SRGB_PROFILE)
    tags = {}
    for i in range(struct.unpack_from(">I", raw, 128)[0]):
        name, offset, _ = struct.unpack_from(">4sII", raw, 132 + 12 * i)
        tags[name] = 132 + 12 * i, offset
    (red, red_at), (green, green_at) = tags[b"rXYZ"], tags[b"gXYZ"]
    struct.pack_into(">I", raw, red + 4, green_at)
    struct.pack_into(">I", raw, green + 4, red_at)
    return bytes(raw).replace("sRGB".encode("utf-16-be"), "XRGB".encode("utf-16-be"))


def test_color_profile_is_converted_to_srgb(picture: PictureMaker) -> None:
    path = picture("a.png", icc_profile=swapped_profile())
    stored = np.asarray(Image.open(path))
    np.testing.assert_allclose(to_bytes(read_picture(path)), stored[..., [1, 0, 2]], atol=3)


def test_color_profile_is_converted_in_16_bits(tmp_path: Path) -> None:
    """Colors 1/65535 apart stay apart, and both match the 8-bit conversion."""
    values = np.full((20, 20, 3), (40000, 20000, 10000), np.uint16)
    values[:, 10:, 0] += 1
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="rgb", iccprofile=swapped_profile())
    picture = read_picture(tmp_path / "a.tif")
    np.testing.assert_allclose(picture.pixels[0, 0], np.array([20000, 40000, 10000]) / 65535, atol=0.01)
    assert float((picture.pixels[0, 0] - picture.pixels[0, 19]).abs().max()) > 0.5 / 65535


def test_broken_profile_is_ignored(picture: PictureMaker) -> None:
    path = picture("a.png", icc_profile=b"no profile at all")
    np.testing.assert_array_equal(to_bytes(read_picture(path)), np.asarray(Image.open(path)))


def test_cmyk_with_an_rgb_profile_is_read(picture: PictureMaker) -> None:
    path = picture("a.jpg", mode="CMYK", icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    np.testing.assert_allclose(to_bytes(read_picture(path)), np.asarray(Image.open(path).convert("RGB")), atol=1)


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_16_bit_tiffs_of_other_programs_keep_all_bits(
    tmp_path: Path, compression: str | None, byteorder: Literal["<", ">"]
) -> None:
    values = np.random.default_rng(1).integers(0, 65536, (20, 24, 3), dtype=np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="rgb", compression=compression, byteorder=byteorder)
    np.testing.assert_array_equal((read_picture(tmp_path / "a.tif").pixels.numpy() * 65535).round(), values)


def test_16_bit_file_opened_by_the_caller_is_read_in_8_bits(tmp_path: Path) -> None:
    """Pillow has already reduced it; its bytes must not be mixed up."""
    values = np.random.default_rng(0).integers(0, 65536, (20, 24, 3), dtype=np.uint16)
    for name in ("a.png", "a.tif"):
        save_picture(tmp_path / name, read_picture(values))
        with Image.open(tmp_path / name) as image:
            np.testing.assert_array_equal(to_bytes(read_picture(image)), values >> 8)


def zeros_png(width: int, height: int) -> bytes:
    """A PNG with a header of this size and almost no data"""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def test_invalid_files_raise_a_one_line_error(tmp_path: Path, picture: PictureMaker) -> None:
    png = picture("whole.png").read_bytes()
    jpeg = picture("whole.jpg").read_bytes()
    (tmp_path / "truncated.png").write_bytes(png[: len(png) // 2])
    (tmp_path / "truncated.jpg").write_bytes(jpeg[: len(jpeg) // 2])
    (tmp_path / "text.png").write_text("this is no picture")
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "bomb.png").write_bytes(zeros_png(20_000, 20_000))
    (tmp_path / "folder").mkdir()
    Image.new("RGB", (1, 1)).save(tmp_path / "dot.png")
    Image.new("RGBA", (40, 40), (9, 9, 9, 0)).save(tmp_path / "glass.png")
    expected = {
        "missing.png": "there is no file",
        "truncated.png": "damaged or truncated",
        "truncated.jpg": "damaged or truncated",
        "text.png": "not a picture",
        "empty.png": "not a picture",
        "bomb.png": "over the limit of 200 megapixels",
        "folder": "is a folder",
        "dot.png": "too small: 1 x 1",
        "glass.png": "fully transparent",
    }
    for name, message in expected.items():
        with pytest.raises(ImageError, match=message) as caught:
            read_picture(tmp_path / name)
        assert name in str(caught.value)
        assert "\n" not in str(caught.value)


def test_size_limit_can_be_raised(tmp_path: Path, picture: PictureMaker) -> None:
    with pytest.raises(ImageError, match="over the limit"):
        read_picture(picture("a.png"), max_megapixels=0.001)
    assert read_picture(picture("a.png"), max_megapixels=0.002).size == (48, 40)


def test_pillow_blocks_nest_and_restore_the_size_limit() -> None:
    limit = Image.MAX_IMAGE_PIXELS
    with exclusive_pillow(), decoding_errors("the picture"):
        assert Image.MAX_IMAGE_PIXELS is None
    assert limit == Image.MAX_IMAGE_PIXELS


def test_pillow_blocks_exclude_other_threads() -> None:
    with ThreadPoolExecutor(1) as other_thread, exclusive_pillow():
        assert not other_thread.submit(_pillow_limit_lock.acquire, blocking=False).result()


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork()")
def test_a_child_forked_while_a_thread_decodes_can_decode(tmp_path: Path, picture: PictureMaker) -> None:
    script = f"""
import os, threading
from impasto.images.decode import exclusive_pillow
from impasto.images.picture import read_picture
holding, end = threading.Event(), threading.Event()
def decode():
    with exclusive_pillow():
        holding.set()
        end.wait()
threading.Thread(target=decode).start()
holding.wait()
child = os.fork()
if not child:
    read_picture({str(picture("a.png"))!r})
    os._exit(7)
status = os.waitpid(child, 0)[1]
end.set()
assert os.waitstatus_to_exitcode(status) == 7
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", script], timeout=100, check=True)
