"""Files of a finished painting: to download, and to share."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageSequence

from impasto.images.encode import read_recipe_text
from tests.conftest import scene
from tests.gradio_app.conftest import LoadModule, rgb_values

RECIPE: dict[str, Any] = {"impasto": "1", "page": {"ended": "done", "painted_at": [96, 72]}}
PHOTO, PAINTING = Image.fromarray(scene(96, 72)), Image.fromarray(scene(96, 72, seed=1))


def save(
    load_module: LoadModule,
    folder: Path,
    painting: Image.Image = PAINTING,
    mask: Image.Image | None = None,
    **more: Any,
) -> Any:
    """Return a result; more: its other fields"""
    folder.mkdir()
    result = load_module("page.results").save_result(folder, PHOTO, painting, 0.5, RECIPE, "Done", mask)
    return result._replace(**more)


@pytest.mark.parametrize(("kind", "suffix", "tolerance"), [("png", ".png", 0), ("jpeg", ".jpg", 6)])
def test_a_download_has_its_name_the_pixels_and_the_recipe(
    load_module: LoadModule, tmp_path: Path, kind: str, suffix: str, tolerance: float
) -> None:
    result = save(load_module, tmp_path / "result", file_stem="golden-gate-harvest")
    path = Path(result.download_file(kind))
    assert path.name == f"golden-gate-harvest{suffix}"
    assert path == Path(result.download_file(kind))
    with Image.open(path) as image:
        assert image.format == kind.upper()
        assert np.abs(rgb_values(image) - rgb_values(PAINTING)).mean() <= tolerance
    assert json.loads(read_recipe_text(path)) == RECIPE


def test_a_result_without_a_name_of_its_own_is_called_impasto(load_module: LoadModule, tmp_path: Path) -> None:
    result = save(load_module, tmp_path / "result")
    assert [Path(result.download_file(kind)).name for kind in ("png", "jpeg")] == ["impasto.png", "impasto.jpg"]


@pytest.mark.parametrize("kind", ["png", "jpeg"])
@pytest.mark.parametrize("stem", ["photo", "mask", "painting", "impasto"])
def test_downloads_replace_no_other_file_of_the_result(load_module: LoadModule, tmp_path: Path, kind: Any, stem: str) -> None:
    result = save(load_module, tmp_path / "result", file_stem=stem, mask=Image.new("L", (96, 72), 255))
    kept = {path: path.read_bytes() for path in (tmp_path / "result").iterdir()}
    files = {result.download_file(kind), result.with_strength(0.25).download_file(kind), result.film_file()}
    assert len(files) == 3
    assert {path: path.read_bytes() for path in kept} == kept


@pytest.mark.parametrize("kind", ["png", "jpeg"])
def test_a_faded_painting_is_downloaded_by_the_same_name(load_module: LoadModule, tmp_path: Path, kind: Any) -> None:
    result = save(load_module, tmp_path / "result", file_stem="koi")
    faded = result.with_strength(0.25)
    full_path, path = Path(result.download_file(kind)), Path(faded.download_file(kind))
    assert path.name == full_path.name
    with Image.open(path) as image, Image.open(full_path) as full:
        expected = (rgb_values(PHOTO) + rgb_values(PAINTING)) / 2
        assert np.abs(rgb_values(image) - expected).mean() < 6
        assert np.abs(rgb_values(full) - rgb_values(PAINTING)).mean() < 6
    assert json.loads(read_recipe_text(path))["page"] == {**RECIPE["page"], "share": 0.5, "mask": False}


def test_a_masked_painting_is_downloaded_over_its_photo(load_module: LoadModule, tmp_path: Path) -> None:
    mask = Image.new("L", (96, 72))
    mask.paste(255, (0, 0, 48, 72))
    path = Path(save(load_module, tmp_path / "result", mask=mask).download_file())
    with Image.open(path) as image:
        values = rgb_values(image)
    assert np.array_equal(values[:, :48], rgb_values(PAINTING)[:, :48])
    assert np.array_equal(values[:, 48:], rgb_values(PHOTO)[:, 48:])
    assert json.loads(read_recipe_text(path))["page"]["mask"] is True


def test_a_painting_with_transparency_is_a_jpeg_file_on_white(load_module: LoadModule, tmp_path: Path) -> None:
    painting = PAINTING.convert("RGBA")
    painting.paste((0, 0, 0, 0), (48, 0, 96, 72))
    result = save(load_module, tmp_path / "result", painting)
    assert result.size == (96, 72)
    with Image.open(result.download_file("png")) as image:
        assert (image.mode, image.size) == ("RGBA", (96, 72))
    with Image.open(result.download_file("jpeg")) as image:
        assert rgb_values(image)[:, 60:].min() > 240


def test_a_download_needs_no_hard_links(load_module: LoadModule, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(self: Path, target: Path) -> None:
        raise OSError("not supported")

    monkeypatch.setattr(Path, "hardlink_to", no_links)
    path = save(load_module, tmp_path / "result", file_stem="koi").download_file()
    with Image.open(path) as image:
        assert np.array_equal(rgb_values(image), rgb_values(PAINTING))
    assert json.loads(read_recipe_text(path)) == RECIPE


def test_an_example_is_downloaded_as_png(load_module: LoadModule, tmp_path: Path) -> None:
    photo, painting = tmp_path / "photo.jpg", tmp_path / "painting.jpg"
    PHOTO.save(photo)
    PAINTING.save(painting)
    example = load_module("page.results").PaintingResult(str(tmp_path), str(photo), str(painting), 0.5, RECIPE, "An example")
    path = example.download_file()
    with Image.open(path) as image, Image.open(painting) as expected:
        assert (image.format, image.size) == ("PNG", (96, 72))
        assert np.array_equal(rgb_values(image), rgb_values(expected))
    assert json.loads(read_recipe_text(path)) == RECIPE


def test_the_film_is_written_once_from_the_previews_that_are_left(load_module: LoadModule, tmp_path: Path) -> None:
    gray = tmp_path / "preview-1.jpg"
    Image.new("RGB", (24, 18), (128, 128, 128)).save(gray)
    result = save(load_module, tmp_path / "result", file_stem="koi", previews=(str(gray), str(tmp_path / "expired.jpg")))
    path = Path(result.film_file())
    assert path.name == "koi.webp"
    with Image.open(path) as film:
        frames = [rgb_values(frame) for frame in ImageSequence.Iterator(film)]
    assert min(np.abs(frame - 128).mean() for frame in frames) < 8
    gray.unlink()
    written = path.stat().st_mtime_ns
    assert (result.film_file(), path.stat().st_mtime_ns) == (str(path), written)


def test_the_film_of_a_faded_painting_ends_with_it(load_module: LoadModule, tmp_path: Path) -> None:
    mask = Image.new("L", (96, 72))
    mask.paste(255, (0, 0, 48, 72))
    result = save(load_module, tmp_path / "result", mask=mask).with_strength(0.25)
    with Image.open(result.film_file()) as film, Image.open(result.download_file()) as painting:
        *_, last = (rgb_values(frame) for frame in ImageSequence.Iterator(film))
        assert np.abs(last - rgb_values(painting)).mean() < 8


@pytest.mark.parametrize("write", ["download_file", "film_file"])
def test_a_result_that_has_been_deleted_is_not_written_again(load_module: LoadModule, tmp_path: Path, write: str) -> None:
    result = save(load_module, tmp_path / "result")
    shutil.rmtree(tmp_path / "result")
    with pytest.raises(FileNotFoundError):
        getattr(result, write)()
    assert not (tmp_path / "result").exists()


@pytest.mark.parametrize("names", [None, "", {}, 3, [None], ["../../etc"], ["g" * 32], [["0" * 32]], ["0" * 33]])
def test_what_a_browser_has_stored_is_not_trusted(load_module: LoadModule, tmp_path: Path, names: object) -> None:
    results = load_module("page.results")
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "result.json").write_text("{}")
    assert results.stored_results(tmp_path / "paintings", names) == []


def test_a_stored_result_is_read_again_as_long_as_it_exists(load_module: LoadModule, tmp_path: Path) -> None:
    results = load_module("page.results")
    folder = tmp_path / ("0" * 32)
    result = save(load_module, folder)._replace(title="Harvest", previews=("a.jpg", "b.jpg"))
    result.store()
    (read,) = results.stored_results(tmp_path, ["1" * 32, result.name])
    assert read == result._replace(recipe=json.loads(json.dumps(result.recipe)))
    shutil.rmtree(folder)
    assert results.stored_results(tmp_path, [result.name]) == []
