"""The dialog of a procedure."""

from __future__ import annotations

import gi
from gi.repository import Gimp


def show(procedure: Gimp.Procedure, config: Gimp.ProcedureConfig) -> bool:
    """Let the user set the arguments.  -> whether to go on"""
    gi.require_version("GimpUi", "3.0")  # which needs a display
    from gi.repository import GimpUi

    GimpUi.init("impasto")
    window = GimpUi.ProcedureDialog.new(procedure, config, "Impasto")
    window.fill(None)
    goes_on: bool = window.run()
    window.destroy()
    return goes_on
