"""The packed word: fields survive at both ends of their widths and leave each other alone."""

from __future__ import annotations

import pytest
from web3.contract import Contract

from tests.contracts.harness import LocalChain
from tests.contracts.oracles.feeds import MAX_PRICE, WAD

PRICES = [1, 10**9, 3_000 * WAD, 10**27, MAX_PRICE]


@pytest.mark.parametrize("price", PRICES)
@pytest.mark.parametrize("slow", PRICES)
@pytest.mark.parametrize(("age", "serves", "deviates"), [(0, 0, False), (604_800, 1_023, True)])
def test_encode__field_ends__read_back(
    chain: LocalChain,
    harness: Contract,
    price: int,
    slow: int,
    age: int,
    serves: int,
    deviates: bool,
) -> None:
    now = chain.now

    found = harness.functions.unpacked(price, slow, age, serves, deviates).call()

    assert found == [price, slow, now, now - age, now + serves, int(deviates), False, True]


def test_encode__price_range__keeps_nine_digits_from_1e_9_to_1e9_usd(harness: Contract) -> None:
    for usd_e18 in (10**9, 123_456_789 * 10**4, 987_654_321 * WAD):
        assert harness.functions.unpacked(usd_e18, 1, 0, 0, False).call()[0] == usd_e18
