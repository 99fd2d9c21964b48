"""The results that were painted in a document, with their settings. Standard library only.

Results are layers of the document; the history remembers how they were painted, and a picture of each, from which a layer that
was deleted can be made again.
"""

from __future__ import annotations

import base64
import contextlib
import json
from typing import Any, NamedTuple

from .geometry import Rect
from .request import STRIDE, StyleSource, painted_side

#: More results than these are forgotten, the oldest first. Their layers stay.
MAX_RESULTS = 50
#: The most bytes that the pictures of a document may have; the oldest are dropped first.
MAX_PICTURE_BYTES = 32_000_000


class Result(NamedTuple):
    """A result and how it was painted"""

    number: int  # unique in its document
    title: str
    source_key: str
    source_name: str
    layer_key: str
    rect: Rect  # of its layer on the canvas, in pixels
    width: int  # at which it was painted, in pixels
    height: int
    styles: list[StyleSource]
    options: dict[str, Any]  # the engine's, by name
    seconds: float
    can_be_refined: bool
    thumbnail: bytes  # an encoded image
    region: StyleSource | None = None
    protected: StyleSource | None = None
    created: float = 0.0  # in seconds since 1970; 0: not known
    picture_bytes: int = 0  # size of the picture that is stored beside the history; 0: there is none
    of_selection: bool = False  # only a selection was painted

    @property
    def is_refinable(self) -> bool:
        """Whether it was painted smaller than its layer can be painted."""
        largest = painted_side(0, (self.rect.width, self.rect.height))
        return self.can_be_refined and max(self.width, self.height) + STRIDE < largest

    @property
    def enlargement(self) -> float:
        """How much larger it is shown than painted"""
        return max(self.rect.width, self.rect.height) / max(1, self.width, self.height)

    def encode(self) -> dict[str, Any]:
        """Return the result as a JSON object."""
        return {
            **self._asdict(),
            "rect": list(self.rect),
            "styles": [style._asdict() for style in self.styles],
            "region": self.region and self.region._asdict(),
            "protected": self.protected and self.protected._asdict(),
            "thumbnail": base64.b64encode(self.thumbnail).decode(),
        }

    @classmethod
    def decode(cls, values: dict[str, Any]) -> Result:
        """Return the result that `encode` has encoded.  Raises TypeError, ValueError, KeyError: it is something else."""
        decoded = {
            "rect": Rect(*map(int, values["rect"])),
            "styles": [StyleSource(**style) for style in values["styles"]],
            "region": values["region"] and StyleSource(**values["region"]),
            "protected": values["protected"] and StyleSource(**values["protected"]),
            "thumbnail": base64.b64decode(values["thumbnail"]),
        }
        known = {name: value for name, value in values.items() if name in cls._fields}
        return cls(**{**known, **decoded})


class History:
    """The results of one document, the oldest first."""

    def __init__(self, text: bytes = b"") -> None:
        """text: what `encode` returned. What cannot be read is left out."""
        self.results: list[Result] = []
        self.groups: dict[str, str] = {}  # key of a source -> key of the group with its results
        self._last_number = 0
        try:
            values = json.loads(text.decode("utf-8"))
            self.groups = {str(source): str(group) for source, group in values["groups"].items()}
            for result in values["results"]:
                self._last_number = max(self._last_number, int(result["number"]))
                with contextlib.suppress(ValueError, TypeError, KeyError, AttributeError):
                    self.results.append(Result.decode(result))
        except (ValueError, TypeError, KeyError, AttributeError):
            pass

    def encode(self) -> bytes:
        values = {"groups": self.groups, "results": [result.encode() for result in self.results]}
        return json.dumps(values, separators=(",", ":")).encode("utf-8")

    def next_number(self) -> int:
        """A number that no result of this document has had, as far as is known."""
        self._last_number += 1
        return self._last_number

    def add(self, result: Result, group_key: str) -> list[int]:
        """Add the newest result.  -> numbers of the results that are forgotten"""
        self.results.append(result)
        self.groups[result.source_key] = group_key
        forgotten = [result.number for result in self.results[:-MAX_RESULTS]]
        self.results = self.results[-MAX_RESULTS:]
        return forgotten

    def drop_pictures(self) -> list[int]:
        """Drop the oldest pictures beyond MAX_PICTURE_BYTES.  -> the numbers of their results"""
        dropped, total = [], 0
        for index in reversed(range(len(self.results))):
            total += self.results[index].picture_bytes
            if total > MAX_PICTURE_BYTES and self.results[index].picture_bytes:
                dropped.append(self.results[index].number)
                self.results[index] = self.results[index]._replace(picture_bytes=0)
        return dropped

    def restore(self, result: Result) -> None:
        """Put a result that was removed back into its place."""
        self.results = sorted([*self.results, result], key=lambda other: other.number)

    def remove(self, number: int) -> None:
        self.results = [result for result in self.results if result.number != number]

    def find(self, number: int) -> Result | None:
        return next((result for result in self.results if result.number == number), None)

    def replace(self, result: Result) -> None:
        """Replace the result with the same number."""
        self.results = [result if old.number == result.number else old for old in self.results]

    def of_layer(self, key: str) -> Result | None:
        """The result that this layer is, or None."""
        return next((result for result in reversed(self.results) if result.layer_key == key), None)

    def of_source(self, key: str) -> list[Result]:
        """The results of a source, the oldest first."""
        return [result for result in self.results if result.source_key == key]

    def group_of(self, source_key: str) -> str:
        """The key of the group with the results of a source, or an empty string."""
        return self.groups.get(source_key, "")

    def source_of(self, key: str) -> str:
        """The key of the source of a result or of a group of results; an empty string for other layers."""
        result = self.of_layer(key)
        if result is not None:
            return result.source_key
        return next((source for source, group in self.groups.items() if group == key), "")
