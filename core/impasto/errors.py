"""What can go wrong, in words for the person who can put it right.

    ImpastoError            any of them; the command line prints it in one line and exits with 2
    |-- ImageError          a picture that cannot be read, used or written
    |-- OptionError         an option that is unknown, out of range, or at odds with another
    |-- WeightsError        no weights to be had, or not the ones that were expected
    |-- CheckpointError     a checkpoint that cannot be read, or is another painting's
    |-- NetError            a net that cannot be read
    |-- DeviceError         a device that is not there
    `-- OutOfMemoryError    the picture does not fit

Every message is one sentence or two that say what was wrong, with what, and what to do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ImpastoError(Exception):
    """Something that the user can put right; its text says what and how."""


class ImageError(ImpastoError):
    """A picture that cannot be read, used or written."""


class OptionError(ImpastoError):
    """An option that is unknown, out of range, or at odds with another."""


class WeightsError(ImpastoError):
    """No weights to be had, or not the ones that were expected."""


class CheckpointError(ImpastoError):
    """A checkpoint that cannot be read, or is another painting's."""


class NetError(ImpastoError):
    """A net that cannot be read."""


class DeviceError(ImpastoError):
    """A device that is not there."""


class OutOfMemoryError(ImpastoError):
    """The picture does not fit into the device's memory."""


def validate_choice(kind: str, name: object, known: Iterable[str]) -> str:
    """`name`, if it is one of `known`; else an OptionError that lists them, with the nearest first."""
    names = list(known)
    if isinstance(name, str) and name in names:
        return name
    close = difflib.get_close_matches(str(name), names, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}? " if close else ""
    raise OptionError(f"no {kind} {name!r}: {hint}there are: {', '.join(names)}")
