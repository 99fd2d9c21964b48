"""Finished paintings: files for the screen, for download and to share, with less of the style if wanted."""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from PIL import Image

from impasto.images.encode import save_picture
from impasto.images.picture import read_picture
from impasto.options import resolve_options

from . import paint_job, uploads
from .film import write_film

#: Results of a session that are kept
MAX_STORED = 24
#: The file in a result's folder that describes it, and what the names of such folders look like
_RECORD, _NAME = "result.json", re.compile(r"[0-9a-f]{32}")
#: Suffixes of the files to download
_SUFFIXES = {"png": ".png", "jpeg": ".jpg"}


class PaintingResult(NamedTuple):
    """A finished painting, as a session stores it: paths and a few values. Its folder is deleted within the hour."""

    folder: str
    photo: str  # path of the photo, resized to the painting's size
    painting: str  # path of the painting at full opacity, without the mask
    strength: float  # that it was painted with
    recipe: dict[str, Any]
    status: str  # the status line that describes it
    mask: str = ""  # path; "": none
    opacity: float = 1.0  # of the painting over the photo
    title: str = ""  # for visitors
    file_stem: str = "impasto"  # name of the files to download, without its extension
    previews: tuple[str, ...] = ()  # paths of JPEG files, in the order in which they were painted; they may be gone

    @property
    def name(self) -> str:
        """The name of its folder, which cannot be guessed"""
        return Path(self.folder).name

    def store(self) -> None:
        """Write what `stored_results` reads."""
        Path(self.folder, _RECORD).write_text(json.dumps(self._asdict()), encoding="utf-8")

    def with_strength(self, strength: float) -> PaintingResult:
        """Approximate a lower strength by fading the painting. A higher one than it was painted with changes nothing."""
        opacity = strength / self.strength if self.strength else 1.0
        return self._replace(opacity=round(min(1.0, max(0.0, opacity)), 2))

    @property
    def painted_at(self) -> tuple[int, int]:
        """Width and height that it was painted at, before it was enlarged"""
        width, height = self.recipe["page"]["painted_at"]
        return width, height

    @property
    def full_size(self) -> int:
        """Longest side in pixels at which it can be refined; 0 if it cannot, or is as large already"""
        options, content_size = self.recipe.get("options"), self.recipe.get("content_size")
        is_done = self.recipe.get("page", {}).get("ended") == "done"
        has_masks = "masks" in self.recipe or "protect" in self.recipe  # which are not kept
        if not options or not content_size or has_masks or not is_done:
            return 0
        settings = {name: options[name] for name in paint_job.ALLOWED_OPTIONS if options.get(name) is not None}
        size = min(max(content_size), paint_job.MAX_SIZE)
        return size if resolve_options({**settings, "size": 0}).can_refine(max(self.painted_at), size) else 0

    @property
    def size(self) -> tuple[int, int]:
        """Width and height"""
        with Image.open(self.painting) as painting:
            return painting.size

    def exists(self) -> bool:
        return Path(self.painting).exists()

    @property
    def screen_file(self) -> Path:
        """The JPEG file of the painting that `screen_files` writes"""
        return Path(self.folder, f"painting-{self._percent}.jpg")

    def screen_files(self) -> tuple[str, str]:
        """Write JPEG files of the photo and of the painting for the screen, unless they exist; returns their paths."""
        photo, painting = Path(self.folder, "photo.jpg"), self.screen_file
        if not photo.exists():
            uploads.write_jpeg(open_picture(self.photo), photo, uploads.SCREEN_SIDE)
        if not painting.exists():
            uploads.write_jpeg(self._blend(), painting, uploads.SCREEN_SIDE)
        return str(photo), str(painting)

    def is_of(self, photo: Image.Image) -> bool:
        """Whether it is a painting of this photo, at the size of the painting"""
        return self.exists() and photo.tobytes() == open_picture(self.photo).tobytes()

    def download_file(self, kind: Literal["png", "jpeg"] = "png") -> str:
        """Write the file with the recipe at full size, unless it exists; returns its path.

        JPEG files have quality 95 and no transparency.
        """
        path = self._file_to_download(_SUFFIXES[kind])
        if path.exists():
            return str(path)
        is_as_painted = self.opacity == 1 and not self.mask
        if is_as_painted and Path(self.painting).suffix == path.suffix == ".png":
            with contextlib.suppress(OSError):  # where there are no links
                path.hardlink_to(self.painting)
                return str(path)
        page = {**self.recipe.get("page", {}), "share": self.opacity, "mask": bool(self.mask)}
        recipe = self.recipe if is_as_painted else {**self.recipe, "page": page}
        save_picture(path, read_picture(np.asarray(self._blend())), json.dumps(recipe))
        return str(path)

    def film_file(self) -> str:
        """Write the film of how it was painted, an animated WebP file, unless it exists; returns its path."""
        path = self._file_to_download(".webp")
        if not path.exists():
            mask = open_picture(self.mask) if self.mask else None
            photo, painting = open_picture(self.photo), open_picture(self.painting)
            write_film(photo, [Path(preview) for preview in self.previews], painting, path, opacity=self.opacity, mask=mask)
        return str(path)

    def _file_to_download(self, suffix: str) -> Path:
        """Path of a file with the name that it is downloaded by, in a folder for this opacity"""
        folder = Path(self.folder, f"opacity-{self._percent}")
        folder.mkdir(exist_ok=True)
        return folder / f"{self.file_stem}{suffix}"

    @property
    def _percent(self) -> int:
        return round(100 * self.opacity)

    def _blend(self) -> Image.Image:
        mask = open_picture(self.mask) if self.mask else None
        return uploads.blend(open_picture(self.photo), open_picture(self.painting), self.opacity, mask)


def stored_results(folder: Path, names: Any) -> list[PaintingResult]:
    """Return those of the results in this folder that still exist.

    names: of the results, as a browser has kept them: anything
    """
    found = []
    for name in names[:MAX_STORED] if isinstance(names, list) else []:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            continue
        try:
            record = json.loads((folder / name / _RECORD).read_text(encoding="utf-8"))
        except OSError:  # deleted
            continue
        result = PaintingResult(**{**record, "previews": tuple(record["previews"])})
        if result.exists():
            found.append(result)
    return found


def open_picture(path: str) -> Image.Image:
    with Image.open(path) as image:
        image.load()
    return image


def save_result(
    folder: Path,
    photo: Image.Image,
    painting: Image.Image,
    strength: float,
    recipe: dict[str, Any],
    status: str,
    mask: Image.Image | None = None,
) -> PaintingResult:
    """Write a painting's files into its folder. Photo and mask are resized to the painting's size."""
    photo_path = uploads.write_png(uploads.resize(photo, painting.size), folder / "photo.png", "")
    painting_path = uploads.write_png(painting, folder / "impasto.png", json.dumps(recipe))
    mask_path = ""
    if mask is not None:
        mask_path = str(folder / "mask.png")
        uploads.resize(mask, painting.size).save(mask_path)
    return PaintingResult(str(folder), photo_path, painting_path, strength, recipe, status, mask_path)
