"""The page's modules without a server: uploads, limits, painter, fields, the Space's folder and its metadata."""

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
from tests.gradio_app.conftest import APP, ROOT, resident_megabytes

README = (APP / "README.md").read_text(encoding="utf-8")
LoadModule = Callable[[str], Any]


def encoded(image: Image.Image, kind: str = "PNG", **save: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **save)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF"])
def test_every_supported_format_is_read(load_module: LoadModule, kind: str) -> None:
    uploads = load_module("page.uploads")
    image = Image.fromarray(scene(64, 48))
    decoded = uploads.read_picture(encoded(image, kind), "the photo")
    assert (decoded.mode, decoded.size) == ("RGB", (64, 48))
    assert np.abs(np.asarray(decoded).astype(float) - scene(64, 48)).mean() < 20


def test_a_large_photo_is_rotated_upright_and_reduced(load_module: LoadModule) -> None:
    uploads = load_module("page.uploads")
    exif = Image.Exif()
    exif[0x0112] = 6  # taken with the camera rotated
    decoded = uploads.read_picture(encoded(Image.new("RGB", (6000, 3000), "teal"), "JPEG", exif=exif.tobytes()), "the photo")
    assert decoded.size == (2048, 4096)
    assert not decoded.getexif()


def test_a_50_megapixel_photo_is_read(load_module: LoadModule) -> None:
    decoded = load_module("page.uploads").read_picture(encoded(Image.new("RGB", (8192, 6144), "teal"), "JPEG"), "the photo")
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
        load_module("page.uploads").read_picture(content, "the photo")
    assert "/" not in str(error.value)


@pytest.mark.parametrize("mode", ["P", "1", "L"])
def test_pictures_of_one_byte_per_pixel_are_reduced_before_conversion(load_module: LoadModule, mode: str) -> None:
    uploads = load_module("page.uploads")
    content = encoded(Image.new(mode, (12_400, 3_200)))
    assert len(content) < 100_000
    before = resident_megabytes(os.getpid())
    decoded = uploads.read_picture(content, "the photo")
    assert max(decoded.size) <= uploads.MAX_SIDE
    assert resident_megabytes(os.getpid()) - before < 300


def test_pictures_with_more_than_8_bits_have_a_lower_limit(load_module: LoadModule) -> None:
    with pytest.raises(ImageError, match="more than 8 bits"):
        load_module("page.uploads").read_picture(encoded(Image.new("I;16", (5000, 200))), "the photo")


def test_a_file_over_the_size_limit_is_not_opened(load_module: LoadModule, tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    with path.open("wb") as file:
        file.truncate(21 << 20)
    with pytest.raises(ImageError, match="21 MB, the limit is 20 MB"):
        load_module("page.uploads").read_picture(path, "the photo")


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


def test_settings_become_options_within_the_pages_limits(load_module: LoadModule) -> None:
    painter = load_module("page.painter")
    assert set(painter.ALLOWED_OPTIONS) <= set(Options.__dataclass_fields__)
    assert painter.validated_options((400, 300), {"size": 512})["size"] == 400
    assert painter.validated_options((400, 300), {"size": 0})["size"] == 400
    assert painter.validated_options((40_000, 300), {"size": 0})["size"] == painter.MAX_SIZE
    assert "strength" not in painter.validated_options((400, 300), {"strength": None})
    for wrong in ({"strength": 2}, {"size": -1}, {"weights": "/etc/passwd"}, {"init_image": "/etc/passwd"}, {"device": "cpu"}):
        with pytest.raises(OptionError):
            painter.validated_options((400, 300), wrong)


def test_a_new_process_reads_a_picture_first(small: Path) -> None:
    program = [
        sys.executable,
        "-c",
        "import sys; from page import uploads; print(uploads.read_picture(sys.argv[1], 'the photo').size)",
        str(small),
    ]
    done = subprocess.run(program, cwd=APP, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "(72, 54)", done.stderr


def test_the_gpu_time_requested_grows_with_the_work(load_module: LoadModule) -> None:
    painter = load_module("page.painter")
    photo = np.zeros((768, 1024, 3), np.uint8)

    def seconds(**values: Any) -> int:
        return int(
            painter.gpu_seconds(
                painter.Job(photo, [photo], painter.validated_options((1024, 768), values), "", time_limit=100)
            )
        )

    feedforward = painter.Job(photo, [], painter.validated_options((1024, 768), {}), "", time_limit=100, network="harvest")
    assert painter.gpu_seconds(feedforward) <= seconds(size=256, quality="draft")
    assert seconds(size=256, quality="draft") < seconds(size=512) < seconds(size=1024, quality="fine") <= 115


def test_one_painting_per_session_and_a_limit_per_address(load_module: LoadModule, tmp_path: Path) -> None:
    sessions_module = load_module("page.sessions")
    painter = load_module("page.painter")
    sessions = sessions_module.Sessions(max_paintings=2)
    error = sessions_module.TooManyPaintingsError
    with sessions.painting("a", "address") as folder:
        with pytest.raises(error, match="One painting at a time"), sessions.painting("a", "another address"):
            pass
        with sessions.painting("b", "address") as other:
            assert other != folder
        with pytest.raises(error, match="2 paintings per hour"), sessions.painting("b", "address"):
            pass
        with sessions.painting("b", "another address"):
            sessions.stop("a")
            assert (folder / "stop").exists()
            sessions.stop("nobody")
            assert sessions.is_painting("a")
            assert sessions.is_painting("b")
    assert not sessions.is_painting("a")
    assert not sessions.is_painting("b")
    assert tmp_path in folder.parents
    assert painter.TIME_LIMIT_SECONDS > 0


def test_results_are_deleted_within_the_hour(load_module: LoadModule) -> None:
    sessions = load_module("page.sessions")
    assert sessions.RETENTION_SECONDS + sessions.CLEANUP_SECONDS < 3600
    assert load_module("app").demo.delete_cache == (sessions.CLEANUP_SECONDS, sessions.RETENTION_SECONDS)
    old, new = sessions.new_folder(), sessions.new_folder()
    for folder in (old, new):
        (folder / "impasto.png").write_bytes(b"a painting")
    expired = time.time() - sessions.RETENTION_SECONDS - 1
    os.utime(old / "created", (expired, expired))
    (old / "impasto.png").unlink()  # as Gradio does, which makes the folder itself look new
    sessions.delete_expired()
    assert not old.exists()
    assert (new / "impasto.png").exists()


def test_the_time_limit_ends_a_painting_and_keeps_it(load_module: LoadModule, tmp_path: Path, vgg16: object) -> None:
    painter = load_module("page.painter")
    job = painter.Job(
        scene(160, 120), [scene(64, 64, 1)], painter.validated_options((160, 120), {}), str(tmp_path), time_limit=0.0
    )
    try:
        *_, last = painter.paint(job)
    finally:
        painter.paint.close()
    assert last.end_reason == "time"
    assert last.fraction < 1
    assert last.painting.shape == (120, 160, 3)


def test_a_painter_that_dies_is_reported_and_replaced(load_module: LoadModule, tmp_path: Path, vgg16: object) -> None:
    painter = load_module("page.painter")
    photo = scene(320, 240)
    job = painter.Job(photo, [photo], painter.validated_options((320, 240), {}), str(tmp_path))
    try:
        progress = painter.paint(job)
        next(progress)
        painter.paint._process.kill()
        with pytest.raises(RuntimeError, match="the painter process has exited"):
            list(progress)
        (tmp_path / "stop").unlink()
        with contextlib.closing(painter.paint(job)) as progress:
            assert next(progress).fraction < 1
        with pytest.raises(ImageError, match="too small"):  # closed early, the process takes the next job
            list(painter.paint(job._replace(photo=photo[:9])))
    finally:
        painter.paint.close()


@pytest.fixture
def write_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Net]:
    """Write an untrained network: write_network("mine", 3). There are no others."""
    folder = tmp_path / "networks"
    folder.mkdir()
    monkeypatch.setenv("IMPASTO_NETS", str(folder))
    monkeypatch.setattr(library, "shipped", dict)

    def write(name: str, seed: int = 0, thumbnail: str = "") -> Net:
        Net.new([Style(name, thumbnail)], seed, width=8, blocks=1).save(folder / f"{name}.safetensors")
        return Net.load(folder / f"{name}.safetensors")

    return write


def test_a_feedforward_network_paints_in_one_step(
    load_module: LoadModule, write_network: Callable[..., Net], tmp_path: Path
) -> None:
    painter = load_module("page.painter")
    photo, values = scene(320, 240), {"size": 200, "strength": 0.3, "style_scale": 3, "quality": "fine", "preset": "johnson"}
    job = painter.Job(photo, [], painter.validated_options((320, 240), values), str(tmp_path), network="mine")
    painted = []
    try:
        for seed in (0, 1):  # a new file of the same name is loaded
            network = write_network("mine", seed)
            (progress,) = painter.paint(job)
            expected = Painter(network, Options(size=200, strength=0.3)).paint(photo).image
            assert (progress.end_reason, progress.size, progress.painting.shape) == ("done", (200, 150), (150, 200, 3))
            assert np.abs(progress.painting.astype(int) - np.asarray(expected)).max() <= 1
            assert progress.recipe["net"]["name"] == "mine"
            assert progress.recipe["options"] == {**progress.recipe["options"], "strength": 0.3, "style_scale": [1.4]}
            painted.append(progress.painting)
            (tmp_path / "stop").unlink()  # remains after the last progress
        assert np.abs(painted[0].astype(int) - painted[1]).mean() > 5
        painter.request_stop(tmp_path)
        with pytest.raises(painter.StoppedError):
            list(painter.paint(job))
    finally:
        painter.paint.close()


def test_every_network_is_an_instant_style(load_module: LoadModule, write_network: Callable[..., Net]) -> None:
    for name, thumbnail in (("harvest", ""), ("my_own", "bm9uZQ==")):
        write_network(name, thumbnail=thumbnail)
    app, gallery, messages = (load_module(name) for name in ("app", "page.gallery", "page.messages"))
    assert [style.title for style in gallery.INSTANT_STYLES.values()] == ["Harvest", "My own"]
    assert Path(gallery.INSTANT_STYLES["harvest"].painting) == APP / "assets" / "harvest.jpg"
    assert gallery.INSTANT_STYLES["my_own"].painting == ""
    assert app.page.instant_column.visible
    progress = load_module("page.painter").Progress(1.0, (90, 60), 1, None, "", "done", np.zeros((60, 90, 3), np.uint8))
    message = "Done in 0.6 s: 90 × 60 pixels, in the instant style "
    assert messages.result_message(progress, 0.63, "harvest") == (
        message + "Harvest. For a closer match to the style, press Stylize."
    )
    assert messages.result_message(progress, 0.63, "my_own") == (
        message + "My own. Drag the line to compare; move Strength to fade the painting."
    )


def test_without_networks_the_instant_styles_are_hidden(load_module: LoadModule, write_network: Callable[..., Net]) -> None:
    app = load_module("app")
    assert load_module("page.gallery").INSTANT_STYLES == {}
    assert not app.page.instant_column.visible


def test_error_messages_contain_no_path(load_module: LoadModule, caplog: pytest.LogCaptureFixture) -> None:
    messages = load_module("page.messages")
    message = messages.error_message(RuntimeError("cannot open /home/somebody/secret.png"))
    reference = re.search(r"reference ([0-9a-f]{8})", message)
    assert "secret" not in message
    assert reference is not None
    assert reference[1] in caplog.text
    assert "secret.png" in caplog.text
    assert messages.error_message(messages.gr.Error("You have no quota left")) == "You have no quota left"
    assert "cache" not in messages.error_message(WeightsError("'/root/.cache/impasto' cannot be written"))


def test_fields_match_the_options(load_module: LoadModule) -> None:
    app = load_module("app")
    schema = {option["name"]: option for option in describe()}
    names = ("strength", "colors", "quality", "size", "preset", "style_scale", "seed", "padding", "style_loss")
    for name in names:
        field = getattr(app.page, name)
        assert field.value == (schema[name]["default"] or "" if schema[name]["kind"] == "choice" else schema[name]["default"])
        assert field.label == schema[name]["title"]
        if schema[name]["kind"] == "choice":
            assert field.choices == [(label, value or "") for label, value in schema[name]["offers"]]
    assert (app.page.strength.minimum, app.page.strength.maximum) == (0, 1)
    parameters = inspect.signature(app.stylize).parameters
    for name in ("strength", "colors", "quality", "size", "seed"):
        assert parameters[name].default == schema[name]["default"]
    public = [fn.api_name for fn in app.demo.fns.values() if fn.api_visibility == "public"]
    assert public == ["stylize"]


def test_examples_are_complete(load_module: LoadModule) -> None:
    assets = APP / "assets"
    examples = json.loads((assets / "examples.json").read_text())
    credits = (assets / "CREDITS.md").read_text()
    assert len(json.loads((assets / "paintings.json").read_text())) == 6
    for example in examples:
        with Image.open(assets / example["photo"]) as photo, Image.open(assets / example["painting"]) as painting:
            assert photo.size == painting.size
        assert (assets / example["style"]).exists()
        assert f"`{example['photo']}`" in credits
        assert example["recipe"]["options"]["size"] == max(photo.size)
    for path in assets.iterdir():
        assert path.stat().st_size < 1 << 20


def test_readme_metadata_is_valid_for_a_space() -> None:
    front = README.split("---\n")[1]
    fields = dict(re.findall(r"^(\w+): *(.*)$", front, re.MULTILINE))
    assert fields["sdk"] == "gradio"
    assert fields["app_file"] == "app.py"
    assert len(fields["short_description"]) <= 60
    palette = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
    assert {fields["colorFrom"], fields["colorTo"]} <= palette
    pinned = re.search(r'"gradio\[mcp\]>=([\d.]+)"', (ROOT / "pyproject.toml").read_text())
    assert pinned is not None
    assert tuple(map(int, fields["sdk_version"].split("."))) >= tuple(map(int, pinned[1].split(".")))


def contents(folder: Path) -> dict[str, bytes]:
    """All files by their paths"""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_space_is_self_contained(load_module: LoadModule, tmp_path: Path) -> None:
    build = load_module("build_space").build
    folder = build(tmp_path / "space")
    assert build(folder) == folder  # again, replacing itself
    assert {path.name for path in folder.iterdir()} == {
        *("app.py", "README.md", "requirements.txt", "LICENSE"),
        *("impasto", "page", "assets", "web"),
    }
    requirements = (folder / "requirements.txt").read_text().splitlines()
    assert any(line.startswith("torch>=") for line in requirements)
    assert any(line.startswith("safetensors") for line in requirements)
    assert any(line.startswith("pillow-heif") for line in requirements)
    assert not any(line.startswith(("gradio", "pytest", "impasto")) for line in requirements)  # the platform installs Gradio
    trained = folder / "impasto" / "trained"
    assert {path.stem for path in trained.iterdir()} == set(library.shipped())
    for name in ("page", "assets", "web"):
        files = {path.name for path in (APP / name).iterdir() if path.name != "__pycache__"}
        assert {path.name for path in (folder / name).iterdir()} == files
    again = build(tmp_path / "again")
    assert contents(folder) == contents(again)
    assert all(path.stat().st_size < 10 << 20 for path in folder.rglob("*") if path.is_file())
    program = [sys.executable, "-c", "import impasto; print(impasto.__file__)"]
    imported = subprocess.run(program, cwd=folder, capture_output=True, text=True, check=True)
    assert Path(imported.stdout.strip()) == folder / "impasto" / "__init__.py"
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "diary.txt").write_text("dear diary")
    (mine / "impasto").mkdir()
    with pytest.raises(SystemExit, match="is not a Space"):
        build(mine)
    assert (mine / "diary.txt").exists()
    with pytest.raises(SystemExit, match="is not a Space"):
        build(APP)
