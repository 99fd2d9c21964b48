"""Options within limits, and the painter in its own process."""

from __future__ import annotations

import contextlib
import importlib
import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from impasto import ImageError, OptionError, Options
from impasto.errors import BrokenDeviceError
from impasto.feedforward.stylizer import FeedforwardStylizer
from impasto.runtime.device import choose_device, choose_precision
from tests.conftest import scene
from tests.gradio_app.conftest import APP, FAKE_ZERO_GPU, page_modules, python_path, save_network

#: The tests share one painter.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("painter")]


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the painter's feed-forward networks"""
    return tmp_path_factory.mktemp("networks")


@pytest.fixture(scope="module")
def painter(networks: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with page_modules(tmp_path_factory.mktemp("uploads")) as patch:
        patch.setenv("IMPASTO_NETS", str(networks))
        module = importlib.import_module("page.painter")
        yield module
        module.paint.close()
        module.paint_instant.close()


@pytest.fixture(scope="module")
def paint_job(painter: Any) -> Any:
    return importlib.import_module("page.paint_job")


def test_settings_become_options_within_the_pages_limits(paint_job: Any) -> None:
    assert set(paint_job.ALLOWED_OPTIONS) <= set(Options.__dataclass_fields__)
    assert paint_job.validated_options((400, 300), {"size": 512})["size"] == 400
    assert paint_job.validated_options((400, 300), {"size": 0})["size"] == 400
    assert paint_job.validated_options((40_000, 300), {"size": 0})["size"] == paint_job.MAX_SIZE
    assert "strength" not in paint_job.validated_options((400, 300), {"strength": None})
    for wrong in ({"strength": 2}, {"size": -1}, {"weights": "/etc/passwd"}, {"init_image": "/etc/passwd"}, {"device": "cpu"}):
        with pytest.raises(OptionError):
            paint_job.validated_options((400, 300), wrong)


def test_a_first_result_is_instant_where_the_options_allow_it(paint_job: Any) -> None:
    settings = {"preset": "impasto", "quality": "fine", "size": 2048, "strength": 0.7}
    assert paint_job.first_settings((4000, 3000), settings) == {**settings, "quality": "instant", "size": 512}
    assert paint_job.first_settings((400, 300), settings)["size"] == 400
    assert paint_job.first_settings((400, 300), {**settings, "preset": "paper"}) is None
    with pytest.raises(OptionError):
        paint_job.first_settings((400, 300), {**settings, "strength": 2})


def test_jobs_are_painted_in_the_order_in_which_they_came(painter: Any) -> None:
    class Two(painter.Painter):  # type: ignore[misc]
        def __call__(self, job: Any) -> Any:
            raise NotImplementedError

    two = Two(2)
    with contextlib.ExitStack() as first_ends, contextlib.ExitStack() as later:
        first_ends.enter_context(two.turn())
        ahead = [later.enter_context(two.turn()) for _ in range(3)]
        assert [next(waits, (0, 0.0))[0] for waits in ahead] == [0, 1, 2]
        first_ends.close()
        assert [next(waits, (0, 0.0))[0] for waits in ahead] == [0, 0, 1]
    with two.turn(40.0) as first, two.turn(30.0) as second, two.turn(9.0) as third:
        assert list(first) == list(second) == []
        assert next(third).seconds == pytest.approx(35, abs=1)  # two at a time


def test_the_gpu_time_requested_grows_with_the_work(paint_job: Any) -> None:
    photo = np.zeros((768, 1024, 3), np.uint8)

    def seconds(**values: Any) -> int:
        return int(
            paint_job.gpu_seconds(
                paint_job.Job(photo, [photo], paint_job.validated_options((1024, 768), values), "", time_limit=100)
            )
        )

    feedforward = paint_job.Job(photo, [], paint_job.validated_options((1024, 768), {}), "", time_limit=100, network="harvest")
    assert paint_job.gpu_seconds(feedforward) <= seconds(size=256, quality="draft")
    assert seconds(size=256, quality="draft") <= seconds(size=512) < seconds(size=1024, quality="fine") <= 115


def test_the_time_limit_ends_a_painting_and_keeps_it(painter: Any, paint_job: Any, tmp_path: Path, vgg16: object) -> None:
    job = paint_job.Job(
        scene(160, 120), [scene(64, 64, 1)], paint_job.validated_options((160, 120), {}), str(tmp_path), time_limit=0.0
    )
    *_, last = painter.paint(job)
    assert last.end_reason == "time"
    assert last.fraction < 1
    assert last.painting.shape == (120, 160, 3)


def test_a_painting_pauses_while_a_first_result_is_painted(
    painter: Any, paint_job: Any, tmp_path: Path, vgg16: object
) -> None:
    photo = scene(160, 120)
    jobs = []
    for name in ("exact", "instant"):
        (tmp_path / name).mkdir()
        settings = {"quality": "instant" if name == "instant" else "draft"}
        jobs.append(paint_job.Job(photo, [photo], paint_job.validated_options((160, 120), settings), str(tmp_path / name)))
    exact, instant = painter.paint(jobs[0]), painter.paint_instant(jobs[1])
    next(exact)
    with contextlib.closing(instant):
        next(instant)
        job_file = painter.paint_instant.job_file
        assert job_file.exists()
        before = set(Path(jobs[0].folder).iterdir())
        threading.Event().wait(1.5)  # enough for several previews
        assert len(set(Path(jobs[0].folder).iterdir()) - before) <= 1  # the one that was in the making
    assert not job_file.exists()
    *_, last = exact
    assert last.end_reason == "done"


def test_a_pause_does_not_count_as_the_pace_of_a_painting(
    paint_job: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pause_file, step_seconds, pause_seconds = tmp_path / "pause", 0.05, 0.6

    class Run:
        """A run of ten steps; in the middle, another painting begins and takes a while."""

        def load_weights(self) -> None:
            pass

        def steps(self) -> Iterator[SimpleNamespace]:
            start = time.perf_counter()
            for number in range(1, 11):
                time.sleep(step_seconds)
                if number == 5:
                    pause_file.touch()
                    threading.Timer(pause_seconds, pause_file.unlink).start()
                left = (time.perf_counter() - start) / number * (10 - number)
                image = Image.new("RGB", (8, 8))
                yield SimpleNamespace(fraction=0.0, size=(8, 8), iteration=number, time_left=left, image=image)

    monkeypatch.setattr(paint_job, "create_run", lambda *_, **__: Run())
    monkeypatch.setattr(paint_job, "_MIN_PREVIEW_INTERVAL", 0.0)
    monkeypatch.setattr(paint_job, "_MAX_PREVIEW_COST", 1e9)
    photo = scene(8, 8)
    job = paint_job.Job(photo, [photo], {}, str(tmp_path), pause_file=str(pause_file))
    after_the_pause = next(progress for progress in paint_job.run_job(job) if progress.iteration == 6)
    assert after_the_pause.eta < 0.4  # four steps; with the pause, it would be 0.6 s


@pytest.mark.skipif(not hasattr(os, "getpriority"), reason="Windows has no niceness")
def test_a_painter_that_pauses_also_starts_at_a_lower_priority(painter: Any) -> None:
    painter.paint.start()
    painter.paint_instant.start()
    exact, instant = (os.getpriority(os.PRIO_PROCESS, lane._process.pid) for lane in (painter.paint, painter.paint_instant))
    assert exact > instant == os.getpriority(os.PRIO_PROCESS, 0)


def test_a_painter_that_dies_is_reported_and_replaced(painter: Any, paint_job: Any, tmp_path: Path, vgg16: object) -> None:
    photo = scene(320, 240)
    job = paint_job.Job(photo, [photo], paint_job.validated_options((320, 240), {}), str(tmp_path))
    progress = painter.paint(job)
    next(progress)
    painter.paint._process.kill()
    with pytest.raises(RuntimeError, match="the painter process has exited"):
        list(progress)
    (tmp_path / "stop").unlink()
    with contextlib.closing(painter.paint(job)) as progress:
        assert next(progress).fraction < 1
    with pytest.raises(ImageError, match="too small"):  # closed early, the process takes the next job
        list(painter.paint(job._replace(photo=photo[:9])))


def test_a_painter_whose_device_is_broken_is_replaced(
    painter: Any, paint_job: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process ends by itself after the error; it would fail in every later job, too."""
    code = """
import pickle, sys
from impasto.errors import BrokenDeviceError
from page import painter
def run_job(job):
    raise BrokenDeviceError("cuda:0 has stopped working")
    yield
painter.run_job, painter.warm_up = run_job, lambda styles: None
painter.serve()
"""
    job = paint_job.Job(scene(64, 48), [scene(64, 48)], paint_job.validated_options((64, 48), {}), str(tmp_path))
    process = subprocess.Popen([sys.executable, "-c", code], cwd=Path(painter.__file__).parents[1], stdin=-1, stdout=-1)
    output, _ = process.communicate(pickle.dumps(job) + pickle.dumps(job), timeout=60)
    assert process.returncode == 0
    kind, error = pickle.loads(output)
    assert (kind, type(error), str(error)) == ("error", BrokenDeviceError, "cuda:0 has stopped working")
    assert output.count(b"stopped working") == 1


@pytest.mark.usefixtures("vgg16")
def test_known_styles_are_measured_before_the_first_job(painter: Any, paint_job: Any, tmp_path: Path) -> None:
    painting = APP / "assets" / "koi.jpg"
    painter.warm_up([str(painting)])
    default = Options()
    device = choose_device(default.device)
    measured = painter.model_cache.statistics(default, device, choose_precision(default.precision, device))
    before = set(measured)
    with Image.open(painting) as style:
        settings = {"strength": 0.7, "colors": "style", "quality": "instant", "size": 512}
        jobs = importlib.import_module("page.jobs")
        job = jobs.make_job(Image.fromarray(scene(600, 400)), [style.convert("RGB")], settings, tmp_path)
        for progress in paint_job.run_job(job):
            if max(progress.size) == 512:
                paint_job.request_stop(tmp_path)
    assert len(before) >= 3
    assert set(measured) == before


def test_a_feedforward_network_paints_in_one_step(painter: Any, paint_job: Any, networks: Path, tmp_path: Path) -> None:
    photo, values = scene(320, 240), {"size": 200, "strength": 0.3, "style_scale": 3, "quality": "fine", "preset": "johnson"}
    job = paint_job.Job(photo, [], paint_job.validated_options((320, 240), values), str(tmp_path), network="mine")
    painted = []
    for seed in (0, 1):  # a new file of the same name is loaded
        network = save_network(networks, "mine", seed)
        (progress,) = painter.paint(job)
        expected = FeedforwardStylizer(network, Options(size=200, strength=0.3)).stylize(photo).image
        assert (progress.end_reason, progress.size, progress.painting.shape) == ("done", (200, 150), (150, 200, 3))
        assert np.abs(progress.painting.astype(int) - np.asarray(expected)).max() <= 1
        assert progress.recipe["net"]["name"] == "mine"
        assert progress.recipe["options"] == {**progress.recipe["options"], "strength": 0.3, "style_scale": [1.4]}
        painted.append(progress.painting)
        (tmp_path / "stop").unlink()  # remains after the last progress
    assert np.abs(painted[0].astype(int) - painted[1]).mean() > 5
    paint_job.request_stop(tmp_path)
    with pytest.raises(paint_job.StoppedError):
        list(painter.paint(job))


def test_on_zero_gpu_no_fork_waits_for_threads_that_find_faces(tmp_path: Path) -> None:
    """Two forks were seen to wait in OpenCV for ever, while a thread of the page found faces."""
    program = "from page import painter\nimport cv2\nprint(cv2.getNumThreads())"
    variables = {"SPACES_ZERO_GPU": "1", "PYTHONPATH": python_path(FAKE_ZERO_GPU), "GRADIO_TEMP_DIR": str(tmp_path)}
    command = [sys.executable, "-c", program]
    output = subprocess.run(command, cwd=APP, env={**os.environ, **variables}, capture_output=True, text=True, check=True)
    assert output.stdout.strip() == "1"
