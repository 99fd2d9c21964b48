"""Ctrl-C and SIGTERM: both stop the work and save the result so far."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from typing import NoReturn


class Terminated(KeyboardInterrupt):
    """SIGTERM arrived; handled like Ctrl-C."""


def raise_on_sigterm() -> None:
    """Raise Terminated on SIGTERM from now on, so that it stops the work like Ctrl-C and the result so far is saved."""

    def raise_terminated(*_: object) -> NoReturn:
        raise Terminated

    with contextlib.suppress(ValueError):  # only the main thread can set signal handlers
        signal.signal(signal.SIGTERM, raise_terminated)


@contextlib.contextmanager
def defer_interrupts() -> Iterator[list[int]]:
    """Defer the first Ctrl-C or SIGTERM until the block ends; yield the list of deferred signals.

    A second signal interrupts the block.
    """
    deferred: list[int] = []

    def defer(number: int, _: object) -> None:
        if deferred:
            raise Terminated if number == signal.SIGTERM else KeyboardInterrupt
        deferred.append(number)

    previous_handlers = {}
    with contextlib.suppress(ValueError):  # only the main thread can set signal handlers
        for number in (signal.SIGINT, signal.SIGTERM):
            previous_handlers[number] = signal.signal(number, defer)
    try:
        yield deferred
    finally:
        for number, handler in previous_handlers.items():
            signal.signal(number, handler)


def exit_status(interrupt: KeyboardInterrupt) -> int:
    """Return the exit status that shells expect of a program stopped by this signal."""
    return 128 + (signal.SIGTERM if isinstance(interrupt, Terminated) else signal.SIGINT)
