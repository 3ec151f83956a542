"""Two positions to a slot, against a dictionary. Branches: ``test_linear_book.tree``."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from web3.contract import Contract

from ballast.chain.local import LocalChain
from tests.contracts.ledger.tools import compiled, deploy
from tests.support.fuzz import examples

pytestmark = pytest.mark.ballast(check=False)

CLAIM = 1 << 31
INSTRUMENTS = [2 << 28 | asset << 20 | number for asset in (1, 2, 127) for number in (0, 0xFFFFF)]
ASKED = [*INSTRUMENTS, *(number | CLAIM for number in INSTRUMENTS)]

sizes = st.one_of(st.sampled_from([0, 1, -1, 2**95 - 1, -(2**95)]), st.integers(-(2**95), 2**95 - 1))
quotes = st.one_of(st.sampled_from([0, 1, -1, 2**127 - 1, -(2**127)]), st.integers(-(2**127), 2**127 - 1))


@pytest.fixture
def book(chain: LocalChain) -> Contract:
    return deploy(chain, compiled("BookHarness"))


@examples(80)
@given(ops=st.lists(st.tuples(st.sampled_from(ASKED), sizes, quotes), max_size=30))
def test_book__any_saves__are_found_as_a_dictionary_has_them(book: Contract, ops: list[tuple[int, int, int]]) -> None:
    model: dict[int, tuple[int, int]] = {}
    order: list[int] = []
    for instrument, size, quote in ops:
        empty = quote == 0 and (size == 0 or instrument & CLAIM)
        if empty and instrument in model:
            del model[instrument]
            at = order.index(instrument)
            last = order.pop()
            if last != instrument:
                order[at] = last
        elif not empty:
            if instrument not in model:
                order.append(instrument)
            model[instrument] = (size, quote)

    entries, found = book.functions.run(ops, ASKED).call()
    assert [entry[:2] for entry in entries] == list(enumerate(order))
    assert [entry[2:] for entry in entries] == [model[instrument] for instrument in order]
    for instrument, entry in zip(ASKED, found, strict=True):
        if instrument in model:
            assert entry == (order.index(instrument), instrument, *model[instrument])
        else:
            assert entry == (len(order), instrument, 0, 0)
