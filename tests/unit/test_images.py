"""Pictures in and out. Pillow's own orientation, NumPy and tifffile are the oracles."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image, ImageCms, ImageOps

from impasto.errors import ImageError
from impasto.images.decode import SRGB_PROFILE
from impasto.images.encode import ensure_writable_image, save_picture
from impasto.images.picture import Picture, read_picture
from impasto.images.resize import fit_size
from tests.conftest import scene

Maker = Callable[..., Path]


def bytes_of(picture: Picture) -> np.ndarray:
    return (picture.pixels.numpy() * 255).round().astype(np.uint8)


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tif", "a.gif", "a.webp", "a.jpg", "a.ppm"])
def test_any_format_is_read_as_pillow_reads_it(picture: Maker, name: str) -> None:
    path = picture(name)
    with Image.open(path) as image:
        np.testing.assert_array_equal(bytes_of(read_picture(path)), np.asarray(image.convert("RGB")))


def test_every_kind_of_source_is_the_same_picture(picture: Maker) -> None:
    path = picture("a.png")
    values = np.asarray(Image.open(path))
    sources = [
        path,
        str(path),
        Image.open(path),
        values,
        values.astype(np.uint16) * 257,
        values.astype(np.float64) / 255,
        torch.from_numpy(values / np.float32(255)).permute(2, 0, 1),
    ]
    for source in sources:
        np.testing.assert_array_equal(bytes_of(read_picture(source)), values)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(scene(33, 21)).save(tmp_path / "a.png", exif=exif)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(tmp_path / "a.png")))
    np.testing.assert_array_equal(bytes_of(read_picture(tmp_path / "a.png")), expected)


@pytest.mark.parametrize("mode", ["L", "LA", "1", "P", "PA", "CMYK", "YCbCr", "RGBA", "I;16", "F"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    source = Image.fromarray(scene(30, 20))
    if mode == "I;16":
        image = Image.fromarray(np.asarray(source.convert("L")).astype(np.uint16) * 257)
    elif mode == "F":
        image = Image.fromarray(np.asarray(source.convert("L")).astype(np.float32) / 255)
    else:
        image = source.convert("P").convert("PA") if mode == "PA" else source.convert(mode)
    expected = (source.convert("L") if mode in ("I;16", "F") else image).convert("RGB")
    np.testing.assert_allclose(bytes_of(read_picture(image)), np.asarray(expected), atol=1)


def test_transparency_of_a_palette_is_alpha(tmp_path: Path) -> None:
    image = Image.fromarray(scene(30, 20)).quantize(16)
    image.save(tmp_path / "a.gif", transparency=image.getpixel((0, 0)))
    alpha = read_picture(tmp_path / "a.gif").alpha
    assert alpha is not None
    with Image.open(tmp_path / "a.gif") as again:
        np.testing.assert_array_equal(alpha.numpy() * 255, np.asarray(again.convert("RGBA"))[..., 3])


def test_the_first_frame_of_an_animation_is_read(tmp_path: Path) -> None:
    frames = [Image.fromarray(scene(30, 20, seed)) for seed in (1, 2)]
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:], lossless=True)
    np.testing.assert_array_equal(bytes_of(read_picture(tmp_path / "a.webp")), np.asarray(frames[0]))


def swapped_profile() -> bytes:
    """sRGB with its red and green primaries exchanged: a profile whose effect cannot be overlooked"""
    raw = bytearray(SRGB_PROFILE)
    tags = {}
    for i in range(struct.unpack_from(">I", raw, 128)[0]):
        name, offset, _ = struct.unpack_from(">4sII", raw, 132 + 12 * i)
        tags[name] = 132 + 12 * i, offset
    (red, red_at), (green, green_at) = tags[b"rXYZ"], tags[b"gXYZ"]
    struct.pack_into(">I", raw, red + 4, green_at)
    struct.pack_into(">I", raw, green + 4, red_at)
    return bytes(raw).replace("sRGB".encode("utf-16-be"), "XRGB".encode("utf-16-be"))


def test_a_color_profile_is_converted_to_srgb(picture: Maker) -> None:
    path = picture("a.png", icc_profile=swapped_profile())
    plain = np.asarray(Image.open(path))
    np.testing.assert_allclose(bytes_of(read_picture(path)), plain[..., [1, 0, 2]], atol=3)


def test_a_color_profile_is_converted_in_16_bits_too(tmp_path: Path) -> None:
    """Two colors 1/65535 apart stay apart, and both arrive where 8 bits would."""
    values = np.full((20, 20, 3), (40000, 20000, 10000), np.uint16)
    values[:, 10:, 0] += 1
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="rgb", iccprofile=swapped_profile())
    read = read_picture(tmp_path / "a.tif")
    np.testing.assert_allclose(read.pixels[0, 0], np.array([20000, 40000, 10000]) / 65535, atol=0.01)
    assert float((read.pixels[0, 0] - read.pixels[0, 19]).abs().max()) > 0.5 / 65535


def test_a_broken_profile_is_left_aside(picture: Maker) -> None:
    path = picture("a.png", icc_profile=b"no profile at all")
    np.testing.assert_array_equal(bytes_of(read_picture(path)), np.asarray(Image.open(path)))


def test_cmyk_with_a_profile_of_another_kind_is_read(picture: Maker) -> None:
    path = picture("a.jpg", mode="CMYK", icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    np.testing.assert_allclose(bytes_of(read_picture(path)), np.asarray(Image.open(path).convert("RGB")), atol=1)


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_16_bits_go_in_and_out(tmp_path: Path, name: str, channels: int) -> None:
    values = np.random.default_rng(0).integers(1, 65536, (21, 33, channels), dtype=np.uint16)
    first = read_picture(values)
    assert first.depth == 16
    save_picture(tmp_path / name, first)
    again = read_picture(tmp_path / name)
    assert again.depth == 16
    planes = [again.pixels] if again.alpha is None else [again.pixels, again.alpha[..., None]]
    np.testing.assert_array_equal((torch.cat(planes, 2).numpy() * 65535).round(), values)


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_16_bit_tiffs_of_others_are_read_whole(tmp_path: Path, compression: str | None, byteorder: str) -> None:
    values = np.random.default_rng(1).integers(0, 65536, (20, 24, 3), dtype=np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="rgb", compression=compression, byteorder=byteorder)
    np.testing.assert_array_equal((read_picture(tmp_path / "a.tif").pixels.numpy() * 65535).round(), values)


def test_16_bit_files_are_what_other_programs_expect(tmp_path: Path) -> None:
    save_picture(tmp_path / "a.png", read_picture(np.full((20, 20, 3), 0x8001, np.uint16)))
    with Image.open(tmp_path / "a.png") as image:
        image.load()
        assert (image.mode, image.tile or image.getpixel((3, 3))) == ("RGB", (128, 128, 128))
        assert image.info["icc_profile"] == SRGB_PROFILE
    save_picture(tmp_path / "a.tif", read_picture(np.full((20, 20, 3), 0x8001, np.uint16)))
    assert (tifffile.imread(tmp_path / "a.tif") == 0x8001).all()


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.tif"])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_files_say_that_they_are_srgb(tmp_path: Path, name: str, kind: type) -> None:
    save_picture(tmp_path / name, read_picture(np.full((20, 20, 3), 99, kind)))
    with Image.open(tmp_path / name) as image:
        assert image.info["icc_profile"] == SRGB_PROFILE


def test_what_is_transparent_does_not_bleed_when_resized() -> None:
    values = np.zeros((40, 40, 4), np.uint8)
    values[:, 20:] = (255, 0, 0, 255)  # the right half is red
    values[:, :20] = (0, 255, 0, 0)  # and the left a green that nobody sees
    small = read_picture(values).resized(20, 20)
    assert small.alpha is not None
    seen = small.alpha > 0.01
    assert float(small.pixels[seen][:, 1].max()) < 0.01
    assert float(small.pixels[~seen][:, 0].min()) > 0.99  # what nobody sees has the mean of what they do


@pytest.mark.parametrize(
    ("size", "longest", "expected"),
    [((1024, 768), 512, (512, 384)), ((3, 2), 512, (512, 341)), ((768, 1024), 512, (384, 512)), ((100, 100), 64, (64, 64))],
)
def test_the_result_has_the_contents_aspect(size: tuple[int, int], longest: int, expected: tuple[int, int]) -> None:
    assert fit_size(size, longest) == expected


def test_a_picture_that_gets_too_thin_is_refused() -> None:
    with pytest.raises(ImageError, match="512 x 5 pixels the picture is too thin"):
        fit_size((1000, 10), 512)


def zeros_png(width: int, height: int) -> bytes:
    """A PNG that says it is this large, and stores next to nothing"""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def test_bad_pictures_are_refused_in_one_sentence(tmp_path: Path, picture: Maker) -> None:
    whole = picture("whole.png").read_bytes()
    jpeg = picture("whole.jpg").read_bytes()
    (tmp_path / "truncated.png").write_bytes(whole[: len(whole) // 2])
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


def test_the_limit_can_be_raised(tmp_path: Path, picture: Maker) -> None:
    with pytest.raises(ImageError, match="over the limit"):
        read_picture(picture("a.png"), max_megapixels=0.001)
    assert read_picture(picture("a.png"), max_megapixels=0.002).size == (48, 40)


@pytest.mark.parametrize(
    "source", [np.zeros((20, 20, 5), np.uint8), np.zeros((20, 20, 3), np.int64), np.full((20, 20, 3), np.nan), 7, np.zeros(5)]
)
def test_bad_arrays_are_refused(source: object) -> None:
    with pytest.raises(ImageError):
        read_picture(source)


def test_targets_are_proved_before_the_work(tmp_path: Path) -> None:
    for name, message in {"a.xyz": "cannot tell the format", "none/a.png": "cannot be written", "a": "cannot tell"}.items():
        with pytest.raises(ImageError, match=message):
            ensure_writable_image(tmp_path / name)
    ensure_writable_image(tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_save_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.png").write_bytes(b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("impasto.runtime.files.os.replace", full)
    with pytest.raises(ImageError, match="No space left"):
        save_picture(tmp_path / "a.png", read_picture(scene(20, 20)))
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("a.png", b"old")]


def test_formats_without_alpha_get_a_white_ground(tmp_path: Path) -> None:
    values = np.zeros((20, 20, 4), np.uint8)
    values[:10, :, 3] = 255
    save_picture(tmp_path / "a.jpg", read_picture(values))
    with Image.open(io.BytesIO((tmp_path / "a.jpg").read_bytes())) as image:
        assert image.mode == "RGB"
        assert image.getpixel((5, 18)) >= (250, 250, 250)
        assert max(image.getpixel((5, 1))) < 10


@pytest.mark.parametrize("name", ["a.jpg", "a.tif"])
def test_orientation_is_applied_once_in_other_formats_too(tmp_path: Path, name: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(scene(48, 24)).save(tmp_path / name, exif=exif)
    with Image.open(tmp_path / name) as image:
        expected = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    assert expected.shape == (48, 24, 3)
    np.testing.assert_array_equal(bytes_of(read_picture(tmp_path / name)), expected)


def test_a_deep_file_that_somebody_else_opened_is_read_in_8_bits(tmp_path: Path) -> None:
    """Pillow has cut it down by then; what must not happen is that its bytes are mixed up."""
    values = np.random.default_rng(0).integers(0, 65536, (20, 24, 3), dtype=np.uint16)
    for name in ("a.png", "a.tif"):
        save_picture(tmp_path / name, read_picture(values))
        with Image.open(tmp_path / name) as image:
            np.testing.assert_array_equal(bytes_of(read_picture(image)), values >> 8)


def test_pictures_that_pillow_cannot_write_are_refused_before_the_work(tmp_path: Path) -> None:
    for name in ("a.h5", "a.xbm", "a.eps"):
        with pytest.raises(ImageError, match="cannot tell the format"):
            ensure_writable_image(tmp_path / name)
    with pytest.raises(ImageError, match="WebP ends at 16383"):
        ensure_writable_image(tmp_path / "a.webp", (16384, 20))


def test_floats_from_0_to_255_are_noticed() -> None:
    with pytest.raises(ImageError, match="floats have to be from 0 to 1"):
        read_picture(scene(20, 20).astype(np.float32))


def test_a_low_precision_tensor_is_a_picture() -> None:
    assert read_picture(torch.rand(3, 20, 30).bfloat16()).size == (30, 20)
