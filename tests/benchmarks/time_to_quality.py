"""How soon a picture is as good, by the paper's own loss: the way all older programs go against Impasto.

    python tests/benchmarks/time_to_quality.py [CONTENT STYLE] [--iterations 300] [--size 512] [--json FILE]
        [--older COMMAND --preset johnson]

The baseline is what the older programs share: float32, autograd, one size, torch's L-BFGS with a history of 100, from white
noise, without bounds; VGG-16, average pooling, conv4_2 and conv1_1 to conv5_1, alpha/beta = 1e-3. Its loss is taken on the
picture in floating point, before anything is clipped or rounded, which favors it. Impasto works on the same objective, from
the content and in the box; its loss is taken on the picture in 8 bits, as it would be saved, by the baseline's evaluator.
Both run after one another in one process, on one machine, with the same weights; reading pictures and weights and computing
targets counts for both, importing torch for neither.

--older takes an older program's own code in the baseline's place, by its command, with its own starting point and weights of
its losses, which a preset has for Impasto: for neural-style-pt, `neural-style -gpu c -content_image {content} -style_image
{style} -output_image {out} -image_size {size} -num_iterations {iterations} -model_file {weights} -disable_check -tv_weight 0
-save_iter 0 -init image`.
{weights} is VGG-16 in a file of the form that torchvision's have, in Caffe's units. What counts is its picture in 8 bits.
Both are given pictures of the final size: each program has its own way to make them smaller, which changes the finest layers.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import platform
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import autograd
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from impasto import images, weights
from impasto.engine import Run
from impasto.networks import LAYERS
from impasto.options import Options
from impasto.weights import PAPER_UNIT, Weights

STYLE = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
CONTENT = "conv4_2"
RATIO = 1e-3
SETTINGS = {"preset": "paper", "init": "content", "network": "vgg16", "ratio": RATIO}

#: What says how good a picture is, in 8 bits
Judge = Callable[[Image.Image], float]


class Point(NamedTuple):
    seconds: float
    loss: float


class Autograd:
    """The objective as it is usually written: torch's own layers, in float32, and autograd."""

    def __init__(self, loaded: Weights, content: Tensor, style: Tensor) -> None:
        self.weights = loaded
        with torch.no_grad():
            self.content = self.features(content)[CONTENT]
            self.style = {name: self.gram(self.features(style)[name]) for name in STYLE}

    def features(self, image: Tensor) -> dict[str, Tensor]:
        """image: (1, 3, H, W) -> layer -> (1, N, h, w), in the units of Caffe's networks"""
        x = (image - self.weights.mean.view(1, 3, 1, 1)) / self.weights.deviation.view(1, 3, 1, 1)
        return autograd.features(x, self.weights.layers, STYLE[-1], unit=PAPER_UNIT)

    @staticmethod
    def gram(layer: Tensor) -> Tensor:
        features = layer[0].flatten(1)
        return features @ features.T / features.shape[1]

    def __call__(self, image: Tensor) -> Tensor:
        maps = self.features(image)
        content = (maps[CONTENT] - self.content).square().sum() / 2
        energies = [(self.gram(maps[n]) - self.style[n]).square().sum() / (4 * maps[n].shape[1] ** 2) for n in STYLE]
        return RATIO * content + sum(energies) / len(STYLE)


def baseline(content: Path, style: Path, size: int, iterations: int) -> tuple[list[Point], Judge]:
    started = time.perf_counter()
    photo = images.read(content)
    width, height = images.fit(photo.size, size)
    painting = images.read(style)
    painting = painting.resized(*images.fit(painting.size, min(size, max(painting.size))))
    planes = [picture.pixels.permute(2, 0, 1)[None].contiguous() for picture in (photo.resized(width, height), painting)]
    objective = Autograd(weights.load("vgg16"), *planes)
    image = torch.rand(planes[0].shape, generator=torch.Generator().manual_seed(0)).requires_grad_()
    points: list[Point] = []
    optimizer = torch.optim.LBFGS([image], max_iter=iterations, history_size=100, tolerance_grad=0, tolerance_change=0)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = objective(image)
        loss.backward()
        points.append(Point(time.perf_counter() - started, float(loss.detach())))
        _report("baseline", len(points), points[-1])
        return loss

    optimizer.step(closure)

    @torch.no_grad()
    def judge(picture: Image.Image) -> float:
        return float(objective(images.read(picture).pixels.permute(2, 0, 1)[None].contiguous()))

    return points, judge


def older(
    command: str, content: Path, style: Path, options: Options, iterations: int, folder: Path
) -> tuple[list[Point], Judge]:
    """An older program's picture, and after how many seconds it was there, less those in which torch was imported."""
    state = load_file(weights.cached(weights.load("vgg16").network))
    places = dict(zip(LAYERS["vgg16"], weights._torchvision_indices("vgg16"), strict=True))
    renamed = {f"features.{places[name[:7]]}{name[7:]}": tensor for name, tensor in state.items()}
    torch.save(renamed, folder / "vgg16.pth")
    filled = {"content": content.resolve(), "style": style.resolve(), "size": options.size, "iterations": iterations}
    filled |= {"out": folder / "out.png", "weights": folder / "vgg16.pth"}
    line = [part.format(**filled) for part in shlex.split(command)]
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import torch"], check=True)
    begun = time.perf_counter()
    subprocess.run(line, check=True, stdout=sys.stderr)
    taken = time.perf_counter() - begun - (begun - started)

    def judge(picture: Image.Image) -> float:
        """By Impasto's own objective: a step's loss is that of the picture it begins with."""
        run = Run(content, style, dataclasses.replace(options, init="image", init_image=picture))
        return next(iter(run.steps())).loss

    with Image.open(folder / "out.png") as picture:
        return [Point(taken, judge(picture.convert("RGB")))], judge


def impasto(content: Path, style: Path, options: Options, judge: Judge, goal: float) -> list[Point]:
    """The losses of Impasto's pictures in 8 bits, at the final size, from the seconds when they were there."""
    started = time.perf_counter()
    run = Run(content, style, options)
    reading = time.perf_counter() - started
    taken = []
    for step in run.steps():
        if step.scale == len(run.rungs) - 1:
            taken.append((reading + step.seconds, step.image))
        if step.loss < 0.98 * goal:  # on the picture before rounding, which costs a little
            break
    points = []
    for seconds, image in taken:  # judged afterwards: judging is not part of the work
        points.append(Point(seconds, judge(image)))
        _report("impasto", len(points), points[-1])
        if points[-1].loss <= goal:
            break
    return points


def _report(name: str, step: int, point: Point) -> None:
    if step % 10 == 0:
        print(f"{name:>9}  step {step:4}  {point.seconds:7.1f} s  loss {point.loss:.4g}", file=sys.stderr, flush=True)


def _first(points: list[Point], loss: float) -> float | None:
    return next((point.seconds for point in points if point.loss <= loss), None)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", nargs="*", help="CONTENT STYLE; the demo's own if none")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--iterations", type=int, default=300)
    parser.add_argument("--older", metavar="COMMAND", help="an older program's, with {content}, {style}, {out} and so on")
    parser.add_argument("--preset", default="johnson", help="the one that has the older program's weights")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    given = {**SETTINGS, "size": arguments.size}
    with tempfile.TemporaryDirectory() as folder:
        content, style = (Path(name) for name in arguments.pictures or _demo_pictures(Path(folder)))
        names = content.name, style.name
        if arguments.older:
            content = _smaller(content, arguments.size, Path(folder, "content.png"))
            style = _smaller(style, arguments.size, Path(folder, "style.png"))
            options = Options(**{**given, "preset": arguments.preset, "ratio": None})
            theirs, judge = older(arguments.older, content, style, options, arguments.iterations, Path(folder))
        else:
            options = Options(**given)
            theirs, judge = baseline(content, style, arguments.size, arguments.iterations)
        goal = min(point.loss for point in theirs)
        ours = impasto(content, style, options, judge, goal)
    print(f"{names[0]} in the style of {names[1]}, {arguments.size} px; {_machine()}")
    print(f"{'loss':>10}  {'older' if arguments.older else 'baseline':>9}  {'impasto':>9}  {'ratio':>6}")
    rows = []
    for factor in (1,) if arguments.older else (8, 4, 2, 1.5, 1.2, 1):
        before, now = _first(theirs, factor * goal), _first(ours, factor * goal)
        rows.append({"loss": factor * goal, "baseline": before, "impasto": now})
        ratio = f"{before / now:6.1f}" if before and now else "     -"
        print(f"{factor * goal:10.4g}  {_seconds(before)}  {_seconds(now)}  {ratio}")
    if arguments.json:
        record = {"machine": _machine(), "rows": rows, "baseline": theirs, "impasto": ours}
        arguments.json.write_text(json.dumps(record))
    return 0


def _seconds(seconds: float | None) -> str:
    return f"{'never' if seconds is None else f'{seconds:.1f} s':>9}"


def _smaller(path: Path, size: int, target: Path) -> Path:
    """A copy of a picture, at most so many pixels long"""
    picture = images.read(path)
    images.save(target, picture.resized(*images.fit(picture.size, min(size, max(picture.size)))))
    return target


def _machine() -> str:
    name = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []:
        if line.startswith("model name"):
            name = line.split(":")[1].strip()
    return f"{name}, {torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}, torch {torch.__version__}"


def _demo_pictures(folder: Path) -> list[str]:
    sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))
    from demo import demo_pictures

    photo, painting = demo_pictures()
    photo.save(folder / "photo.png")
    painting.save(folder / "painting.png")
    return [str(folder / "photo.png"), str(folder / "painting.png")]


if __name__ == "__main__":
    sys.exit(main())
