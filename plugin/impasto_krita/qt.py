"""Qt as Krita itself has it: PyQt5 in Krita 5, PyQt6 in Krita 6. Importing the wrong one ends Krita."""

import sys

if "PyQt6.QtCore" in sys.modules:  # the krita module has imported its own binding before any plugin is loaded
    from PyQt6 import QtCore, QtGui, QtWidgets
else:
    from PyQt5 import QtCore, QtGui, QtWidgets

__all__ = ["QtCore", "QtGui", "QtWidgets"]
