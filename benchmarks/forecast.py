"""Compare the forecast of whole runs with the time and the memory that they take, on this machine's best device.

    python benchmarks/forecast.py CONTENT STYLE [--sizes 256,512,1024] [--quality normal] [--precision auto]

Each row is a run in this process, after a short one that loads the network and the device's libraries. On a CPU the peak
memory is that of all rows so far: name the sizes in rising order.
"""

from __future__ import annotations

import argparse
import time

import torch
from memory import peak_memory

from impasto.optimization.cache import ModelCache
from impasto.optimization.run import Run


def measure(content: str, style: str, cache: ModelCache, **settings: object) -> dict[str, float]:
    """Paint once. Memory is in bytes; what is kept is known on a CUDA device only."""
    run = Run(content, style, network="vgg16", cache=cache, **settings)
    is_cuda = run.device.type == "cuda"
    forecast = run.forecast
    if is_cuda:
        torch.cuda.reset_peak_memory_stats()
    start, steps = time.perf_counter(), 0
    for _ in run.steps():
        steps += 1
    return {
        "steps": steps,
        "seconds": time.perf_counter() - start,
        "forecast": forecast.seconds,
        "peak": peak_memory(),
        "planned": forecast.memory,
        "kept": torch.cuda.memory_reserved() if is_cuda else float("nan"),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("content")
    parser.add_argument("style")
    parser.add_argument("--sizes", default="256,512,1024", help="longest sides in pixels (default: 256,512,1024)")
    parser.add_argument("--quality", default="normal")
    parser.add_argument("--precision", default="auto")
    arguments = parser.parse_args()
    pictures, cache = (arguments.content, arguments.style), ModelCache()
    settings = {"quality": arguments.quality, "precision": arguments.precision}
    measure(*pictures, cache, size=128, iterations=3, **settings)
    print(f"{'size':>5} {'steps':>5} {'seconds':>8} {'forecast':>8} {'peak GB':>8} {'planned':>8} {'kept':>6}")
    for size in map(int, arguments.sizes.split(",")):
        row = measure(*pictures, cache, size=size, **settings)
        memory = " ".join(f"{row[name] / 1e9:{width}.2f}" for name, width in (("peak", 8), ("planned", 8), ("kept", 6)))
        print(f"{size:5} {row['steps']:5} {row['seconds']:8.2f} {row['forecast']:8.2f} {memory}", flush=True)


if __name__ == "__main__":
    main()
