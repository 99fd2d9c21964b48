"""Files with other depths than 8 bits. The expected values are computed from the colors that a test writes, with NumPy."""

from __future__ import annotations

import itertools
import logging
import struct
import zlib
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from impasto.errors import ImageError
from impasto.images.decode import count_frames
from impasto.images.picture import read_picture
from tests.images.icc import SRGB_PRIMARIES, gray_profile, rgb_profile

WIDTH, HEIGHT = 24, 20
#: Channels -> photometric interpretation
MODELS = {"gray": (1, "minisblack"), "inverted gray": (1, "miniswhite"), "RGB": (3, "rgb"), "CMYK": (4, "separated")}
DEPTHS = ("uint16", "uint32", "float16", "float32", "10", "12")
TRANSPARENCY = (None, "unassalpha", "assocalpha")


def gradient(channels: int) -> np.ndarray:
    """Colors from 0 to 1, with more shadows than lights.  (H, W, C)"""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    planes = [x / (WIDTH - 1), y / (HEIGHT - 1), (x + y) / (WIDTH + HEIGHT - 2), x * y / (WIDTH - 1) / (HEIGHT - 1)]
    return np.stack(planes[:channels], axis=-1) ** 2


def srgb_of_light(light: np.ndarray) -> np.ndarray:
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 1e-9) ** (1 / 2.4) - 0.055)


def quantize(values: np.ndarray, depth: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the values to store, and these as floats from 0 to 1."""
    if depth.startswith("float"):
        stored = values.astype(depth)
        return stored, stored.astype(float)
    bits = int(depth.removeprefix("uint"))
    stored = np.round(values * (2**bits - 1)).astype(np.uint32 if bits == 32 else np.uint16)
    return stored, stored / (2**bits - 1)


CASES = [
    case
    for case in itertools.product(DEPTHS, MODELS, ("contig", "separate"), "<>", (False, True), TRANSPARENCY)
    # tifffile writes 10 and 12 bits for gray only, and planes for several channels only.
    if not (case[0] in ("10", "12") and (case[1] not in ("gray", "inverted gray") or case[5]))
    and not (case[2] == "separate" and (MODELS[case[1]][0] == 1 or case[5]))
    and not (case[4] and case[1] in ("inverted gray", "CMYK"))
    and not (case[5] and case[1] in ("inverted gray", "CMYK"))
]


@pytest.mark.parametrize("depth", DEPTHS)
def test_tiff_of_every_kind(tmp_path: Path, depth: str) -> None:
    cases = [case for case in CASES if case[0] == depth]
    assert cases
    for _, model, planes, byteorder, has_profile, transparency in cases:
        channels, photometric = MODELS[model]
        stored, colors = quantize(gradient(channels), depth)
        white = stored.dtype.type(1 if depth.startswith("float") else 2 ** int(depth.removeprefix("uint")) - 1)
        options: dict[str, Any] = {"photometric": photometric, "byteorder": byteorder, "planarconfig": planes}
        alpha = None
        if transparency:
            stored_alpha, alpha = quantize(np.linspace(0.5, 1, WIDTH) * np.ones((HEIGHT, 1)), depth)
            if transparency == "assocalpha":
                stored = quantize(colors * alpha[..., None], depth)[0]
            stored = np.dstack([stored, stored_alpha])
            options["extrasamples"] = [transparency]
        if depth in ("10", "12"):
            options["bitspersample"] = int(depth)
        if has_profile:
            options["iccprofile"] = gray_profile(1) if channels == 1 else rgb_profile(1)
        if model == "inverted gray":
            stored = white - stored
        if channels == 1 and not transparency:
            stored = stored[..., 0]
        if planes == "separate":
            stored = np.moveaxis(stored, -1, 0)
        else:
            del options["planarconfig"]
        if depth in ("10", "12") and byteorder == ">":
            stored = stored.byteswap()  # tifffile packs these bits in the wrong order
        tifffile.imwrite(tmp_path / "a.tif", stored, **options)
        if model == "CMYK":
            colors = (1 - colors[..., :3]) * (1 - colors[..., 3:])
        if has_profile:
            colors = srgb_of_light(colors)
        picture = read_picture(tmp_path / "a.tif")
        case = (depth, model, planes, byteorder, has_profile, transparency)
        assert picture.depth == 16, case
        expected = np.broadcast_to(colors, (HEIGHT, WIDTH, 3))
        # Half floats are exact to 1/4096, and division by alpha doubles rounding errors.
        tolerance = {"float16": 4, "10": 0.1, "12": 0.1}.get(depth, 0.1) / 255
        np.testing.assert_allclose(picture.pixels, expected, atol=tolerance, err_msg=str(case))
        if alpha is None:
            assert picture.alpha is None
        else:
            assert picture.alpha is not None
            np.testing.assert_allclose(picture.alpha, alpha, atol=1e-4, err_msg=str(case))


@pytest.mark.parametrize("bits", [10, 12, 14])
@pytest.mark.parametrize("order", ["<", ">"])
def test_packed_rgb(tmp_path: Path, bits: int, order: str) -> None:
    """Samples of 10 to 14 bits follow each other without gaps, as cameras and scanners write them."""
    stored = np.round(gradient(3) * (2**bits - 1)).astype(int)
    rows = ["".join(f"{value:0{bits}b}" for value in row.ravel()) for row in stored]
    data = b"".join(int(row.ljust(-(-len(row) // 8) * 8, "0"), 2).to_bytes(-(-len(row) // 8), "big") for row in rows)
    tags = [(256, 4, 1, WIDTH), (257, 4, 1, HEIGHT), (258, 3, 3, 8 + 2 + 9 * 12 + 4), (259, 4, 1, 1), (262, 4, 1, 2)]
    tags += [(273, 4, 1, 8 + 2 + 9 * 12 + 4 + 6), (277, 4, 1, 3), (278, 4, 1, HEIGHT), (279, 4, 1, len(data))]
    content = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HIH", 42, 8, len(tags))
    content += b"".join(struct.pack(f"{order}HHII", *tag) for tag in tags) + struct.pack(f"{order}I3H", 0, bits, bits, bits)
    (tmp_path / "a.tif").write_bytes(content + data)
    np.testing.assert_allclose(read_picture(tmp_path / "a.tif").pixels, stored / (2**bits - 1), atol=1e-5)


@pytest.mark.parametrize("compression", ["zlib", "lzw", "packbits", "zstd"])
def test_compressed_tiff(tmp_path: Path, compression: str) -> None:
    stored, colors = quantize(gradient(3), "uint16")
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", compression=compression)
    np.testing.assert_allclose(read_picture(tmp_path / "a.tif").pixels, colors, atol=1e-5)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("has_profile", [False, True])
def test_png_with_16_bits(tmp_path: Path, channels: int, has_profile: bool) -> None:
    stored, colors = quantize(gradient(channels), "uint16")
    if channels in (2, 4):
        stored[..., -1] |= 1  # not fully transparent, where colors do not count
    content = imagecodecs.png_encode(stored if channels > 1 else stored[..., 0])
    profile = (gray_profile(1) if channels < 3 else rgb_profile(1)) if has_profile else None
    (tmp_path / "a.png").write_bytes(_with_profile(content, profile))
    picture = read_picture(tmp_path / "a.png")
    expected = colors[..., : 1 if channels < 3 else 3]
    expected = np.broadcast_to(srgb_of_light(expected) if has_profile else expected, (HEIGHT, WIDTH, 3))
    np.testing.assert_allclose(picture.pixels, expected, atol=0.05 / 255)
    assert picture.depth == 16
    if channels in (2, 4):
        assert picture.alpha is not None
        np.testing.assert_allclose(picture.alpha, stored[..., -1] / 65535, atol=1e-6)


def _with_profile(png: bytes | bytearray, profile: bytes | None, *others: tuple[bytes, bytes]) -> bytes:
    """Insert a profile and other chunks into a PNG, behind its header."""
    chunks = list(others)
    if profile:
        chunks.append((b"iCCP", b"p\0\0" + zlib.compress(profile)))
    inserted = b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )
    return bytes(png[:33]) + inserted + bytes(png[33:])


@pytest.mark.parametrize(("channels", "color"), [(1, b"\x03\xe8"), (3, b"\x03\xe8\x13\x88\xea\x60")])
def test_transparent_color_of_a_png_with_16_bits(tmp_path: Path, channels: int, color: bytes) -> None:
    values = np.full((HEIGHT, WIDTH, channels), 30000, np.uint16)
    values[:, :10] = np.frombuffer(color, ">u2")
    content = imagecodecs.png_encode(values if channels > 1 else values[..., 0])
    (tmp_path / "a.png").write_bytes(_with_profile(content, None, (b"tRNS", color)))
    alpha = read_picture(tmp_path / "a.png").alpha
    assert alpha is not None
    assert (alpha[:, :10] == 0).all()
    assert (alpha[:, 10:] == 1).all()


@pytest.mark.parametrize("bits", [8, 16])
def test_gamma_of_a_png_without_a_profile(tmp_path: Path, bits: int) -> None:
    stored, colors = quantize(gradient(3), f"uint{bits}")
    content = imagecodecs.png_encode(stored.astype(f"uint{bits}"))
    for gamma, expected in ((100_000, srgb_of_light(colors)), (45_455, colors), (55_556, srgb_of_light(colors**1.8))):
        (tmp_path / "a.png").write_bytes(_with_profile(content, None, (b"gAMA", gamma.to_bytes(4, "big"))))
        np.testing.assert_allclose(read_picture(tmp_path / "a.png").pixels, expected, atol=0.02 / 255)


@pytest.mark.parametrize("depth", ["uint8", "uint16"])
def test_profile_is_judged_by_what_it_does(tmp_path: Path, depth: str) -> None:
    """A linear profile may be called sRGB, and an RGB profile applies to gray. One that changes nothing leaves all values."""
    stored, colors = quantize(gradient(3), depth)
    stored = stored.astype(depth)
    linear = rgb_profile(1, "sRGB-elle-V2-g10.icc")
    for values, light in ((stored, colors), (stored[..., 0], np.broadcast_to(colors[..., :1], (HEIGHT, WIDTH, 3)))):
        (tmp_path / "a.png").write_bytes(_with_profile(imagecodecs.png_encode(np.ascontiguousarray(values)), linear))
        np.testing.assert_allclose(read_picture(tmp_path / "a.png").pixels, srgb_of_light(light), atol=0.05 / 255)
    (tmp_path / "a.png").write_bytes(_with_profile(imagecodecs.png_encode(stored), imagecodecs.cms_profile("srgb")))
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png").pixels, colors.astype(np.float32))


def test_shadows_keep_their_steps_in_16_bits(tmp_path: Path) -> None:
    light = np.linspace(0, 0.01, WIDTH) * np.ones((HEIGHT, 1))
    stored = np.repeat(np.round(light * 65535).astype(np.uint16)[..., None], 3, axis=2)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", iccprofile=rgb_profile(1))
    np.testing.assert_allclose(read_picture(tmp_path / "a.tif").pixels, srgb_of_light(stored / 65535), atol=0.05 / 255)


def test_other_primaries_are_converted(tmp_path: Path) -> None:
    """Red and green exchanged"""
    red, green, blue = SRGB_PRIMARIES
    stored, colors = quantize(gradient(3), "uint16")
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", iccprofile=rgb_profile(1, "x", (green, red, blue)))
    expected = srgb_of_light(colors[..., [1, 0, 2]])
    np.testing.assert_allclose(read_picture(tmp_path / "a.tif").pixels, expected, atol=0.3 / 255)


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        (np.zeros((40, 40, 3), np.uint16), {"photometric": "cielab"}, "CIELAB"),
        (np.full((40, 40), -5, np.int16), {"photometric": "minisblack"}, "negative"),
        (
            np.full((40, 40), 300.0, np.float32),
            {"photometric": "minisblack"},
            "values from 300 to 300: floats must be from 0 to 1",
        ),
        (np.full((40, 40), np.nan, np.float32), {"photometric": "minisblack"}, "NaN"),
        (np.zeros((40, 40, 3), np.uint8), {"photometric": "rgb", "extratags": [(50706, 1, 4, b"\1\4\0\0", True)]}, "raw file"),
    ],
    ids=["Lab", "negative", "too large", "NaN", "raw"],
)
def test_what_cannot_be_read_is_refused_by_name(
    tmp_path: Path, values: np.ndarray, options: dict[str, Any], message: str
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", values, **options)
    with pytest.raises(ImageError, match=message) as caught:
        read_picture(tmp_path / "a.tif")
    assert "a.tif" in str(caught.value)


def test_several_pages_are_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    frames = [np.full((40, 40, 3), value, np.uint8) for value in (10, 200)]
    tifffile.imwrite(tmp_path / "pages.tif", np.stack(frames).astype(np.uint16) * 257, photometric="rgb")
    images = [Image.fromarray(frame) for frame in frames]
    images[0].save(tmp_path / "moving.gif", save_all=True, append_images=images[1:])
    for name in ("pages.tif", "moving.gif"):
        with caplog.at_level(logging.WARNING, "impasto"):
            picture = read_picture(tmp_path / name)
        assert "has 2 frames or pages: the first one is used" in caplog.text
        assert float(picture.pixels.mean()) * 255 == pytest.approx(10, abs=1)
        caplog.clear()


def test_the_bytes_of_a_file_are_read_like_the_file(tmp_path: Path) -> None:
    for name, values in (("a.tif", np.uint16), ("b.tif", np.uint8)):
        tifffile.imwrite(tmp_path / name, (gradient(3) * 255).astype(values), photometric="rgb")
        assert read_picture((tmp_path / name).read_bytes()).digest == read_picture(tmp_path / name).digest


@pytest.mark.parametrize("white", [255, 65535])
def test_palette_of_8_or_16_bits(tmp_path: Path, white: int) -> None:
    """The palette of a TIFF has 16 bits; some programs fill it with 8."""
    palette = np.stack([np.arange(256), 255 - np.arange(256), np.full(256, 7)]).astype(np.uint16) * (white // 255)
    indices = np.arange(400).reshape(20, 20).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", indices, photometric="palette", colormap=palette)
    picture = read_picture(tmp_path / "a.tif")
    assert picture.depth == 8
    np.testing.assert_allclose(picture.pixels, palette.T[indices] / white, atol=1e-3)


@pytest.mark.parametrize("is_big", [False, True])
def test_a_circle_of_pages_ends(tmp_path: Path, is_big: bool) -> None:
    """The pointer of the last page leads back to the first."""
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((2, 40, 40, 3), np.uint16), photometric="rgb", bigtiff=is_big)
    with tifffile.TiffFile(path) as file:
        first, last = file.pages[0].offset, file.pages[1].offset
    content = bytearray(path.read_bytes())
    count, pointer, entry_size = ("<Q", "<Q", 20) if is_big else ("<H", "<I", 12)
    end = last + struct.calcsize(count) + entry_size * struct.unpack_from(count, content, last)[0]
    assert struct.unpack_from(pointer, content, end) == (0,)
    struct.pack_into(pointer, content, end, first)
    path.write_bytes(content)
    assert count_frames(path) == 2
    assert read_picture(path).size == (40, 40)


def test_channels_are_limited(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((20, 20, 40), np.uint16), photometric="minisblack", planarconfig="contig")
    with pytest.raises(ImageError, match="40 channels"):
        read_picture(tmp_path / "a.tif")
