"""The whole state of a small market, read in one call after every step, and the invariants between two readings.

``World`` drives a local chain as fast as it can: unlocked senders, one transaction a block, no signatures (each trader
names one relay as operator, whose own call needs none).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from web3 import Web3
from web3.contract import Contract

from ballast.chain.artifacts import artifact
from ballast.chain.local import LocalChain
from ballast.chain.orders import Order
from ballast.errors import ContractError
from ballast.units import QUOTE_UNIT, WAD, account_id

__all__ = ["TOKENS", "AccountState", "MarketState", "Outcome", "State", "TokenState", "World"]

TOKENS = ("USDC", "BTC", "ETH")
MARKETS = ("BTC-PERP", "ETH-PERP", "ETH")
ANY_STEP = 2**64 - 1


@dataclass(frozen=True)
class AccountState:
    """As ``LedgerLens.AccountState``, keyed by symbol."""

    balances: dict[str, int]
    sizes: dict[str, int]
    unsettled: dict[str, int]
    priced: bool
    equity: int
    initial: int
    maintenance: int
    flagged_at: int
    steps: int


@dataclass(frozen=True)
class TokenState:
    """Token units."""

    deposits: int
    borrows: int
    reserves: int
    insurance: int
    pools: int
    fees: int
    held: int
    balance: int
    #: Reserves before any rounding of totals, token units in 1e18, as of the bank's last change.
    surplus: int


@dataclass(frozen=True)
class MarketState:
    open_interest: int
    pool: int
    residual: int
    funding: int
    claim_shares: int


@dataclass(frozen=True)
class State:
    accounts: dict[int, AccountState]
    tokens: dict[str, TokenState]
    markets: dict[str, MarketState]


@dataclass(frozen=True)
class Outcome:
    """A mined transaction: its decoded events, or the error it would revert with."""

    error: ContractError | None
    events: list[Any]
    gas: int

    @property
    def ok(self) -> bool:
        return self.error is None

    def named(self, name: str) -> list[Any]:
        return [event["args"] for event in self.events if event["event"] == name]


class World:
    """``traders`` own two accounts each and share one operator, the relay (anvil's account 0, also governor)."""

    def __init__(self, chain: LocalChain, traders: int = 4) -> None:
        self.chain = chain
        self.w3: Web3 = chain.w3
        self.protocol = chain.protocol
        self.house: Contract = chain.protocol.house
        self.relay = self.w3.eth.accounts[0]
        self.traders = self.w3.eth.accounts[1 : 1 + traders]
        self.accounts = [account_id(who, index) for who in self.traders for index in (0, 1)]
        self.lens = self._deploy("LedgerLens")
        self.tokens = {symbol: self.protocol.token(symbol) for symbol in TOKENS}
        self.instruments = {symbol: self.protocol.instrument(symbol) for symbol in MARKETS}
        self.nonce = 0
        for who in self.traders:
            for symbol, token in self.tokens.items():
                self._must(token.functions.mint(who, 10**12 * 10 ** self.protocol.decimals(symbol)), who)
                self._must(token.functions.approve(self.house.address, 2**256 - 1), who)
            for index in (0, 1):
                grant = self.house.functions.setOperator(account_id(who, index), self.relay, 2**40)
                self._must(grant, who)

    def _deploy(self, name: str) -> Contract:
        made = artifact(name)
        request = {"from": self.relay, "data": made["bytecode"], "gas": hex(10**7)}
        address = self.chain.rpc("eth_sendTransactionSync", request)["contractAddress"]
        return self.w3.eth.contract(address=Web3.to_checksum_address(address), abi=made["abi"])

    def _must(self, function: Any, sender: str) -> None:
        outcome = self.send(function, sender)
        assert outcome.ok, outcome.error

    # ------------------------------------------------------------ transactions

    def send(self, function: Any, sender: str) -> Outcome:
        """Mines one transaction; a revert is an outcome, not an exception."""
        try:
            receipt = self.chain.send(function, sender, gas=30_000_000)
        except ContractError as error:
            return Outcome(error, [], 0)
        logs = [log for log in receipt["logs"] if log["address"] == self.house.address]
        return Outcome(None, [self._decode(log) for log in logs], receipt["gasUsed"])

    def _decode(self, log: Any) -> Any:
        return self._events[Web3.to_hex(log["topics"][0])].process_log(log)

    @cached_property
    def _events(self) -> dict[str, Any]:
        entries = [entry["name"] for entry in self.house.abi if entry["type"] == "event"]
        events = [self.house.events[name]() for name in entries]
        return {Web3.to_hex(Web3.keccak(text=event.signature)): event for event in events}

    def order(self, account: int, symbol: str, size: int, price: int, reduce_only: bool = False) -> Order:
        self.nonce += 1
        return Order(
            account=account,
            instrument=self.instruments[symbol],
            size=size,
            limitPrice=price,
            maxFee=10**30,
            nonce=self.nonce,
            reduceOnly=reduce_only,
        )

    def fill_call(self, maker: int, taker: int, symbol: str, size: int, price: int) -> Any:
        """``size`` > 0: the taker buys."""
        makers = self.order(maker, symbol, -size, price)
        takers = self.order(taker, symbol, size, price)
        return self.house.functions.fill(makers.as_tuple(), b"", takers.as_tuple(), b"", abs(size))

    def liquidate_call(self, account: int, liquidator: int, fraction: int = WAD) -> Any:
        return self.house.functions.liquidate((account, liquidator, fraction, 0, 2**200, ANY_STEP, b""))

    def batch_call(self, *functions: Any) -> Any:
        calls = [bytes.fromhex(f._encode_transaction_data()[2:]) for f in functions]
        return self.house.functions.batch(calls)

    # ------------------------------------------------------------ reading

    def read(self) -> State:
        symbols = list(self.instruments)
        accounts, tokens, markets = self.lens.functions.snapshot(
            self.house.address,
            self.accounts,
            [token.address for token in self.tokens.values()],
            list(self.instruments.values()),
        ).call()
        return State(
            accounts={
                account: AccountState(
                    dict(zip(self.tokens, row[0], strict=True)),
                    dict(zip(symbols, row[1], strict=True)),
                    dict(zip(symbols, row[2], strict=True)),
                    *row[3:],
                )
                for account, row in zip(self.accounts, accounts, strict=True)
            },
            tokens={s: TokenState(*row) for s, row in zip(self.tokens, tokens, strict=True)},
            markets={s: MarketState(*row) for s, row in zip(symbols, markets, strict=True)},
        )

    # ------------------------------------------------------------ invariants of one state

    def check_state(self, state: State) -> None:
        """I1 and I2, and that nothing is owed that is not there."""
        count = len(state.accounts)
        for symbol, market in state.markets.items():
            sizes = [account.sizes[symbol] for account in state.accounts.values()]
            assert sum(sizes) == 0, f"I1: sizes of {symbol} sum to {sum(sizes)}"
            assert sum(s for s in sizes if s > 0) == market.open_interest, f"I1: open interest of {symbol}"
            unsettled = sum(account.unsettled[symbol] for account in state.accounts.values())
            gap = market.pool * QUOTE_UNIT - market.residual - unsettled
            # equal to the last digit, but for claims, each of which is rounded down
            assert 0 <= gap <= (count if market.claim_shares else 0), f"I1: {symbol} is off by {gap}"
        for symbol, token in state.tokens.items():
            assert token.held == token.balance, f"I2: {symbol} held {token.held}, has {token.balance}"
            total = token.deposits - token.borrows + token.reserves + token.insurance + token.pools
            assert total == token.held, f"I2: {symbol} {total} != {token.held}"
            balances = [account.balances[symbol] for account in state.accounts.values()]
            lent = token.deposits - sum(b for b in balances if b > 0)
            owed = sum(-b for b in balances if b < 0) - token.borrows
            assert 0 <= lent <= count, f"I2: {symbol} deposits are off by {lent}"
            # more where each debt is rounded up, less by what was written off and is uncovered
            assert owed <= count, f"I2: {symbol} debts exceed the bank's by {owed}"
