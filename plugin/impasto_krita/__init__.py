"""Impasto for Krita: paints the active layer in the style of another layer.

The computation runs in a separate engine process (`engine_process`), so Krita stays responsive. Widgets are in `ui`. What
knows neither Qt nor Krita is in `impasto_client`, which the plugins of all editors share.
"""

import os
import sys

sys.path.append(os.path.join(os.path.dirname(__file__), "shared"))  # where the zip has impasto_client

from krita import DockWidgetFactory, DockWidgetFactoryBase, Krita

from impasto_client.i18n import set_languages

from .extension import ImpastoExtension
from .qt import QtCore
from .ui.docker import ImpastoDocker

set_languages([*os.environ.get("LANGUAGE", "").split(":"), *QtCore.QLocale().uiLanguages()])
_krita = Krita.instance()
_krita.addExtension(ImpastoExtension(_krita))
_krita.addDockWidgetFactory(DockWidgetFactory("impasto_docker", DockWidgetFactoryBase.DockPosition.DockRight, ImpastoDocker))
