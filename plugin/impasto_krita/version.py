"""The plugin's version: the engine's, which its zip carries. A test holds the two together."""

VERSION = "0.1.0"
