"""The engine inside other programs: it computes the same under any mode of torch, and leaves all modes as they were."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import impasto
from impasto import StyleNetwork
from impasto.feedforward.network import Style, TransformNet
from impasto.feedforward.photos import Photo
from impasto.feedforward.training import Trainer
from impasto.options import Options
from impasto.runtime.torch_state import plain_torch
from tests.conftest import FEW_LAYERS, pixels, scene


@contextlib.contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


MODES: dict[str, Callable[[], contextlib.AbstractContextManager[Any]]] = {
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "inference mode": torch.inference_mode,
    "default device": lambda: torch.device("meta"),
    "float64": lambda: default_dtype(torch.float64),
    "float16": lambda: default_dtype(torch.float16),
}


def torch_state() -> tuple[Any, ...]:
    return (
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.is_autocast_enabled("cpu"),
        torch.get_default_device(),
        torch.get_default_dtype(),
        torch.get_num_threads(),
    )


@pytest.mark.parametrize("mode", MODES)
def test_optimization_is_the_same_in_every_mode(fast_settings: dict[str, Any], mode: str) -> None:
    settings = {**fast_settings, "init_noise": 0.3, "masks": [np.eye(48, dtype=bool)[:40]]}
    expected = pixels(impasto.stylize(scene(48, 40), scene(40, 40, 1), **settings).image)
    with MODES[mode]():
        before = torch_state()
        steps = []
        for step in impasto.stream(scene(48, 40), scene(40, 40, 1), **settings):
            steps.append(step)
            assert torch_state() == before  # between the steps, too
        np.testing.assert_array_equal(pixels(steps[-1].image), expected)
        assert torch_state() == before


@pytest.mark.parametrize("mode", MODES)
def test_style_networks_are_the_same_in_every_mode(tmp_path: Path, mode: str) -> None:
    net = TransformNet.initialize([Style("waves")], width=8, blocks=1)
    net.save(tmp_path / "net.safetensors")
    photos: list[Photo] = [torch.from_numpy(scene(260, 260))]
    options = Options(size=64, **FEW_LAYERS, weights=None, seed=3)
    expected = pixels(StyleNetwork.load(str(tmp_path / "net.safetensors")).apply(scene(40, 36), colors="match").image)
    with MODES[mode]():
        before = torch_state()
        network = StyleNetwork.load(str(tmp_path / "net.safetensors"))
        np.testing.assert_array_equal(pixels(network.apply(scene(40, 36), colors="match").image), expected)
        Trainer([scene(40, 40, 1)], photos, options)  # makes its tensors without an error
        assert torch_state() == before


@pytest.mark.slow
def test_training_works_in_inference_mode() -> None:
    with torch.inference_mode():
        trainer = Trainer([scene(40, 40, 1)], [torch.from_numpy(scene(260, 260))], Options(size=64, **FEW_LAYERS))
        (step,) = trainer.steps(count=1)
        assert step.preview(trainer.photos[0], 64).size == (64, 64)
    assert not step.net.state["stem.weight"].is_inference()


def test_created_tensors_are_floats_on_the_cpu_whatever_the_defaults() -> None:
    with torch.device("meta"), default_dtype(torch.float64), plain_torch():
        floats = [torch.zeros(2), torch.full((2,), 0.5), torch.tensor([0.1]), torch.rand(2), torch.eye(2)]
        assert {(tensor.dtype, tensor.device.type) for tensor in floats} == {(torch.float32, "cpu")}
        assert torch.arange(3).dtype == torch.tensor([1]).dtype == torch.int64
        assert torch.as_tensor(np.zeros(2)).dtype == torch.float64
        assert torch.zeros(2, dtype=torch.float64).dtype == torch.float64


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork()")
def test_a_child_forked_after_a_painting_can_paint(fast_settings: dict[str, Any], tmp_path: Path) -> None:
    script = f"""
import os, sys
import impasto
from tests.conftest import scene
def paint():
    return impasto.stylize(scene(64, 48), scene(48, 48, 1), **{fast_settings | {"device": "cpu"}!r})
paint()
child = os.fork()
if not child:
    paint().save({str(tmp_path / "child.png")!r})
    os._exit(0)
os.waitpid(child, 0)
paint().save({str(tmp_path / "parent.png")!r})
"""
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    subprocess.run([sys.executable, "-c", script], env=environment, cwd=Path(__file__).parents[2], timeout=120, check=True)
    assert (tmp_path / "child.png").exists()
    assert (tmp_path / "parent.png").exists()


def test_paintings_in_threads_of_asyncio(fast_settings: dict[str, Any]) -> None:
    expected = pixels(impasto.stylize(scene(48, 40), scene(40, 40, 1), **fast_settings).image)

    def paint(mode: str) -> np.ndarray:
        with MODES[mode]():
            return pixels(impasto.stylize(scene(48, 40), scene(40, 40, 1), **fast_settings).image)

    async def paint_all() -> list[np.ndarray]:
        return await asyncio.gather(*(asyncio.to_thread(paint, mode) for mode in ("autocast", "inference mode")))

    with ThreadPoolExecutor(1) as pool:  # Playwright leaves a loop running in the main thread
        results = pool.submit(lambda: asyncio.run(paint_all())).result()
    for painted in results:
        np.testing.assert_array_equal(painted, expected)
