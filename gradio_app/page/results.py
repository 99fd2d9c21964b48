"""What has been painted, as a session remembers it: files for the screen and for download, faded to less of the style."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

import pictures


class Kept(NamedTuple):
    """A finished painting: paths and a few values. Its folder is deleted within the hour."""

    folder: str
    photo: str  # path, of the painting's size
    painting: str  # path, not faded and not masked
    strength: float  # that it was painted with
    recipe: dict[str, Any]
    line: str  # what the status line says of it
    mask: str = ""  # path, or nothing
    share: float = 1.0  # of the painting's opacity over the photo

    def faded(self, strength: float) -> Kept:
        """As if it had been painted with less strength, and at most as it was"""
        share = strength / self.strength if self.strength else 1.0
        return self._replace(share=round(min(1.0, max(0.0, share)), 2))

    def exists(self) -> bool:
        return Path(self.painting).exists()

    @property
    def screen(self) -> Path:
        """The JPEG file of the painting that `shown` writes"""
        return Path(self.folder, f"painting-{self._percent}.jpg")

    def shown(self) -> tuple[str, str]:
        """Paths of JPEG files for the screen: the photo, and the painting over it. They are written once."""
        before, after = Path(self.folder, "photo.jpg"), self.screen
        if not before.exists():
            pictures.show(_opened(self.photo), before, pictures.SCREEN)
        if not after.exists():
            pictures.show(self._composed(), after, pictures.SCREEN)
        return str(before), str(after)

    def download(self) -> str:
        """Path of the PNG file of it all, with the recipe; it is written once."""
        if self.share == 1 and not self.mask and self.painting.endswith(".png"):
            return self.painting
        path = Path(self.folder, f"impasto-{self._percent}.png")
        if not path.exists():
            page = {**self.recipe.get("page", {}), "share": self.share, "mask": bool(self.mask)}
            pictures.save(self._composed(), path, json.dumps({**self.recipe, "page": page}))
        return str(path)

    @property
    def _percent(self) -> int:
        return round(100 * self.share)

    def _composed(self) -> Image.Image:
        mask = _opened(self.mask) if self.mask else None
        return pictures.composed(_opened(self.photo), _opened(self.painting), self.share, mask)


def _opened(path: str) -> Image.Image:
    with Image.open(path) as image:
        image.load()
    return image


def keep(
    folder: Path,
    photo: Image.Image,
    painting: Image.Image,
    strength: float,
    recipe: dict[str, Any],
    line: str,
    mask: Image.Image | None = None,
) -> Kept:
    """Write a painting's files into its folder."""
    paths = {"photo": pictures.save(pictures.resized(photo, painting.size), folder / "photo.png", "")}
    paths["painting"] = pictures.save(painting, folder / "impasto.png", json.dumps(recipe))
    if mask is not None:
        paths["mask"] = str(folder / "mask.png")
        pictures.resized(mask, painting.size).save(paths["mask"])
    return Kept(str(folder), strength=strength, recipe=recipe, line=line, **paths)
