"""Impasto for Krita: paints the active layer in the style of another layer.

The computation runs in a separate engine process (`engine_process`), so Krita stays responsive. Modules that import neither Qt
nor Krita can be shared with other editors' plugins: errors, i18n, request, protocol, geometry, messages, history,
engine_install, version. Widgets are in `ui`.
"""

import os

from krita import DockWidgetFactory, DockWidgetFactoryBase, Krita

from .extension import ImpastoExtension
from .i18n import set_languages
from .qt import QtCore
from .ui.docker import ImpastoDocker

set_languages([*os.environ.get("LANGUAGE", "").split(":"), *QtCore.QLocale().uiLanguages()])
_krita = Krita.instance()
_krita.addExtension(ImpastoExtension(_krita))
_krita.addDockWidgetFactory(DockWidgetFactory("impasto_docker", DockWidgetFactoryBase.DockPosition.DockRight, ImpastoDocker))
