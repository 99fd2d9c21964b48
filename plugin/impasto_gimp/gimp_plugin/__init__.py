"""The procedures that GIMP offers, and what they do with its layers."""
