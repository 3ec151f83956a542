"""Healthy accounts with options may not be liquidated at a moment or on numbers that whoever liquidates chooses
(attacks 8, 19 and 37): old arrays, a price not fixed yet, arrays of a proposal, gamma in the last minutes. Each guard
planted out shows the loss."""

from __future__ import annotations

import pytest

from ballast.chain.local import LocalChain
from ballast.chain.protocol import Protocol
from ballast.errors import ContractError
from ballast.units import WAD
from tests.contracts.markets.options import EXPIRY, LABEL, OptionDesk
from tests.offchain.index.options import propose_again, refresh
from tests.support.mutants import Mutant, mutant_chain

pytestmark = pytest.mark.ballast(check=False)

ENGINE = "contracts/liquidation/LiquidationEngine.sol"
MODEL = "contracts/risk/PortfolioModel.sol"
ARRAYS = "contracts/risk/RiskArrays.sol"
FILLS = "contracts/markets/Fills.sol"
CLEARINGHOUSE = "contracts/Clearinghouse.sol"
STRIKES = (2_500, 2_800, 3_000, 3_150, 3_200, 3_300)


def mutant(name: str, contract: str, source: str, path: str, old: str, new: str) -> Mutant:
    return Mutant(name=name, contract=contract, source=source, passages=((path, old, new),))


NO_REFRESH = mutant(
    "stale arrays are liquidated on",
    "LiquidationEngine",
    ENGINE,
    ENGINE,
    "if (series != 0) revert IRiskArraysErrors.RiskArrays_Stale(Instrument.expiryOfSeries(series));",
    "series;",
)
NO_GRACE = mutant(
    "what has no price yet is liquidated at the index",
    "LiquidationEngine",
    ENGINE,
    ENGINE,
    "if (expired != 0 && block.timestamp - expired < PRICE_GRACE) revert Liquidation_AwaitsPrice(account, expired);",
    "",
)
FULL_GAMMA = mutant(
    "gamma has no bound",
    "MarginEngine",
    "contracts/risk/MarginEngine.sol",
    MODEL,
    "if (remaining >= 1 days) return gamma;",
    "if (remaining != 0) return gamma;",
)
ANY_ARRAYS = mutant(
    "a table is activated with arrays of any age",
    "RiskArrays",
    ARRAYS,
    ARRAYS,
    "return next.time < held.time && block.timestamp > uint256(next.time) + _limits.maxAge;",
    "return false;",
)
FEWER_STRIKES = mutant(
    "a table is activated with arrays of fewer strikes",
    "RiskArrays",
    ARRAYS,
    ARRAYS,
    "if (next.version != version || next.count < held.count) return true;",
    "if (next.version != version) return true;",
)
OPEN_WINDOW = mutant(
    "positions are opened while the settlement price is averaged",
    "OptionTrading",
    "contracts/markets/OptionTrading.sol",
    FILLS,
    "if (market.reduceOnly || _isSettling(order.instrument)) revert Trade_Closed(order.instrument);",
    "if (market.reduceOnly) revert Trade_Closed(order.instrument);",
)


def desk_before(chain: LocalChain, seconds: int) -> tuple[OptionDesk, int]:
    """Options of one expiry, so long before it, at 3,000; and a market maker."""
    desk = OptionDesk(chain)
    desk.lender()
    maker = desk.maker()
    chain.options.list_strikes("ETH", LABEL, STRIKES)
    chain.advance(EXPIRY - seconds - chain.now())
    chain.refresh_prices()
    desk.price(ETH=3_000)
    desk.refresh()
    return desk, maker


def spread(desk: OptionDesk, maker: int, bought: str, sold: str, size: int, spare: float = 1.0) -> int:
    """An account with a call spread, which can lose no more than its width, on ``spare`` times initial margin."""
    victim = desk.open("victim", USDC=1_000_000)
    desk.chain.choose_model(victim, 1)
    desk.fill_at_mark(maker, victim, f"ETH-{LABEL}-{bought}", size)
    desk.fill_at_mark(victim, maker, f"ETH-{LABEL}-{sold}", size)
    health = desk.chain.health(victim)
    desk.chain.withdraw(victim, "USDC", (health.equity - int(spare * health.initial)) // WAD - 1)
    return victim


def taken(desk: OptionDesk, victim: int) -> int:
    """Liquidates, and returns what that earned by fresh numbers, USDC 1e18."""
    attacker = desk.open("attacker", USDC=5_000_000)
    before = desk.chain.health(attacker).equity
    desk.chain.liquidate(victim, attacker)
    if desk.chain.now() < EXPIRY:
        desk.chain.options.refresh("ETH", LABEL)
    else:
        desk.fix()
    return desk.chain.health(attacker).equity - before


# ------------------------------------------------------------------ old arrays


def move_away(chain: LocalChain) -> tuple[OptionDesk, int]:
    """The spot rises 8% a day before the expiry, and nobody refreshes: a sold spread loses no more than its width."""
    desk, maker = desk_before(chain, 86_400)
    victim = spread(desk, maker, "3200-C", "3000-C", 100)
    chain.advance(60)
    desk.price(ETH=3_240)
    return desk, victim


def test_liquidate__arrays_left_behind_by_the_spot__are_refreshed_first(
    ballast_chain: LocalChain, protocol: Protocol
) -> None:
    desk, victim = move_away(ballast_chain)
    stale = ballast_chain.health(victim)
    assert stale.equity < stale.maintenance
    with pytest.raises(ContractError, match="RiskArrays_Stale"):
        taken(desk, victim)
    with pytest.raises(ContractError, match="RiskArrays_Stale"):
        ballast_chain.send(desk.house.functions.flag(victim), desk.owner(victim))
    ballast_chain.options.refresh("ETH", LABEL)
    with pytest.raises(ContractError, match="Liquidation_Healthy"):
        taken(desk, victim)


def test_liquidate__without_the_refresh__a_healthy_account_loses_a_fifth() -> None:
    with mutant_chain(NO_REFRESH) as chain:
        desk, victim = move_away(chain)
        snapshot = chain.snapshot()
        chain.options.refresh("ETH", LABEL)
        fresh = chain.health(victim)
        assert fresh.equity > fresh.maintenance
        chain.revert(snapshot)
        assert taken(desk, victim) > 1_000 * WAD
        assert chain.health(victim).equity < fresh.equity * 4 // 5


# ------------------------------------------------------------------ no price yet


def expire_without_a_price(chain: LocalChain) -> tuple[OptionDesk, int]:
    """A spread between its strikes when it expires: nothing can change what it pays."""
    desk, maker = desk_before(chain, 7_200)
    victim = spread(desk, maker, "2800-C", "3150-C", 200)
    chain.advance(EXPIRY - 300 - chain.now())
    desk.price(ETH=2_970)
    chain.options.refresh("ETH", LABEL)
    chain.advance(EXPIRY - chain.now())
    return desk, victim


def test_liquidate__expired_and_not_fixed__waits_for_the_price(ballast_chain: LocalChain, protocol: Protocol) -> None:
    desk, victim = expire_without_a_price(ballast_chain)
    found = ballast_chain.health(victim)
    assert found.equity < found.maintenance
    for seconds in (0, 3_599):
        if seconds:
            ballast_chain.advance(EXPIRY + seconds - ballast_chain.now())
            ballast_chain.refresh_prices()
        with pytest.raises(ContractError, match="Liquidation_AwaitsPrice"):
            taken(desk, victim)
        with pytest.raises(ContractError, match="Liquidation_AwaitsPrice"):
            ballast_chain.send(desk.house.functions.flag(victim), desk.owner(victim))
    desk.fix()
    with pytest.raises(ContractError, match="Liquidation_Healthy"):
        taken(desk, victim)


def test_liquidate__expired_and_not_fixed_for_an_hour__goes_on_and_the_fund_pays_nothing(
    ballast_chain: LocalChain, protocol: Protocol
) -> None:
    ballast_chain.fund_insurance(1_000_000)
    desk, victim = expire_without_a_price(ballast_chain)
    ballast_chain.advance(3_600)
    ballast_chain.refresh_prices()
    attacker = desk.open("attacker", USDC=5_000_000)
    receipt = ballast_chain.liquidate(victim, attacker)
    (event,) = desk.events(receipt, "Liquidated")
    assert event["fundReward"] == 0


def test_liquidate__without_the_wait__an_account_without_risk_loses_a_tenth() -> None:
    with mutant_chain(NO_GRACE) as chain:
        desk, victim = expire_without_a_price(chain)
        snapshot = chain.snapshot()
        desk.fix()
        chain.settle(victim)
        fair = chain.health(victim)
        assert fair.maintenance == 0
        chain.revert(snapshot)
        assert taken(desk, victim) > 1_000 * WAD
        assert chain.health(victim).equity < fair.equity * 9 // 10


def test_withdraw__expired_future_without_a_price__is_refused(ballast_chain: LocalChain, protocol: Protocol) -> None:
    """It counts at the index, which goes on after the price is known to everybody."""
    desk = OptionDesk(ballast_chain)
    desk.list_options()
    account, maker = desk.open("holder", USDC=100_000), desk.maker()
    ballast_chain.fill(maker, account, f"ETH-{LABEL}", 10)
    desk.expire(3_000)
    with pytest.raises(ContractError, match="Ledger_Deviating"):
        ballast_chain.withdraw(account, "USDC", 1)
    desk.fix()
    ballast_chain.settle(account)
    ballast_chain.withdraw(account, "USDC", 1)


# ------------------------------------------------------------------ gamma


def refresh_in_the_last_minute(chain: LocalChain) -> tuple[OptionDesk, int]:
    desk, maker = desk_before(chain, 7_200)
    victim = spread(desk, maker, "3000-C", "3150-C", 200, spare=2.0)
    chain.advance(EXPIRY - 30 - chain.now())
    desk.refresh()
    return desk, victim


def test_health__at_the_money_in_the_last_minute__asks_for_no_more_than_two_hours_before(
    ballast_chain: LocalChain, protocol: Protocol
) -> None:
    desk, victim = refresh_in_the_last_minute(ballast_chain)
    found = ballast_chain.health(victim)
    assert found.maintenance < found.equity * 3 // 4
    with pytest.raises(ContractError, match="Liquidation_Healthy"):
        taken(desk, victim)


def test_health__gamma_without_a_bound__takes_half_of_a_bought_spread() -> None:
    with mutant_chain(FULL_GAMMA) as chain:
        desk, victim = refresh_in_the_last_minute(chain)
        before = chain.health(victim)
        assert before.maintenance > 3 * before.equity
        assert taken(desk, victim) > 10_000 * WAD
        assert chain.health(victim).equity < before.equity * 3 // 4


# ------------------------------------------------------------------ a table's arrays


def propose_and_wait(chain: LocalChain) -> tuple[OptionDesk, int]:
    """The same table again, its arrays computed at once and never since."""
    desk, maker = desk_before(chain, 8 * 86_400)
    propose_again(chain)
    refresh(chain, "ETH", LABEL, proposed=True)
    chain.advance(86_400)
    chain.refresh_prices()
    desk.price(ETH=3_150)
    desk.refresh()
    return desk, spread(desk, maker, "3000-C", "3200-C", 100, spare=1.2)


def test_activate__arrays_of_yesterday__are_refused_until_they_are_refreshed(
    ballast_chain: LocalChain, protocol: Protocol
) -> None:
    desk, victim = propose_and_wait(ballast_chain)
    activate = protocol.contract("ScenarioBook").functions.activate()
    with pytest.raises(ContractError, match="Scenario_ArraysMissing"):
        ballast_chain.send(activate, desk.owner(victim))
    refresh(ballast_chain, "ETH", LABEL, proposed=True)
    before = ballast_chain.health(victim)
    ballast_chain.send(activate, desk.owner(victim))
    assert ballast_chain.health(victim).maintenance == pytest.approx(before.maintenance, rel=1e-3)


def test_activate__with_arrays_of_yesterday__a_healthy_account_is_not_any_more() -> None:
    with mutant_chain(ANY_ARRAYS) as chain:
        desk, victim = propose_and_wait(chain)
        before = chain.health(victim)
        assert before.is_healthy
        chain.send(chain.protocol.contract("ScenarioBook").functions.activate(), desk.owner(victim))
        after = chain.health(victim)
        assert after.maintenance > 2 * before.maintenance
        assert not after.is_healthy


def list_after_the_arrays(chain: LocalChain) -> tuple[OptionDesk, int]:
    """A strike that the proposal's arrays lack, and an account that holds it."""
    desk, maker = desk_before(chain, 8 * 86_400)
    propose_again(chain)
    refresh(chain, "ETH", LABEL, proposed=True)
    chain.options.list_strikes("ETH", LABEL, (3_400,))
    desk.refresh()
    holder = desk.open("holder", USDC=300_000)
    chain.fill(holder, maker, f"ETH-{LABEL}-3400-C", 10)
    return desk, holder


def test_activate__arrays_that_lack_a_strike__are_refused(ballast_chain: LocalChain, protocol: Protocol) -> None:
    desk, holder = list_after_the_arrays(ballast_chain)
    with pytest.raises(ContractError, match="Scenario_ArraysMissing"):
        ballast_chain.send(protocol.contract("ScenarioBook").functions.activate(), desk.owner(holder))


def test_activate__with_arrays_that_lack_a_strike__nobody_can_value_its_holders() -> None:
    with mutant_chain(FEWER_STRIKES) as chain:
        desk, holder = list_after_the_arrays(chain)
        chain.send(chain.protocol.contract("ScenarioBook").functions.activate(), desk.owner(holder))
        with pytest.raises(ContractError, match="Margin_NoArray"):
            chain.health(holder)


# ------------------------------------------------------------------ the average


def fall_and_open(chain: LocalChain) -> tuple[OptionDesk, list[int]]:
    """The spot falls two minutes before the expiry: everybody knows that the average is above it. Two accounts of one
    owner, which hold the perpetual already, want to trade the expiring call at the mark."""
    desk = OptionDesk(chain)
    desk.lender()
    chain.fund_insurance(1_000_000)
    chain.options.list_strikes("ETH", LABEL, STRIKES)
    chain.advance(EXPIRY - 7_200 - chain.now())
    chain.refresh_prices()
    desk.price(ETH=3_150)
    desk.refresh()
    pair = [desk.open("pair owner", index, USDC=2_000_000) for index in range(2)]
    for account in pair:
        chain.choose_model(account, 1)
    chain.advance(EXPIRY - 600 - chain.now())
    chain.refresh_prices()
    desk.refresh()
    chain.advance(EXPIRY - 120 - chain.now())
    desk.price(ETH=3_000)
    chain.options.refresh("ETH", LABEL)
    return desk, pair


def test_fill__in_the_window_of_the_average__positions_only_shrink(
    ballast_chain: LocalChain, protocol: Protocol
) -> None:
    desk, (long, short) = fall_and_open(ballast_chain)
    with pytest.raises(ContractError, match="Trade_Closed"):
        desk.fill_at_mark(short, long, f"ETH-{LABEL}-2500-C", 100)


def test_fill__option_held_before_the_window__can_be_closed_in_it(
    ballast_chain: LocalChain, protocol: Protocol
) -> None:
    desk, maker = desk_before(ballast_chain, 7_200)
    holder = desk.open("holder", USDC=300_000)
    desk.fill_at_mark(maker, holder, f"ETH-{LABEL}-3000-C", 10)
    ballast_chain.advance(EXPIRY - 1_800 - ballast_chain.now())
    ballast_chain.refresh_prices()
    desk.refresh()
    with pytest.raises(ContractError, match="Trade_Closed"):
        desk.fill_at_mark(maker, holder, f"ETH-{LABEL}-3000-C", 1)
    desk.fill_at_mark(holder, maker, f"ETH-{LABEL}-3000-C", 10)
    assert ballast_chain.protocol.position(holder, f"ETH-{LABEL}-3000-C") == 0


def test_fill__in_the_window_of_the_average__is_a_bet_already_won() -> None:
    with mutant_chain(OPEN_WINDOW) as chain:
        desk, (long, short) = fall_and_open(chain)
        desk.fill_at_mark(short, long, f"ETH-{LABEL}-2500-C", 100)
        worth = chain.health(long).equity
        chain.advance(EXPIRY - chain.now())
        price = desk.fix()
        assert price > 3_100 * WAD, "most of the half hour was at 3,150"
        chain.settle(short)
        chain.settle(long)
        assert chain.health(long).equity - worth > 100 * 100 * WAD
