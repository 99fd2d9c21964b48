"""What can be done with the results in a document: show, compare, fade, keep, delete. And where its history is stored: in
annotations, which Krita saves in the .kra file.
"""

from __future__ import annotations

from krita import Document, Krita, Node

from impasto_client.errors import PluginError
from impasto_client.history import History, Result
from impasto_client.i18n import i18n
from impasto_client.protocol import stripes
from impasto_client.request import Area, Painting, PaintRequest

from .background import BackgroundWork
from .engine_process import bgra_bytes
from .layers import children, find_node, is_open, node_key, thumbnail, visible_layers
from .qt import QtCore
from .result_pictures import ResultPicture, decode_picture, encode_image
from .results import ResultLayer, add_above, keep_active, show_only
from .steps import Steps

_HISTORY, _PICTURE = "impasto/history", "impasto/picture-{}"
_DESCRIPTION = "Results of Impasto"
_THUMBNAIL_SIDE = 128


class _Deleted:
    """A result that the user has deleted"""

    def __init__(self, result: Result, picture: bytes) -> None:
        """picture: that was stored, or nothing"""
        self.result, self.picture = result, picture
        self.layer_gone = False


class DocumentHistory:
    """The results of one document, and their layers."""

    def __init__(self, document: Document, background: BackgroundWork) -> None:
        self.document, self._background = document, background
        self.history = History(bytes(document.annotation(_HISTORY)))
        self._shown: dict[str, str] = {}  # source -> key of the result layer that was shown last
        self._deleted: list[_Deleted] = []  # undo may bring their layers back

    def layer_of(self, result: Result) -> Node | None:
        """The layer of a result; None if it was deleted, or its addition undone."""
        return find_node(self.document, result.layer_key)

    def add(self, result: Result, group_key: str) -> None:
        """Record the newest result, hide the earlier ones of its source, and show this one.

        group_key: of the group that its layer was added to
        """
        node = self.layer_of(result)
        if node is not None:
            result = result._replace(thumbnail=encode_image(thumbnail(node, _THUMBNAIL_SIDE), "PNG"))
        dropped = self.history.add(result, group_key)
        for number in dropped:
            self.document.removeAnnotation(_PICTURE.format(number))
        self._store()
        self.show(result)

    def keep_picture(self, number: int, picture: ResultPicture) -> None:
        """Compress the picture of a result in the background, and store it."""
        self._background.submit(picture.encode, lambda data: self._store_picture(number, data))

    def _store_picture(self, number: int, picture: bytes) -> None:
        result = self.history.find(number)
        if result is None or not picture or not is_open(self.document):
            return
        self.history.replace(result._replace(picture_bytes=len(picture)))
        self.document.setAnnotation(_PICTURE.format(number), _DESCRIPTION, QtCore.QByteArray(picture))
        for dropped in self.history.drop_pictures():
            self.document.removeAnnotation(_PICTURE.format(dropped))
        self._store()

    def show(self, result: Result) -> None:
        """Show a result on the canvas, instead of those of its source that it covers: a selection leaves the rest as it is."""
        covered = [other for other in self.history.of_source(result.source_key) if result.rect.contains(other.rect)]
        others = [other.layer_key for other in covered]
        self._shown[result.source_key] = result.layer_key
        show_only(self.document, [result.layer_key, self.history.group_of(result.source_key)], others)

    def is_shown(self, result: Result) -> bool:
        """Whether the result is visible on the canvas, as far as its own layer and its group decide this."""
        node = self.layer_of(result)
        while node is not None and node.parentNode() is not None:
            if not node.visible():
                return False
            node = node.parentNode()
        return node is not None

    def states(self) -> list[tuple[Result, bool, bool]]:
        """(result, shown, missing) of all results, the newest first: whether it is visible, and whether its layer is gone.

        The layers are walked through only once, which takes a millisecond for a hundred of them.
        """
        visible: dict[str, bool] = {}
        path: list[bool] = []
        for depth, node in visible_layers(self.document):
            path[depth:] = [node.visible()]
            visible[node_key(node)] = all(path)
        return [
            (result, visible.get(result.layer_key, False), result.layer_key not in visible)
            for result in reversed(self.history.results)
        ]

    def other_layers(self) -> list[tuple[int, str, Node]]:
        """(depth, key, node) of the layers that are no results, nor in a group of results."""
        ours = {result.layer_key for result in self.history.results} | set(self.history.groups.values())
        found: list[tuple[int, str, Node]] = []
        path: list[str] = []
        for depth, node in visible_layers(self.document):
            path[depth:] = [node_key(node)]
            if ours.isdisjoint(path):
                found.append((depth, path[-1], node))
        return found

    def hide(self, result: Result) -> None:
        """Show the source of a result instead, to compare both."""
        show_only(self.document, [], [self.history.group_of(result.source_key) or result.layer_key])

    def sync(self) -> None:
        """After an undo: show the result before the one that it has removed, and list a deleted one that has come back."""
        self._restore_deleted()
        for source, key in list(self._shown.items()):
            if find_node(self.document, key) is not None:
                continue
            left = [result for result in self.history.of_source(source) if self.layer_of(result) is not None]
            if left:
                self.show(left[-1])
            else:
                del self._shown[source]

    def _restore_deleted(self) -> None:
        """List the results again that the user has deleted, and whose layers an undo has brought back."""
        nodes = {node_key(node): node for _, node in visible_layers(self.document)} if self._deleted else {}
        for deleted in list(self._deleted):
            result, node = deleted.result, nodes.get(deleted.result.layer_key)
            if node is None or not deleted.layer_gone:  # Krita removes layers only after a while
                deleted.layer_gone = node is None
                continue
            self._deleted.remove(deleted)
            self.history.restore(result)
            if deleted.picture:
                self.document.setAnnotation(_PICTURE.format(result.number), _DESCRIPTION, QtCore.QByteArray(deleted.picture))
            self._store()
            if node.visible():
                self.show(result)

    def fade(self, result: Result) -> float:
        """How strongly the result is shown, from 0 to 1"""
        node = self.layer_of(result)
        return 1.0 if node is None else node.opacity() / 255

    def set_fade(self, result: Result, fade: float) -> None:
        node = self.layer_of(result)
        if node is not None and node.opacity() != round(255 * fade):
            node.setOpacity(round(255 * fade))
            self.document.refreshProjection()

    def keep_as_layer(self, result: Result) -> Steps:
        """Add a copy of a result as a layer of its own, above the group. If its layer was deleted, it comes from the picture.

        Raises PluginError: the picture was dropped.
        """
        node = self.layer_of(result)
        group = find_node(self.document, self.history.group_of(result.source_key))
        above = group if group is not None else find_node(self.document, result.source_key)
        active = self.document.activeNode()
        if node is not None:
            copy = node.duplicate()
            copy.setName(result.title)
            copy.setVisible(True)
            add_above(self.document, copy, above)
            yield from keep_active(self.document, active, [node_key(copy)])
            return
        image = decode_picture(bytes(self.document.annotation(_PICTURE.format(result.number))), result.rect)
        if image.isNull():
            raise PluginError(i18n("The picture of this result is no longer stored: paint it again with its settings."))
        yield 0
        layer = ResultLayer(self.document, result.title, result.rect, "U8")
        data = bgra_bytes(image)
        stride = 4 * result.rect.width
        for y, rows in stripes(result.rect.height):
            yield from layer.write(y, rows, data[y * stride : (y + rows) * stride])
        layer.add_above(node_key(above) if above is not None else "")
        yield from keep_active(self.document, active, [layer.key])

    def delete(self, result: Result) -> None:
        """Remove a result and its layer. If the user takes the layer's removal back, the result comes back too."""
        node = self.layer_of(result)
        if node is not None:
            self._deleted.append(_Deleted(result, bytes(self.document.annotation(_PICTURE.format(result.number)))))
        self.history.remove(result.number)
        self.document.removeAnnotation(_PICTURE.format(result.number))
        self._store()
        if node is None:
            return
        group = node.parentNode()
        is_last = group is not None and node_key(group) in self.history.groups.values() and len(children(group)) == 1
        if is_last and group is not None:
            group.remove()
        else:
            node.remove()

    def refinement(self, result: Result) -> PaintRequest | None:
        """The request that goes on from a result at the size of its layer; None if that adds nothing."""
        if not result.is_refinable or self.layer_of(result) is None:
            return None
        painting = Painting(result.layer_key, result.rect, result.width, result.height)
        return self.repetition(result)._replace(options={**result.options, "size": 0}, painting=painting)

    def repetition(self, result: Result) -> PaintRequest:
        """The request that paints a result again."""
        return PaintRequest(
            self.document,
            result.source_key,
            result.source_name,
            result.styles,
            result.options,
            result.region,
            result.protected,
            area=self._area(result),
        )

    def _area(self, result: Result) -> Area | None:
        """Where the result was painted, if its layer has a transparency mask."""
        node = self.layer_of(result)
        masked = node is not None and any(child.type() == "transparencymask" for child in children(node))
        return Area(result.layer_key, result.rect) if masked else None

    def source_of(self, node: Node) -> str:
        """The key of what a layer was painted from, if it is a result or in a group of results; otherwise an empty string."""
        current: Node | None = node
        while current is not None and current.parentNode() is not None:
            source = self.history.source_of(node_key(current))
            if source:
                return source
            current = current.parentNode()
        return ""

    def _store(self) -> None:
        self.document.setAnnotation(_HISTORY, _DESCRIPTION, QtCore.QByteArray(self.history.encode()))
        self.document.setModified(True)


class Histories:
    """The histories of the open documents"""

    def __init__(self, background: BackgroundWork) -> None:
        """background: compresses pictures"""
        self._background = background
        self._open: list[DocumentHistory] = []

    def of(self, document: Document | None) -> DocumentHistory | None:
        """The history of a document, read when it is first asked for; None for no document."""
        if document is None or document.rootNode() is None:
            return None
        for known in self._open:
            if known.document == document:
                return known
        documents = Krita.instance().documents()
        self._open = [known for known in self._open if known.document in documents]
        self._open.append(DocumentHistory(document, self._background))
        return self._open[-1]
