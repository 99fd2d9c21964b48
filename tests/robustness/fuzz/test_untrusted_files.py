"""Recipes, checkpoints, weights and networks from untrusted files: they are data, open no other file and run no code."""

from __future__ import annotations

import json
import os
import pickle
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import impasto
from impasto.errors import CheckpointError, ImpastoError, NetError, WeightsError
from impasto.experiments.rerun import read_recipe, recreate_run
from impasto.feedforward.network import Style, TransformNet
from impasto.feedforward.stylizer import FeedforwardStylizer
from impasto.images.encode import save_picture
from impasto.images.picture import read_picture
from impasto.optimization.checkpoint import read_checkpoint
from impasto.optimization.run import Run
from impasto.vgg.weight_files import save_weights
from impasto.vgg.weights import load_weights
from tests.conftest import random_weights, scene
from tests.robustness.fuzz.cases import cases, damaged, json_values, result_or_none

SETTINGS: dict[str, Any] = {"size": 32, "iterations": 2, "precision": "float32", "ladder": False, "device": "cpu"}

_events: list[str] | None = None


def _record(event: str, arguments: tuple[object, ...]) -> None:
    if _events is not None and event in ("open", "subprocess.Popen", "os.system", "exec", "socket.connect"):
        _events.append(f"{event} {getattr(arguments[0], 'co_filename', arguments[0])}")


sys.addaudithook(_record)  # cannot be removed again


class AuditLog:
    """Context manager that records what is opened, run or connected to, except the interpreter's own files"""

    def __enter__(self) -> AuditLog:
        global _events
        _events = []
        return self

    def __exit__(self, *_: object) -> None:
        global _events
        trusted = (sys.prefix, sys.base_prefix, str(Path(impasto.__file__).parent), "/proc", "/sys", "/dev")
        self.events = [event for event in _events or () if not event.split(" ", 1)[1].startswith(trusted)]
        _events = None


def _mutate(draw: st.DrawFn, value: Any) -> Any:
    """Return a JSON value with one part of it replaced, removed or renamed."""
    if isinstance(value, dict) and value and draw(st.integers(0, 5)):
        key = draw(st.sampled_from(sorted(value)))
        change = draw(st.integers(0, 9))
        others = {name: item for name, item in value.items() if name != key}
        if change == 0:
            return others
        if change == 1:
            return others | {draw(st.text(max_size=6)): value[key]}
        return others | {key: _mutate(draw, value[key])}
    if isinstance(value, list) and value and draw(st.integers(0, 4)):
        index = draw(st.integers(0, len(value) - 1))
        return [*value[:index], _mutate(draw, value[index]), *value[index + 1 :]]
    paths = st.sampled_from(
        ("/etc/passwd", "../secret.png", "secret.png", "~/x.png", "http://127.0.0.1:9/x", "a\0b", "x" * 5000)
    )
    return draw(paths | json_values)


def mutations(value: Any) -> st.SearchStrategy[Any]:
    """Mutations of a JSON value"""
    return st.composite(lambda draw: _mutate(draw, value))()


def read_metadata(path: Path, key: str) -> Any:
    """Return the JSON value in the metadata of a safetensors file."""
    with safe_open(path, framework="pt") as file:
        return json.loads(file.metadata()[key])


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A folder with the pictures of a run, next to a picture that is not part of it; and the recipe of the run"""
    parent = tmp_path_factory.mktemp("untrusted")
    folder = parent / "pictures"
    folder.mkdir()
    for name, seed in (("photo.png", 0), ("style.png", 1), ("keep.png", 2)):
        Image.fromarray(scene(40, 36, seed)).save(folder / name)
    (parent / "secret.png").write_bytes((folder / "photo.png").read_bytes())
    run = Run(folder / "photo.png", folder / "style.png", keep=folder / "keep.png", **SETTINGS)
    return folder, run.recipe


@cases(500)
@given(data=st.data())
def test_recipe_opens_only_pictures_in_the_given_folders(recipe: tuple[Path, dict[str, Any]], data: st.DataObject) -> None:
    folder, original = recipe
    text = json.dumps(data.draw(mutations(original)))
    painting = folder.parent / "painting.png"
    save_picture(painting, read_picture(scene(40, 36)), text)
    with AuditLog() as log:
        run = result_or_none(lambda: recreate_run(read_recipe(painting), [folder]))
    if run is not None:
        assert run.options.weights is None
        assert run.options.max_megapixels == 200
    allowed = (f"open {folder}", f"open {painting}")
    assert [event for event in log.events if not event.startswith(allowed)] == []


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, '{"a":' * 100_000, "9" * 100_000, "NaN", "\ud800", "", "null"],
    ids=["lists", "objects", "digits", "NaN", "surrogate", "empty", "null"],
)
def test_invalid_recipe_is_refused(text: str, tmp_path: Path) -> None:
    save_picture(tmp_path / "painting.tif", read_picture(scene(40, 36)), text.encode("ascii", "backslashreplace").decode())
    with pytest.raises(ImpastoError, match="has no recipe"):
        read_recipe(tmp_path / "painting.tif")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("checkpoint") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("impasto.optimization.cache.load_named_weights", lambda *_: random_weights("vgg16", divide=16))
        steps = impasto.stream(scene(40, 36), scene(36, 36, 1), **SETTINGS, checkpoint=path)
        next(steps)
        steps.close()
    return path


@cases(350)
@given(data=st.data())
def test_damaged_checkpoint_is_refused_or_valid(checkpoint: Path, data: st.DataObject, tmp_path: Path) -> None:
    path = tmp_path / "damaged"
    path.write_bytes(data.draw(damaged(checkpoint.read_bytes())))
    result = result_or_none(lambda: read_checkpoint(path), CheckpointError)
    assert result is None or result.image.shape[2] == 3


@cases(80)
@given(data=st.data())
@pytest.mark.usefixtures("tiny_network")
def test_altered_checkpoint_is_refused_or_resumed(checkpoint: Path, data: st.DataObject, tmp_path: Path) -> None:
    metadata = data.draw(mutations(read_metadata(checkpoint, "impasto")))
    tensors = load_file(checkpoint)
    names = sorted(tensors)
    name = data.draw(st.sampled_from(names))
    tensor = tensors[name]
    variants = (tensor, tensor.double(), tensor.bfloat16(), tensor[:1].clone(), tensor * torch.nan, torch.zeros(3))
    tensors[name] = data.draw(st.sampled_from(variants))
    if data.draw(st.integers(0, 5)) == 0:
        del tensors[name]
    path = tmp_path / "altered"
    save_file(tensors, path, {"impasto": json.dumps(metadata)})
    steps = result_or_none(lambda: list(impasto.stream(scene(40, 36), scene(36, 36, 1), **SETTINGS, resume=path)))
    assert steps is None or steps == [] or steps[-1].fraction == pytest.approx(1)


@pytest.fixture(scope="module")
def weight_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Small weights files in both formats, by suffix: the format is right, the shapes are not"""
    folder = tmp_path_factory.mktemp("weights")
    layers = random_weights("vgg16", divide=16).layers
    small = {f"{name}.weight": kernel for name, (kernel, _) in layers.items() if name < "conv2"}
    save_file(small, folder / "a.safetensors")
    torch.save(small, folder / "a.pth")
    return {path.suffix: path.read_bytes() for path in folder.iterdir()}


@cases(350)
@given(data=st.data())
def test_damaged_weights_file_is_refused(weight_files: dict[str, bytes], data: st.DataObject, tmp_path: Path) -> None:
    suffix = data.draw(st.sampled_from(sorted(weight_files)))
    path = tmp_path / f"network{suffix}"
    path.write_bytes(data.draw(damaged(weight_files[suffix])))
    with pytest.raises(WeightsError) as error:
        load_weights("vgg16", str(path))
    assert "\n" not in str(error.value)


class _Exploit:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch executed",)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors", ".pt"])
def test_weights_file_runs_no_code(suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for content in (pickle.dumps(_Exploit()), pickle.dumps({"conv1_1.weight": _Exploit()})):
        (tmp_path / f"exploit{suffix}").write_bytes(content)
        with AuditLog() as log, pytest.raises(WeightsError):
            load_weights("vgg16", str(tmp_path / f"exploit{suffix}"))
        assert not [event for event in log.events if event.startswith(("os.system", "subprocess", "exec"))]
    torch.save({"conv1_1.weight": _Exploit()}, tmp_path / f"exploit{suffix}")
    with pytest.raises(WeightsError):
        load_weights("vgg16", str(tmp_path / f"exploit{suffix}"))
    assert not (tmp_path / "executed").exists()


def test_weights_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    layers = dict(random_weights("vgg16").layers)
    layers["conv3_2"] = layers["conv3_2"][0].clone(), layers["conv3_2"][1].clone()
    layers["conv3_2"][0][0, 0, 0, 0] = torch.nan
    save_weights(tmp_path / "network.safetensors", layers, {})
    with pytest.raises(WeightsError, match="conv3_2 has values that are not finite"):
        load_weights("vgg16", str(tmp_path / "network.safetensors"))


@pytest.fixture(scope="module")
def network_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("net") / "net.safetensors"
    styles = Style.from_image("one", Image.fromarray(scene(20, 16))), Style("two", license="CC0")
    net = TransformNet.initialize(styles, width=2, blocks=1)
    net.training_info = {"steps": 3, "minutes": 0.5}
    net.save(path)
    return path


@cases(250)
@given(data=st.data())
def test_damaged_network_is_refused_or_usable(network_file: Path, data: st.DataObject, tmp_path: Path) -> None:
    path = tmp_path / "damaged"
    path.write_bytes(data.draw(damaged(network_file.read_bytes())))
    net = result_or_none(lambda: TransformNet.load(path), NetError)
    assert net is None or FeedforwardStylizer(net).stylize(scene(20, 17)).size == (20, 17)


@cases(100)
@given(data=st.data())
def test_altered_network_is_refused_or_usable(network_file: Path, data: st.DataObject, tmp_path: Path) -> None:
    metadata = data.draw(mutations(read_metadata(network_file, "impasto-net")))
    path = tmp_path / "altered"
    save_file(load_file(network_file), path, {"impasto-net": json.dumps(metadata)})
    net = result_or_none(lambda: TransformNet.load(path), NetError)
    if net is not None:
        stylizer = FeedforwardStylizer(net)
        assert stylizer.stylize(scene(20, 17)).size == (20, 17)
        assert json.loads(stylizer.recipe)["net"]["styles"] == [style.name for style in net.styles]


def test_oversized_network_is_refused_before_it_is_built(network_file: Path, tmp_path: Path) -> None:
    state = load_file(network_file)
    altered = (
        ({**state, "stem.weight": torch.zeros(0, 12, 5, 5)}, [{"name": "a"}, {"name": "b"}]),
        ({**state, "stem.weight": torch.zeros(256, 12, 5, 5)}, [{"name": str(n)} for n in range(100_000)]),
        (state, [{"name": "a" * 70_000}, {"name": "b"}]),
        (state, [{"name": "a"}, {"name": "a"}]),
        (state, [{"name": "\x1b[2J"}, {"name": "b"}]),
    )
    for tensors, styles in altered:
        save_file(tensors, tmp_path / "net", {"impasto-net": json.dumps({"styles": styles, "facts": {}})})
        with pytest.raises(NetError, match="is not a style network, or is damaged"):
            TransformNet.load(tmp_path / "net")
