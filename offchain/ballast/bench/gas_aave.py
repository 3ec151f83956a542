"""Aave v3 measured: the steps of `lending`, and its health view over more collateral."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from eth_typing import ChecksumAddress
from web3.contract import Contract
from web3.contract.contract import ContractFunction

from ballast.bench.aave_market import deploy_pool
from ballast.bench.chain import Chain
from ballast.bench.lending import (
    AMOUNTS,
    HEALTH_SIZES,
    Actors,
    Amounts,
    Asset,
    Market,
    Step,
    fund,
    measure,
)

__all__ = ["AAVE", "Aave", "measure_aave"]

AAVE: Final = "aave-v3"
"""`system` of the rows."""

_VARIABLE_RATE: Final = 2
_NO_REFERRAL: Final = 0
_MORE_COLLATERAL: Final = 10**18


@dataclass(frozen=True)
class Aave:
    """A deployed Aave v3 market; a `LendingSystem`."""

    pool: Contract
    market: Market

    @property
    def spender(self) -> ChecksumAddress:
        """The pool's proxy."""
        return self.pool.address

    def deposit_collateral(self, who: ChecksumAddress, amount: int) -> ContractFunction:
        """`supply` of WETH; an account's first one enables it as collateral."""
        return self.supply(who, self.market.weth, amount)

    def deposit_loan(self, who: ChecksumAddress, amount: int) -> ContractFunction:
        """`supply` of USDC."""
        return self.supply(who, self.market.usdc, amount)

    def supply(self, who: ChecksumAddress, asset: Asset, amount: int) -> ContractFunction:
        """`supply` of any listed asset."""
        return self.pool.functions.supply(asset.token, amount, who, _NO_REFERRAL)

    def borrow(self, who: ChecksumAddress, amount: int) -> ContractFunction:
        """`borrow` at the variable rate."""
        usdc = self.market.usdc.token
        return self.pool.functions.borrow(usdc, amount, _VARIABLE_RATE, _NO_REFERRAL, who)

    def repay(self, who: ChecksumAddress, amount: int) -> ContractFunction:
        """`repay`."""
        return self.pool.functions.repay(self.market.usdc.token, amount, _VARIABLE_RATE, who)

    def withdraw(self, who: ChecksumAddress, amount: int) -> ContractFunction:
        """`withdraw`."""
        return self.pool.functions.withdraw(self.market.weth.token, amount, who)

    def liquidate(self, liquidator: ChecksumAddress, who: ChecksumAddress, debt: int) -> ContractFunction:
        """`liquidationCall` for the collateral itself, not its aToken."""
        return self.pool.functions.liquidationCall(self.market.weth.token, self.market.usdc.token, who, debt, False)

    def health(self, who: ChecksumAddress) -> ContractFunction:
        """`getUserAccountData`."""
        return self.pool.functions.getUserAccountData(who)


def measure_aave(
    chain: Chain,
    market: Market,
    actors: Actors,
    project: Path,
    *,
    amounts: Amounts = AMOUNTS,
    on_step: Callable[[str], None] = lambda _: None,
) -> list[Step]:
    """Gas of `lending.STEPS` on Aave v3, deployed anew to `chain`; `project` holds node_modules.

    With `market.more`, `health` is also read of an account with a debt and as many collateral
    assets as `lending.HEALTH_SIZES` says, as far as there are any.
    """
    pool = deploy_pool(chain, market, project, on_step=on_step)
    system = Aave(pool, market)
    steps = measure(chain, system, market, actors, amounts=amounts, on_step=on_step)
    on_step("health over more collateral")
    return steps + _wider_health(chain, system, actors)


def _wider_health(chain: Chain, system: Aave, actors: Actors) -> list[Step]:
    steps = []
    who = actors.borrower
    for held, asset in enumerate(system.market.more, start=2):
        fund(chain, asset.token, [who], _MORE_COLLATERAL, system.spender)
        chain.send(system.supply(who, asset, _MORE_COLLATERAL), who)
        if held in HEALTH_SIZES:
            steps.append(Step("health", chain.view_gas(system.health(who), who), n=held))
    return steps
