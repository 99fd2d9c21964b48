"""Tests of the plugin's layers that need Krita but no window: kritarunner runs main(), which writes what it found."""

import json
import os
import sys
import traceback
import types

from krita import Krita


def main(arguments):
    out = os.environ["IMPASTO_PROBE"]
    try:
        told = {"result": found()}
    except BaseException:
        told = {"error": traceback.format_exc()}
    with open(out, "w", encoding="utf-8") as file:
        json.dump(told, file)
    os._exit(0)


def found():
    # The package's own __init__ wants dockers, which there are none of here: only its folder is taken.
    package = types.ModuleType("impasto_krita")
    package.__path__ = [os.path.join(os.environ["IMPASTO_PLUGIN"], "impasto_krita")]
    sys.modules["impasto_krita"] = package
    from impasto_krita import layers

    told = {"spaces": {}, "stripes": {}}
    width, height = 40, 300
    pixels = bytes((7 * x + 3 * y) % 256 if c < 3 else 255 for y in range(height) for x in range(width) for c in range(4))
    srgb8, srgb16 = ("RGBA", "U8", layers.SRGB), ("RGBA", "U16", layers.SRGB)
    deep = b"".join(bytes([value, value]) for value in pixels)
    for space in [
        ("RGBA", "U16", layers.SRGB),
        ("RGBA", "F16", "sRGB-elle-V2-g10.icc"),
        ("RGBA", "F32", "sRGB-elle-V2-g10.icc"),
        ("RGBA", "U16", "Rec2020-elle-V4-g10.icc"),
        ("LABA", "U16", "Lab identity built-in"),
    ]:
        there = layers.convert(deep, width, height, srgb16, space)
        back = layers.convert(there, width, height, space, srgb16)
        worst = max(abs(a - b) for a, b in zip(back[1::2], deep[1::2], strict=True))  # of the high bytes
        told["spaces"][" ".join(space)] = [len(there), worst]
    told["same"] = layers.convert(pixels, width, height, srgb8, srgb8) is pixels
    try:
        layers.convert(pixels, width, height, ("RGBA", "U8", "no such profile"), srgb8)
    except layers.LayerError as error:
        told["missing"] = str(error)

    document = Krita.instance().createDocument(width, height, "", "RGBA", "U16", layers.SRGB, 72.0)
    document.setBatchmode(True)
    group = document.createGroupLayer("Group")
    document.rootNode().addChildNode(group, None)
    result = layers.ResultLayer(document, "Result", layers.Rect(-5, 7, width, height), "U8")
    for y, rows in layers.stripes(height):
        for _ in result.write(y, rows, pixels[y * width * 4 : (y + rows) * width * 4]):
            pass
    result.add(layers.key(group))
    node = document.rootNode().childNodes()[-1]
    told["added"] = [node.name(), node.bounds().x(), node.bounds().y(), node.bounds().width(), node.bounds().height()]
    snapshot = layers.Snapshot(document)
    node.setPixelData(bytes(8 * width * height), -5, 7, width, height)  # the snapshot does not see it
    for _ in snapshot.show([layers.key(node)]):
        pass
    picture = snapshot.picture(layers.key(node))
    read = list(picture.stripes())
    told["stripes"] = [[y, rows] for y, rows, _ in read]
    told["read"] = max(abs(a - b) for a, b in zip(b"".join(part for _, _, part in read)[1::2], deep[1::2], strict=True))
    snapshot.close()
    other = layers.ResultLayer(document, "Other", layers.Rect(0, 0, 1, 1), "U8")
    other.add("gone")
    told["top"] = document.rootNode().childNodes()[-1].name()
    told["listed"] = [(depth, each.name()) for depth, each in layers.showing(document)]
    return told
