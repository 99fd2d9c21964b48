"""What the README promises, done."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from impasto.cli.main import _commands, _parser

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_scripting_example_runs(
    picture: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vgg16: object
) -> None:
    for name in ("photo.jpg", "painting.jpg", "other.jpg"):
        picture(name, 60, 48)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "impasto.optimization.pyramid._level_steps", lambda *_: 3
    )  # the words are what is tested; 250 steps say no more
    monkeypatch.setattr("impasto.optimization.pyramid._final_steps", lambda *_: 3)
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    exec(compile(example, "README.md", "exec"), {})
    assert Path("out.png").exists()
    assert Path("preview.png").exists()


def test_the_options_it_names_are_there() -> None:
    commands = _commands(_parser()).values()
    known = {flag for each in commands for action in each._actions for flag in action.option_strings}
    foreign = {"--repo-type", "--delete", "--nproc-per-node"}  # of hf and torchrun
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", README)) - foreign
    assert named <= known, named - known
    assert len(named) > 20


def test_the_command_lines_it_shows_can_be_parsed() -> None:
    lines = re.findall(r"^    impasto (.*?)(?:  +#.*)?$", README, re.MULTILINE)
    assert len(lines) >= 8
    for line in lines:
        assert _parser().parse_known_args(line.split())[1] == [], line


def test_the_files_it_links_are_there() -> None:
    for link in re.findall(r"\]\((?!https?:)([^)]+)\)", README):
        assert (ROOT / link).exists(), link


def test_the_targets_it_names_are_in_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"(?:`|^    )make ([a-z]+)", README, re.MULTILINE)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_the_tests_that_keep_the_promises_are_there() -> None:
    named = re.findall(r"`((?:tests|scripts)/[^`]+)`", (ROOT / "SECURITY.md").read_text())
    assert len(set(named)) >= 12
    for path in named:
        assert (ROOT / path).is_file(), path
