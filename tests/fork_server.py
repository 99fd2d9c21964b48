"""Run `impasto` many times without importing torch each time: a server process imports it once and forks for each command.

python -m tests.fork_server: reads a command per line as JSON from standard input; answers {status, stderr, stdout}
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

import coverage


class Exited(NamedTuple):
    """How a command ended"""

    status: int  # as subprocess reports it: negative for a signal
    stderr: str
    stdout: str


class ForkServer:
    """Runs commands as forks of a process that has imported torch. Needs fork(), so not on Windows."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        """variables: environment variables of the server and of all commands"""
        self._environment = {**os.environ, **variables}

    def __enter__(self) -> ForkServer:
        command = [sys.executable, "-m", "tests.fork_server"]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self._server = subprocess.Popen(command, cwd=Path(__file__).parents[1], env=self._environment, **pipes)
        assert self._server.stdout
        assert self._server.stdout.readline() == "ready\n"
        return self

    @property
    def pid(self) -> int:
        return self._server.pid

    def run(
        self,
        *arguments: object,
        folder: Path,
        stop_signal: int = 0,
        delay: float = 0.0,
        wait_for: str = "",
        max_file_size: int = 0,
        processes: int = 1,
        **variables: str,
    ) -> Exited:
        """Run `impasto ARGUMENTS` in a folder.

        stop_signal: sent `delay` seconds after the command began to parse its arguments
        wait_for: a file in the folder; the delay starts when it exists
        max_file_size: in bytes, of each file that the command writes
        processes: run the command in several processes, as torchrun does; the first error is their status
        variables: environment variables
        """
        assert self._server.stdin
        assert self._server.stdout
        request = {
            "arguments": list(map(str, arguments)),
            "folder": str(folder),
            "signal": stop_signal,
            "delay": delay,
            "wait_for": wait_for,
            "max_file_size": max_file_size,
            "processes": processes,
            "variables": variables,
        }
        print(json.dumps(request), file=self._server.stdin, flush=True)
        return Exited(**json.loads(self._server.stdout.readline()))

    def __exit__(self, *_: object) -> None:
        assert self._server.stdin
        assert self._server.stdout
        self._server.stdin.close()
        self._server.stdout.close()
        assert self._server.wait(30) == 0


def _serve() -> None:
    import impasto.api
    import impasto.cli.main  # noqa: F401

    sys.path.pop(0)
    print("ready", flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        with tempfile.TemporaryFile() as stderr, tempfile.TemporaryFile() as stdout:
            children = _start_processes(request, stderr, stdout)
            if request["signal"]:
                _send_signal(children[0], request)
            statuses = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
            output = {}
            for name, file in (("stderr", stderr), ("stdout", stdout)):
                file.seek(0)
                output[name] = file.read().decode()
            print(json.dumps({"status": next(filter(None, statuses), 0), **output}), flush=True)


def _start_processes(request: dict[str, Any], stderr: IO[bytes], stdout: IO[bytes]) -> list[int]:
    """Fork the processes of a command, wait until they parse its arguments, and return their ids."""
    group = {}
    if request["processes"] > 1:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
        size = str(request["processes"])
        group = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": size, "LOCAL_WORLD_SIZE": size}
        group |= {"TORCHELASTIC_RUN_ID": "test"}
    children = []
    for rank in range(request["processes"]):
        started, start = os.pipe()
        child = os.fork()
        if child == 0:
            os.environ.update(group, RANK=str(rank), LOCAL_RANK=str(rank))
            os.dup2(stderr.fileno(), 2)
            os.dup2(stdout.fileno(), 1)
            _run_command(request, start)
        os.close(start)
        os.read(started, 1)
        os.close(started)
        children.append(child)
    return children


def _run_command(request: dict[str, Any], start: int) -> None:
    """Run the command in this forked process, and end the process."""
    import posix  # not on Windows
    import resource

    from impasto.cli.main import main

    os.chdir(request["folder"])
    os.environ.update(request["variables"])
    if request["max_file_size"]:
        resource.setrlimit(resource.RLIMIT_FSIZE, (request["max_file_size"],) * 2)
    leave = os._exit  # with coverage, its own function, which saves what was measured
    if request["signal"]:
        # Unmeasured: stopped while coverage holds its lock, the next line would wait for it forever; killed while it saves,
        # the file would be damaged.
        if measurement := coverage.Coverage.current():
            measurement.stop()
        leave = posix._exit
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    status = 99
    try:
        os.write(start, b"x")
        status = main(request["arguments"])
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # the command has ended
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        leave(status)


def _send_signal(child: int, request: dict[str, Any]) -> None:
    while request["wait_for"] and not os.path.exists(os.path.join(request["folder"], request["wait_for"])):
        if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            break
        time.sleep(0.02)  # no notification for a new file
    if hasattr(os, "pidfd_open"):  # Linux: wait for the delay or the end of the child
        exit_event = os.pidfd_open(child)
        select.select([exit_event], [], [], request["delay"])
        os.close(exit_event)
    else:
        time.sleep(request["delay"])  # the moment of the signal is what is tested
    os.kill(child, request["signal"])  # the child has not been waited for, so its process id is still valid


if __name__ == "__main__":
    _serve()
