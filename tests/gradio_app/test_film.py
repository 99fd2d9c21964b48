"""The film of a painting coming to be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence

from tests.conftest import scene
from tests.gradio_app.conftest import LoadModule, rgb_values

SIZE = (96, 64)


def flat(level: int, size: tuple[int, int] = SIZE) -> Image.Image:
    return Image.new("RGB", size, (level, level, level))


def save_previews(folder: Path, pictures: list[Image.Image]) -> list[Path]:
    paths = [folder / f"preview-{number}.jpg" for number in range(1, len(pictures) + 1)]
    for path, picture in zip(paths, pictures, strict=True):
        picture.save(path, quality=95)
    return paths


def timed_frames(path: str) -> list[tuple[np.ndarray, int]]:
    """The frames, (H, W, 3) from 0 to 255, and their durations in milliseconds"""
    with Image.open(path) as film:
        return [(rgb_values(frame), frame.info["duration"]) for frame in ImageSequence.Iterator(film)]


def frames(path: str) -> list[np.ndarray]:
    """Each frame as many times as it is shown for 56 ms, because the encoder joins equal ones"""
    return [values for values, duration in timed_frames(path) for _ in range(max(1, round(duration / 56)))]


def test_a_film_begins_with_the_photo_and_holds_the_painting(load_module: LoadModule, tmp_path: Path) -> None:
    photo, painting = Image.fromarray(scene(*SIZE)), Image.fromarray(scene(*SIZE, seed=1))
    previews = save_previews(tmp_path, [painting.resize((24, 16)), painting.resize((49, 32)), painting])
    path = load_module("page.film").write_film(photo, previews, painting, tmp_path / "film.webp")
    shown, durations = zip(*timed_frames(path), strict=True)
    assert np.abs(shown[0] - rgb_values(photo)).mean() < 8
    assert np.abs(shown[-1] - rgb_values(painting)).mean() < 8
    with Image.open(path) as film:
        assert (film.format, film.size, film.info["loop"]) == ("WEBP", SIZE, 0)
    assert 2900 <= sum(durations) <= 3100
    assert durations[0] >= 300
    assert durations[-1] >= 1000


def test_previews_are_chosen_evenly(load_module: LoadModule, tmp_path: Path) -> None:
    previews = save_previews(tmp_path, [flat(20 + 2 * number) for number in range(100)])
    path = load_module("page.film").write_film(flat(0), previews, flat(255), tmp_path / "film.webp")
    levels = [values.mean() for values, _ in timed_frames(path)]
    assert len(levels) == 32
    assert np.allclose(levels[1:-1], np.arange(100 * 30, step=100) // 30 * 2 + 20, atol=3)


def test_a_single_preview_is_faded_in_and_out(load_module: LoadModule, tmp_path: Path) -> None:
    previews = save_previews(tmp_path, [flat(100, (24, 16))])
    path = load_module("page.film").write_film(flat(0), previews, flat(200), tmp_path / "film.webp")
    levels = [values.mean() for values in frames(path)]
    assert levels == sorted(levels)
    assert np.diff(levels).max() < 20
    assert sum(abs(level - 100) < 3 for level in levels) > 4


@pytest.mark.parametrize("gone", ["expired", "damaged"])
def test_previews_that_cannot_be_read_are_left_out(load_module: LoadModule, tmp_path: Path, gone: str) -> None:
    film = load_module("page.film")
    previews = save_previews(tmp_path, [flat(level) for level in (50, 100, 150)])
    film.write_film(flat(0), [previews[0], previews[2]], flat(255), tmp_path / "without.webp")
    if gone == "expired":
        previews[1].unlink()
    else:
        previews[1].write_bytes(previews[1].read_bytes()[:300])
    film.write_film(flat(0), previews, flat(255), tmp_path / "film.webp")
    assert (tmp_path / "film.webp").read_bytes() == (tmp_path / "without.webp").read_bytes()


@pytest.mark.parametrize("previews", [[], ["expired.jpg"]])
def test_without_previews_the_painting_is_wiped_over_the_photo(
    load_module: LoadModule, tmp_path: Path, previews: list[str]
) -> None:
    paths = [tmp_path / name for name in previews]
    shown = frames(load_module("page.film").write_film(flat(0), paths, flat(200), tmp_path / "film.webp"))
    left, right = ([values[:, column].mean() for values in shown] for column in (0, -1))
    middle = next(number for number, values in enumerate(shown) if values.mean() > 100)
    assert left[middle] > 190
    assert right[middle] < 10
    assert (left[0], right[-1]) == pytest.approx((0, 200), abs=3)
    edge = np.abs(np.diff(shown[middle].mean(axis=(0, 2))))
    assert edge.max() < 40  # soft


@pytest.mark.parametrize(
    ("size", "film_size"), [((72, 54), (72, 54)), ((1024, 768), (512, 384)), ((30, 900), (17, 512)), ((2000, 1), (512, 1))]
)
def test_a_film_has_at_most_512_pixels_a_side(
    load_module: LoadModule, tmp_path: Path, size: tuple[int, int], film_size: tuple[int, int]
) -> None:
    path = load_module("page.film").write_film(flat(0, (40, 30)), [], flat(200, size), tmp_path / "film.webp")
    with Image.open(path) as film:
        assert film.size == film_size


def test_transparency_becomes_white(load_module: LoadModule, tmp_path: Path) -> None:
    photo = Image.new("LA", SIZE, (0, 0))
    painting = Image.new("RGBA", SIZE, (200, 0, 0, 0))
    painting.paste((200, 0, 0, 255), (0, 0, 48, 64))
    previews = save_previews(tmp_path, [flat(255)])
    shown = frames(load_module("page.film").write_film(photo, previews, painting, tmp_path / "film.webp"))
    assert shown[0].min() > 250
    assert shown[-1][:, 60:].min() > 240
    assert shown[-1][:, :36].mean(axis=(0, 1)) == pytest.approx((200, 0, 0), abs=6)


def test_painting_and_previews_are_laid_over_the_photo(load_module: LoadModule, tmp_path: Path) -> None:
    previews = save_previews(tmp_path, [flat(100)])
    mask = Image.new("L", (960, 640))
    mask.paste(255, (0, 0, 480, 640))
    path = load_module("page.film").write_film(flat(0), previews, flat(200), tmp_path / "film.webp", opacity=0.5, mask=mask)
    shown = frames(path)
    left, right = ([values[:, columns].mean() for values in shown] for columns in (slice(40), slice(56, None)))
    assert sum(abs(level - 50) < 3 for level in left) > 4  # the preview
    assert left[-1] == pytest.approx(100, abs=3)
    assert max(right) < 8


@pytest.mark.slow
def test_the_film_of_pure_noise_is_below_1_5_megabytes(load_module: LoadModule, tmp_path: Path) -> None:
    noise = [Image.fromarray(np.random.default_rng(seed).integers(0, 256, (512, 512, 3), np.uint8)) for seed in range(32)]
    previews = save_previews(tmp_path, noise[1:-1])
    load_module("page.film").write_film(noise[0], previews, noise[-1], tmp_path / "film.webp")
    assert (tmp_path / "film.webp").stat().st_size < 1.5e6
