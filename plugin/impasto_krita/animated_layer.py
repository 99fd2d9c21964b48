"""A Krita file with one animated layer, whose keyframes are pictures.

Krita's Python API cannot add keyframes, and its `importAnimation` crashes now and then: Krita 5.1 may still be working on one
file when it loads the next one into the same document.

The pixels of a layer are tiles of 64 x 64 pixels. Only tiles in which something is visible are stored.
Format: https://docs.krita.org/en/general_concepts/file_formats/file_kra.html
"""

from __future__ import annotations

import uuid
import zipfile
import zlib

from impasto_client.geometry import Rect

from .layers import SRGB

_SIDE = 64  # of a tile, in pixels
_TILE_BYTES = 4 * _SIDE * _SIDE
_UNCOMPRESSED = b"\0"  # the first byte of a tile
_FAST = 1  # level of compression
_FOLDER, _LAYER = "film/layers/", "layer1"

_DOCUMENT = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE DOC PUBLIC '-//KDE//DTD krita 2.0//EN' 'http://www.calligra.org/DTD/krita-2.0.dtd'>
<DOC xmlns="http://www.calligra.org/DTD/krita" syntaxVersion="2.0" editor="Krita" kritaVersion="5.1.0">
 <IMAGE mime="application/x-kra" name="film" description="" width="{width}" height="{height}" x-res="72" y-res="72"
  colorspacename="RGBA" profile="{profile}">
  <layers>
   <layer nodetype="paintlayer" name="Film" filename="{layer}" keyframes="{layer}.keyframes.xml"
    uuid="{{{uuid}}}" colorspacename="RGBA" compositeop="normal" opacity="255" visible="1"
    locked="0" collapsed="0" x="0" y="0" channelflags="" channellockflags="" colorlabel="0" intimeline="1" onionskin="0"/>
  </layers>
 </IMAGE>
</DOC>
"""
_KEYFRAMES = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE keyframes PUBLIC '-//KDE//DTD krita-keyframes 1.0//EN' 'http://www.calligra.org/DTD/krita-keyframes-1.0.dtd'>
<keyframes xmlns="http://www.calligra.org/DTD/krita-keyframes">
 <channel name="content">
{keyframes} </channel>
</keyframes>
"""
_KEYFRAME = """  <keyframe time="{time}" frame="{frame}" color-label="0">
   <offset type="point" x="0" y="0"/>
  </keyframe>
"""


def encode_picture(pixels: bytes, rect: Rect) -> bytes:
    """Compress a picture for `write_animated_layer`.  pixels: BGRA, 8 bits; rect: where it lies on the canvas"""
    left, stride = rect.x % _SIDE, 4 * rect.width
    columns = -(-(left + rect.width) // _SIDE)
    before, after = bytes(4 * left), bytes(4 * (columns * _SIDE - left - rect.width))
    blank_row = bytes(4 * columns * _SIDE)
    tiles: list[bytes] = []
    for top in range(rect.y - rect.y % _SIDE, rect.y + rect.height, _SIDE):
        rows = [
            before + pixels[y * stride : (y + 1) * stride] + after if 0 <= y < rect.height else blank_row
            for y in range(top - rect.y, top - rect.y + _SIDE)
        ]
        for column in range(columns):
            start = 4 * _SIDE * column
            tile = b"".join([row[start : start + 4 * _SIDE] for row in rows])
            if tile[3::4].strip(b"\0"):
                header = f"{rect.x - left + column * _SIDE},{top},LZF,{_TILE_BYTES + 1}\n"
                tiles.append(header.encode() + _UNCOMPRESSED + tile)
    return zlib.compress(_tiles_header(len(tiles)) + b"".join(tiles), _FAST)


def write_animated_layer(path: str, canvas: Rect, keyframes: list[tuple[int, str]]) -> None:
    """Write a Krita file.  keyframes: time, and the path of an encoded picture; an empty path for a transparent one

    Raises OSError, and zlib.error if a picture is damaged
    """
    values: dict[str, object] = {
        "uuid": uuid.uuid4(),
        "width": canvas.width,
        "height": canvas.height,
        "profile": SRGB,
        "layer": _LAYER,
    }
    if keyframes[0][0] > 0:  # Krita's layers always have a keyframe at 0
        keyframes = [(0, ""), *keyframes]
    elements = []
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=_FAST) as file:
        file.writestr("mimetype", "application/x-krita", zipfile.ZIP_STORED)
        file.writestr("maindoc.xml", _DOCUMENT.format(**values))
        for number, (time, picture_path) in enumerate(keyframes):
            name = f"{_LAYER}.f{number}" if number else _LAYER
            elements.append(_KEYFRAME.format(time=time, frame=name))
            tiles = _tiles_header(0)
            if picture_path:
                with open(picture_path, "rb") as picture:
                    tiles = zlib.decompress(picture.read())
            file.writestr(_FOLDER + name, tiles)
            file.writestr(_FOLDER + name + ".defaultpixel", bytes(4))
        file.writestr(f"{_FOLDER}{_LAYER}.keyframes.xml", _KEYFRAMES.format(keyframes="".join(elements)))


def _tiles_header(count: int) -> bytes:
    return f"VERSION 2\nTILEWIDTH {_SIDE}\nTILEHEIGHT {_SIDE}\nPIXELSIZE 4\nDATA {count}\n".encode()
