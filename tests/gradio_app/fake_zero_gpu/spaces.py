"""A stand-in for ZeroGPU's `spaces`: what a decorated generator takes and gives goes through pickle and a forked process.

The real one does the same, with a GPU in the child: what cannot be pickled, or needs the parent's threads, fails here too.
"""

from __future__ import annotations

import functools
import multiprocessing
import os
import pickle
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr

_fork = multiprocessing.get_context("fork")


def GPU(*, duration: Callable[..., int] | int = 60) -> Callable[..., Any]:
    def decorate(function: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
        @functools.wraps(function)
        def run(*arguments: Any) -> Iterator[Any]:
            seconds = duration(*arguments) if callable(duration) else duration
            if not 0 < seconds <= 120:
                raise ValueError(f"{seconds} seconds of a GPU are not to be had")
            if Path(os.environ["GRADIO_TEMP_DIR"], "no quota").exists():  # how a test says so
                raise gr.Error("You have exceeded your free GPU quota (60s requested vs. 0s left).")
            ours, theirs = _fork.Pipe()
            child = _fork.Process(target=_work, args=(function, pickle.dumps(arguments), theirs), daemon=True)
            child.start()
            theirs.close()
            try:
                while True:
                    kind, value = pickle.loads(ours.recv_bytes())
                    if kind == "error":
                        raise RuntimeError(f"ZeroGPU worker error: {value}")  # the class's name is all that comes through
                    if kind == "end":
                        return
                    yield value
            finally:
                ours.close()  # the child is told, and ends with its next frame
                child.join(10)
                if child.is_alive():
                    child.kill()

        return run

    return decorate


def _work(function: Callable[..., Iterator[Any]], arguments: bytes, pipe: Any) -> None:
    # Not the page's connections: one that the page closes stays open for the browser as long as anybody has it.
    os.closerange(3, pipe.fileno())
    os.closerange(pipe.fileno() + 1, os.sysconf("SC_OPEN_MAX"))
    frames = function(*pickle.loads(arguments))
    left = threading.Event()

    def send(*message: Any) -> None:
        try:
            pipe.send_bytes(pickle.dumps(message))
        except (BrokenPipeError, ConnectionResetError):
            left.set()

    try:
        for frame in frames:
            send("frame", frame)
            if left.is_set():
                frames.close()
                return
    except BaseException as error:
        send("error", type(error).__name__)
    else:
        send("end", None)
