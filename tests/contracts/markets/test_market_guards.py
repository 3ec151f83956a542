"""Each guard that protects money planted out, and the loss. With the guard: the other files of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from ballast.chain.orders import Quote, sign_quote
from ballast.units import WAD, to_wad
from tests.contracts.liquidation.scenes import Scenes
from tests.contracts.markets.desk import Desk, encode, reverts
from tests.support.mutants import Mutant, mutant_chain

PERP = "ETH-PERP"
TRADING = "contracts/markets/Trading.sol"
FILLS = "contracts/markets/Fills.sol"
SETTLEMENT = "contracts/markets/Settlement.sol"


def trading(name: str, path: str, old: str, new: str) -> Mutant:
    return Mutant(name=name, contract="Trading", source=TRADING, passages=((path, old, new),))


NO_SIGNATURE = trading(
    "whoever signs, the owner did",
    "contracts/markets/Orders.sol",
    "revert ITradingTypes.Trade_BadSignature(account, hash);",
    "return address(0);",
)
NO_AMOUNT = trading(
    "an order is never used up",
    "contracts/markets/Orders.sol",
    "_filled[hash] = filled + size;",
    "",
)
NO_MAX_FEE = trading(
    "a fee may exceed what was signed", FILLS, "if (feeWad > bound) revert Trade_FeeAboveMax(feeWad, bound);", ""
)
NO_BAND = trading(
    "a fill may be at any price",
    FILLS,
    "if (price < lowest || price > mark + width) revert Trade_OutsideBand(price, lowest, mark + width);",
    "",
)
NO_QUOTER = trading(
    "anybody quotes",
    "contracts/markets/Premium.sol",
    "if (!_quoters[signer]) revert ITradingTypes.Trade_NotQuoter(signer);",
    "",
)
NO_SETTLE_GUARD = Mutant(
    "an insolvent account is settled like any",
    "Settlement",
    SETTLEMENT,
    passages=(
        (
            SETTLEMENT,
            "int256 equity = _evaluate(words, prices).equity;",
            "int256 equity = _evaluate(words, prices).equity;\n        if (equity < 0) equity = 0;",
        ),
    ),
)
NO_RESTRICTION = trading(
    "a liquidator's account trades at a deviating price",
    FILLS,
    "if (_marksOf(account) & LIQUIDATOR == 0) return;",
    "if (_marksOf(account) & LIQUIDATOR != type(uint256).max) return;",
)


@contextmanager
def without(mutant: Mutant) -> Iterator[Scenes]:
    with mutant_chain(mutant) as chain:
        yield Scenes(chain)


def pair(desk: Desk) -> tuple[int, int]:
    """A victim and an attacker with 100,000 USDC each."""
    return desk.open("victim", USDC=100_000), desk.open("attacker", USDC=100_000)


def test_fill__without_the_signature__sells_what_is_not_ones_own() -> None:
    with without(NO_SIGNATURE) as desk:
        victim, attacker = pair(desk)
        made = desk.chain.order(victim, PERP, -100, 2_850)
        taken = desk.chain.order(attacker, PERP, 100, 2_850)
        desk.match(made, taken, maker_sig=b"\x01", taker_sig=b"", sender=desk.owner(attacker))
        assert desk.unsettled(attacker, PERP) == 15_000 * WAD == -desk.unsettled(victim, PERP)


def test_fill__without_the_amount_left__fills_one_order_again_and_again() -> None:
    with without(NO_AMOUNT) as desk:
        victim, attacker = pair(desk)
        made = desk.chain.order(victim, PERP, 1, 3_000)
        signature = desk.chain.sign(made)
        desk.chain.set_price("ETH", 2_900)
        for _ in range(10):
            taken = desk.chain.order(attacker, PERP, -1, 3_000)
            desk.match(made, taken, maker_sig=signature, taker_sig=b"", sender=desk.owner(attacker))
        assert desk.protocol.position(victim, PERP) == 10 * WAD
        assert desk.unsettled(attacker, PERP) == 1_000 * WAD


def test_fill__without_the_bound_of_fees__takes_more_than_was_signed() -> None:
    with without(NO_MAX_FEE) as desk:
        victim, attacker = pair(desk)
        made = desk.chain.order(victim, PERP, -100, 3_000, maxFee=60 * WAD)
        desk.set_market(PERP, makerFee=10_000)
        desk.match(made, desk.chain.order(attacker, PERP, 100, 3_000))
        assert desk.protocol.balance(victim, "USDC") == 97_000 * 10**6


def test_fill__without_the_band__hands_an_operators_principal_to_another() -> None:
    """An operator with no budget set may trade; the band is what it can lose in one trade."""
    with without(NO_BAND) as desk:
        victim, attacker = pair(desk)
        operator = desk.owner(attacker)
        desk.chain.send(desk.house.functions.setOperator(victim, operator, 2**40), desk.owner(victim))
        made = desk.chain.order(attacker, PERP, -10, 9_000, maxFee=10**24)
        taken = desk.chain.order(victim, PERP, 10, 9_000, maxFee=10**24)
        desk.match(made, taken, maker_sig=b"", taker_sig=b"", sender=operator)
        assert desk.unsettled(victim, PERP) == -60_000 * WAD
        desk.chain.settle(victim)
        desk.chain.settle(attacker)
        assert desk.protocol.balance(attacker, "USDC") > 159_000 * 10**6


def test_submit_quotes__without_registered_quoters__funding_goes_to_who_makes_up_the_premium() -> None:
    with without(NO_QUOTER) as desk:
        victim, attacker = pair(desk)
        desk.chain.fill(attacker, victim, PERP, 100)
        key = desk.chain.key_of(attacker)
        for _ in range(12):
            desk.chain.warp(360)
            quote = Quote(desk.protocol.instrument(PERP), 3_100 * WAD, 3_101 * WAD, desk.chain.now())
            signed = sign_quote(quote, key.key, desk.protocol.deployment.chain_id, desk.house.address)
            call = desk.house.functions.submitQuotes([quote.as_tuple()], [signed])
            desk.chain.send(call, desk.owner(attacker))
        desk.chain.warp(8 * 3_600)
        desk.chain.refresh_prices()
        # a day later the premium is gone, the funding stays
        desk.chain.warp(86_000)
        mark = desk.protocol.mark(PERP)
        gained = desk.unsettled(attacker, PERP) + 100 * (mark - 3_000 * WAD)
        assert gained > 500 * WAD


def test_settle__without_the_solvency_check__lenders_pay_for_winners() -> None:
    """With it, the loss of an insolvent account is allocated when it is liquidated, and its winners bear it first."""
    with without(NO_SETTLE_GUARD) as scenes:
        lender, winner = scenes.lender(), scenes.open("winner", USDC=100_000)
        liquidator = scenes.open("liquidator", USDC=100_000)
        loser = scenes.borrower("loser", owes={"USDC": 20_000}, ETH=10)
        scenes.chain.fill(winner, loser, PERP, 5)
        scenes.price(ETH=1_500)
        lent = scenes.protocol.balance(lender, "USDC")
        assert scenes.chain.health(loser).equity < -12_000 * WAD
        scenes.chain.settle(loser)
        scenes.chain.settle(winner)
        receipt = scenes.chain.liquidate(loser, liquidator)
        assert scenes.event(receipt, "LossAllocated")["winners"] == 0
        assert scenes.protocol.balance(winner, "USDC") > 107_000 * 10**6
        assert scenes.protocol.balance(lender, "USDC") < lent - 11_000 * 10**6


def test_fill__without_the_restriction_of_liquidators__trades_at_a_price_nobody_else_may() -> None:
    """The feed says 700 for a block, truly it is 3,000. Two accounts of one owner take a sliver each, then trade."""
    with without(NO_RESTRICTION) as scenes:
        scenes.free_trading()
        scenes.chain.fund_insurance(1_000_000)
        weak = scenes.borrower(owes={"USDC": 23_000}, ETH=10)
        long, short = (scenes.open("attacker", index, USDC=10_000) for index in (0, 1))
        scenes.chain.fill(scenes.maker(), long, "SOL-PERP", "0.1")
        scenes.chain.fill(scenes.maker(), short, "SOL-PERP", "0.1")
        scenes.chain.set_price("ETH", 700)
        made, taken = scenes.chain.order(short, PERP, -100), scenes.chain.order(long, PERP, 100)
        fill = scenes.house.functions.fill(made.as_tuple(), b"", taken.as_tuple(), b"", 100 * WAD)
        slivers = [scenes.liquidate_call(weak, account, fraction=WAD // 10_000) for account in (long, short)]
        calls = [encode(call) for call in (*slivers, fill)]
        scenes.chain.send(scenes.house.functions.batch(calls), scenes.owner(long))
        scenes.chain.set_price("ETH", 3_000)
        assert scenes.chain.health(short).equity < -200_000 * WAD
        assert scenes.unsettled(long, PERP) == 100 * 2_300 * WAD


def test_mutants__with_the_guards__none_of_it_goes(desk: Desk) -> None:
    """The same band, fee and amount on the genuine contracts."""
    victim, attacker = pair(desk)
    made = desk.chain.order(victim, PERP, 1, 3_000, maxFee=to_wad("0.6"))
    taken = desk.chain.order(attacker, PERP, -1, 3_000)
    with reverts("Trade_BadSignature"):
        desk.match(made, taken, maker_sig=b"\x01")
    with reverts("Trade_OutsideBand"):
        desk.match(replace(made, limitPrice=9_000 * WAD), taken)
    desk.match(made, taken)
    with reverts("Trade_Overfilled"):
        desk.match(made, replace(taken, nonce=taken.nonce + 10**6))
