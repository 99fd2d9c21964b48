"""Extract the photographs that the learned optimizer is trained and judged on from the packages that contain them.

    python scripts/extract_training_photos.py PACKAGES FOLDER

PACKAGES is a folder with the packages that training_photos.csv names: Debian's, most of them in sid (`apt-get download`), and
two wheels (`pip download --no-deps scikit-image scikit-learn`). The list has the author and the license of each picture.
FOLDER gets a folder for each use: `train`; `tune`, paintings to choose settings with; and `judge`, which training and tuning
never see. Pictures in JPEG XL need the package pillow-jxl-plugin.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import IO, cast

from PIL import Image, ImageOps, UnidentifiedImageError

with contextlib.suppress(ImportError):
    import pillow_jxl  # type: ignore[import-not-found]  # noqa: F401  -- Pillow reads JPEG XL from here on

LIST = Path(__file__).with_name("training_photos.csv")
#: Longest side of an extracted picture, in pixels
SIZE = 768


@contextlib.contextmanager
def open_package(packages: Path, name: str) -> Iterator[Callable[[str], bytes]]:
    """Give a function that reads a file of a package.  Raises FileNotFoundError: there is no such package."""
    wheels = sorted(packages.glob(f"{name.replace('-', '_')}-*.whl"))
    debs = sorted(packages.glob(f"{name}_*.deb"))
    if wheels:
        with zipfile.ZipFile(wheels[-1]) as wheel:
            yield wheel.read
    elif debs:
        unpacked = subprocess.run(["dpkg-deb", "--fsys-tarfile", str(debs[-1])], stdout=subprocess.PIPE, check=True).stdout
        with tarfile.open(fileobj=io.BytesIO(unpacked)) as archive:
            yield lambda path: cast("IO[bytes]", archive.extractfile(f"./{path}")).read()
    else:
        raise FileNotFoundError(f"{packages} has no package {name}")


def extract(read: Callable[[str], bytes], picture: Mapping[str, str], folder: Path) -> bool:
    """Write a picture of a package to the folder of its use. Return False, and say why, if there is none."""
    path = picture["path"]
    try:
        with Image.open(io.BytesIO(read(path))) as image:
            upright = ImageOps.exif_transpose(image).convert("RGB")
    except (KeyError, UnidentifiedImageError) as error:
        print(f"{picture['package']}, {path}: {error}", file=sys.stderr)
        return False
    upright.thumbnail((SIZE, SIZE), Image.Resampling.LANCZOS)
    target = folder / picture["use"] / f"{picture['package']}_{Path(path).stem}.jpg"
    target.parent.mkdir(parents=True, exist_ok=True)
    upright.save(target, quality=92)
    return True


def main() -> int:
    parser = argparse.ArgumentParser(description="Extract the photographs that the learned optimizer is trained on.")
    parser.add_argument("packages", type=Path)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    with LIST.open(newline="", encoding="utf-8") as file:
        pictures = sorted(csv.DictReader(file), key=lambda picture: picture["package"])
    count = 0
    for package, group in groupby(pictures, key=lambda picture: picture["package"]):
        try:
            with open_package(arguments.packages, package) as read:
                count += sum(extract(read, picture, arguments.folder) for picture in group)
        except FileNotFoundError as error:
            print(error, file=sys.stderr)
    print(f"{count} of {len(pictures)} pictures extracted")
    return 0 if count == len(pictures) else 1


if __name__ == "__main__":
    sys.exit(main())
