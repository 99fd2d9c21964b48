"""Measure the time until a picture reaches a given loss of the paper: Impasto against the method of older programs.

    python benchmarks/time_to_quality.py [CONTENT STYLE] [--iterations 300] [--size 512] [--json FILE]
        [--older COMMAND --preset johnson]

The baseline is what the older programs have in common: float32, autograd, one size, torch's L-BFGS with a history of 100,
white noise, no bounds; VGG-16, average pooling, conv4_2 and conv1_1 to conv5_1, alpha/beta = 1e-3. Impasto minimizes the same
objective from the content, with box constraints; its loss is that of the 8-bit image, as saved, evaluated by the baseline. The
baseline has two losses: that of the floating-point image, whose values leave [0, 1], which favors it, and that of the picture
that it would save. Both run one after the other in one process with the same weights; reading pictures and weights and
computing targets counts for both, importing torch for neither.

--older runs an older program instead of the baseline, by its command, with its own initial image and loss weights, which a
preset provides for Impasto: for neural-style-pt, `neural-style -gpu c -content_image {content} -style_image {style}
-output_image {out} -image_size {size} -num_iterations {iterations} -model_file {weights} -disable_check -tv_weight 0
-save_iter 0 -init image`. {weights} is VGG-16 with torchvision's keys, in Caffe's units. The loss is that of its 8-bit
picture. Both programs get pictures of the final size, because their own resizing differs in the finest layers.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import autograd_reference
import torch
from other_program import run_program
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from impasto.images.encode import save_picture
from impasto.images.picture import read_picture
from impasto.images.resize import fit_size
from impasto.layers import LAYERS
from impasto.optimization.run import Run
from impasto.options import Options
from impasto.vgg.download import cache_path
from impasto.vgg.weight_files import CAFFE_SCALE, Weights, torchvision_indices
from impasto.vgg.weights import load_weights

STYLE = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
CONTENT = "conv4_2"
RATIO = 1e-3
SETTINGS = {"preset": "paper", "init": "content", "network": "vgg16", "ratio": RATIO}

#: The loss of an 8-bit picture
Evaluator = Callable[[Image.Image], float]


#: Iterations of the baseline after which the losses are compared
REPORTED_ITERATIONS = (25, 50, 100, 150, 200, 300, 500)


class Point(NamedTuple):
    seconds: float
    loss: float  # of the picture as saved
    free_loss: float | None = None  # of the floating-point image, without bounds


class AutogradObjective:
    """The paper's objective with torch's own layers and autograd, in float32"""

    def __init__(self, loaded: Weights, content: Tensor, style: Tensor) -> None:
        self.weights = loaded
        with torch.no_grad():
            self.content = self.features(content)[CONTENT]
            self.style = {name: self.gram(self.features(style)[name]) for name in STYLE}

    def features(self, image: Tensor) -> dict[str, Tensor]:
        """Feature maps by layer name, (1, N, h, w) each, in the units of Caffe's networks. image: (1, 3, H, W)"""
        x = (image - self.weights.mean.view(1, 3, 1, 1)) / self.weights.std.view(1, 3, 1, 1)
        return autograd_reference.features(x, self.weights.layers, STYLE[-1], scale=CAFFE_SCALE)

    @staticmethod
    def gram(layer: Tensor) -> Tensor:
        """Gram matrix per position: (1, N, h, w) -> (N, N)"""
        features = layer[0].flatten(1)
        return features @ features.T / features.shape[1]

    def __call__(self, image: Tensor) -> Tensor:
        maps = self.features(image)
        content = (maps[CONTENT] - self.content).square().sum() / 2
        style_losses = [(self.gram(maps[n]) - self.style[n]).square().sum() / (4 * maps[n].shape[1] ** 2) for n in STYLE]
        return RATIO * content + sum(style_losses) / len(STYLE)


def baseline(content: Path, style: Path, size: int, iterations: int) -> tuple[dict[int, Point], Evaluator]:
    """The losses after some iterations of torch's L-BFGS, and the evaluator of pictures"""
    start = time.perf_counter()
    photo = read_picture(content)
    width, height = fit_size(photo.size, size)
    painting = read_picture(style)
    painting = painting.resize(*fit_size(painting.size, min(size, max(painting.size))))
    planes = [picture.pixels.permute(2, 0, 1)[None].contiguous() for picture in (photo.resize(width, height), painting)]
    objective = AutogradObjective(load_weights("vgg16"), *planes)
    image = torch.rand(planes[0].shape, generator=torch.Generator().manual_seed(0)).requires_grad_()
    points: dict[int, Point] = {}
    evaluations, not_counted = 0, 0.0
    optimizer = torch.optim.LBFGS([image], max_iter=iterations, history_size=100, tolerance_grad=0, tolerance_change=0)

    def closure() -> Tensor:
        nonlocal evaluations, not_counted
        optimizer.zero_grad()
        loss = objective(image)
        loss.backward()  # type: ignore[no-untyped-call]
        evaluations += 1
        if evaluations in (*REPORTED_ITERATIONS, iterations):
            now = time.perf_counter()
            with torch.no_grad():
                saved = float(objective((image.clamp(0, 1) * 255).round() / 255))
            points[evaluations] = Point(now - start - not_counted, saved, float(loss.detach()))
            _report("baseline", evaluations, points[evaluations])
            not_counted += time.perf_counter() - now
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]

    @torch.no_grad()
    def evaluate(picture: Image.Image) -> float:
        return float(objective(read_picture(picture).pixels.permute(2, 0, 1)[None].contiguous()))

    return points, evaluate


def run_older(
    command: str, content: Path, style: Path, options: Options, iterations: int, folder: Path
) -> tuple[dict[int, Point], Evaluator]:
    """The loss of an older program's picture and its seconds, without those for importing torch; and the evaluator"""
    state = load_file(cache_path(load_weights("vgg16").network))
    indices = dict(zip(LAYERS["vgg16"], torchvision_indices("vgg16"), strict=True))
    renamed = {f"features.{indices[name[:7]]}{name[7:]}": tensor for name, tensor in state.items()}
    torch.save(renamed, folder / "vgg16.pth")
    fields = {"content": content.resolve(), "style": style.resolve(), "size": options.size, "iterations": iterations}
    fields |= {"out": folder / "out.png", "weights": folder / "vgg16.pth"}
    importing = run_program(f"{sys.executable} -c 'import torch'")
    seconds = run_program(command, **fields) - importing

    def evaluate(picture: Image.Image) -> float:
        """Impasto's objective: the first step reports the loss of the initial image."""
        run = Run(content, style, dataclasses.replace(options, init="image", init_image=picture))
        return next(iter(run.steps())).loss

    with Image.open(folder / "out.png") as picture:
        return {iterations: Point(seconds, evaluate(picture.convert("RGB")))}, evaluate


def run_impasto(content: Path, style: Path, options: Options, evaluate: Evaluator, target: float) -> list[Point]:
    """The loss of each 8-bit picture of the final size and the seconds when it was ready, until the target is reached"""
    start = time.perf_counter()
    run = Run(content, style, options)
    reading = time.perf_counter() - start
    snapshots = []
    for step in run.steps():
        if step.scale == len(run.levels) - 1:
            snapshots.append((reading + step.seconds, step.image))
        if step.loss < 0.98 * target:  # before rounding, which increases the loss a little
            break
    points = []
    for seconds, image in snapshots:  # evaluated afterwards, so that it does not count
        points.append(Point(seconds, evaluate(image)))
        if len(points) % 10 == 0:
            _report("impasto", len(points), points[-1])
        if points[-1].loss <= target:
            break
    return points


def _report(name: str, step: int, point: Point) -> None:
    print(f"{name:>9}  step {step:4}  {point.seconds:7.1f} s  loss {point.loss:.4g}", file=sys.stderr, flush=True)


def _seconds_to(points: list[Point], loss: float) -> float | None:
    return next((point.seconds for point in points if point.loss <= loss), None)


def _cells(seconds: float, loss: float, own_seconds: float | None) -> str:
    if own_seconds is None:
        return f"{loss:.4g} | never | -"
    return f"{loss:.4g} | {own_seconds:.1f} s | {seconds / own_seconds:.1f}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", nargs="*", help="CONTENT STYLE; default: those of the demo")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--iterations", type=int, default=300)
    parser.add_argument("--older", metavar="COMMAND", help="command of an older program, with {content}, {style}, {out} etc.")
    parser.add_argument("--preset", default="johnson", help="preset with the older program's loss weights")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    settings = {**SETTINGS, "size": arguments.size}
    with tempfile.TemporaryDirectory() as folder:
        content, style = (Path(name) for name in arguments.pictures or _demo_pictures(Path(folder)))
        names = content.name, style.name
        if arguments.older:
            content = _save_resized(content, arguments.size, Path(folder, "content.png"))
            style = _save_resized(style, arguments.size, Path(folder, "style.png"))
            options = Options(**{**settings, "preset": arguments.preset, "ratio": None})
            reference, evaluate = run_older(arguments.older, content, style, options, arguments.iterations, Path(folder))
        else:
            options = Options(**settings)
            reference, evaluate = baseline(content, style, arguments.size, arguments.iterations)
        target = min(point.loss if point.free_loss is None else point.free_loss for point in reference.values())
        points = run_impasto(content, style, options, evaluate, target)
    print(f"{names[0]} in the style of {names[1]}, {arguments.size} px; {_machine()}")
    columns = ["iterations", "seconds", "loss as saved", "Impasto", "ratio"]
    if not arguments.older:
        columns += ["free loss", "Impasto", "ratio"]
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for count, point in reference.items():
        cells = [_cells(point.seconds, loss, _seconds_to(points, loss)) for loss in point[1:] if loss is not None]
        print(f"| {count} | {point.seconds:.1f} s | {' | '.join(cells)} |")
    if arguments.json:
        record = {"machine": _machine(), "reference": reference, "impasto": points}
        arguments.json.write_text(json.dumps(record))
    return 0


def _save_resized(path: Path, size: int, output: Path) -> Path:
    """Save a copy of a picture whose longest side is at most `size`; return its path."""
    picture = read_picture(path)
    save_picture(output, picture.resize(*fit_size(picture.size, min(size, max(picture.size)))))
    return output


def _machine() -> str:
    name = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []:
        if line.startswith("model name"):
            name = line.split(":")[1].strip()
    return f"{name}, {torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}, torch {torch.__version__}"


def _demo_pictures(folder: Path) -> list[str]:
    sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))
    from demo import demo_pictures

    photo, painting = demo_pictures()
    photo.save(folder / "photo.png")
    painting.save(folder / "painting.png")
    return [str(folder / "photo.png"), str(folder / "painting.png")]


if __name__ == "__main__":
    sys.exit(main())
