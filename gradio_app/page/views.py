"""What the page shows of finished paintings."""

from __future__ import annotations

from typing import Any

import gradio as gr

from . import uploads
from .components import status
from .layout import Page
from .picture_wall import WallPicture, update_wall
from .results import PaintingResult
from .viewer import picture_pair

#: New values by component, as Gradio takes them from an event handler.
Updates = dict[Any, Any]


class Views:
    """Updates of the page's components by name."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def session(self, result: PaintingResult, results: list[PaintingResult]) -> Updates:
        """Show a new painting, and those of this session."""
        page, number = self._page, len(results)
        pictures = [
            WallPicture(each.title or f"{number - index}", uploads.file_address(each.screen_file))
            for index, each in enumerate(results)
        ]
        wall = update_wall(pictures=pictures, chosen=0)
        return {**self.result(result, keep_line=True), page.session_results: wall}

    def result(self, result: PaintingResult, *, keep_line: bool = False) -> Updates:
        """Show a painting, ready to download.  keep_line: leave the line where it is, because its previews were shown"""
        download = gr.update(value=result.download_file(), visible=True, interactive=True)
        return {**self.without_download(result, keep_line=keep_line), self._page.download: download}

    def without_download(self, result: PaintingResult, *, keep_line: bool = False) -> Updates:
        """Show a painting without its download, which takes longer to make."""
        page = self._page
        photo, painting = (uploads.file_address(file) for file in result.screen_files())
        name = f"{result.file_stem}.jpg"
        pair = picture_pair(photo, painting, result.size, title=result.title, keep_line=keep_line, file_name=name)
        return {
            page.result: pair,
            page.status: status(result.status),
            page.result_buttons: gr.update(visible=True),
            page.refine_button: gr.update(visible=bool(result.full_size)),
            page.shown_result: result,
            **dict.fromkeys(page.single_result_buttons, gr.update(visible=True)),
        }
