"""I10 and I12 after random use of options and futures under all models: liquidations, expiries, settlements."""

from __future__ import annotations

from collections import Counter

import pytest

from ballast.chain.instruments import FUTURE, OPTION, SERIES, kind_of
from ballast.chain.local import LocalChain
from ballast.index import Index, LedgerState
from ballast.index.audit import audit
from ballast.index.prices import read_prices
from ballast.index.state import CLAIM
from ballast.risk.many import healths_of
from ballast.risk.margin import Margins
from tests.offchain.index.mixed_options import MixedOptions

SEEDS = (4, 5, 6)
STEPS = 180


@pytest.fixture(scope="module")
def seen() -> Counter[str]:
    return Counter()


@pytest.mark.parametrize("seed", SEEDS)
def test_audit__random_use_of_options__no_difference_and_both_twins_are_the_contract(
    chain: LocalChain, index: Index, seen: Counter[str], seed: int
) -> None:
    use = MixedOptions(chain, seed)
    for _ in range(6):
        use.run(STEPS // 6)
        index.sync(chain.w3, chain.deployment)
        assert audit(chain.w3, index).differences == ()
        _require_same_health(chain, index.state(), seen)
    seen.update(use.done)


def _require_same_health(chain: LocalChain, state: LedgerState, seen: Counter[str]) -> None:
    sheet = read_prices(chain.w3, state)
    margins = Margins(state, sheet.usd, sheet.time)
    together = healths_of(margins, state.banks, state.accounts)
    for account, held in state.accounts.items():
        theirs = chain.protocol.health(account, state.block)
        assert together[account] == theirs
        assert margins.health(account) == theirs
        kinds = {kind_of(number & ~CLAIM) for number in held.positions}
        if kinds & {FUTURE, OPTION}:
            seen[f"model {held.model}"] += 1
        portfolio = margins.portfolio(account)
        seen["unfixed"] += any(not leg.is_fixed for leg in portfolio.expired)
        seen["fixed"] += any(leg.is_fixed for leg in portfolio.expired)
        seen["claim"] += any(number & CLAIM and kind_of(number & ~CLAIM) == SERIES for number in held.positions)
        seen["insolvent"] += theirs.equity < 0


def test_audit__random_use_of_options__everything_happened(seen: Counter[str]) -> None:
    """Runs after the walks: what never happened was not tested."""
    if not seen:
        pytest.skip("the walks did not run")
    kinds = {"model 0", "model 1", "model 2", "unfixed", "fixed", "claim", "insolvent"}
    assert {name for name in kinds | set(MixedOptions.ACTIONS) if not seen[name]} == set()
