"""Transparency masks for layers that are not in a document yet.

Krita 5.1 has no function that creates one. So a mask is taken from a small file that is written for this, with an
empty group: for paint layers, Krita would need a color profile in it.
"""

from __future__ import annotations

import os
import tempfile
import zipfile
from typing import Iterable

from krita import Krita, Node

from impasto_client.errors import PluginError
from impasto_client.geometry import Rect
from impasto_client.i18n import i18n

from .layers import children
from .qt import QtCore

_XML = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE DOC PUBLIC '-//KDE//DTD krita 2.0//EN' 'http://www.calligra.org/DTD/krita-2.0.dtd'>
<DOC xmlns="http://www.calligra.org/DTD/krita" editor="Krita" syntaxVersion="2.0" kritaVersion="5.0.0">
<IMAGE name="template" mime="application/x-kra" profile="sRGB-elle-V2-srgbtrc.icc" colorspacename="RGBA"
 width="1" height="1" x-res="72" y-res="72" description="">
<layers>
<layer nodetype="grouplayer" name="group" filename="layer1" compositeop="normal" opacity="255" visible="1" locked="0"
 x="0" y="0" collapsed="0" colorlabel="0" passthrough="0">
<masks>
<mask nodetype="transparencymask" name="mask" filename="mask1" visible="1" locked="0" x="0" y="0" colorlabel="0"
 intimeline="0"/>
</masks>
<layers/>
</layer>
</layers>
</IMAGE>
</DOC>
"""
_NO_TILES = "VERSION 2\nTILEWIDTH 64\nTILEHEIGHT 64\nPIXELSIZE 1\nDATA 0\n"


def add_transparency_mask(layer: Node, name: str, rect: Rect, stripes: Iterable[tuple[int, int, bytes]]) -> None:
    """Add a transparency mask to a layer that is not in a document yet. Outside of `rect`, the layer becomes transparent.

    stripes: (y, rows, opacity) from the top of `rect`, one byte per pixel
    Raises PluginError: Krita cannot read the file.
    """
    mask = _create_mask()
    mask.setName(name)
    layer.addChildNode(mask, None)
    for y, rows, opacity in stripes:
        mask.setPixelData(QtCore.QByteArray(opacity), rect.x, rect.y + y, rect.width, rows)


def _create_mask() -> Node:
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "mask.kra")
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("mimetype", "application/x-krita")
            archive.writestr("maindoc.xml", _XML)
            archive.writestr("template/layers/mask1.pixelselection", _NO_TILES)
            archive.writestr("template/layers/mask1.pixelselection.defaultpixel", bytes(1))
        document = Krita.instance().openDocument(path)
        layers = children(document.rootNode()) if document is not None else []
        masks = children(layers[0]) if layers else []
        if document is None or not masks:
            raise PluginError(i18n("Krita cannot create a transparency mask."))
        mask = masks[0].duplicate()
        document.setModified(False)
        document.close()
        return mask
