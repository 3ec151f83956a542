"""A random walk over everything that users, keepers and feeds can do, checked after every step.

Each step reads the whole state before and after. A step that reverts must revert with one of our named errors and leave
the state as it was.
"""

from __future__ import annotations

import random
from collections import Counter
from decimal import Decimal
from typing import Any

from ballast.chain.local import LocalChain
from ballast.units import QUOTE_UNIT, WAD, account_id
from tests.support.ghost import MARKETS, TOKENS, AccountState, Outcome, State, World

__all__ = ["Walk"]

START = {"USDC": Decimal(1), "BTC": Decimal(60_000), "ETH": Decimal(3_000), "SOL": Decimal(150)}
#: What one deposit or withdrawal is about, whole tokens.
TYPICAL = {"USDC": 20_000, "BTC": 1, "ETH": 10}
TARGET = 1_150_000_000_000_000_000
#: Value that a second of interest and funding, and rounding, may move between a reading and the next block; USDC 1e18.
DRIFT = WAD
#: Whole units of USDC that the parts of a loss may differ by, for each of its parts is rounded to units.
LOSS_DUST = 10 * QUOTE_UNIT


class Walk:
    """``start`` goes back to the fresh deployment, ``step`` takes one action and checks I1 to I7."""

    #: Actions, each as often as it is wanted.
    ACTIONS = tuple(
        name
        for name, weight in {
            "deposit": 6,
            "withdraw": 7,
            "fill": 12,
            "price": 7,
            "warp": 3,
            "settle": 3,
            "liquidate": 7,
            "batch": 5,
            "quote": 2,
            "flag": 1,
            "transfer": 2,
            "insure": 1,
        }.items()
        for _ in range(weight)
    )

    def __init__(self, chain: LocalChain) -> None:
        self.chain = chain
        self.rng = random.Random(0)
        self.world = World(chain)
        self.house = self.world.house
        self.base = chain.snapshot()
        self.steps = 0
        self.insolvencies = 0
        self.done: Counter[str] = Counter()
        self.prices = dict(START)
        self.state: State

    def start(self) -> None:
        self.chain.revert(self.base)
        self.base = self.chain.snapshot()
        self.prices = dict(START)
        self._fund()
        self.state = self.world.read()
        self.world.check_state(self.state)

    def step(self, name: str, seed: int) -> None:
        """One action, its details drawn from ``seed``."""
        self.rng = random.Random(seed)
        self.chain.rpc("evm_setNextBlockTimestamp", self.chain.now() + self.rng.randrange(2))
        outcome, touched = getattr(self, f"_{name}")(self.state)
        after = self.world.read()
        self.steps += 1
        self.done[name] += outcome.ok
        self.world.check_state(after)
        self._check_step(name, outcome, touched, self.state, after)
        self.state = after

    def _fund(self) -> None:
        """A lender with depth, and something in every account, so that a walk meets debts and positions early."""
        for at, account in enumerate(self.world.accounts):
            who = self.world.traders[at // 2]
            for symbol, amount in TYPICAL.items():
                if at and symbol != ("ETH" if at % 2 else "USDC"):
                    continue
                units = (1 if at else 30) * amount * 10 ** self.world.protocol.decimals(symbol)
                token = self.world.tokens[symbol].address
                outcome = self.world.send(self.house.functions.deposit(account, token, units), who)
                assert outcome.ok, outcome.error

    # ------------------------------------------------------------ choices

    def _account(self) -> tuple[str, int]:
        who = self.rng.choice(self.world.traders)
        return who, account_id(who, self.rng.choice((0, 1)))

    def _token(self) -> str:
        return self.rng.choices(TOKENS, (3, 1, 2))[0]

    def _units(self, symbol: str) -> int:
        whole = TYPICAL[symbol] * 10 ** self.world.protocol.decimals(symbol)
        return self.rng.choice((1, whole // 100, whole, self.rng.randrange(1, 3 * whole)))

    def _trade(self, state: State) -> tuple[Any, set[int]]:
        symbol = self.rng.choice(MARKETS)
        (_, maker), (_, taker) = self._account(), self._account()
        mark = int(self.prices[symbol.removesuffix("-PERP")] * WAD)
        offset = self.rng.choice((0, 0, -100, 100, -490, 490))  # hundredths of a percent; the band is 5%
        price = (mark + mark * offset // 10_000) // 10**16 * 10**16
        # most trades take what initial margin leaves room for, so that a walk lives near the edge
        room = min(self._excess(state, maker), self._excess(state, taker))
        size = int(room * 10 * self.rng.choice((0.05, 0.5, 0.9, 0.99, 1.1))) * WAD // mark
        size = max(size, self.rng.choice((1, 10, 100)) * 10**16) // 10**14 * 10**14
        held = abs(state.accounts[taker].sizes[symbol])
        if held and self.rng.random() < 0.4:
            size = held
        if self.rng.random() < 0.5:
            size = -size
        return self.world.fill_call(maker, taker, symbol, size, price), {maker, taker}

    @staticmethod
    def _excess(state: State, account: int) -> int:
        return max(0, state.accounts[account].equity - state.accounts[account].initial)

    def _withdrawal(self, state: State, who: str, account: int, greedy: bool = False) -> Any:
        """``greedy`` takes far more than initial margin allows: what the check at the end is for."""
        symbol = self._token()
        kind = self.rng.random() / (2 if greedy else 1)
        if kind < 0.1:
            units = 2**256 - 1
        elif kind < 0.6:
            symbol = "USDC"
            units = (
                int(self._excess(state, account) * self.rng.choice((0.9, 2, 3) if greedy else (0.5, 0.9, 0.99, 1.01)))
                // QUOTE_UNIT
            )
        else:
            units = self._units(symbol)
        return self.house.functions.withdraw(account, self.world.tokens[symbol].address, units, who)

    def _weakest(self, state: State) -> int:
        """The account nearest to liquidation most of the time, else any."""
        if self.rng.random() < 0.2:
            return self.rng.choice(self.world.accounts)
        rated = [(a.equity - a.maintenance, account) for account, a in state.accounts.items() if a.maintenance]
        return min(rated)[1] if rated else self.rng.choice(self.world.accounts)

    # ------------------------------------------------------------ actions

    def _deposit(self, state: State) -> tuple[Outcome, set[int]]:
        who, account = self._account()
        symbol = self._token()
        token = self.world.tokens[symbol].address
        call = self.house.functions.deposit(account, token, self._units(symbol))
        return self.world.send(call, who), {account}

    def _withdraw(self, state: State) -> tuple[Outcome, set[int]]:
        who, account = self._account()
        return self.world.send(self._withdrawal(state, who, account), who), {account}

    def _transfer(self, state: State) -> tuple[Outcome, set[int]]:
        who, _ = self._account()
        symbol = self._token()
        pair = [account_id(who, 0), account_id(who, 1)]
        self.rng.shuffle(pair)
        call = self.house.functions.transfer(*pair, self.world.tokens[symbol].address, self._units(symbol))
        return self.world.send(call, who), set(pair)

    def _fill(self, state: State) -> tuple[Outcome, set[int]]:
        call, touched = self._trade(state)
        return self.world.send(call, self.world.relay), touched

    def _batch(self, state: State) -> tuple[Outcome, set[int]]:
        """An owner's calls in one go, liquidation of an account of its own among them."""
        who, account = self._account()
        other = account_id(who, 1 - (account & 1))
        calls: list[Any] = []
        touched = {account, other}
        for _ in range(self.rng.randrange(1, 4)):
            kind = self.rng.random()
            if kind < 0.4:
                calls.append(self._withdrawal(state, who, account, greedy=self.rng.random() < 0.5))
            elif kind < 0.6:
                symbol = self._token()
                token = self.world.tokens[symbol].address
                calls.append(self.house.functions.deposit(account, token, self._units(symbol)))
            elif kind < 0.8:
                calls.append(self.house.functions.settle(account))
            else:
                calls.append(self.world.liquidate_call(account, other))
        return self.world.send(self.world.batch_call(*calls), who), touched

    def _price(self, state: State) -> tuple[Outcome, set[int]]:
        symbol = self.rng.choice(("BTC", "ETH", "ETH"))
        low, high = START[symbol] / 3, START[symbol] * 2
        factor = Decimal(str(self.rng.choice((0.7, 0.9, 0.97, 1.0, 1.03, 1.1, 1.35))))
        self.prices[symbol] = min(high, max(low, self.prices[symbol] * factor)).quantize(Decimal("0.01"))
        self.chain.set_price(symbol, self.prices[symbol])
        return Outcome(None, [], 0), set()

    def _warp(self, state: State) -> tuple[Outcome, set[int]]:
        self.chain.warp(self.rng.choice((12, 600, 3600, 8 * 3600)))
        for symbol, price in self.prices.items():
            self.chain.set_price(symbol, price)
        self.chain.sync_prices()
        for symbol in ("BTC", "ETH"):
            self.chain.reset_slow_price(symbol)
        return Outcome(None, [], 0), set()

    def _quote(self, state: State) -> tuple[Outcome, set[int]]:
        symbol = self.rng.choice(("BTC-PERP", "ETH-PERP"))
        mid = self.prices[symbol.removesuffix("-PERP")] * Decimal(str(1 + self.rng.uniform(-0.01, 0.01)))
        mid = mid.quantize(Decimal("0.01"))
        self.chain.warp(60)
        self.chain.submit_quote(symbol, mid - 1, mid + 1)
        return Outcome(None, [], 0), set()

    def _settle(self, state: State) -> tuple[Outcome, set[int]]:
        _, account = self._account()
        return self.world.send(self.house.functions.settle(account), self.world.relay), {account}

    def _liquidate(self, state: State) -> tuple[Outcome, set[int]]:
        account = self._weakest(state)
        who, liquidator = self._account()
        fraction = self.rng.choice((WAD, WAD, WAD, WAD // 3, WAD // 50))
        return self.world.send(self.world.liquidate_call(account, liquidator, fraction), who), {
            account,
            liquidator,
        }

    def _flag(self, state: State) -> tuple[Outcome, set[int]]:
        account = self._weakest(state)
        return self.world.send(self.house.functions.flag(account), self.world.relay), {account}

    def _insure(self, state: State) -> tuple[Outcome, set[int]]:
        who = self.world.traders[0]
        return self.world.send(self.house.functions.fundInsurance(self.rng.randrange(1, 10**10)), who), set()

    # ------------------------------------------------------------ one step

    def _check_step(self, name: str, outcome: Outcome, touched: set[int], before: State, after: State) -> None:
        if outcome.error is not None:
            known = "_" in outcome.error.name
            assert known, f"{name}: reverts with {outcome.error}, which is none of our errors"
            return
        changed = {args["account"] for kind in ("BalanceSet", "PositionSet") for args in outcome.named(kind)}
        assert changed <= touched, f"I3: {name} changed {changed - touched}"
        liquidated = {args["account"] for args in outcome.named("Liquidated")}
        for account in touched - liquidated:
            if name in ("withdraw", "fill", "transfer", "batch"):
                self._check_owner(name, outcome, before.accounts[account], after.accounts[account])
        for args in outcome.named("Liquidated"):
            self._check_liquidation(name, args, before.accounts[args["account"]], after.accounts[args["account"]])
        for args in outcome.named("LossAllocated"):
            self._check_loss(args, outcome, before)
        for symbol in TOKENS:
            fallen = before.tokens[symbol].surplus - after.tokens[symbol].surplus
            written_off = any(args["token"] == TOKENS.index(symbol) for args in outcome.named("DebtWrittenOff"))
            assert written_off or fallen <= 0, f"I7: {name} took {fallen}e-18 units of {symbol} from the reserves"

    def _check_owner(self, name: str, outcome: Outcome, before: AccountState, after: AccountState) -> None:
        """I4 of an account that its owner's side changed, as far as two readings a block apart can tell."""
        if not after.priced or after.equity >= after.initial or after == before:
            return
        owed = any(b < 0 for b in after.balances.values()) or any(after.sizes.values())
        if not owed and not any(after.unsettled.values()):
            return
        fees = sum(args["makerFee"] + args["takerFee"] for args in outcome.named("Filled")) * QUOTE_UNIT
        fell = (before.equity - before.initial) - (after.equity - after.initial)
        assert fell <= DRIFT, f"I4: {name} left {after.equity} below {after.initial}, excess fell by {fell}"
        lost = before.equity - after.equity - fees
        assert lost <= DRIFT, f"I4: {name} below initial margin took {lost} of equity"

    def _check_liquidation(self, name: str, args: Any, before: AccountState, after: AccountState) -> None:
        equity, maintenance = args["equity"], args["maintenance"]
        assert equity < maintenance, f"I5: liquidated with {equity} over {maintenance}"
        gap = before.equity - before.maintenance
        assert gap <= DRIFT, f"I5: an account with {gap} to spare was liquidated"
        if equity < 0:
            self.insolvencies += 1
        elif args["fraction"] < WAD and after.maintenance:
            risen = after.equity * maintenance - equity * after.maintenance
            assert risen >= -DRIFT * maintenance, "I5: the health factor fell"
        if args["fraction"] == WAD and name == "liquidate":  # a batch may deposit again behind it
            assert not any(after.sizes.values()), "I5: a whole liquidation left positions"
            left = {symbol: units for symbol, units in after.balances.items() if symbol != "USDC" and units}
            assert not left, f"I5: a whole liquidation left {left}"

    def _check_loss(self, args: Any, outcome: Outcome, before: State) -> None:
        """I6: the parts add up, and each bearer is asked only when the one before has nothing left."""
        parts = args["insurance"] + args["winners"] + args["deposits"] + args["uncovered"]
        assert args["loss"] == parts, f"I6: parts sum to {parts} of {args['loss']}"
        (step,) = [row for row in outcome.named("Liquidated") if row["account"] == args["account"]]
        loss = -step["equity"] * step["fraction"] // WAD
        assert abs(parts - loss) <= LOSS_DUST or step["fraction"] < WAD, f"I6: {parts} allocated of {loss}"
        insured = before.tokens["USDC"].insurance * QUOTE_UNIT
        if args["winners"] or args["deposits"]:
            assert args["insurance"] >= min(insured, loss) - QUOTE_UNIT, "I6: insurance had more"
        if args["deposits"] > LOSS_DUST:
            account = before.accounts[args["account"]]
            lost = sum(-profit for profit in account.unsettled.values() if profit < 0)
            wanted = min(lost * step["fraction"] // WAD, loss - args["insurance"])
            # lenders before winners only by the drift of a second and the quantum of a haircut
            assert args["winners"] >= wanted - DRIFT, f"I6: lenders paid before winners, {args['winners']} of {wanted}"
