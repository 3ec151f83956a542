"""Morpho Blue from npm, deployed and measured.

Sources: `@morpho-org/morpho-blue`. Settings: those of the repository's `foundry.toml` at the same
release, which the package leaves out: solc 0.8.19 (`Morpho.sol` pins it), via-IR, optimizer with
999,999 runs, evm paris, no metadata hash.

What the package lacks is replaced by something cheaper than what production pays, never dearer:
its own `IrmMock` stands for the adaptive-curve rate model (which also writes its own state), and an
oracle of ours reads the two feeds without the vault and chained-feed branches of Morpho's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from eth_typing import ChecksumAddress
from web3.contract import Contract
from web3.contract.contract import ContractFunction

from ballast.bench.chain import Chain
from ballast.bench.compile import OWN_ROOT, Unit, compile_unit, package_version
from ballast.bench.lending import AMOUNTS, Actors, Amounts, Market, Step, measure

__all__ = ["MORPHO", "Morpho", "deploy_morpho", "measure_morpho", "morpho_version"]

MORPHO: Final = "morpho-blue"
"""`system` of the rows."""

_PACKAGE: Final = "@morpho-org/morpho-blue"
_LLTV: Final = 860_000_000_000_000_000  # 86%, that of Morpho's main WETH/USDC market
_USDC_DECIMALS: Final = 6
_WETH_DECIMALS: Final = 18

_UNIT: Final = Unit(
    name="morpho-blue",
    compiler="solc-0.8.19",
    settings={
        "optimizer": {"enabled": True, "runs": 999_999},
        "viaIR": True,
        "evmVersion": "paris",
        "metadata": {"bytecodeHash": "none"},
    },
    contracts={
        "Morpho": f"{_PACKAGE}/src/Morpho.sol",
        "IrmMock": f"{_PACKAGE}/src/mocks/IrmMock.sol",
        "MorphoFeedOracle": "ballast-bench/MorphoFeedOracle.sol",
        "MorphoHealthLens": "ballast-bench/MorphoHealthLens.sol",
    },
    roots=OWN_ROOT,
)


@dataclass(frozen=True)
class Morpho:
    """A deployed Morpho Blue with one market; a `LendingSystem`."""

    core: Contract
    lens: Contract
    params: tuple[ChecksumAddress, ChecksumAddress, ChecksumAddress, ChecksumAddress, int]
    """loanToken, collateralToken, oracle, irm, lltv."""
    market_id: bytes

    @property
    def spender(self) -> ChecksumAddress:
        """Morpho itself."""
        return self.core.address

    def deposit_collateral(self, who: ChecksumAddress, amount: int) -> ContractFunction:
        """`supplyCollateral`."""
        return self.core.functions.supplyCollateral(self.params, amount, who, b"")

    def deposit_loan(self, who: ChecksumAddress, amount: int) -> ContractFunction:
        """`supply`."""
        return self.core.functions.supply(self.params, amount, 0, who, b"")

    def borrow(self, who: ChecksumAddress, amount: int) -> ContractFunction:
        """`borrow`, by assets."""
        return self.core.functions.borrow(self.params, amount, 0, who, who)

    def repay(self, who: ChecksumAddress, amount: int) -> ContractFunction:
        """`repay`, by assets."""
        return self.core.functions.repay(self.params, amount, 0, who, b"")

    def withdraw(self, who: ChecksumAddress, amount: int) -> ContractFunction:
        """`withdrawCollateral`."""
        return self.core.functions.withdrawCollateral(self.params, amount, who, who)

    def liquidate(self, liquidator: ChecksumAddress, who: ChecksumAddress, debt: int) -> ContractFunction:
        """`liquidate` by the shares that `debt` was worth at the last accrual."""
        market = self.core.functions.market(self.market_id).call()
        total_assets, total_shares = market[2], market[3]
        shares = debt * total_shares // total_assets
        return self.core.functions.liquidate(self.params, who, 0, shares, b"")

    def health(self, who: ChecksumAddress) -> ContractFunction:
        """Our lens over Morpho's periphery library: Morpho Blue has no such view."""
        return self.lens.functions.health(self.params, who)


def morpho_version(project: Path) -> str:
    """`version` of the rows: what was compiled, how, and what stands in for what."""
    return (
        f"{_PACKAGE} {package_version(project, _PACKAGE)}, solc 0.8.19 via-IR, 999999 runs, paris; "
        "the package's own IrmMock as rate model and a two-feed oracle (both cheaper than "
        "production's); health through MorphoBalancesLib in an outside lens"
    )


def deploy_morpho(
    chain: Chain,
    market: Market,
    project: Path,
    *,
    on_step: Callable[[str], None] = lambda _: None,
) -> Morpho:
    """Compiles and deploys Morpho Blue with one WETH/USDC market of 86% LLTV.

    Raises `UsageError` when a package is missing, `PeerError` when it does not compile or deploy.
    """
    artifacts = compile_unit(_UNIT, project, on_compile=lambda text: on_step(f"compiling {text}"))
    on_step("deploying")
    core = chain.deploy(artifacts["Morpho"], chain.governor)
    irm = chain.deploy(artifacts["IrmMock"])
    oracle = chain.deploy(
        artifacts["MorphoFeedOracle"],
        market.weth.feed,
        _WETH_DECIMALS,
        market.usdc.feed,
        _USDC_DECIMALS,
    )
    lens = chain.deploy(artifacts["MorphoHealthLens"], core.address)
    params = (market.usdc.token, market.weth.token, oracle.address, irm.address, _LLTV)
    for call in (
        core.functions.enableIrm(irm.address),
        core.functions.enableLltv(_LLTV),
        core.functions.createMarket(params),
    ):
        chain.send(call, chain.governor)
    return Morpho(core, lens, params, _market_id(chain, params))


def measure_morpho(
    chain: Chain,
    market: Market,
    actors: Actors,
    project: Path,
    *,
    amounts: Amounts = AMOUNTS,
    on_step: Callable[[str], None] = lambda _: None,
) -> list[Step]:
    """Gas of `lending.STEPS` on Morpho Blue, deployed anew to `chain`.

    `project` is the folder that holds `node_modules`.
    """
    system = deploy_morpho(chain, market, project, on_step=on_step)
    return measure(chain, system, market, actors, amounts=amounts, on_step=on_step)


def _market_id(chain: Chain, params: tuple[Any, ...]) -> bytes:
    """keccak256 of the ABI-encoded market parameters, Morpho's `MarketParamsLib.id`."""
    encoded = chain.w3.codec.encode(["address"] * 4 + ["uint256"], params)
    return bytes(chain.w3.keccak(encoded))
