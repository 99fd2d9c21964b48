"""Memory plans: what fits, in tiles of which size, and whether a run needs as much memory as its plan says"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from impasto import OptionError, Options, OutOfMemoryError
from impasto.optimization.cache import ModelCache
from impasto.optimization.forecast import forecast
from impasto.optimization.pyramid import pyramid_levels
from impasto.optimization.run import Run
from impasto.optimization.run_plan import RunPlan, fit_plan, plan_levels
from impasto.runtime.distributed import ProcessGroup
from impasto.vgg.network import VGG
from tests.conftest import scene


def use_memory(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Let the process use this many bytes."""
    for module in ("optimization.run_plan", "runtime.memory_budget"):
        monkeypatch.setattr(f"impasto.{module}.used_memory", lambda device: count)


def plan(memory: float, size: tuple[int, int] = (4096, 3072), *, host: float = 0, ranks: int = 1, **settings: Any) -> RunPlan:
    """Return the plan of a run that uses all layers at every level."""
    options = Options(**{"size": 0, "network": "vgg16", "preset": "crowson", **settings})
    return fit_plan(options, "vgg16", pyramid_levels(size, options), torch.float32, memory, host_memory=host, processes=ranks)


def test_more_memory_gives_larger_tiles() -> None:
    sides = [plan(gigabytes * 1e9).tiles[-1] for gigabytes in (3, 4, 6, 12, 100)]
    assert sides[-1] is None
    numbers = [side or 4096 for side in sides]
    assert numbers == sorted(numbers)
    assert numbers[0] < numbers[1] < 4096
    for gigabytes in (3, 4, 6, 12):
        assert plan(gigabytes * 1e9).memory <= gigabytes * 1e9


def test_small_levels_are_not_tiled() -> None:
    tiles = plan(4e9).tiles
    assert tiles[0] is None
    assert tiles[-1] is not None


def test_shallow_levels_need_little_memory_for_little_time() -> None:
    size = (3072, 2048)
    whole, shallow = plan(100e9, size), plan(100e9, size, preset="impasto", init="content")
    assert whole.tiles[-1] is None
    assert shallow.tiles[-1] is not None
    assert shallow.memory < 3e9
    assert plan(3e9, size).flops > 10 * shallow.flops


def test_error_names_the_largest_size_that_fits() -> None:
    with pytest.raises(OutOfMemoryError, match="16384 x 12288 pixels do not fit") as caught:
        plan(4e9, (16384, 12288))
    match = re.search(r"give size (\d+)", str(caught.value))
    assert match is not None
    side = int(match[1])
    plan(4e9, (side, side * 3 // 4))
    with pytest.raises(OutOfMemoryError):
        plan(4e9, (side + 160, (side + 160) * 3 // 4))
    with pytest.raises(OutOfMemoryError, match="no size does"):
        plan(1e8)


def test_history_is_shortened_before_tiles_get_small() -> None:
    rich, poor = (plan(memory, optimizer="lbfgs") for memory in (100e9, 8e9))
    assert (rich.history, rich.tiles[-1]) == (50, None)
    assert 5 <= poor.history < 50
    assert poor.tiles[-1] is not None
    assert poor.tiles[-1] >= 350


def test_history_is_rounded_before_it_is_shortened_and_offloaded_if_it_fits() -> None:
    rich, less, poor = (plan(memory, optimizer="lbfgs") for memory in (100e9, 14e9, 8e9))
    assert (rich.history, rich.bfloat16_history) == (50, False)
    assert (less.history, less.bfloat16_history) == (50, True)
    assert (poor.bfloat16_history, poor.offload_history) == (True, False)
    bare = plan(2.5e9, optimizer="lbfgs", host=3e9)
    assert (bare.bfloat16_history, bare.offload_history) == (True, True)
    assert 10 < bare.history < 50
    assert bare.memory <= 2.5e9
    with pytest.raises(OutOfMemoryError, match="give size"):
        plan(2.5e9, optimizer="lbfgs")
    assert not plan(8e9, optimizer="lbfgs", host=100e9).offload_history  # that is slower
    assert not plan(2.5e9, host=3e9).offload_history  # Adam keeps no pairs


def test_tiles_cost_flops_and_processes_share_them() -> None:
    whole, tiled = plan(100e9), plan(4e9)
    assert 1.5 < tiled.flops / whole.flops < 4
    shared = plan(100e9, ranks=2)
    assert shared.tiles[-1] is not None
    assert shared.flops < 0.85 * whole.flops


def test_maps_stay_within_what_a_device_can_index() -> None:
    options = Options(network="vgg16", size=4096, ladder=False, iterations=3)
    arguments = (options, "vgg16", pyramid_levels((4096, 4096), options), torch.float32, 1e12)
    assert fit_plan(*arguments).tiles[-1] is None
    side = fit_plan(*arguments, largest_map=2.0**30).tiles[-1]  # of MPS: buffers of 2^32 bytes
    assert side is not None
    assert side**2 * 64 < 2**30


def test_flops_are_those_of_the_convolutions() -> None:
    """VGG-16 up to conv5_1 at 64 x 64, counted by hand: 2 x 9 x inputs x outputs x positions, both ways."""
    options = Options(network="vgg16", size=64, ladder=False, iterations=3)
    by_hand = 0.0
    for side, inputs, outputs in (
        *((64, 3, 64), (64, 64, 64), (32, 64, 128), (32, 128, 128), (16, 128, 256), (16, 256, 256), (16, 256, 256)),
        *((8, 256, 512), (8, 512, 512), (8, 512, 512), (4, 512, 512)),
    ):
        by_hand += 2 * 2 * 9 * inputs * outputs * side**2
    plan = fit_plan(options, "vgg16", pyramid_levels((64, 64), options), torch.float32, 1e11)
    assert plan.flops == pytest.approx(3 * by_hand)


def test_forecast_needs_no_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    use_memory(monkeypatch, 600_000_000)
    small, large = (forecast((512, 384), Options(network="vgg16", size=size, device="cpu")) for size in (128, 512))
    assert (large.width, large.height) == (512, 384)
    assert 0 < small.seconds < large.seconds
    assert small.memory < large.memory
    with pytest.raises(OutOfMemoryError, match="give size"):
        forecast((4000, 3000), Options(size=16384, memory="3GB", device="cpu"))


def test_forecast_counts_a_first_result(monkeypatch: pytest.MonkeyPatch) -> None:
    use_memory(monkeypatch, 0)
    size, options = (800, 600), Options(network="vgg16", size=800, device="cpu")
    first = options.first_result(800)
    assert first is not None
    alone, both = forecast(size, options), forecast(size, options, first=first)
    assert both.seconds == pytest.approx(alone.seconds + forecast(size, first).seconds)
    assert both == alone._replace(seconds=both.seconds)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells the most that a process has had")
@pytest.mark.xdist_group("long")
def test_run_stays_within_its_memory_limit(random_weights_file: Path) -> None:
    """The peak memory of a process, as the system counts it: with tiles, and without."""
    program = """
import re, sys
import numpy as np
from impasto.optimization.run import Run
peak = lambda: 1024 * int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
scene = np.random.default_rng(0).integers(0, 255, (432, 576, 3), np.uint8)
file, memory = sys.argv[1:]
settings = {"device": "cpu", "precision": "float32", "iterations": 2, "ladder": False}
settings |= {"style_layers": "conv1_1,conv2_1,conv3_1", "content_layers": "conv2_2", "protect": "none"}
run = Run(scene, scene[:300, :300], weights=file, size=0, memory=memory, **settings)
before = peak()
for step in run.steps(): pass
print(run.plan.tiles[-1], run.forecast.memory, peak(), before)
"""
    # Without tiles nothing is released during a step, and the memory that is kept for reuse fragments: in 21 runs the peak was
    # 0.98 to 1.27 times the plan. With tiles memory is released between them: 0.91 to 0.94 times, in 8 runs.
    for memory, tiled, tolerance in (("0.95GB", True, 1.1), ("100GB", False, 1.4)):
        line = [sys.executable, "-c", program, str(random_weights_file), memory]
        done = subprocess.run(line, capture_output=True, text=True, check=True)
        tile, said, peak, before = done.stdout.split()
        assert (tile != "None") == tiled
        assert int(peak) < tolerance * int(said)
        assert int(peak) - int(before) > 0.6 * (int(said) - int(before))
        if tiled:
            assert int(peak) < 1.1 * 0.95e9


def test_run_that_does_not_fit_is_refused_at_once(fast_settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    use_memory(monkeypatch, 600_000_000)
    with pytest.raises(OutOfMemoryError, match="give size"):
        Run(scene(64, 48), scene(48, 48, 1), **{**fast_settings, "size": 16384, "memory": "6GB", "device": "cpu"})


def test_loaded_network_is_not_counted_twice(all_layers_settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two runs with one network, the second counts it in the memory in use."""
    use_memory(monkeypatch, 1_000_000_000)
    warm = ModelCache()
    first = Run(scene(64, 48), scene(48, 48, 1), **all_layers_settings, cache=warm, device="cpu")
    for _ in first.steps():
        pass
    second = Run(scene(64, 48), scene(48, 48, 1), **all_layers_settings, cache=warm, device="cpu")
    assert first.plan.memory - second.plan.memory > 300_000_000


def test_planning_vgg19_layers_needs_no_weights(fast_settings: dict[str, Any]) -> None:
    """`auto` may be either network, as long as no file has been opened."""
    Run(scene(64, 48), scene(48, 48, 1), **fast_settings | {"content_layers": "conv4_4"})


@pytest.mark.slow
@pytest.mark.parametrize("size", [(400, 100), (96, 64)])
def test_style_takes_no_more_memory_than_the_image(
    all_layers_settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    shown: list[int] = []
    forward = VGG.forward

    def watched(self: VGG, image: torch.Tensor, *args: Any, **kwargs: Any) -> object:
        shown.append(image[..., 0].numel())
        return forward(self, image, *args, **kwargs)

    monkeypatch.setattr(VGG, "forward", watched)
    settings = all_layers_settings | {"size": 0, "iterations": 1, "ladder": False, "style_scale": 4, "style_layers": "conv1_1"}
    for _ in Run(scene(*size), scene(96, 96, 1), **settings, content_layers="conv1_1").steps():
        pass
    assert len(shown) > 4
    assert max(shown) <= 1.9 * size[0] * size[1]  # what a small tile is shown around it counts


def test_a_run_in_several_processes_starts_from_the_content(monkeypatch: pytest.MonkeyPatch) -> None:
    class TwoProcesses(ProcessGroup):
        def __init__(self) -> None:
            self.rank, self.size = 0, 2

        def min(self, value: float, device: torch.device) -> float:
            return value

        def broadcast_object(self, value: Any) -> Any:
            return value

    monkeypatch.setattr("impasto.optimization.run_plan.ProcessGroup", TwoProcesses)
    cpu = torch.device("cpu")
    used, _, _ = plan_levels((1024, 768), Options(network="vgg16"), cpu, torch.float32, network_loaded=True)
    assert used.init == "content"
    with pytest.raises(OptionError, match="one process"):
        plan_levels((1024, 768), Options(quality="instant"), cpu, torch.float32, network_loaded=True)
