"""The tests. Processes of pytest-xdist share the cores: each computes on one thread, and so do the programs it starts."""

import os

if "PYTEST_XDIST_WORKER" in os.environ:  # before torch is imported, which reads this once
    os.environ.setdefault("OMP_NUM_THREADS", "1")
