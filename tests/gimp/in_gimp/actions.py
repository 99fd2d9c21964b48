"""What tests do in GIMP. Runs in GIMP's Python."""

import os
import subprocess
import time

from gi.repository import Gegl, Gimp, Gio
from kill_process import processes  # noqa: F401  -- called by tests

#: The names of the procedures begin with this.
PREFIX = "plug-in-impasto-"
RGBA8 = "R'G'B'A u8"


def open_image(path, precision="U8_NON_LINEAR", base="RGB"):
    """Open a picture as an image with one layer named Photo."""
    image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path(path))
    if base == "GRAY":
        image.convert_grayscale()
    elif base == "INDEXED":
        image.convert_indexed(Gimp.ConvertDitherType.NONE, Gimp.ConvertPaletteType.GENERATE, 32, False, False, "")
    if precision != "U8_NON_LINEAR":
        image.convert_precision(getattr(Gimp.Precision, precision))
    layer = image.get_layers()[0]
    layer.set_name("Photo")
    return image, layer


def call(image, layers, procedure="stylize", **arguments):
    """Call a procedure.  -> "" or its error message"""
    procedure = Gimp.get_pdb().lookup_procedure(PREFIX + procedure)
    config = procedure.create_config()
    config.set_property("image", image)
    config.set_core_object_array("drawables", layers)
    for name, value in arguments.items():
        if name == "style_file":
            value = Gio.File.new_for_path(value)
        config.set_property(name.replace("_", "-"), value)
    answer = procedure.run(config)
    return "" if answer.index(0) == Gimp.PDBStatusType.SUCCESS else answer.index(1)


def pixels(drawable, pixel_format=RGBA8):
    """The pixels of a drawable"""
    area = Gegl.Rectangle.new(0, 0, drawable.get_width(), drawable.get_height())
    return drawable.get_buffer().get(area, 1.0, pixel_format, Gegl.AbyssPolicy.NONE)


def write_layer(layer, folder, name):
    """Write a layer's pixels, and its mask if there is one, to files.  -> what it is"""
    with open(os.path.join(folder, f"{name}.rgba"), "wb") as file:
        file.write(pixels(layer))
    mask = layer.get_mask()
    if mask is not None:
        with open(os.path.join(folder, f"{name}.mask"), "wb") as file:
            file.write(pixels(mask, "Y u8"))
    _, x, y = layer.get_offsets()
    return {"name": layer.get_name(), "rect": [x, y, layer.get_width(), layer.get_height()], "mask": mask is not None}


def stylize(picture, folder, precision="U8_NON_LINEAR", base="RGB", selection=None, offset=None, group=False, **arguments):
    """Paint a picture in an image of this precision.

    selection: x, y, width, height, feather radius; offset: of the layer; group: whether to paint a group that contains it
    -> problem, layers: names from the top, result: the layer that was added
    """
    image, layer = open_image(picture, precision, base)
    if offset is not None:
        layer.set_offsets(*offset)
    source = layer
    if group:
        source = Gimp.GroupLayer.new(image, "Group")
        image.insert_layer(source, None, 0)
        image.reorder_item(layer, source, 0)
    if selection is not None:
        x, y, width, height, radius = selection
        image.select_rectangle(Gimp.ChannelOps.REPLACE, x, y, width, height)
        if radius:
            Gimp.Selection.feather(image, radius)
    image.set_selected_layers([source])
    start = time.monotonic()
    problem = call(image, [source], **arguments)
    answer = {"problem": problem, "seconds": time.monotonic() - start}
    answer["layers"] = [each.get_name() for each in image.get_layers()]
    answer["selected"] = [each.get_name() for each in image.get_selected_layers()]
    if not problem:
        answer["result"] = write_layer(image.get_layers()[0], folder, "result")
    if selection is not None:
        with open(os.path.join(folder, "selection.mask"), "wb") as file:
            file.write(pixels(image.get_selection(), "Y u8"))
    image.delete()
    return answer


def paint_a_layer_with_a_mask(picture, folder, **arguments):
    """Paint a layer whose left half is masked."""
    image, layer = open_image(picture)
    image.select_rectangle(Gimp.ChannelOps.REPLACE, layer.get_width() // 2, 0, layer.get_width(), layer.get_height())
    layer.add_alpha()
    layer.add_mask(layer.create_mask(Gimp.AddMaskType.SELECTION))
    Gimp.Selection.none(image)
    problem = call(image, [layer], **arguments)
    answer = {"problem": problem, "result": write_layer(image.get_layers()[0], folder, "result")}
    image.delete()
    return answer


def use_a_layer_as_style(picture, style, folder, **arguments):
    """Paint with another layer of the image as the style."""
    image, layer = open_image(picture)
    other = Gimp.file_load_layer(Gimp.RunMode.NONINTERACTIVE, image, Gio.File.new_for_path(style))
    image.insert_layer(other, None, 0)
    other.set_name("Painting")
    problem = call(image, [layer], style_layer=other, **arguments)
    answer = {"problem": problem, "layers": [each.get_name() for each in image.get_layers()]}
    answer["result"] = write_layer(image.get_layers()[0], folder, "result")
    image.delete()
    return answer


def stylize_again(picture, folder, **arguments):
    """Paint twice: the second time with the first painting as the active layer."""
    image, layer = open_image(picture)
    call(image, [layer], **arguments)
    first = image.get_layers()[0]
    answer = {"first": write_layer(first, folder, "first")}
    answer["problem"] = call(image, [first], procedure="stylize-again")
    answer["layers"] = [each.get_name() for each in image.get_layers()]
    answer["second"] = write_layer(image.get_layers()[0], folder, "second")
    path = os.path.join(folder, "image.xcf")
    Gimp.file_save(Gimp.RunMode.NONINTERACTIVE, image, Gio.File.new_for_path(path), None)
    image.delete()
    image = Gimp.file_load(Gimp.RunMode.NONINTERACTIVE, Gio.File.new_for_path(path))
    answer["problem after saving"] = call(image, [image.get_layers()[0]], procedure="stylize-again")
    answer["layers after saving"] = [each.get_name() for each in image.get_layers()]
    image.remove_layer(image.get_layers()[-1])
    answer["problem without source"] = call(image, [image.get_layers()[0]], procedure="stylize-again")
    image.delete()
    return answer


def refuse(picture, kind):
    """Call the procedure with something that it must refuse.  -> its message, and the layers after it"""
    image, layer = open_image(picture, base="INDEXED" if kind == "indexed" else "RGB")
    layers, arguments = [layer], {"size": 64, "quality": "instant"}
    if kind == "nothing to repeat":
        arguments = {"procedure": "stylize-again"}
    elif kind == "no instant style":
        arguments = {"procedure": "instant-style", "style_network": ""}
    if kind == "two layers":
        other = layer.copy()
        image.insert_layer(other, None, 0)
        layers = [layer, other]
    elif kind == "itself":
        arguments["style_layer"] = layer
    elif kind == "missing file":
        arguments["style_file"] = "/nowhere/picture.png"
    elif kind == "no network":
        arguments["style_network"] = "no such network"
    elif kind == "selection outside":
        layer.set_offsets(-layer.get_width() + 10, 0)
        image.select_rectangle(Gimp.ChannelOps.REPLACE, 40, 0, 8, 8)
    before = len(image.get_layers())
    problem = call(image, layers, **arguments)
    added = len(image.get_layers()) - before
    image.delete()
    return [problem, added]


def kill_during_a_painting(picture, part, after, **arguments):
    """Kill a process of this GIMP in the middle of a painting.  -> the problem, and the layers that were added"""
    image, layer = open_image(picture)
    killer = subprocess.Popen(["python3", os.path.join(os.environ["IMPASTO_IN_GIMP"], "kill_process.py"), part, str(after)])
    problem = call(image, [layer], **arguments)
    killer.wait()
    answer = [problem, len(image.get_layers()) - 1]
    image.delete()
    return answer


def show(picture):
    """Show a picture in a window, for somebody who uses the menus."""
    image, _ = open_image(picture)
    Gimp.Display.new(image)


def shown_layers(folder=""):
    """The names of the layers of the picture in the window.  folder: for the pixels of the first"""
    image = Gimp.get_images()[0]
    layers = image.get_layers()
    answer = {"layers": [layer.get_name() for layer in layers]}
    if folder:
        answer["result"] = write_layer(layers[0], folder, "result")
    return answer


def paint_in_the_window(**arguments):
    """Paint the lowest layer of the picture in the window."""
    image = Gimp.get_images()[0]
    return call(image, [image.get_layers()[-1]], **arguments)
