"""Procedural paintings in many styles, to train a style-transfer network on.

from training_styles import draw
draw(7, photos).save("painting.png")
"""

from .gallery import FAMILIES, draw, family_of

__all__ = ["FAMILIES", "draw", "family_of"]
