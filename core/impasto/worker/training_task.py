"""Jobs that train a style network and add it to the user's networks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .job import Job, parse_options
from .protocol import Header

if TYPE_CHECKING:
    from .channel import JobChannel

#: Seconds of training between two previews, which themselves take some time
_TRAINING_PREVIEW_INTERVAL = 10
#: Minimum seconds of training between two progress frames
_PROGRESS_INTERVAL = 0.5


def train(job: Job, header: Header, channel: JobChannel) -> None:
    """Train a network on the job's style, for the header's `minutes`, and save it under the header's `name`.

    A `finish` frame ends the training early and saves the network. If cancelled, nothing is kept.
    Raises ImpastoError, Cancelled.
    """
    from ..feedforward.network import Style
    from ..feedforward.photos import sample_photos
    from ..feedforward.registry import new_network_file
    from ..feedforward.training import Trainer, TrainingStep
    from ..feedforward.training_session import TrainingSession
    from ..images.picture import read_picture
    from ..option_values import parse_number
    from ..options import resolve_options

    minutes = parse_number("minutes", header.get("minutes", 20), float, 0.01, None)
    style = job.styles()[0]
    target = new_network_file(str(header.get("name", "")))
    photos = sample_photos()
    options = resolve_options(parse_options(header))
    trainer = Trainer([style], photos, options, style_info=[Style.from_image(target.stem, style.image)])

    def send_preview(step: TrainingStep) -> None:
        channel.send_preview(read_picture(step.preview(photos[0])))

    trainer.load_weights(channel.send_download_progress)
    session = TrainingSession(
        trainer,
        target,
        seconds=60 * minutes,
        preview=send_preview,
        preview_interval=_TRAINING_PREVIEW_INTERVAL,
        preview_first_step=True,
    )
    last_report = 0.0
    for step in session.steps():
        if channel.is_cancelled:
            session.discard()
            channel.check_cancelled()
        if step.seconds - last_report >= _PROGRESS_INTERVAL:
            last_report = step.seconds
            eta = step.seconds * (1 / step.fraction - 1)
            channel.send_progress("training", step.fraction, step.seconds, eta, step=step.steps, loss=step.loss)
        if channel.finish_requested:
            break
    channel.clear_finish_request()
    assert session.last is not None
    step = session.last
    step.net.save(target)
    channel.send("done", net=target.stem, steps=step.steps, seconds=step.seconds)
