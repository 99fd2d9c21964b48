"""Random options from JSON and from the command line: valid Options, or an OptionError of one line."""

from __future__ import annotations

import contextlib
import dataclasses
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from impasto.cli.main import main
from impasto.cli.option_flags import flag
from impasto.errors import OptionError
from impasto.options import IMAGE_OPTIONS, Options, resolve_options
from tests.robustness.fuzz.cases import cases, json_values, result_or_none

FIELDS = {field.name: field for field in dataclasses.fields(Options)}


def _values(field: dataclasses.Field[Any]) -> st.SearchStrategy[Any]:
    """Values for a field: valid ones, nearly valid ones, and any others"""
    valid = st.sampled_from(field.metadata["choices"] or ("conv1_1,conv2_1:3", "none", "4GB", "conv4_2/conv1_1", "0", "1e999"))
    return valid | st.floats() | st.integers(-2, 20_000) | st.text(max_size=10) | json_values


_random_settings = st.lists(st.sampled_from(sorted(FIELDS)), max_size=6, unique=True).flatmap(
    lambda names: st.fixed_dictionaries({name: _values(FIELDS[name]) for name in names})
)


@pytest.mark.slow
@cases(750)
@given(settings=_random_settings)
def test_random_settings_are_options_or_an_error_of_one_line(settings: dict[str, Any]) -> None:
    options = result_or_none(lambda: resolve_options(settings), OptionError)
    if options is not None:
        options.all_layers("vgg19")
        limit = options.memory_limit()
        assert limit is None or limit > 0
        assert resolve_options(dataclasses.asdict(options) | {"preset": options.preset}) == options


@pytest.mark.slow
@cases(150)
@given(
    settings=_random_settings,
    arguments=st.lists(st.text(max_size=8).filter(lambda text: text[:2] not in ("-h", "--")), max_size=2),
)
def test_random_command_line_ends_with_one_line(settings: dict[str, Any], arguments: list[str], tmp_path: Path) -> None:
    """The photo does not exist, so no run starts whatever the other arguments are."""
    command = ["stylize", str(tmp_path / "gone.jpg"), "style.jpg", "-o", str(tmp_path / "out.png"), *arguments]
    for name, value in settings.items():
        if name in IMAGE_OPTIONS or isinstance(value, bool | None):
            continue
        command.append(f"{flag(FIELDS[name])}={value}")
    output = io.StringIO()
    with contextlib.redirect_stderr(output), contextlib.redirect_stdout(output):
        assert main(command) == 2
    assert output.getvalue().startswith("impasto: ")
    assert output.getvalue().count("\n") == 1
    assert list(tmp_path.iterdir()) == []
