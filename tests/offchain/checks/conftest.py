"""One chain on which everything that the checks judge has happened once."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import pytest

from ballast.chain.artifacts import artifact
from ballast.chain.local import LocalChain
from ballast.chain.protocol import Protocol
from ballast.checks.history import History, Transaction, read_history
from ballast.checks.view import ChainView, LoggedEvent
from ballast.testing import START
from ballast.units import WAD, account_id
from tests.contracts.markets.options import CALL, EXPIRY, FUTURE, LABEL, PUT, OptionDesk


@dataclass(frozen=True)
class Scene:
    """The chain, what was read of it, and accounts by role."""

    chain: LocalChain
    history: History
    borrower: int
    trader: int
    wallet: int

    @property
    def protocol(self) -> Protocol:
        return self.chain.protocol

    def named(self, *events: str) -> Transaction:
        """The first transaction with such events."""
        wanted = set(events)
        return next(t for t in self.history.transactions if wanted <= t.sets)

    def with_event(self, transaction: Transaction, name: str, **changes: Any) -> History:
        """The history with one event's arguments changed, or, without changes, left out."""
        place = next(i for i, event in enumerate(transaction.events) if event.name == name)
        events = list(transaction.events)
        if changes:
            event = events[place]
            changed = replace(event.event, args={**event.event.args, **changes})
            events[place] = LoggedEvent(changed, event.transaction)
        else:
            del events[place]
        return self.with_fields(transaction, events=events)

    def with_fields(self, transaction: Transaction, **fields: Any) -> History:
        """The history with one transaction's fields changed."""
        changed = copy(transaction)
        for name, value in fields.items():
            setattr(changed, name, value)
        transactions = [changed if found is transaction else found for found in self.history.transactions]
        return replace(self.history, transactions=transactions)


@pytest.fixture(scope="session")
def scene() -> Iterator[Scene]:
    with LocalChain(held_at=START) as chain:
        chain.fund_insurance("50")
        lender = chain.open("lender", collateral={"USDC": "2000000", "ETH": "500", "BTC": "20"})
        maker = chain.open("maker", collateral={"USDC": "1000000"})
        liquidator = chain.open("liquidator", collateral={"USDC": "1000000"})
        borrower = chain.open("borrower", collateral={"ETH": "10"})
        chain.withdraw(borrower, "USDC", "22500")
        trader = chain.open("trader", collateral={"USDC": "4000"})
        chain.fill(maker, trader, "ETH-PERP", "10")
        gambler = chain.open("gambler", collateral={"USDC": "9000"})
        chain.fill(maker, gambler, "ETH-PERP", "10")
        seller = chain.open("seller", collateral={"USDC": "20000"})
        chain.fill(maker, seller, "ETH-PERP", "-8")
        spot = chain.open("spot", collateral={"USDC": "5000"})
        chain.fill(lender, spot, "ETH", "5")
        _use_an_operator(chain, maker)
        _batch(chain, spot)
        wallet = _own_through_a_contract(chain, maker)
        chain.set_price("ETH", "2580")
        for account in (trader, borrower):
            chain.liquidate(account, liquidator)
        chain.warp(86_400, refresh=True)
        chain.sync_prices()
        chain.set_price("ETH", "1500")
        for account in (trader, gambler, borrower, spot):
            if not chain.health(account).is_healthy:
                chain.liquidate(account, liquidator)
        chain.settle(seller)
        chain.settle(maker)
        house = chain.protocol.house
        usdc = chain.protocol.token("USDC").address
        chain.send(house.functions.collect(usdc), chain.governor)
        view = ChainView(chain.protocol)
        history = read_history(view, chain.deployment.start_block, view.tip())
        yield Scene(chain, history, borrower, trader, wallet)


def _use_an_operator(chain: LocalChain, maker: int) -> None:
    """A fill that an operator signed."""
    operated = chain.open("operated", collateral={"USDC": "5000"})
    operator = chain.actor("operator")
    owner = chain.key_of(operated).address
    until = chain.now() + 10**6
    house = chain.protocol.house
    chain.send(house.functions.setOperator(operated, operator.address, until), owner)
    price = chain.tick_price("ETH-PERP")
    made = chain.order(maker, "ETH-PERP", "-1", price=None)
    taken = replace(made, account=operated, size=10**18, limitPrice=max(made.limitPrice, price))
    chain.fill_orders(made, chain.sign(made), taken, chain.sign(taken, operator), 10**18)


def _batch(chain: LocalChain, account: int) -> None:
    """A withdrawal and a transfer in one call."""
    house = chain.protocol.house
    owner = chain.key_of(account).address
    usdc = chain.protocol.token("USDC").address
    calls = [
        house.encode_abi("withdraw", [account, usdc, 10**6, owner]),
        house.encode_abi("transfer", [account, account + 1, usdc, 10**6]),
    ]
    chain.send(house.functions.batch(calls), owner)


def _own_through_a_contract(chain: LocalChain, maker: int) -> int:
    """An account whose owner is a contract: deposits by a call of it, a fill by its signature."""
    key = chain.actor("wallet key")
    found = artifact("ContractOwner")
    factory = chain.w3.eth.contract(abi=found["abi"], bytecode=found["bytecode"])
    data = factory.constructor(key.address).data_in_transaction
    receipt = chain.rpc("eth_sendTransactionSync", {"from": key.address, "data": data, "gas": hex(3_000_000)})
    wallet = chain.w3.eth.contract(address=chain.w3.to_checksum_address(receipt["contractAddress"]), abi=found["abi"])
    account = account_id(wallet.address)
    house, usdc = chain.protocol.house, chain.protocol.token("USDC")
    chain.mint("USDC", wallet.address, 5_000 * 10**6)
    for target, call in (
        (usdc, usdc.encode_abi("approve", [house.address, 2**255])),
        (house, house.encode_abi("deposit", [account, usdc.address, 5_000 * 10**6])),
    ):
        chain.send(wallet.functions.execute(target.address, bytes.fromhex(call[2:])), key.address)
    made = chain.order(maker, "ETH-PERP", "-1", price=None)
    taken = replace(made, account=account, size=10**18)
    chain.fill_orders(made, chain.sign(made), taken, chain.sign(taken, key), 10**18)
    return account


@pytest.fixture(scope="session")
def option_scene() -> Iterator[Scene]:
    """Options and a dated future under all models: traded, liquidated, expired, settled, one seller insolvent."""
    with LocalChain(held_at=START) as chain:
        desk = OptionDesk(chain)
        desk.list_options()
        chain.fund_insurance("50000")
        maker, liquidator = desk.maker(), desk.open("liquidator", USDC=1_000_000)
        sellers = [_seller(desk, maker, name, model) for model, name in enumerate(("seller", "hedger"))]
        gambler = desk.open("gambler", USDC=3_000)
        chain.fill(gambler, maker, f"ETH-{LABEL}-3500-C", 4)
        holder = desk.open("holder", USDC=20_000)
        chain.choose_model(holder, 2)
        chain.fill(maker, holder, CALL, 3)
        chain.fill(maker, holder, CALL, "-0.57")
        chain.fill(holder, maker, PUT, "0.31")
        _refresh_and_fill(chain, maker, holder)
        for price in range(3_040, 3_800, 40):
            desk.price(ETH=price)
            desk.refresh()
            for account in sellers:
                if not chain.health(account).is_healthy:
                    chain.liquidate(account, liquidator, max_fraction=WAD // 3)
                    if not chain.health(account).is_healthy:
                        chain.liquidate(account, liquidator)
        desk.price(ETH=5_000)
        chain.options.refresh("ETH", LABEL)
        if not chain.health(gambler).is_healthy:
            chain.liquidate(gambler, liquidator, max_fraction=WAD // 2)
        desk.expire(4_900)
        desk.fix()
        chain.settle(holder)
        if not chain.health(gambler).is_healthy:
            chain.liquidate(gambler, liquidator)
        for account in (*sellers, maker, holder, liquidator, holder, maker):
            chain.settle(account)
        view = ChainView(chain.protocol)
        history = read_history(view, chain.deployment.start_block, view.tip())
        yield Scene(chain, history, sellers[0], holder, maker)


def _seller(desk: OptionDesk, maker: int, name: str, model: int) -> int:
    """Short of calls and a future, long of other calls and a put."""
    account = desk.open(name, USDC=9_000)
    if model:
        desk.chain.choose_model(account, model)
    desk.chain.fill(account, maker, CALL, 10)
    desk.chain.fill(maker, account, f"ETH-{LABEL}-3000-C", 4)
    desk.chain.fill(maker, account, PUT, "1.37")
    desk.chain.fill(account, maker, FUTURE, 2)
    return account


def _refresh_and_fill(chain: LocalChain, maker: int, taker: int) -> None:
    """New arrays and a fill in one call."""
    house, asset = chain.protocol.house, chain.deployment.underlyings["ETH"]
    chain.set_price("ETH", "3004")
    chain.options.set_surface("ETH", LABEL, 0.62)
    made = chain.order(maker, CALL, "-0.5")
    taken = replace(made, account=taker, size=-made.size)
    calls = [
        house.encode_abi("refreshStrikes", [asset, EXPIRY, 0, 2**256 - 1]),
        house.encode_abi("fill", [made.as_tuple(), chain.sign(made), taken.as_tuple(), b"", taken.size]),
    ]
    chain.send(house.functions.batch(calls), chain.key_of(taker).address, gas=15_000_000)
