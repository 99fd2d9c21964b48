"""Freed memory is kept while a process works, and given back when it is idle. Each test needs a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from impasto.runtime import freed_memory

pytestmark = pytest.mark.skipif(freed_memory._libc() is None, reason="only glibc keeps freed memory")
PROGRAM = """
import os, sys, time
import torch
from impasto.runtime import freed_memory
from impasto.runtime.freed_memory import release_excess_memory, release_memory, retain_freed_memory
from impasto.runtime.memory import used_memory

device = torch.device("cpu")
before = used_memory(device)

def work(megabytes=400):
    torch.ones(megabytes << 18)

def kept():
    return used_memory(device) - before > 300 << 20

def is_given_back():
    end = time.monotonic() + 60
    while kept() and time.monotonic() < end:
        time.sleep(0.1)
    return not kept()
"""


def answers(program: str) -> list[str]:
    """Run a program after PROGRAM.  -> the words that it prints"""
    done = subprocess.run([sys.executable, "-c", PROGRAM + program], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_freed_memory_is_kept_until_the_process_is_idle() -> None:
    program = """
freed_memory._IDLE_SECONDS, freed_memory._MAX_KEPT = 4, 4 << 30  # a block is not always reused as a whole
for _ in range(3):  # work that follows soon starts the wait again
    with retain_freed_memory(device):
        work()
        print(kept())
    time.sleep(1.5)
    print(kept())
print(is_given_back())
work()
print(kept())  # outside of a block nothing is
"""
    assert answers(program) == ["True"] * 7 + ["False"]


def test_blocks_within_others_and_in_other_threads_keep_it_too() -> None:
    program = """
import threading
freed_memory._IDLE_SECONDS = 0.2
with retain_freed_memory(device):
    def other():
        with retain_freed_memory(device):
            pass
    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    time.sleep(0.5)
    work()
    print(kept())
    release_memory(device)
    print(kept())
"""
    assert answers(program) == ["True", "False"]


def test_more_than_is_worth_keeping_is_given_back_at_once() -> None:
    program = """
for most, limit in ((200 << 20, float("inf")), (2 << 30, float("inf")), (2 << 30, used_memory(device) + (100 << 20))):
    freed_memory._MAX_KEPT = most
    with retain_freed_memory(device, limit):
        work(800)
        print(kept())
        release_excess_memory(device)
        print(kept())
        work()
    print(kept())
    release_memory(device)
"""
    assert answers(program) == ["True", "False", "False", "True", "True", "True", "True", "False", "False"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_child_gives_it_back_too() -> None:
    program = """
freed_memory._IDLE_SECONDS = 0.5
with retain_freed_memory(device):
    work()
if os.fork() == 0:
    with retain_freed_memory(device):
        pass
    print(is_given_back(), flush=True)
    os._exit(0)
os.wait()
"""
    assert answers(program) == ["True"]


def test_kept_memory_does_not_count_against_the_next_run() -> None:
    program = """
from impasto.options import Options
from impasto.runtime import memory_budget

for options, free in ((Options(memory="2GB"), 100 << 30), (Options(), 1 << 30), (Options(), 100 << 30)):
    memory_budget.free_memory = lambda _: free
    with retain_freed_memory(device):
        work()
    memory_budget.memory_budget(device, options)
    print(kept())  # it is reused where memory is not scarce
"""
    assert answers(program) == ["False", "False", "True"]
