"""How long paintings would take, as the engine estimates it."""

from __future__ import annotations

from typing import Any

from impasto_client.request import painted_side

from .engine_process import EngineProcess


class Estimates:
    """The answers to the last request: option `size` -> the header of an `estimate` frame"""

    def __init__(self, engine: EngineProcess) -> None:
        self.by_size: dict[int, dict[str, Any]] = {}
        self._engine = engine
        self._request: tuple[int, int, dict[str, Any], list[int]] | None = None

    def request(self, width: int, height: int, options: dict[str, Any], sizes: list[int]) -> None:
        """Ask for the time and memory of each of these sizes, unless this was the last request.

        width, height: of the layer, in pixels; options: the others
        """
        request = width, height, options, sizes
        if request == self._request or not self._engine.ready:
            return
        self._request = request
        for size in dict.fromkeys(painted_side(size, (width, height)) for size in sizes):
            header = {"op": "estimate", "width": width, "height": height, "options": {**options, "size": size}}
            self._engine.send(header)

    def receive(self, header: dict[str, Any]) -> None:
        """Keep an estimate for each of the sizes that are painted at this one."""
        if self._request is not None:
            width, height, _, sizes = self._request
            for size in sizes:
                if header.get("size", 0) in (0, painted_side(size, (width, height))):  # 0: the options are not valid
                    self.by_size[size] = header

    def expire(self) -> None:
        """Ask again at the next request: the free memory or the engine may be different now."""
        self._request = None
        if not self._engine.running:
            self.by_size = {}
