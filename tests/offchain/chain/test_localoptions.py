"""What the hands for options refuse by themselves; what they do is used by the tests of options."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ballast.chain.local import LocalChain
from ballast.errors import UsageError


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (lambda chain: chain.options.list_strikes("DOGE", "26MAR27", [1]), "underlying DOGE: not in the deployment"),
        (lambda chain: chain.options.set_surface("ETH", "26MAR27", -0.6), "vol: is -0.6; give a volatility"),
        (lambda chain: chain.options.list_strikes("ETH", "31FEB27", [3_000]), "expiry '31FEB27': no such day"),
    ],
)
def test_options__bad_input__says_what_would_be_right(
    ballast_chain: LocalChain, act: Callable[[LocalChain], object], words: str
) -> None:
    block = ballast_chain.w3.eth.block_number
    with pytest.raises(UsageError, match=words):
        act(ballast_chain)
    assert ballast_chain.w3.eth.block_number == block
