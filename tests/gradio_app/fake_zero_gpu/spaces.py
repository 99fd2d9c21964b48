"""A substitute for ZeroGPU's `spaces`: a decorated generator runs in a forked process, and its values are pickled.

The real one works the same way, with a GPU in the child. What cannot be pickled, or needs the parent's threads, fails here
too.
"""

from __future__ import annotations

import functools
import multiprocessing
import os
import pickle
import threading
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import gradio as gr

_fork = multiprocessing.get_context("fork")


def GPU(*, duration: Callable[..., int] | int = 60) -> Callable[..., Any]:
    def decorate(function: Callable[..., Generator[Any]]) -> Callable[..., Iterator[Any]]:
        @functools.wraps(function)
        def run(*arguments: Any) -> Iterator[Any]:
            seconds = duration(*arguments) if callable(duration) else duration
            if not 0 < seconds <= 120:
                raise ValueError(f"a GPU cannot be requested for {seconds} seconds")
            if Path(os.environ["GRADIO_TEMP_DIR"], "no quota").exists():  # created by a test
                raise gr.Error("You have exceeded your free GPU quota (60s requested vs. 0s left).")
            parent_end, child_end = _fork.Pipe()
            child = _fork.Process(target=_work, args=(function, pickle.dumps(arguments), child_end), daemon=True)
            child.start()
            child_end.close()
            try:
                while True:
                    kind, value = pickle.loads(parent_end.recv_bytes())
                    if kind == "error":
                        raise RuntimeError(f"ZeroGPU worker error: {value}")  # only the name of the class is passed on
                    if kind == "end":
                        return
                    yield value
            finally:
                parent_end.close()  # the child notices when it sends its next result, and ends
                child.join(10)
                if child.is_alive():
                    child.kill()

        return run

    return decorate


def _work(function: Callable[..., Generator[Any]], arguments: bytes, pipe: Any) -> None:
    # Close inherited connections of the page: one that the page closes stays open for the browser while a copy exists.
    os.closerange(3, pipe.fileno())
    os.closerange(pipe.fileno() + 1, os.sysconf("SC_OPEN_MAX"))
    results = function(*pickle.loads(arguments))
    disconnected = threading.Event()

    def send(*message: Any) -> None:
        try:
            pipe.send_bytes(pickle.dumps(message))
        except (BrokenPipeError, ConnectionResetError):
            disconnected.set()

    try:
        for result in results:
            send("result", result)
            if disconnected.is_set():
                results.close()
                return
    except BaseException as error:
        send("error", type(error).__name__)
    else:
        send("end", None)
