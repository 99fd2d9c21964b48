"""`impasto` many times without waiting for torch: one process imports it, and a copy of that process runs each command.

python -m tests.fork_server: takes a line of JSON {arguments, folder, signal, after} on standard input; answers {status, said}
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple


class Ended(NamedTuple):
    status: int  # as subprocess has it: negative for a signal
    said: str  # on standard error


class ForkServer:
    """Commands as children of a process that has torch already"""

    def __enter__(self) -> ForkServer:
        line = [sys.executable, "-m", "tests.fork_server"]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self._server = subprocess.Popen(line, cwd=Path(__file__).parents[1], **pipes)
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
        stop: int = 0,
        after: float = 0.0,
        once: str = "",
        largest: int = 0,
        **more: str,
    ) -> Ended:
        """impasto ARGUMENTS in a folder; stop: the signal that it gets so many seconds `after` it began to read them

        once: or after there is such a file; largest: bytes of the largest file that it can write; more: environment variables
        """
        assert self._server.stdin
        assert self._server.stdout
        asked = {"arguments": list(map(str, arguments)), "folder": str(folder), "signal": stop, "after": after, "once": once}
        print(json.dumps(asked | {"largest": largest, "environment": more}), file=self._server.stdin, flush=True)
        return Ended(**json.loads(self._server.stdout.readline()))

    def __exit__(self, *_: object) -> None:
        assert self._server.stdin
        assert self._server.stdout
        self._server.stdin.close()
        self._server.stdout.close()
        assert self._server.wait(30) == 0


def _serve() -> None:
    import torch  # noqa: F401

    from impasto.cli.main import main

    sys.path.pop(0)
    print("ready", flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        begun, begins = os.pipe()
        with tempfile.TemporaryFile() as said:
            child = os.fork()
            if child == 0:
                os.dup2(said.fileno(), 2)
                os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
                os.chdir(asked["folder"])
                os.environ.update(asked["environment"])
                if asked["largest"]:
                    resource.setrlimit(resource.RLIMIT_FSIZE, (asked["largest"], asked["largest"]))
                for each in (signal.SIGINT, signal.SIGTERM):
                    signal.signal(each, signal.SIG_DFL if each == signal.SIGTERM else signal.default_int_handler)
                status = 99
                try:
                    os.write(begins, b"x")
                    status = main(asked["arguments"])
                    signal.signal(signal.SIGINT, signal.SIG_IGN)
                except BaseException:
                    import traceback

                    traceback.print_exc()
                finally:
                    sys.stderr.flush()
                    os._exit(status)
            os.close(begins)
            os.read(begun, 1)
            os.close(begun)
            if asked["signal"]:
                while asked["once"] and not os.path.exists(os.path.join(asked["folder"], asked["once"])):
                    if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                        break
                    time.sleep(0.02)  # the system says of no file that it has come
                time.sleep(asked["after"])  # the moment of the signal is what is tried: there is nothing to wait for
                os.kill(child, asked["signal"])  # it is not waited for yet: the number is still its own
            _, status = os.waitpid(child, 0)
            said.seek(0)
            print(json.dumps({"status": os.waitstatus_to_exitcode(status), "said": said.read().decode()}), flush=True)


if __name__ == "__main__":
    _serve()
