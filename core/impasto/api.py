"""TODO-DOC api"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Generator
from typing import Any

from .optimization.run import Result, Run, Step
from .options import Options


def stylize(
    content: Any,
    styles: Any,
    options: Options | None = None,
    /,
    *,
    checkpoint: str | os.PathLike[str] | None = None,
    resume: str | os.PathLike[str] | None = None,
    **settings: Any,
) -> Result:
    """Paint `content` in the style of `styles`, and return when it is done.

    content: a path, a PIL image, an H x W x C uint8, uint16 or float array, or a C x H x W float tensor
    styles: one such picture, or a list of them
    options: an Options; or single settings by name, as in stylize("photo.jpg", "painting.jpg", size=1024)
    checkpoint: a file that is kept up to date while the run lasts; resume: such a file, to go on from where it was
    Raises ImpastoError, of the kind that tells what is wrong.
    """
    run = Run(content, styles, options, checkpoint=checkpoint, resume=resume, **settings)
    (last,) = deque(run.steps(), maxlen=1)
    return run.result(last)


def stream(
    content: Any,
    styles: Any,
    options: Options | None = None,
    /,
    *,
    checkpoint: str | os.PathLike[str] | None = None,
    resume: str | os.PathLike[str] | None = None,
    **settings: Any,
) -> Generator[Step]:
    """The same, one Step at a time. Bad input is reported at once; `close()` ends the run within a step.

    The last step has fraction 1 and is the finished picture.
    """
    return Run(content, styles, options, checkpoint=checkpoint, resume=resume, **settings).steps()
