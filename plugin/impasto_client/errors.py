"""The error whose message is shown to the user."""


class PluginError(Exception):
    """The request cannot be carried out. The message tells the user why, and what to do, in one sentence."""
