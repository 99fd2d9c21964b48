"""The exceptions of this package.

    ImpastoError            base class; the command line prints it on one line and exits with status 2
    |-- ImageError          an image cannot be read, used or written
    |-- OptionError         an option is unknown, out of range, or conflicts with another
    |-- WeightsError        network weights are missing, damaged or not the expected ones
    |-- CheckpointError     a checkpoint cannot be read or belongs to another run
    |-- NetError            the file of a feed-forward network cannot be read
    |-- DeviceError         a compute device is not available
    |   `-- BrokenDeviceError    a compute device has stopped working; this process cannot use it any more
    `-- OutOfMemoryError    the image does not fit into memory

Every message says in one or two sentences what is wrong, with what, and what to do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ImpastoError(Exception):
    """An error that the user can fix; the message says what is wrong and what to do."""


class ImageError(ImpastoError):
    """An image cannot be read, used or written."""


class TooThinError(ImageError):
    """At the size at which it would be painted, the short side of an image is too short for the networks."""


class OptionError(ImpastoError):
    """An option is unknown, out of range, or conflicts with another."""


class WeightsError(ImpastoError):
    """Network weights are missing, damaged or not the expected ones."""


class CheckpointError(ImpastoError):
    """A checkpoint cannot be read or belongs to another run."""


class NetError(ImpastoError):
    """The file of a feed-forward network cannot be read."""


class DeviceError(ImpastoError):
    """A compute device is not available."""


class BrokenDeviceError(DeviceError):
    """A compute device has stopped working. This process cannot use it any more; another one can."""


class OutOfMemoryError(ImpastoError):
    """The image does not fit into the device's memory."""


def validate_choice(kind: str, name: object, choices: Iterable[str]) -> str:
    """Return `name` if it is one of `choices`.

    Raises OptionError: it is not; the message suggests the closest choice and lists them all.
    """
    names = list(choices)
    if isinstance(name, str) and name in names:
        return name
    close = difflib.get_close_matches(str(name), names, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]!r}? Choose from" if close else "choose from"
    raise OptionError(f"no {kind} {name!r}: {hint} {', '.join(names)}")
