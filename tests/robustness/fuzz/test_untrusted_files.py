"""Files of strangers: paintings with recipes, checkpoints, weights. They are data: they name no file, and run nothing."""

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
from tests.robustness.fuzz.cases import anything, cases, damaged, tried

SETTINGS: dict[str, Any] = {"size": 32, "iterations": 2, "precision": "float32", "ladder": False, "device": "cpu"}

_opened: list[str] | None = None


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if _opened is not None and event in ("open", "subprocess.Popen", "os.system", "exec", "socket.connect"):
        _opened.append(f"{event} {arguments[0]}")


sys.addaudithook(_watch)  # there is no way to take it away again


class Watched:
    """What is opened, run or connected to within the block, the interpreter's own files aside"""

    def __enter__(self) -> Watched:
        global _opened
        _opened = []
        return self

    def __exit__(self, *_: object) -> None:
        global _opened
        own = (sys.prefix, sys.base_prefix, str(Path(impasto.__file__).parent), "/proc", "/sys", "/dev")
        self.seen = [each for each in _opened or () if not each.removeprefix("open ").startswith(own)]
        _opened = None


def _mutated(draw: st.DrawFn, value: Any) -> Any:
    """JSON with something of it replaced, left out or named otherwise"""
    if isinstance(value, dict) and value and draw(st.integers(0, 5)):
        key = draw(st.sampled_from(sorted(value)))
        what = draw(st.integers(0, 9))
        rest = {name: each for name, each in value.items() if name != key}
        if what == 0:
            return rest
        if what == 1:
            return rest | {draw(st.text(max_size=6)): value[key]}
        return rest | {key: _mutated(draw, value[key])}
    if isinstance(value, list) and value and draw(st.integers(0, 4)):
        at = draw(st.integers(0, len(value) - 1))
        return [*value[:at], _mutated(draw, value[at]), *value[at + 1 :]]
    paths = st.sampled_from(
        ("/etc/passwd", "../secret.png", "secret.png", "~/x.png", "http://127.0.0.1:9/x", "a\0b", "x" * 5000)
    )
    return draw(paths | anything)


def _otherwise(value: Any) -> st.SearchStrategy[Any]:
    """What a stranger could have made of some JSON"""
    return st.composite(lambda draw: _mutated(draw, value))()


def _said(path: Path, keyword: str) -> Any:
    """The JSON in the metadata of a safetensors file"""
    with safe_open(path, framework="pt") as file:
        return json.loads(file.metadata()[keyword])


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A folder with the pictures of a painting beside a folder that is none of its business, and its recipe"""
    top = tmp_path_factory.mktemp("strangers")
    folder = top / "mine"
    folder.mkdir()
    for name, seed in (("photo.png", 0), ("style.png", 1), ("keep.png", 2)):
        Image.fromarray(scene(40, 36, seed)).save(folder / name)
    (top / "secret.png").write_bytes((folder / "photo.png").read_bytes())
    run = Run(folder / "photo.png", folder / "style.png", keep=folder / "keep.png", **SETTINGS)
    return folder, run.recipe


@cases(1000)
@given(data=st.data())
def test_a_recipe_opens_nothing_but_pictures_in_the_folders_that_are_named(
    recipe: tuple[Path, dict[str, Any]], data: st.DataObject
) -> None:
    folder, written = recipe
    text = json.dumps(data.draw(_otherwise(written)))
    painting = folder.parent / "painting.png"
    save_picture(painting, read_picture(scene(40, 36)), text)
    with Watched() as watched:
        run = tried(lambda: recreate_run(read_recipe(painting), [folder]))
    if run is not None:
        assert run.options.weights is None
        assert run.options.max_megapixels == 200
    allowed = (f"open {folder}", f"open {painting}")
    assert [each for each in watched.seen if not each.startswith(allowed)] == []


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "9" * 100_000, "NaN", "\ud800", "", "null"])
def test_a_recipe_that_is_none_is_said_to_be_none(text: str, tmp_path: Path) -> None:
    save_picture(tmp_path / "painting.tif", read_picture(scene(40, 36)), text.encode("ascii", "backslashreplace").decode())
    with pytest.raises(ImpastoError, match="carries no recipe"):
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


@cases(700)
@given(data=st.data())
def test_a_damaged_checkpoint_is_refused_or_goes_on(checkpoint: Path, data: st.DataObject, tmp_path: Path) -> None:
    path = tmp_path / "damaged"
    path.write_bytes(data.draw(damaged(checkpoint.read_bytes())))
    found = tried(lambda: read_checkpoint(path), CheckpointError)
    assert found is None or found.image.shape[2] == 3


@cases(150)
@given(data=st.data())
@pytest.mark.usefixtures("tiny")
def test_a_checkpoint_that_says_something_else_is_refused_or_goes_on(
    checkpoint: Path, data: st.DataObject, tmp_path: Path
) -> None:
    place = data.draw(_otherwise(_said(checkpoint, "impasto")))
    tensors = load_file(checkpoint)
    names = sorted(tensors)
    name = data.draw(st.sampled_from(names))
    whole = tensors[name]
    others = (whole, whole.double(), whole.bfloat16(), whole[:1].clone(), whole * torch.nan, torch.zeros(3))
    tensors[name] = data.draw(st.sampled_from(others))
    if data.draw(st.integers(0, 5)) == 0:
        del tensors[name]
    path = tmp_path / "other"
    save_file(tensors, path, {"impasto": json.dumps(place)})
    steps = tried(lambda: list(impasto.stream(scene(40, 36), scene(36, 36, 1), **SETTINGS, resume=path)))
    assert steps is None or steps == [] or steps[-1].fraction == pytest.approx(1)


@pytest.fixture(scope="module")
def weight_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Small files of either kind, of another network: the form is right, the shapes are not"""
    folder = tmp_path_factory.mktemp("weights")
    layers = random_weights("vgg16", divide=16).layers
    small = {f"{name}.weight": kernel for name, (kernel, _) in layers.items() if name < "conv2"}
    save_file(small, folder / "a.safetensors")
    torch.save(small, folder / "a.pth")
    return {path.suffix: path.read_bytes() for path in folder.iterdir()}


@cases(700)
@given(data=st.data())
def test_a_damaged_weights_file_is_refused(weight_files: dict[str, bytes], data: st.DataObject, tmp_path: Path) -> None:
    suffix = data.draw(st.sampled_from(sorted(weight_files)))
    path = tmp_path / f"network{suffix}"
    path.write_bytes(data.draw(damaged(weight_files[suffix])))
    with pytest.raises(WeightsError) as refused:
        load_weights("vgg16", str(path))
    assert "\n" not in str(refused.value)


class _Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch was-here",)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors", ".pt"])
def test_a_weights_file_runs_nothing(suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for content in (pickle.dumps(_Evil()), pickle.dumps({"conv1_1.weight": _Evil()})):
        (tmp_path / f"evil{suffix}").write_bytes(content)
        with Watched() as watched, pytest.raises(WeightsError):
            load_weights("vgg16", str(tmp_path / f"evil{suffix}"))
        assert not [each for each in watched.seen if each.startswith(("os.system", "subprocess", "exec"))]
    torch.save({"conv1_1.weight": _Evil()}, tmp_path / f"evil{suffix}")
    with pytest.raises(WeightsError):
        load_weights("vgg16", str(tmp_path / f"evil{suffix}"))
    assert not (tmp_path / "was-here").exists()


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    layers = dict(random_weights("vgg16").layers)
    layers["conv3_2"] = layers["conv3_2"][0].clone(), layers["conv3_2"][1].clone()
    layers["conv3_2"][0][0, 0, 0, 0] = torch.nan
    save_weights(tmp_path / "network.safetensors", layers, {})
    with pytest.raises(WeightsError, match="conv3_2 has values that are no numbers"):
        load_weights("vgg16", str(tmp_path / "network.safetensors"))


@pytest.fixture(scope="module")
def net_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("net") / "net.safetensors"
    styles = Style.from_image("one", Image.fromarray(scene(20, 16))), Style("two", license="CC0")
    net = TransformNet.initialize(styles, width=2, blocks=1)
    net.training_info = {"steps": 3, "minutes": 0.5}
    net.save(path)
    return path


@cases(500)
@given(data=st.data())
def test_a_damaged_net_is_refused_or_paints(net_file: Path, data: st.DataObject, tmp_path: Path) -> None:
    path = tmp_path / "damaged"
    path.write_bytes(data.draw(damaged(net_file.read_bytes())))
    found = tried(lambda: TransformNet.load(path), NetError)
    assert found is None or FeedforwardStylizer(found).stylize(scene(20, 17)).size == (20, 17)


@cases(200)
@given(data=st.data())
def test_a_net_that_says_something_else_is_refused_or_paints(net_file: Path, data: st.DataObject, tmp_path: Path) -> None:
    about = data.draw(_otherwise(_said(net_file, "impasto-net")))
    path = tmp_path / "other"
    save_file(load_file(net_file), path, {"impasto-net": json.dumps(about)})
    found = tried(lambda: TransformNet.load(path), NetError)
    if found is not None:
        painter = FeedforwardStylizer(found)
        assert painter.stylize(scene(20, 17)).size == (20, 17)
        assert json.loads(painter.recipe)["net"]["styles"] == [style.name for style in found.styles]


def test_a_net_that_is_too_much_is_refused_before_anything_is_made_of_it(net_file: Path, tmp_path: Path) -> None:
    whole = load_file(net_file)
    others = (
        ({**whole, "stem.weight": torch.zeros(0, 12, 5, 5)}, [{"name": "a"}, {"name": "b"}]),
        ({**whole, "stem.weight": torch.zeros(256, 12, 5, 5)}, [{"name": str(n)} for n in range(100_000)]),
        (whole, [{"name": "a" * 70_000}, {"name": "b"}]),
        (whole, [{"name": "a"}, {"name": "a"}]),
        (whole, [{"name": "\x1b[2J"}, {"name": "b"}]),
    )
    for state, styles in others:
        save_file(state, tmp_path / "net", {"impasto-net": json.dumps({"styles": styles, "facts": {}})})
        with pytest.raises(NetError, match="is not a style network, or is damaged"):
            TransformNet.load(tmp_path / "net")
