"""Options from anywhere: whatever they say, they are Options or an OptionError of one line."""

from __future__ import annotations

import contextlib
import dataclasses
import io
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from impasto.cli.main import main
from impasto.cli.option_flags import flag
from impasto.errors import OptionError
from impasto.options import IMAGE_OPTIONS, Options, resolve_options
from tests.robustness.fuzz.cases import anything, cases, tried

FIELDS = {about.name: about for about in dataclasses.fields(Options)}


def _values(about: dataclasses.Field[Any]) -> st.SearchStrategy[Any]:
    """What a field may be told: what it knows, what it nearly knows, and anything else"""
    known = st.sampled_from(about.metadata["choices"] or ("conv1_1,conv2_1:3", "none", "4GB", "conv4_2/conv1_1", "0", "1e999"))
    return known | st.floats() | st.integers(-2, 20_000) | st.text(max_size=10) | anything


given_settings = st.lists(st.sampled_from(sorted(FIELDS)), max_size=6, unique=True).flatmap(
    lambda names: st.fixed_dictionaries({name: _values(FIELDS[name]) for name in names})
)


@cases(1500)
@given(settings=given_settings)
def test_settings_by_name_are_options_or_an_error_of_one_line(settings: dict[str, Any]) -> None:
    options = tried(lambda: resolve_options(settings), OptionError)
    if options is not None:
        options.all_layers("vgg19")
        assert options.memory_limit() is None or options.memory_limit() > 0
        assert resolve_options(dataclasses.asdict(options) | {"preset": options.preset}) == options


@cases(300)
@given(
    settings=given_settings, others=st.lists(st.text(max_size=8).filter(lambda text: text[:2] not in ("-h", "--")), max_size=2)
)
def test_a_command_line_ends_in_one_line(settings: dict[str, Any], others: list[str], tmp_path: Path) -> None:
    """The photo is not there, so that nothing is painted whatever the rest says."""
    line = ["stylize", str(tmp_path / "gone.jpg"), "style.jpg", "-o", str(tmp_path / "out.png"), *others]
    for name, value in settings.items():
        if name in IMAGE_OPTIONS or isinstance(value, bool | None):
            continue
        line.append(f"{flag(FIELDS[name])}={value}")
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        assert main(line) == 2
    assert said.getvalue().startswith("impasto: ")
    assert said.getvalue().count("\n") == 1
    assert list(tmp_path.iterdir()) == []
