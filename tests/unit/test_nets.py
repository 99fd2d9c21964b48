"""Nets: one pass, the same in bands as in one piece, and files that anybody may have made."""

from __future__ import annotations

from pathlib import Path

import pytest
import safetensors.torch
import torch
from PIL import Image

from impasto import NetError, OptionError
from impasto.feedforward.network import Style, TransformNet, make_layers
from tests.conftest import scene


def made(styles: int = 2, *, width: int = 8, blocks: int = 2) -> TransformNet:
    """A net that has learned nothing, with gains and shifts of all kinds"""
    net = TransformNet.new([Style(f"style {n}") for n in range(1, styles + 1)], width=width, blocks=blocks)
    generator = torch.Generator().manual_seed(1)
    for name, tensor in net.state.items():
        if name.endswith(("gain", "shift")):
            tensor += torch.randn(tensor.shape, generator=generator) * 0.3
    return net


def picture(width: int, height: int) -> torch.Tensor:
    return torch.from_numpy(scene(width, height)).float() / 255


def at(
    net: TransformNet, *shares: float, strength: float = 0.5, stroke: float = 1.0
) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    return dict(net.modulation(torch.tensor(shares), torch.tensor(strength), torch.tensor(stroke)))


@pytest.mark.parametrize("size", [(64, 48), (61, 47), (130, 35), (16, 90)])
@pytest.mark.parametrize("band", [4, 12, 32])
def test_bands_are_the_whole(size: tuple[int, int], band: int) -> None:
    net, image = made(), picture(*size)
    whole = net.paint(image, at(net, 1, 0), band=None)
    assert whole.shape == image.shape
    assert float(whole.std()) > 0.02
    assert float((net.paint(image, at(net, 1, 0), band=band) - whole).abs().max()) < 1e-5


def test_what_is_painted_is_what_is_trained() -> None:
    net, image = made(), picture(64, 48)
    modulation = at(net, 0.3, 0.7, strength=0.8, stroke=1.5)
    trained = net.forward(image.permute(2, 0, 1)[None], modulation)[0].permute(1, 2, 0)
    assert float((net.paint(image, modulation) - trained).abs().max()) < 1e-5


def test_a_batch_is_its_pictures_each_in_its_own_way() -> None:
    net = made()
    images = torch.stack([picture(32, 32), picture(64, 64)[16:48, 16:48]]).permute(0, 3, 1, 2)
    shares, strengths, strokes = torch.tensor([[1.0, 0], [0.2, 0.8]]), torch.tensor([0.5, 0.9]), torch.tensor([1.0, 0.7])
    both = net.forward(images, net.modulation(shares, strengths, strokes))
    for n in range(2):
        alone = net.forward(images[n : n + 1], net.modulation(shares[n], strengths[n], strokes[n]))
        assert torch.allclose(both[n], alone[0], atol=1e-5)


def test_styles_are_mixed_by_their_shares() -> None:
    net, image = made(), picture(48, 48)
    one, other = net.paint(image, at(net, 1, 0)), net.paint(image, at(net, 0, 1))
    assert float((one - other).abs().mean()) > 1e-3
    mixed = at(net, *net.shares([3, 1]))
    first, second = at(net, 1, 0), at(net, 0, 1)
    for name, (gain, _) in mixed.items():
        assert torch.allclose(gain, 0.75 * first[name][0] + 0.25 * second[name][0], atol=1e-6)
    assert net.shares() == [0.5, 0.5]
    with pytest.raises(OptionError, match="weight of 0"):
        net.shares([0, 0])


def test_statistics_can_be_held_steady() -> None:
    net, image = made(), picture(48, 48)
    seen: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}

    def note(name: str, mean: torch.Tensor, variance: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        seen[name] = mean, variance
        return mean, variance

    whole = net.paint(image, at(net, 1, 0), steady=note)
    assert list(seen) == [layer.name for layer in net.layers if layer.normalised]
    part = net.paint(image[:32], at(net, 1, 0), steady=lambda name, *_: seen[name])
    assert float((part[:8] - whole[:8]).abs().max()) < float(
        (net.paint(image[:32], at(net, 1, 0))[:8] - whole[:8]).abs().max()
    )


def test_a_net_comes_back_from_its_file(tmp_path: Path) -> None:
    net = made()
    net.styles = Style.of("waves", Image.fromarray(scene(200, 100)), "CC0"), Style("rain")
    net.facts = {"minutes": 3}
    net.save(tmp_path / "net.safetensors")
    read = TransformNet.load(tmp_path / "net.safetensors")
    assert (read.styles, read.facts, read.layers) == (net.styles, {"minutes": 3}, make_layers(8, 2))
    assert all(torch.equal(read.state[name], tensor.half().float()) for name, tensor in net.state.items())


def test_a_shipped_net_is_small(tmp_path: Path) -> None:
    TransformNet.new([Style.of("one", Image.fromarray(scene(96, 96)))]).save(tmp_path / "net.safetensors")
    assert (tmp_path / "net.safetensors").stat().st_size < 1_500_000


def test_a_file_that_is_no_net_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    with pytest.raises(NetError, match="there is no net"):
        TransformNet.load(path)
    for content in (b"", b"no net", safetensors.torch.save({"stem.weight": torch.zeros(2, 2)}, {"impasto-net": "{}"})):
        path.write_bytes(content)
        with pytest.raises(NetError, match="is not a net, or is damaged"):
            TransformNet.load(path)
    net = made()
    for name, bent in (
        ("up.gain", torch.zeros(3, 3, 8)),
        ("up.shift", torch.full((2, 3, 8), torch.nan)),
        ("stem.weight", torch.zeros(9, 12, 5, 5)),
    ):
        other = TransformNet(net.styles, {**net.state, name: bent})
        other.save(path)
        with pytest.raises(NetError, match="is not a net, or is damaged"):
            TransformNet.load(path)
