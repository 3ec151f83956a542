"""All of a range, of what a solver does not decide: divisions."""

from __future__ import annotations

import pytest

from ballast.chain.local import LocalChain
from tests.contracts.ledger.tools import deploy

pytestmark = pytest.mark.ballast(check=False)

DAYS = 2**14
GAS = 400_000_000


@pytest.mark.parametrize("asset", [0, 1, 255])
def test_expiry__every_day_there_is__comes_back_from_its_series(chain: LocalChain, asset: int) -> None:
    harness = deploy(chain, "Exhaustive")
    part = DAYS // 4
    for first in range(0, DAYS, part):
        assert harness.functions.wrongDays(first, first + part, asset).call({"gas": GAS}) == 0


def test_rounding__every_quotient_of_small_numbers__is_the_nearest_on_its_side(chain: LocalChain) -> None:
    wrong, seen = deploy(chain, "Exhaustive").functions.wrongQuotients(64).call({"gas": GAS})
    assert (wrong, seen) == (0, 64 * 65)
