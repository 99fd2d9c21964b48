from __future__ import annotations

import pytest

from impasto.errors import OptionError
from impasto.layers import LAYERS, NETWORKS, canonical_network, parse_layers


def test_layers_are_those_of_the_network() -> None:
    assert len(LAYERS["vgg16"]) == 13
    assert len(LAYERS["vgg19"]) == 16
    with pytest.raises(OptionError, match="no layer in vgg16 'conv3_4'"):
        parse_layers("conv3_4", "vgg16")


def test_american_spelling_of_a_normalized_network_becomes_the_name_in_recipes() -> None:
    assert canonical_network("vgg16-normalized") == "vgg16-normalised"
    assert [canonical_network(name) for name in ("auto", *NETWORKS)] == ["auto", *NETWORKS]
