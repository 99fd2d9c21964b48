"""The plugin's version, equal to the engine's version (a test compares them)."""

VERSION = "0.1.0"
