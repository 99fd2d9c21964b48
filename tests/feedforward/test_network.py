"""Style networks: inference in bands, modulation, and files from untrusted sources."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import safetensors.torch
import torch
from PIL import Image
from safetensors import safe_open

from impasto import NetError, OptionError
from impasto.feedforward.network import Style, TransformNet, make_layers
from tests.conftest import scene
from tests.feedforward.helpers import modulation_for, random_net, scene_tensor


@pytest.mark.parametrize("size", [(64, 48), (61, 47), (130, 35), (16, 90)])
@pytest.mark.parametrize("band_rows", [4, 12, 32])
def test_stylizing_in_bands_equals_stylizing_the_whole(size: tuple[int, int], band_rows: int) -> None:
    net, image = random_net(), scene_tensor(*size)
    whole = net.stylize(image, modulation_for(net, 1, 0), band_rows=None)
    assert whole.shape == image.shape
    assert float(whole.std()) > 0.02
    assert float((net.stylize(image, modulation_for(net, 1, 0), band_rows=band_rows) - whole).abs().max()) < 1e-5


def test_stylize_equals_the_forward_pass_of_training() -> None:
    net, image = random_net(), scene_tensor(64, 48)
    modulation = modulation_for(net, 0.3, 0.7, strength=0.8, stroke_size=1.5)
    trained = net.forward(image.permute(2, 0, 1)[None], modulation)[0].permute(1, 2, 0)
    assert float((net.stylize(image, modulation) - trained).abs().max()) < 1e-5


def test_batch_equals_its_images_with_their_own_settings() -> None:
    net = random_net()
    images = torch.stack([scene_tensor(32, 32), scene_tensor(64, 64)[16:48, 16:48]]).permute(0, 3, 1, 2)
    style_weights = torch.tensor([[1.0, 0], [0.2, 0.8]])
    strengths, stroke_sizes = torch.tensor([0.5, 0.9]), torch.tensor([1.0, 0.7])
    batch = net.forward(images, net.modulation_tensors(style_weights, strengths, stroke_sizes))
    for n in range(2):
        modulation = net.modulation_tensors(style_weights[n], strengths[n], stroke_sizes[n])
        single = net.forward(images[n : n + 1], modulation)
        assert torch.allclose(batch[n], single[0], atol=1e-5)


def test_styles_are_mixed_by_weight() -> None:
    net, image = random_net(), scene_tensor(48, 48)
    a, b = net.stylize(image, modulation_for(net, 1, 0)), net.stylize(image, modulation_for(net, 0, 1))
    assert float((a - b).abs().mean()) > 1e-3
    mixed = modulation_for(net, *net.normalized_weights([3, 1]))
    first, second = modulation_for(net, 1, 0), modulation_for(net, 0, 1)
    for name, (gain, _) in mixed.items():
        assert torch.allclose(gain, 0.75 * first[name][0] + 0.25 * second[name][0], atol=1e-6)
    assert net.normalized_weights() == [0.5, 0.5]
    with pytest.raises(OptionError, match="all style weights are 0"):
        net.normalized_weights([0, 0])


def test_statistics_hook_replaces_the_statistics() -> None:
    net, image = random_net(), scene_tensor(48, 48)
    recorded: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}

    def record(name: str, mean: torch.Tensor, variance: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        recorded[name] = mean, variance
        return mean, variance

    whole = net.stylize(image, modulation_for(net, 1, 0), statistics_hook=record)
    assert list(recorded) == [layer.name for layer in net.layers if layer.normalized]
    crop = net.stylize(image[:32], modulation_for(net, 1, 0), statistics_hook=lambda name, *_: recorded[name])
    assert float((crop[:8] - whole[:8]).abs().max()) < float(
        (net.stylize(image[:32], modulation_for(net, 1, 0))[:8] - whole[:8]).abs().max()
    )


@pytest.mark.parametrize("band_rows", [None, 12])
def test_transparent_pixels_have_no_weight_in_the_normalization(band_rows: int | None) -> None:
    """A picture beside a transparent area, as large again, becomes what it becomes alone, away from their border."""
    side = 192  # of the picture, so that positions that see the border have little weight
    net, image = random_net(), scene_tensor(side, side)
    modulation = modulation_for(net, 0.3, 0.7)
    alone = net.stylize(image, modulation)
    area = torch.full((side, side, 3), 0.9)
    opacity = torch.cat([torch.ones(side, side), torch.zeros(side, side)], 1)
    weighted = net.stylize(torch.cat([image, area], 1), modulation, opacity=opacity, band_rows=band_rows)
    unweighted = net.stylize(torch.cat([image, area], 1), modulation, band_rows=band_rows)
    assert float((weighted[:, :64] - alone[:, :64]).abs().mean()) < 0.01
    assert float((unweighted[:, :64] - alone[:, :64]).abs().mean()) > 0.05
    opaque = net.stylize(image, modulation, opacity=torch.full((side, side), 0.5), band_rows=band_rows)
    assert torch.allclose(opaque, alone, atol=1e-5)
    assert torch.equal(net.stylize(image, modulation, opacity=torch.zeros(side, side)), alone)


def test_save_and_load_return_the_same_network(tmp_path: Path) -> None:
    net = random_net()
    net.styles = Style.from_image("waves", Image.fromarray(scene(200, 100)), "CC0"), Style("rain")
    net.training_info = {"minutes": 3}
    net.save(tmp_path / "net.safetensors")
    loaded = TransformNet.load(tmp_path / "net.safetensors")
    assert (loaded.styles, loaded.training_info, loaded.layers) == (net.styles, {"minutes": 3}, make_layers(8, 2))
    assert all(torch.equal(loaded.state[name], tensor.half().float()) for name, tensor in net.state.items())


def test_license_is_stored_as_licence_and_read_under_both_spellings(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    net = random_net(1)
    net.styles = (Style("waves", license="CC0"),)
    net.save(path)
    with safe_open(path, framework="pt") as file:
        metadata = json.loads(file.metadata()["impasto-net"])
    assert metadata == {"styles": [{"name": "waves", "thumbnail": "", "licence": "CC0"}], "facts": {}}
    metadata["styles"] = [{"name": "waves", "license": "CC0"}]
    safetensors.torch.save_file(safetensors.torch.load_file(path), path, {"impasto-net": json.dumps(metadata)})
    assert TransformNet.load(path).styles == net.styles


def test_file_with_one_style_is_small(tmp_path: Path) -> None:
    TransformNet.initialize([Style.from_image("one", Image.fromarray(scene(96, 96)))]).save(tmp_path / "net.safetensors")
    assert (tmp_path / "net.safetensors").stat().st_size < 1_500_000


def test_load_rejects_files_that_are_no_networks(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    with pytest.raises(NetError, match=r"no style network '.*net\.safetensors'"):
        TransformNet.load(path)
    for content in (b"", b"no net", safetensors.torch.save({"stem.weight": torch.zeros(2, 2)}, {"impasto-net": "{}"})):
        path.write_bytes(content)
        with pytest.raises(NetError, match="is not a style network, or is damaged"):
            TransformNet.load(path)
    net = random_net()
    for name, invalid in (
        ("up.gain", torch.zeros(3, 3, 8)),
        ("up.shift", torch.full((2, 3, 8), torch.nan)),
        ("stem.weight", torch.zeros(9, 12, 5, 5)),
    ):
        TransformNet(net.styles, {**net.state, name: invalid}).save(path)
        with pytest.raises(NetError, match="is not a style network, or is damaged"):
            TransformNet.load(path)
