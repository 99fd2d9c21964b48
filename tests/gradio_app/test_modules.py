"""The page's modules by themselves: what strangers' pictures become, limits, the Space's folder and its card."""

from __future__ import annotations

import contextlib
import inspect
import io
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from impasto import ImageError, OptionError, Options, WeightsError, library
from impasto.instant import Painter
from impasto.nets import Net, Style
from impasto.options import describe
from tests.conftest import scene
from tests.page.conftest import MODULES, resident

ROOT = Path(__file__).parents[2]
CARD = (ROOT / "gradio_app" / "README.md").read_text(encoding="utf-8")
Modules = Callable[[str], Any]


def encoded(image: Image.Image, kind: str = "PNG", **save: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **save)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF"])
def test_pictures_of_every_kind_are_read(modules: Modules, kind: str) -> None:
    pictures = modules("pictures")
    image = Image.fromarray(scene(64, 48))
    found = pictures.read(encoded(image, kind), "the photo")
    assert (found.mode, found.size) == ("RGB", (64, 48))
    assert np.abs(np.asarray(found).astype(float) - scene(64, 48)).mean() < 20


def test_a_large_photo_is_turned_and_made_smaller(modules: Modules) -> None:
    pictures = modules("pictures")
    exif = Image.Exif()
    exif[0x0112] = 6  # taken with the camera turned
    found = pictures.read(encoded(Image.new("RGB", (6000, 3000), "teal"), "JPEG", exif=exif.tobytes()), "the photo")
    assert found.size == (2048, 4096)
    assert not found.getexif()


def test_a_photo_as_large_as_phones_take_them_is_read(modules: Modules) -> None:
    found = modules("pictures").read(encoded(Image.new("RGB", (8192, 6144), "teal"), "JPEG"), "the photo")
    assert found.size == (4096, 3072)


@pytest.mark.parametrize(
    ("content", "sentence"),
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
def test_what_is_no_picture_is_refused_in_a_sentence(modules: Modules, content: bytes, sentence: str) -> None:
    with pytest.raises(ImageError, match=sentence) as refused:
        modules("pictures").read(content, "the photo")
    assert "/" not in str(refused.value)


@pytest.mark.parametrize("mode", ["P", "1", "L"])
def test_a_picture_that_grows_when_it_is_read_is_made_smaller_first(modules: Modules, mode: str) -> None:
    pictures = modules("pictures")
    content = encoded(Image.new(mode, (12_400, 3_200)))
    assert len(content) < 100_000
    before = resident(os.getpid())
    found = pictures.read(content, "the photo")
    assert max(found.size) <= pictures.LONGEST
    assert resident(os.getpid()) - before < 300


def test_a_deep_picture_has_a_lower_limit(modules: Modules) -> None:
    with pytest.raises(ImageError, match="more than 8 bits"):
        modules("pictures").read(encoded(Image.new("I;16", (5000, 200))), "the photo")


def test_a_file_over_the_limit_is_not_even_opened(modules: Modules, tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    with path.open("wb") as file:
        file.truncate(21 << 20)
    with pytest.raises(ImageError, match="21 MB, the limit is 20 MB"):
        modules("pictures").read(path, "the photo")


def test_composition(modules: Modules) -> None:
    pictures = modules("pictures")
    black, white = Image.new("RGB", (40, 30)), Image.new("RGB", (40, 30), "white")
    assert pictures.composed(black, white, 1).getpixel((3, 3)) == (255, 255, 255)
    assert pictures.composed(black, white, 0.25).getpixel((3, 3))[0] in (63, 64)
    mask = Image.new("L", (40, 30))
    mask.paste(255, (0, 0, 20, 30))
    half = pictures.composed(black, white, 0.5, mask)
    assert half.getpixel((3, 3))[0] in (127, 128)
    assert half.getpixel((30, 3)) == (0, 0, 0)


@pytest.mark.parametrize("value", ["", "data:,", "data:image/png;base64,AAAA", "data:image/png;base64,%", "data:text/html,x"])
def test_a_mask_that_is_none_is_left_out(modules: Modules, value: str) -> None:
    assert modules("pictures").read_mask(value, (40, 30)) is None


def test_the_options_are_those_of_the_engine_within_the_pages_limits(modules: Modules) -> None:
    studio = modules("studio")
    assert set(studio.OFFERED) <= set(Options.__dataclass_fields__)
    assert studio.settings((400, 300), {"size": 512})["size"] == 400
    assert studio.settings((400, 300), {"size": 0})["size"] == 400
    assert studio.settings((40_000, 300), {"size": 0})["size"] == studio.LARGEST
    assert "strength" not in studio.settings((400, 300), {"strength": None})
    for wrong in ({"strength": 2}, {"size": -1}, {"weights": "/etc/passwd"}, {"init_image": "/etc/passwd"}, {"device": "cpu"}):
        with pytest.raises(OptionError):
            studio.settings((400, 300), wrong)


def test_the_first_picture_of_a_new_process_is_read(small: Path) -> None:
    program = [sys.executable, "-c", "import sys, pictures; print(pictures.read(sys.argv[1], 'the photo').size)", str(small)]
    done = subprocess.run(program, cwd=ROOT / "gradio_app", capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "(72, 54)", done.stderr


def test_a_gpu_is_asked_for_by_the_work(modules: Modules) -> None:
    studio = modules("studio")
    photo = np.zeros((768, 1024, 3), np.uint8)

    def seconds(**values: Any) -> int:
        return int(studio.duration(studio.Order(photo, [photo], studio.settings((1024, 768), values), "", limit=100)))

    by_a_net = studio.Order(photo, [], studio.settings((1024, 768), {}), "", limit=100, net="harvest")
    assert studio.duration(by_a_net) <= seconds(size=256, quality="draft")
    assert seconds(size=256, quality="draft") < seconds(size=512) < seconds(size=1024, quality="fine") <= 115


def test_one_painting_for_each_visitor_and_not_too_many_for_an_address(modules: Modules, tmp_path: Path) -> None:
    visitors = modules("visitors")
    studio = modules("studio")
    known = visitors.Visitors(rate=2)
    with known.painting("a", "there") as folder:
        with pytest.raises(visitors.TooMany, match="One painting at a time"), known.painting("a", "elsewhere"):
            pass
        with known.painting("b", "there") as other:
            assert other != folder
        with pytest.raises(visitors.TooMany, match="within the hour"), known.painting("b", "there"):
            pass
        with known.painting("b", "elsewhere"):
            known.stop("a")
            assert (folder / "stop").exists()
            known.stop("nobody")
            assert known.paints("a")
            assert known.paints("b")
    assert not known.paints("a")
    assert not known.paints("b")
    assert tmp_path in folder.parents
    assert studio.LIMIT_S > 0


def test_results_are_deleted_within_the_hour(modules: Modules) -> None:
    visitors = modules("visitors")
    assert visitors.KEPT_S + visitors.LOOKED_S < 3600
    assert modules("app").demo.delete_cache == (visitors.LOOKED_S, visitors.KEPT_S)
    old, new = visitors.new_folder(), visitors.new_folder()
    for folder in (old, new):
        (folder / "impasto.png").write_bytes(b"a painting")
    long_ago = time.time() - visitors.KEPT_S - 1
    os.utime(old / "made", (long_ago, long_ago))
    (old / "impasto.png").unlink()  # as Gradio does; the folder has changed just now
    visitors.sweep()
    assert not old.exists()
    assert (new / "impasto.png").exists()


def test_time_runs_out_and_what_there_is_is_kept(modules: Modules, tmp_path: Path, vgg16: object) -> None:
    studio = modules("studio")
    order = studio.Order(scene(160, 120), [scene(64, 64, 1)], studio.settings((160, 120), {}), str(tmp_path), limit=0.0)
    try:
        *_, last = studio.paint(order)
    finally:
        studio.paint.close()
    assert last.ended == "time"
    assert last.fraction < 1
    assert last.painting.shape == (120, 160, 3)


def test_a_painter_that_dies_is_told_and_replaced(modules: Modules, tmp_path: Path, vgg16: object) -> None:
    studio = modules("studio")
    photo = scene(320, 240)
    order = studio.Order(photo, [photo], studio.settings((320, 240), {}), str(tmp_path))
    try:
        frames = studio.paint(order)
        next(frames)
        studio.paint._process.kill()
        with pytest.raises(RuntimeError, match="the painter has ended"):
            list(frames)
        (tmp_path / "stop").unlink()
        with contextlib.closing(studio.paint(order)) as frames:
            assert next(frames).fraction < 1
        with pytest.raises(ImageError, match="too small"):  # closed early, it is there for the next
            list(studio.paint(order._replace(photo=photo[:9])))
    finally:
        studio.paint.close()


@pytest.fixture
def nets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Net]:
    """Writes an untrained net: nets("mine", 3). There are no others."""
    folder = tmp_path / "nets"
    folder.mkdir()
    monkeypatch.setenv("IMPASTO_NETS", str(folder))
    monkeypatch.setattr(library, "shipped", dict)

    def write(name: str, seed: int = 0, thumbnail: str = "") -> Net:
        Net.new([Style(name, thumbnail)], seed, width=8, blocks=1).save(folder / f"{name}.safetensors")
        return Net.load(folder / f"{name}.safetensors")

    return write


def test_a_net_paints_in_one_frame(modules: Modules, nets: Callable[..., Net], tmp_path: Path) -> None:
    studio = modules("studio")
    photo, values = scene(320, 240), {"size": 200, "strength": 0.3, "style_scale": 3, "quality": "fine", "preset": "johnson"}
    order = studio.Order(photo, [], studio.settings((320, 240), values), str(tmp_path), net="mine")
    painted = []
    try:
        for seed in (0, 1):  # another net of its name is noticed
            net = nets("mine", seed)
            (frame,) = studio.paint(order)
            wanted = Painter(net, Options(size=200, strength=0.3)).paint(photo).image
            assert (frame.ended, frame.size, frame.painting.shape) == ("done", (200, 150), (150, 200, 3))
            assert np.abs(frame.painting.astype(int) - np.asarray(wanted)).max() <= 1
            assert frame.recipe["net"]["name"] == "mine"
            assert frame.recipe["options"] == {**frame.recipe["options"], "strength": 0.3, "style_scale": [1.4]}
            painted.append(frame.painting)
            (tmp_path / "stop").unlink()  # left when the last frame has come
        assert np.abs(painted[0].astype(int) - painted[1]).mean() > 5
        studio.stop(tmp_path)
        with pytest.raises(studio.Stopped):
            list(studio.paint(order))
    finally:
        studio.paint.close()


def test_instant_styles_are_the_nets_that_there_are(modules: Modules, nets: Callable[..., Net]) -> None:
    for name, thumbnail in (("harvest", ""), ("my_own", "bm9uZQ==")):
        nets(name, thumbnail=thumbnail)
    app = modules("app")
    assert [each.title for each in app.INSTANT.values()] == ["Harvest", "My own"]
    assert Path(app.INSTANT["harvest"].painting) == ROOT / "gradio_app" / "assets" / "harvest.jpg"
    assert app.INSTANT["my_own"].painting == ""
    assert app.instant.parent.visible
    frame = modules("studio").Frame(1.0, (90, 60), 1, None, "", "done", np.zeros((60, 90, 3), np.uint8))
    line = "Done in 0.6 s: 90 × 60 pixels, by the instant style "
    assert app.outcome(frame, 0.63, "harvest") == line + "Harvest. Press Stylize to paint it exactly."
    assert app.outcome(frame, 0.63, "my_own") == line + "My own. Drag the line; move Strength to fade it."


def test_without_nets_there_is_no_shelf_for_them(modules: Modules, nets: Callable[..., Net]) -> None:
    app = modules("app")
    assert app.INSTANT == {}
    assert not app.instant.parent.visible


def test_an_error_tells_no_path(modules: Modules, caplog: pytest.LogCaptureFixture) -> None:
    app = modules("app")
    told = app.sentence(RuntimeError("cannot open /home/somebody/secret.png"))
    reference = re.search(r"reference ([0-9a-f]{8})", told)
    assert "secret" not in told
    assert reference is not None
    assert reference[1] in caplog.text
    assert "secret.png" in caplog.text
    assert app.sentence(app.gr.Error("You have no quota left")) == "You have no quota left"
    assert "cache" not in app.sentence(WeightsError("'/root/.cache/impasto' cannot be written"))


def test_the_fields_are_what_the_options_say(modules: Modules) -> None:
    app = modules("app")
    about = {each["name"]: each for each in describe()}
    fields = {name: getattr(app, name) for name in ("strength", "colors", "quality", "size", "preset", "style_scale", "seed")}
    for name, field in (fields | {"padding": app.seamless, "style_loss": app.look}).items():
        assert field.value == (about[name]["default"] or "" if about[name]["kind"] == "choice" else about[name]["default"])
        assert field.label == about[name]["title"]
        if about[name]["kind"] == "choice":
            assert field.choices == [(label, value or "") for label, value in about[name]["offers"]]
    assert (app.strength.minimum, app.strength.maximum) == (0, 1)
    given = inspect.signature(app.stylize).parameters
    for name in ("strength", "colors", "quality", "size", "seed"):
        assert given[name].default == about[name]["default"]
    public = [fn.api_name for fn in app.demo.fns.values() if fn.api_visibility == "public"]
    assert public == ["stylize"]


def test_the_examples_are_whole(modules: Modules) -> None:
    assets = ROOT / "gradio_app" / "assets"
    examples = json.loads((assets / "examples.json").read_text())
    credits = (assets / "CREDITS.md").read_text()
    assert len(json.loads((assets / "paintings.json").read_text())) == 6
    for about in examples:
        with Image.open(assets / about["photo"]) as photo, Image.open(assets / about["painting"]) as painting:
            assert photo.size == painting.size
        assert (assets / about["style"]).exists()
        assert f"`{about['photo']}`" in credits
        assert about["recipe"]["options"]["size"] == max(photo.size)
    for path in assets.iterdir():
        assert path.stat().st_size < 1 << 20


def test_the_card_is_one_that_a_space_takes() -> None:
    front = CARD.split("---\n")[1]
    fields = dict(re.findall(r"^(\w+): *(.*)$", front, re.MULTILINE))
    assert fields["sdk"] == "gradio"
    assert fields["app_file"] == "app.py"
    assert len(fields["short_description"]) <= 60
    palette = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
    assert {fields["colorFrom"], fields["colorTo"]} <= palette
    pinned = re.search(r'"gradio\[mcp\]>=([\d.]+)"', (ROOT / "pyproject.toml").read_text())
    assert pinned is not None
    assert tuple(map(int, fields["sdk_version"].split("."))) >= tuple(map(int, pinned[1].split(".")))


def test_the_spaces_folder(modules: Modules, tmp_path: Path) -> None:
    build = modules("build")
    folder = build.build(tmp_path / "space")
    assert build.build(folder) == folder  # again, over itself
    assert {"app.py", "README.md", "requirements.txt", "impasto", "assets", "LICENSE"} <= {
        each.name for each in folder.iterdir()
    }
    listed = (folder / "requirements.txt").read_text().splitlines()
    assert any(line.startswith("torch>=") for line in listed)
    assert any(line.startswith("safetensors") for line in listed)
    assert any(line.startswith("pillow-heif") for line in listed)
    assert not any(line.startswith(("gradio", "pytest", "impasto")) for line in listed)  # gradio is the platform's
    trained = folder / "impasto" / "trained"
    assert {path.stem for path in trained.iterdir()} == set(library.shipped())
    assert {path.name for path in folder.glob("*.py")} == {f"{name}.py" for name in MODULES} - {"build.py"}
    assert all(path.stat().st_size < 10 << 20 for path in folder.rglob("*") if path.is_file())
    program = [sys.executable, "-c", "import impasto; print(impasto.__file__)"]
    where = subprocess.run(program, cwd=folder, capture_output=True, text=True, check=True)
    assert Path(where.stdout.strip()) == folder / "impasto" / "__init__.py"
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "diary.txt").write_text("dear diary")
    (mine / "impasto").mkdir()
    with pytest.raises(SystemExit, match="is no Space"):
        build.build(mine)
    assert (mine / "diary.txt").exists()
    with pytest.raises(SystemExit, match="is no Space"):
        build.build(ROOT / "gradio_app")
