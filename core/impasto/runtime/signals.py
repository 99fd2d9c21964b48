"""Ctrl-C and SIGTERM: both stop what is being done, and what there is of it is saved."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from typing import NoReturn


class Terminated(KeyboardInterrupt):
    """SIGTERM, which asks for the same as Ctrl-C"""


def raise_on_sigterm() -> None:
    """From now on SIGTERM stops a painting as Ctrl-C does, with what there is of it saved."""

    def stop(*_: object) -> NoReturn:
        raise Terminated

    with contextlib.suppress(ValueError):  # only a program's main thread is told of signals
        signal.signal(signal.SIGTERM, stop)


@contextlib.contextmanager
def defer_interrupts() -> Iterator[list[int]]:
    """Within this block the first Ctrl-C or SIGTERM goes into the list that it gives: a painting is being written."""
    came: list[int] = []

    def note(number: int, _: object) -> None:
        if came:
            raise Terminated if number == signal.SIGTERM else KeyboardInterrupt
        came.append(number)

    before = {}
    with contextlib.suppress(ValueError):  # only a program's main thread is told of signals
        for each in (signal.SIGINT, signal.SIGTERM):
            before[each] = signal.signal(each, note)
    try:
        yield came
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def exit_status(stop: KeyboardInterrupt) -> int:
    """The exit status that a shell expects of a program that was stopped so"""
    return 128 + (signal.SIGTERM if isinstance(stop, Terminated) else signal.SIGINT)
