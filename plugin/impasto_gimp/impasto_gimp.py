#!/usr/bin/env python3
"""Impasto for GIMP: paints the active layer in the style of another layer or picture.

GIMP starts this file as a process of its own: once, to keep the engine warm, and for each call of a procedure. The computation
runs in a separate engine process. What knows neither GIMP nor GTK is in `impasto_client`, which the plugins of all editors
share.
"""

import sys

import gi

gi.require_version("Gegl", "0.4")
gi.require_version("Gimp", "3.0")

from gi.repository import Gimp  # noqa: E402
from gimp_plugin.procedures import ImpastoPlugin  # noqa: E402

Gimp.main(ImpastoPlugin.__gtype__, sys.argv)
