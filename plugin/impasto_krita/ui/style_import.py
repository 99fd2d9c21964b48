"""Pictures and folders that the user adds to the style library: by file dialogs, from the clipboard, and by drag and drop."""

from __future__ import annotations

import os
import uuid

from impasto_client.i18n import i18n
from impasto_client.style_library import SUFFIXES, StyleLibrary, find_missing, is_picture, list_pictures, name_by_content

from .. import settings
from ..background import BackgroundWork
from ..qt import QtCore, QtGui, QtWidgets
from .style_thumbnails import MAX_PIXELS


class StyleImport(QtCore.QObject):
    """Adds pictures and folders to a library.

    Signals: `picture_added` with the key of a style, `folder_added` with a folder whose pictures are listed now, and `failed`
    with a sentence for the user.
    """

    picture_added, folder_added, failed = QtCore.pyqtSignal(str), QtCore.pyqtSignal(str), QtCore.pyqtSignal(str)

    def __init__(self, library: StyleLibrary, work: BackgroundWork, parent: QtWidgets.QWidget) -> None:
        """parent: the widget in front of which the dialogs open"""
        super().__init__(parent)
        self._library, self._work, self._widget = library, work, parent

    def ask_for_pictures(self) -> None:
        """Let the user choose picture files."""
        patterns = " ".join("*" + suffix for suffix in SUFFIXES)
        filters = i18n("Pictures") + f" ({patterns});;" + i18n("All files") + " (*)"
        title, folder = i18n("Pictures whose style to use"), str(settings.load().get("picture_folder", ""))
        paths, _ = QtWidgets.QFileDialog.getOpenFileNames(self._widget, title, folder, filters)
        if paths:
            settings.store(picture_folder=os.path.dirname(paths[0]))
            self._add_pictures(paths)

    def ask_for_folder(self) -> None:
        """Let the user choose a folder."""
        title, folder = i18n("Folder with pictures"), str(settings.load().get("picture_folder", ""))
        folder = QtWidgets.QFileDialog.getExistingDirectory(self._widget, title, folder)
        if folder:
            settings.store(picture_folder=folder)
            self.add_folder(folder)

    def paste(self) -> None:
        """Add the files or the picture of the clipboard."""
        clipboard = QtWidgets.QApplication.clipboard()
        data = clipboard.mimeData() if clipboard is not None else None
        if data is None or not accepts(data):
            self.failed.emit(i18n("There is no picture in the clipboard: copy one first."))
        else:
            self.add(data, i18n("Pasted picture"))

    def add(self, data: QtCore.QMimeData, name: str) -> None:
        """Add what was dropped or pasted: folders and picture files, or else the picture itself.  name: of the latter"""
        paths = _local_paths(data)
        for folder in filter(os.path.isdir, paths):
            self.add_folder(folder)
        pictures = [path for path in paths if is_picture(path)]
        if pictures:
            self._add_pictures(pictures)
        elif not paths:
            image = data.imageData()
            self._add_image(image.toImage() if isinstance(image, QtGui.QPixmap) else image, name)

    def add_folder(self, folder: str) -> None:
        """Add a folder, and list its pictures in the background."""
        self._library.add_folder(folder)
        self._list_folder(os.path.abspath(folder), announced=True)

    def check_pictures(self) -> None:
        """Look in the background for the pictures that the user has added."""
        paths = self._library.pictures
        self._work.submit(lambda: find_missing(paths), self._library.set_missing)

    def list_folders(self) -> None:
        """List the pictures of all folders again, in the background."""
        for folder in self._library.folders:
            self._list_folder(folder, announced=False)

    def _list_folder(self, folder: str, announced: bool) -> None:
        def on_listed(paths: list[str] | None) -> None:
            self._library.set_folder_pictures(folder, paths)
            if announced:
                self.folder_added.emit(folder)
            if announced and not paths:
                self.failed.emit(i18n("There are no pictures in {folder}.", folder=os.path.basename(folder)))

        self._work.submit(lambda: list_pictures(folder), on_listed)

    def _add_pictures(self, paths: list[str]) -> None:
        keys = [self._library.add_picture(path) for path in paths]
        self.picture_added.emit(keys[0])

    def _add_image(self, image: QtGui.QImage | None, name: str) -> None:
        """Add a picture without a file. It is compressed in the background, because that takes seconds for a large one."""
        if image is None or image.isNull():
            self.failed.emit(i18n("This is not a picture."))
            return
        if image.width() * image.height() > MAX_PIXELS:
            self.failed.emit(i18n("The picture is too large: the limit is {limit} megapixels.", limit=MAX_PIXELS // 1_000_000))
            return

        def on_saved(path: str) -> None:
            if path:
                self.picture_added.emit(self._library.add_saved(path, name))
            else:
                self.failed.emit(i18n("The picture cannot be saved: free some disk space."))

        if self._library.closed:
            self.failed.emit(i18n("Everything is deleted. The docker is gone when Krita starts again."))
            return
        folder = self._library.folder
        self._work.submit(lambda: _save(image, folder), on_saved)


def accepts(data: QtCore.QMimeData) -> bool:
    """Whether there is something to add: a picture, picture files or folders of this computer."""
    paths = _local_paths(data)
    return any(is_picture(path) or os.path.isdir(path) for path in paths) or (data.hasImage() and not paths)


def _local_paths(data: QtCore.QMimeData) -> list[str]:
    return [url.toLocalFile() for url in data.urls() if url.isLocalFile()]


def _save(image: QtGui.QImage, folder: str) -> str:
    """Save an image as a PNG file in a folder, which is created. Any thread may call this.  Returns its path, or nothing"""
    temporary = os.path.join(folder, f"{uuid.uuid4().hex}.new")
    try:
        os.makedirs(folder, exist_ok=True)
        if image.save(temporary, "PNG"):
            return name_by_content(temporary)
        os.remove(temporary)
    except OSError:
        pass
    return ""
