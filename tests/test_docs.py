"""README and docs are true: their Python runs, their commands parse, and their links, targets and tests exist."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from impasto.cli.main import build_parser, command_parsers

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]
TEXTS = {path.name: path.read_text(encoding="utf-8") for path in PAGES}
#: Flags of other programs: hf, pip, torchrun and git
OTHER_FLAGS = {"--repo-type", "--delete", "--nproc-per-node"}
PYTHON = [
    pytest.param(block, id=f"{name}-{n}")
    for name, text in TEXTS.items()
    for n, block in enumerate(re.findall(r"```python\n(.*?)```", text, re.DOTALL))
]
COMMANDS = sorted(
    {line for text in TEXTS.values() for line in re.findall(r"^    (?:\S+ -m )?impasto (.*?)(?:  +#.*)?$", text, re.MULTILINE)}
    | {line for text in TEXTS.values() for line in re.findall(r"`impasto ([a-z]+ [^`]*-o [^`]*)`", text)}
)


@pytest.mark.slow
@pytest.mark.parametrize("block", PYTHON)
def test_python_examples_run(
    block: str, picture: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vgg16: object
) -> None:
    """At 64 pixels and with three steps per level: more would test nothing else."""
    from impasto.feedforward.training import Phase

    for name in ("photo.jpg", "painting.jpg", "other.jpg"):
        picture(name, 60, 48)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("impasto.optimization.pyramid._level_steps", lambda *_: 3)
    monkeypatch.setattr("impasto.feedforward.training.PHASES", (Phase(64, 1.0, 1e-3),))
    exec(compile(re.sub(r"\bsize=\d+", "size=64", block), "example", "exec"), {})
    for name in re.findall(r'\.save\("([^"]+)"\)', block):
        assert Path(name).exists(), name


def test_there_are_examples() -> None:
    assert len(PYTHON) >= 4
    assert len(COMMANDS) >= 20


def test_named_flags_exist() -> None:
    known = {
        flag
        for parser in command_parsers(build_parser()).values()
        for action in parser._actions
        for flag in action.option_strings
    }
    for name, text in TEXTS.items():
        named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)) - OTHER_FLAGS
        assert named <= known, (name, named - known)


@pytest.mark.parametrize("line", COMMANDS)
def test_command_lines_parse(line: str) -> None:
    assert build_parser().parse_known_args(line.split())[1] == []


def test_links_lead_to_files() -> None:
    for path in PAGES:
        for link in re.findall(r"\]\((?!https?:)([^)#]+)\)", TEXTS[path.name]):
            assert (path.parent / link).exists(), (path.name, link)


def test_named_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for name, text in TEXTS.items():
        for target in set(re.findall(r"(?:`|^    )make ([a-z-]+)", text, re.MULTILINE)):
            assert re.search(rf"^{target}:", makefile, re.MULTILINE), (name, target)


def test_readme_is_short() -> None:
    assert len(TEXTS["README.md"].split()) <= 700


def test_promises_name_tests_that_exist() -> None:
    named = re.findall(r"`((?:tests|scripts)/[^`]+)`", (ROOT / "SECURITY.md").read_text())
    assert len(set(named)) >= 12
    for path in named:
        assert (ROOT / path).is_file(), path
