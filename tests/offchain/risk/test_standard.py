"""The STANDARD margin of small accounts, worked out by hand."""

from __future__ import annotations

import pytest

from ballast.chain.protocol import Health
from ballast.index.state import CLAIM, Engine, LedgerState
from ballast.risk.completed import uncredited_profit
from ballast.risk.margin import Margins
from ballast.risk.valuation import NoHealthError
from ballast.units import WAD
from tests.offchain.risk.build import ENGINE, ETH_PERP, bank, market, state

PRICES = {0: WAD, 1: 60_000 * WAD, 2: 3_000 * WAD}
NOW = 1_000


def _health(found: LedgerState, prices: dict[int, int] | None = None) -> Health:
    return Margins(found, prices or PRICES, NOW).health(7)


def test_health__only_quote__equity_and_no_requirement() -> None:
    found = _health(state({0: 1_500_000}))
    assert found == Health(15 * WAD // 10, 0, 0)
    assert found.factor is None


def test_health__account_never_seen__zero() -> None:
    assert Margins(state(), PRICES, NOW).health(8) == Health(0, 0, 0)


def test_health__collateral_without_debt__charged_but_no_minimum() -> None:
    assert _health(state({2: 10**15})) == Health(3 * WAD, 6 * WAD // 10, 45 * WAD // 100)


def test_health__small_debt__minimum_maintenance_and_initial_at_least_that() -> None:
    assert _health(state({0: 100_000_000, 2: -(10**15)})) == Health(97 * WAD, 10 * WAD, 10 * WAD)


def test_health__quote_debt_against_collateral__collateral_is_charged() -> None:
    found = _health(state({0: -1_000_000_000, 2: WAD}))
    assert found == Health(2_000 * WAD, 600 * WAD, 450 * WAD)
    assert found.factor == 2_000 * WAD * WAD // (450 * WAD)


def test_health__eight_decimals__value_floored_for_both_signs() -> None:
    prices = {**PRICES, 1: 60_000 * WAD + 7}
    # one unit of 1e-8 BTC is worth 6e14 and a fraction
    assert _health(state({1: 1}), prices).equity == 6 * 10**14
    assert _health(state({1: -1}), prices).equity == -(6 * 10**14) - 1


def test_health__quote_token_off_its_peg__index_is_in_the_quote_token() -> None:
    found = _health(state({0: 1_000_000, 2: WAD}), {0: 98 * WAD // 100, 2: 3_000 * WAD})
    assert found.equity == WAD + 3_000 * WAD * WAD // (98 * WAD // 100)


def test_health__long_and_short_of_one_asset__not_netted() -> None:
    found = _health(state({0: 10**10, 2: WAD}, {ETH_PERP: (-WAD, 3_000 * WAD)}))
    assert found == Health(13_000 * WAD, (600 + 300) * WAD, (450 + 195) * WAD)


def test_health__unsettled_profit_beyond_other_equity__not_credited_in_initial() -> None:
    # profit 1,000 on a position of 3,000; other equity 400
    found = _health(state({0: 400_000_000}, {ETH_PERP: (WAD, -2_000 * WAD)}))
    assert found == Health(1_400 * WAD, (300 + 600) * WAD, 195 * WAD)


@pytest.mark.parametrize(
    ("equity", "profit", "uncredited"),
    [(10, 0, 0), (10, -5, 0), (10, 5, 0), (10, 6, 2), (10, 10, 10), (-3, 4, 4)],
)
def test_uncredited_profit__against_other_equity__the_excess(equity: int, profit: int, uncredited: int) -> None:
    assert uncredited_profit(equity, profit) == uncredited


def test_health__claim_on_a_pool__worth_its_share_and_charged_nothing() -> None:
    markets = {ETH_PERP: market(claim_index=WAD // 2)}
    found = _health(state({0: 10**9}, {ETH_PERP | CLAIM: (0, 500 * WAD)}, markets=markets))
    assert found == Health(1_250 * WAD, 0, 0)


def test_health__claim_of_an_epoch_that_is_over__worth_nothing() -> None:
    markets = {ETH_PERP: market(claim_epoch=2)}
    for epoch, equity in ((2, 1_500), (1, 1_000)):
        held = {ETH_PERP | CLAIM: (epoch, 500 * WAD)}
        assert _health(state({0: 10**9}, held, markets=markets)).equity == equity * WAD


def test_health__claim_of_an_asset_without_price__needs_none() -> None:
    found = state({0: 10**9}, {ETH_PERP | CLAIM: (0, 500 * WAD)})
    assert _health(found, {0: WAD}).equity == 1_500 * WAD


def test_health__interest_since_the_last_update__counted() -> None:
    banks = {0: bank(borrow_rate=10**6, updated_at=0), 2: bank(2, 18)}
    found = _health(state({0: -1_000_000_000, 2: WAD}, banks=banks))
    owed = 1_000_000_000 * (10**17 + 10**6 * NOW)
    assert found.equity == 3_000 * WAD + -(owed // 10**17) * 10**12


def test_health__charges__each_leg_rounded_up_by_itself() -> None:
    odd = {0: WAD, 1: 10**8 + 1, 2: 10**18 + 1}
    found = _health(state({0: 10**9, 1: 1, 2: 1}), odd)
    # both are worth one wei, whose charge is one wei
    assert found == Health(1_000 * WAD + 2, 2, 2)


# ------------------------------------------------------------------ where the contract reverts


def test_health__price_missing__error_names_the_asset() -> None:
    with pytest.raises(NoHealthError, match="asset 2: no usable price"):
        _health(state({0: 5, 2: 1}), {0: WAD})
    with pytest.raises(NoHealthError, match="asset 0: no usable price"):
        _health(state({0: 5}), {2: WAD})


def test_health__model_that_does_not_exist__error() -> None:
    with pytest.raises(NoHealthError, match=r"Margin_UnknownModel\(3\)"):
        _health(state({0: 5}, model=3))


def test_health__rates_never_set__error_even_of_a_worthless_balance() -> None:
    engine = Engine(address="", token_rates={}, instrument_rates={}, minimum=0)
    with pytest.raises(NoHealthError, match=r"Margin_NoTokenRates\(1\)"):
        _health(state({1: 1}, engine=engine), {0: WAD, 1: 1})
    with pytest.raises(NoHealthError, match=r"Margin_NoInstrumentRates\(538968064\)"):
        _health(state({0: 1}, {ETH_PERP: (WAD, 0)}, engine=engine))
    with pytest.raises(NoHealthError, match="no margin engine"):
        _health(state({0: 1}, engine=None))


def test_health__number_beyond_256_bits__error_as_the_contract_panics() -> None:
    with pytest.raises(NoHealthError, match="Panic"):
        _health(state({2: 2**127 - 1}), {0: 1, 2: 2**90 - 1})


def test_margins__many_accounts__marks_and_indices_are_those_of_one_by_one() -> None:
    found = state({0: 5}, {ETH_PERP: (WAD, -2_000 * WAD)}, markets={ETH_PERP: market(premium=9_999)})
    margin = Margins(found, PRICES, NOW)
    assert margin.health(7) == margin.health(7) == _health(found)
    assert margin.portfolio(7).linears[0].notional == margin.valuation.mark_of(ETH_PERP)[1]
    assert ENGINE.minimum == 10 * WAD
