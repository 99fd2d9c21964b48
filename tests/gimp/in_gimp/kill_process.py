"""python3 kill_process.py TEXT SECONDS: after these seconds, kill the processes of this GIMP whose command contains a text."""

import os
import signal
import sys
import time


def processes(part):
    """The numbers of the processes whose command contains this text"""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid():
            try:
                with open(f"/proc/{name}/cmdline", "rb") as file:
                    command = file.read().replace(b"\0", b" ").decode("utf-8", "replace")
                with open(f"/proc/{name}/environ", "rb") as file:
                    own = os.environ["IMPASTO_REQUESTS"].encode() in file.read()
            except OSError:
                continue
            if own and part in command:
                found.append(int(name))
    return found


if __name__ == "__main__":
    time.sleep(float(sys.argv[2]))
    for number in processes(sys.argv[1]):
        os.kill(number, signal.SIGKILL)
