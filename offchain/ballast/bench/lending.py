"""One lending position walked through the same steps on any system, each step a transaction.

The position is one WETH collateral and one USDC debt. Every step is measured the second time it is
done, so that it writes slots that are already in use; a first borrower is walked through all of it,
liquidation included, so that the system's, the liquidator's and the treasury's slots are too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from eth_typing import ChecksumAddress
from web3.contract import Contract
from web3.contract.contract import ContractFunction

from ballast.bench.chain import Chain
from ballast.bench.compile import PeerError

__all__ = [
    "AMOUNTS",
    "HEALTH_SIZES",
    "STEPS",
    "Actors",
    "Amounts",
    "Asset",
    "LendingSystem",
    "Market",
    "Step",
    "fund",
    "measure",
]

STEPS: Final = (
    "deposit.collateral",
    "deposit.loan",
    "borrow",
    "repay",
    "withdraw",
    "health",
    "liquidate",
)
"""`work` of the rows, in the order they are measured; `health` is a view, less 21,000."""

HEALTH_SIZES: Final = (1, 4, 16)
"""Numbers of positions, or of collateral assets, that `health` is read with."""

_ETHER: Final = 10**18
_USDC: Final = 10**6
_USD: Final = 10**8  # Chainlink's USD feeds
_MAX: Final = 2**256 - 1


@dataclass(frozen=True)
class Asset:
    """A token and the Chainlink-like feed of its USD price (8 decimals).

    `source` is the aggregator that takes new answers by `submit(int256)`, when it is not the feed
    itself.
    """

    token: ChecksumAddress
    feed: ChecksumAddress
    source: ChecksumAddress | None = None


@dataclass(frozen=True)
class Market:
    """What all systems share: USDC (6 decimals), WETH (18) and, for `health`, more collateral."""

    usdc: Asset
    weth: Asset
    more: tuple[Asset, ...] = ()


@dataclass(frozen=True)
class Actors:
    """Who acts; the node signs for all of them."""

    lender: ChecksumAddress
    first_borrower: ChecksumAddress
    borrower: ChecksumAddress
    liquidator: ChecksumAddress


@dataclass(frozen=True)
class Amounts:
    """Token amounts and USD prices (1e8) of the steps; `first_*` is the step's unmeasured round.

    The debt ends at 18,000 USDC against 9 WETH: healthy at `price`, at or below 89% of the
    collateral's value at `crash`, and half of it repaid leaves both well above any dust bound.
    """

    price: int = 3_000 * _USD
    crash: int = 2_250 * _USD
    liquidity: int = 1_000_000 * _USDC
    loan: int = 1_000 * _USDC
    first_collateral: int = 10 * _ETHER
    collateral: int = 1 * _ETHER
    first_borrow: int = 15_000 * _USDC
    borrow: int = 5_000 * _USDC
    repay: int = 1_000 * _USDC
    withdraw: int = 1 * _ETHER
    liquidated_debt: int = 9_000 * _USDC


AMOUNTS: Final = Amounts()


@dataclass(frozen=True)
class Step:
    """Gas of one step: a receipt's gasUsed, or for a view that less 21,000; None with a `reason`.

    `n` is the number of collateral assets the account holds in it, or of options; `k` of scenarios.
    """

    work: str
    gas: int | None
    n: int = 1
    reason: str | None = None
    k: int | None = None


class LendingSystem(Protocol):
    """A deployed system. Each method returns the call that does the step; nothing is sent by it."""

    @property
    def spender(self) -> ChecksumAddress:
        """Whom the tokens are approved for."""

    def deposit_collateral(self, who: ChecksumAddress, amount: int) -> ContractFunction:
        """`who` adds WETH collateral."""

    def deposit_loan(self, who: ChecksumAddress, amount: int) -> ContractFunction:
        """`who` lends USDC."""

    def borrow(self, who: ChecksumAddress, amount: int) -> ContractFunction:
        """`who` borrows USDC to its own address."""

    def repay(self, who: ChecksumAddress, amount: int) -> ContractFunction:
        """`who` repays USDC of its own debt."""

    def withdraw(self, who: ChecksumAddress, amount: int) -> ContractFunction:
        """`who` takes WETH collateral out, a debt outstanding."""

    def liquidate(self, liquidator: ChecksumAddress, who: ChecksumAddress, debt: int) -> ContractFunction:
        """`liquidator` repays about `debt` USDC of `who`'s for collateral, in kind."""

    def health(self, who: ChecksumAddress) -> ContractFunction:
        """The view of `who`'s health, or the closest there is."""


def measure(
    chain: Chain,
    system: LendingSystem,
    market: Market,
    actors: Actors,
    *,
    amounts: Amounts = AMOUNTS,
    on_step: Callable[[str], None] = lambda _: None,
) -> list[Step]:
    """Walks a position of `actors.borrower` through `STEPS` and returns their gas, in that order.

    Mints what is needed, leaves WETH's feed at `amounts.price`. Raises `PeerError` when a step
    reverts.
    """
    run = _Run(chain, system, market, actors, amounts, on_step)
    run.prepare()
    try:
        return run.steps()
    finally:
        run.set_price(amounts.price)


def fund(
    chain: Chain,
    token: ChecksumAddress,
    accounts: Sequence[ChecksumAddress],
    amount: int,
    spender: ChecksumAddress,
) -> None:
    """Mints `amount` of `token` to each account and lets `spender` take any amount of it."""
    contract = chain.w3.eth.contract(address=token, abi=_TOKEN_ABI)
    for who in accounts:
        chain.send(contract.functions.mint(who, amount), chain.governor)
        chain.send(contract.functions.approve(spender, _MAX), who)


@dataclass(frozen=True)
class _Run:
    chain: Chain
    system: LendingSystem
    market: Market
    actors: Actors
    amounts: Amounts
    on_step: Callable[[str], None]

    def prepare(self) -> None:
        self.on_step("balances and approvals")
        self.set_price(self.amounts.price)
        everyone = (
            self.actors.lender,
            self.actors.first_borrower,
            self.actors.borrower,
            self.actors.liquidator,
        )
        plenty = {self.market.usdc: 2 * self.amounts.liquidity, self.market.weth: 100 * _ETHER}
        for asset, amount in plenty.items():
            fund(self.chain, asset.token, everyone, amount, self.system.spender)

    def steps(self) -> list[Step]:
        actors, system, amounts = self.actors, self.system, self.amounts
        self.on_step("first round")
        self._send(system.deposit_loan(actors.lender, amounts.liquidity), actors.lender)
        for who in (actors.first_borrower, actors.borrower):
            self._first_round(who)
        for call in self._second_round(actors.first_borrower):
            self._send(call, actors.first_borrower)
        self._liquidate(actors.first_borrower)
        self.set_price(amounts.price)

        self.on_step("measured round")
        gas = {"deposit.loan": self._send(system.deposit_loan(actors.lender, amounts.loan), actors.lender)}
        names = ("deposit.collateral", "borrow", "repay", "withdraw")
        for work, call in zip(names, self._second_round(actors.borrower), strict=True):
            gas[work] = self._send(call, actors.borrower)
        gas["health"] = self.chain.view_gas(system.health(actors.borrower), actors.borrower)
        self.on_step("liquidation")
        gas["liquidate"] = self._liquidate(actors.borrower)
        return [Step(work, gas[work]) for work in STEPS]

    def set_price(self, answer: int) -> None:
        weth = self.market.weth
        aggregator = self._contract(weth.source or weth.feed, _AGGREGATOR_ABI)
        self._send(aggregator.functions.submit(answer), self.chain.governor)

    def _first_round(self, who: ChecksumAddress) -> None:
        amounts, system = self.amounts, self.system
        for call in (
            system.deposit_collateral(who, amounts.first_collateral),
            system.borrow(who, amounts.first_borrow),
            system.repay(who, amounts.repay),
            system.withdraw(who, amounts.withdraw),
        ):
            self._send(call, who)

    def _second_round(self, who: ChecksumAddress) -> Sequence[ContractFunction]:
        amounts, system = self.amounts, self.system
        return (
            system.deposit_collateral(who, amounts.collateral),
            system.borrow(who, amounts.borrow),
            system.repay(who, amounts.repay),
            system.withdraw(who, amounts.withdraw),
        )

    def _liquidate(self, who: ChecksumAddress) -> int:
        self.set_price(self.amounts.crash)
        weth = self._contract(self.market.weth.token, _TOKEN_ABI)
        liquidator = self.actors.liquidator
        before = weth.functions.balanceOf(liquidator).call()
        call = self.system.liquidate(liquidator, who, self.amounts.liquidated_debt)
        gas = self._send(call, liquidator)
        if weth.functions.balanceOf(liquidator).call() <= before:
            raise PeerError("the liquidation gave the liquidator no collateral")
        return gas

    def _contract(self, address: ChecksumAddress, abi: Any) -> Contract:
        return self.chain.w3.eth.contract(address=address, abi=abi)

    def _send(self, call: ContractFunction, sender: ChecksumAddress) -> int:
        return self.chain.send(call, sender)


def _function(name: str, inputs: Sequence[str], outputs: Sequence[str] = ()) -> dict[str, Any]:
    return {
        "type": "function",
        "name": name,
        "stateMutability": "nonpayable",
        "inputs": [{"name": f"a{i}", "type": kind} for i, kind in enumerate(inputs)],
        "outputs": [{"name": "", "type": kind} for kind in outputs],
    }


_TOKEN_ABI: Final = [
    _function("mint", ["address", "uint256"]),
    _function("approve", ["address", "uint256"], ["bool"]),
    _function("balanceOf", ["address"], ["uint256"]),
]
_AGGREGATOR_ABI: Final = [_function("submit", ["int256"])]
