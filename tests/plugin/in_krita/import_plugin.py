"""Imports the plugin's zip, as a user does."""

from krita import Krita


def import_zip(path):
    """What "Import Python Plugin from File" does, without its dialogs. Returns the names of the imported plugins."""
    from plugin_importer.plugin_importer import PluginImporter

    yield 0.5
    importer = PluginImporter(path, Krita.instance().getAppDataLocation(), lambda plugin: True)
    return [plugin["name"] for plugin in importer.import_all()]
