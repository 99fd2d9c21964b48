"""The Qt binding that Krita itself uses: PyQt5 in Krita 5, PyQt6 in Krita 6. Importing the other one crashes Krita."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

# The krita module imports its own binding before any plugin is loaded. Type checkers always see PyQt5.
if TYPE_CHECKING or "PyQt6.QtCore" not in sys.modules:
    from PyQt5 import QtCore, QtGui, QtWidgets, sip
else:
    from PyQt6 import QtCore, QtGui, QtWidgets, sip

with contextlib.suppress(ImportError):  # distributions may package it on its own
    if TYPE_CHECKING or "PyQt6.QtCore" not in sys.modules:
        from PyQt5 import QtNetwork
    else:
        from PyQt6 import QtNetwork

__all__ = ["QtCore", "QtGui", "QtNetwork", "QtWidgets", "sip"]
