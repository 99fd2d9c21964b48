"""Names of files that visitors download: telling, and safe on every system."""

from __future__ import annotations

import re
import unicodedata

_FALLBACK = "painting"
#: Longest name, with its extension, and the part of it that the style may take if the photo's name is long as well
_MAX_NAME, _MAX_STYLE = 60, 28
_EXTENSION = re.compile(r"\.(avif|bmp|gif|hei[cf]|jfif|jpe?g|mpo|png|tiff?|webp)\s*$", re.IGNORECASE)
#: Letters that Unicode does not decompose into a base letter and an accent
_LETTERS = str.maketrans({"æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "ı": "i"})
#: What cameras, phones and programs call pictures, in names that say nothing else
_GENERIC_WORD = re.compile(
    "img|images?|photos?|pictures?|pict?|bild|fotos?|screenshot|screen|shot|bildschirmfoto|capture|decran|webcam|camera|scan|"
    "download|file|upload|blob|untitled|unnamed|te?mp|copy|kopie|copie|edited|at|[ap]m|"
    "dsc[fn]?|dcim|gopr|dji|pxl|mp|(mv)?img|vid|mg|wa|whatsapp|signal|telegram|facebook|fb"
)
_UUID = re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
#: A number, a serial number such as p1010123, or a part of a hash
_NUMBER = re.compile(r"\d+|[a-z]{1,5}\d{3,}[a-z]?|(?=[a-f]*\d)[0-9a-f]{4,}")
#: Names that Windows keeps for devices, whatever their extension
_RESERVED = re.compile(r"con|prn|aux|nul|(com|lpt)\d")


def file_name(photo_name: str, style_name: str, extension: str) -> str:
    """Return a file name such as "golden-gate-harvest.jpg", of at most 60 lower-case ASCII characters.

    photo_name, style_name: names or paths of files, or titles; those that only a camera would give are left out
    extension: with or without its dot
    """
    suffix = "." + extension.lstrip(".")
    max_stem = _MAX_NAME - len(suffix)
    photo, style = _telling_slug(photo_name), _telling_slug(style_name)
    if len(photo) + 1 + len(style) > max_stem:
        style = _shorten(style, max(_MAX_STYLE, max_stem - 1 - len(photo)))
        photo = _shorten(photo, max_stem - 1 - len(style))
    stem = "-".join(dict.fromkeys(filter(None, (photo, style)))) or _FALLBACK
    return f"{stem}-{_FALLBACK}{suffix}" if _RESERVED.fullmatch(stem) else stem + suffix


def _telling_slug(name: str) -> str:
    """Lower-case ASCII words joined by hyphens; "" if they say nothing about the picture"""
    last = re.split(r"[/\\]", name.rstrip("/\\"))[-1]
    letters = unicodedata.normalize("NFKD", _EXTENSION.sub("", last)).casefold().translate(_LETTERS)
    slug = re.sub(r"[\W_]+", "-", letters.encode("ascii", "ignore").decode().replace("'", "")).strip("-")
    words = _UUID.sub("", slug).split("-")
    is_telling = any(len(word) > 1 and not _GENERIC_WORD.fullmatch(word) and not _NUMBER.fullmatch(word) for word in words)
    return slug if is_telling else ""


def _shorten(slug: str, max_length: int) -> str:
    """Cut after a word if there is one that ends in the second half, else within a word."""
    if len(slug) <= max_length:
        return slug
    whole_words = slug[: max_length + 1].rpartition("-")[0]
    return whole_words if 2 * len(whole_words) > max_length else slug[:max_length].rstrip("-")
