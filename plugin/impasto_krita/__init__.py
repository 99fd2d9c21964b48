"""Impasto for Krita: the active layer, painted in the style of another.

Nothing heavy happens in here: the engine is a process of its own, which `engine` speaks to.
"""

from krita import DockWidgetFactory, DockWidgetFactoryBase, Krita

from .docker import ImpastoDocker
from .extension import ImpastoExtension

_krita = Krita.instance()
_krita.addExtension(ImpastoExtension(_krita))
_krita.addDockWidgetFactory(DockWidgetFactory("impasto_docker", DockWidgetFactoryBase.DockPosition.DockRight, ImpastoDocker))
