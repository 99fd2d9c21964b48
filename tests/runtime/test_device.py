"""Choice of device and precision, on simulated machines."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from impasto.errors import DeviceError
from impasto.losses.moments import compute_moments
from impasto.optimization.objective import Objective, Region
from impasto.runtime.device import _bfloat16_speedup, choose_device, choose_precision, has_kernels, warn_once
from impasto.vgg.network import VGG
from tests.conftest import random_weights


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Simulates a machine: number of CUDA devices and their capability, MPS, AMX, and AVX512-BF16 with its speedup"""

    def simulate(
        cuda: int = 0, capability: tuple[int, int] = (8, 0), mps: bool = False, amx: bool = False, speedup: float | None = None
    ) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "a card")
        monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: ["sm_75", "sm_90"] if capability < (8, 0) else ["sm_80"])
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: speedup is not None)
        monkeypatch.setattr("impasto.runtime.device._bfloat16_speedup", lambda: speedup)

    return simulate


def test_auto_chooses_the_fastest_device(machine: Callable[..., None]) -> None:
    machine(cuda=1, mps=True)
    assert choose_device("auto").type == "cuda"
    machine(mps=True)
    assert choose_device("auto").type == "mps"
    machine()
    assert choose_device("auto").type == "cpu"


def test_named_device_is_used_or_rejected(machine: Callable[..., None]) -> None:
    machine(cuda=2)
    assert choose_device("cuda:1") == torch.device("cuda:1")
    assert choose_device("cpu").type == "cpu"
    with pytest.raises(DeviceError, match=r"no cuda:2: this machine has 2 CUDA device\(s\), counted from 0"):
        choose_device("cuda:2")
    with pytest.raises(DeviceError, match="no mps device"):
        choose_device("mps")


def test_auto_precision_is_bfloat16_where_it_is_fast(machine: Callable[..., None]) -> None:
    machine(cuda=1, capability=(8, 6))
    assert choose_precision("auto", torch.device("cuda")) == torch.bfloat16
    machine(cuda=1, capability=(7, 5))
    assert choose_precision("auto", torch.device("cuda")) == torch.float32
    machine(amx=True)
    assert choose_precision("auto", torch.device("cpu")) == torch.bfloat16
    assert choose_precision("float32", torch.device("cpu")) == torch.float32
    assert choose_precision("auto", torch.device("mps")) == torch.float32
    machine()
    assert choose_precision("auto", torch.device("cpu")) == torch.float32
    machine(speedup=0.5)
    assert choose_precision("auto", torch.device("cpu")) == torch.float32
    machine(speedup=2.0)
    assert choose_precision("auto", torch.device("cpu")) == torch.bfloat16


def test_speed_of_bfloat16_is_measured() -> None:
    assert 0.01 < _bfloat16_speedup() < 100


@pytest.mark.parametrize("kind", ["cuda", "mps"])
def test_device_computes_the_same_gradient_as_the_cpu(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    is_available: dict[str, Callable[[], bool]] = {"cuda": torch.cuda.is_available, "mps": torch.backends.mps.is_available}
    if not is_available[kind]():
        pytest.skip(f"this machine has no {kind} device that torch can use")
    gradients = []
    # TensorFloat-32, which cuDNN uses for float32 from Ampere on, differs by 3 %: it rounds, and then other maxima are pooled.
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    for device in (torch.device("cpu"), torch.device(kind)):
        network = VGG(random_weights("vgg16"), ["conv1_1", "conv3_1", "conv4_2"], pooling="max", device=device)
        image, target = (torch.rand(64, 80, 3, generator=torch.Generator().manual_seed(n)).to(device) for n in (0, 1))
        features = {name: feature_map.flatten(0, 1) for name, feature_map in network.forward(target).items()}
        style = {name: (0.5, compute_moments(features[name])) for name in ("conv1_1", "conv3_1")}
        objective = Objective(network, target, {"conv4_2": 1.0}, [Region(style)], style_loss="covariance", tv=1.0)
        gradients.append(objective(image).gradient.cpu())
    assert float((gradients[1] - gradients[0]).norm() / gradients[0].norm()) < 1e-3


@pytest.mark.parametrize(
    ("capability", "architectures", "expected"),
    [
        ((8, 6), ["sm_75", "sm_80", "sm_90"], True),
        ((6, 1), ["sm_75", "sm_80", "sm_90"], False),
        ((7, 0), ["sm_75", "sm_80"], False),
        ((12, 0), ["sm_75", "sm_80", "sm_90", "sm_120"], True),
        ((10, 3), ["sm_80", "sm_90a"], False),
        ((10, 3), ["sm_80", "compute_90"], True),
        ((9, 0), ["gfx90a", "gfx1100"], True),
        ((9, 0), [], True),
    ],
)
def test_build_has_kernels_for_a_card(capability: tuple[int, int], architectures: list[str], expected: bool) -> None:
    assert has_kernels(capability, architectures) == expected


def test_card_without_kernels_is_left_out(machine: Callable[..., None], caplog: pytest.LogCaptureFixture) -> None:
    warn_once.cache_clear()
    machine(cuda=1, capability=(6, 1))
    assert choose_device("auto").type == "cpu"
    assert (
        "a card has compute capability 6.1, but this build of torch is for sm_75, sm_90: computing on the CPU" in caplog.text
    )
    with pytest.raises(DeviceError, match="a card has compute capability 6"):
        choose_device("cuda")
