"""Tests of the plugin's `layers` in Krita without a window: kritarunner calls main(), which writes the results as JSON."""

import json
import os
import sys
import traceback
import types

from krita import Krita

WIDTH, HEIGHT = 40, 300


def main(arguments):
    try:
        answer = {"result": test_layers()}
    except BaseException:
        answer = {"error": traceback.format_exc()}
    with open(os.environ["IMPASTO_RESULT"], "w", encoding="utf-8") as file:
        json.dump(answer, file)
    os._exit(0)


def test_layers():
    # The package's own __init__ needs dockers, which do not exist here, so an empty package takes its place.
    package = types.ModuleType("impasto_krita")
    package.__path__ = [os.path.join(os.environ["IMPASTO_PLUGIN"], "impasto_krita")]
    sys.modules["impasto_krita"] = package
    sys.path.append(os.path.join(package.__path__[0], "shared"))
    from impasto_krita import layers, results

    pixels = bytes((7 * x + 3 * y) % 256 if c < 3 else 255 for y in range(HEIGHT) for x in range(WIDTH) for c in range(4))
    pixels_16_bit = b"".join(bytes([value, value]) for value in pixels)
    return {**convert(layers, pixels, pixels_16_bit), **write_and_read(layers, results, pixels, pixels_16_bit)}


def convert(layers, pixels, pixels_16_bit):
    """Convert to color spaces and back; and from a profile that does not exist"""
    srgb8, srgb16 = ("RGBA", "U8", layers.SRGB), ("RGBA", "U16", layers.SRGB)
    errors = {}
    for space in [
        ("RGBA", "U16", layers.SRGB),
        ("RGBA", "F16", "sRGB-elle-V2-g10.icc"),
        ("RGBA", "F32", "sRGB-elle-V2-g10.icc"),
        ("RGBA", "U16", "Rec2020-elle-V4-g10.icc"),
        ("LABA", "U16", "Lab identity built-in"),
    ]:
        converted = layers.convert_pixels(pixels_16_bit, WIDTH, HEIGHT, srgb16, space)
        back = layers.convert_pixels(converted, WIDTH, HEIGHT, space, srgb16)
        errors[" ".join(space)] = max_high_byte_difference(back, pixels_16_bit)
    try:
        layers.convert_pixels(pixels, WIDTH, HEIGHT, ("RGBA", "U8", "no such profile"), srgb8)
        message = ""
    except layers.PluginError as error:
        message = str(error)
    same = layers.convert_pixels(pixels, WIDTH, HEIGHT, srgb8, srgb8) is pixels
    return {"errors": errors, "unchanged": same, "missing_profile": message}


def write_and_read(layers, results, pixels, pixels_16_bit):
    """Write an 8-bit result into a 16-bit document above a group, and read it back from a snapshot"""
    document = Krita.instance().createDocument(WIDTH, HEIGHT, "", "RGBA", "U16", layers.SRGB, 72.0)
    document.setBatchmode(True)
    group = document.createGroupLayer("Group")
    document.rootNode().addChildNode(group, None)
    result = results.ResultLayer(document, "Result", layers.Rect(-5, 7, WIDTH, HEIGHT), "U8")
    for y, rows in results.stripes(HEIGHT):
        for _ in result.write(y, rows, pixels[y * WIDTH * 4 : (y + rows) * WIDTH * 4]):
            pass
    result.add_above(layers.node_key(group))
    node = document.rootNode().childNodes()[-1]
    bounds = node.bounds()
    added = [node.name(), bounds.x(), bounds.y(), bounds.width(), bounds.height()]

    snapshot = layers.Snapshot(document)
    node.setPixelData(bytes(8 * WIDTH * HEIGHT), -5, 7, WIDTH, HEIGHT)  # does not change the snapshot
    for _ in snapshot.make_visible([layers.node_key(node)]):
        pass
    stripes = list(snapshot.picture(layers.node_key(node)).stripes())
    snapshot.close()
    read = b"".join(part for _, _, part in stripes)

    orphan = results.ResultLayer(document, "Other", layers.Rect(0, 0, 1, 1), "U8")
    orphan.add_above("a key of no layer")
    return {
        "added": added,
        "stripes": [[y, rows] for y, rows, _ in stripes],
        "read_error": max_high_byte_difference(read, pixels_16_bit),
        "top": document.rootNode().childNodes()[-1].name(),
        "listed": [layer.name() for _, layer in layers.visible_layers(document)],
    }


def max_high_byte_difference(a, b):
    """Of 16-bit values in little-endian order"""
    return max(abs(x - y) for x, y in zip(a[1::2], b[1::2], strict=True))
