"""Compiles and deploys an Aave v3 market the way Aave's own deployment procedures do.

Sources: `@aave-dao/aave-v3-origin`. Settings: those of the repository's `foundry.toml` at the same
release, which the package leaves out: legacy code generation (no via-IR), optimizer with 200 runs,
evm shanghai, no metadata hash. Its solc is 0.8.27; 0.8.30, which is installed anyway, gave the same
gas to the last unit in every step. The order of deployment is that of the package's own
`src/deployments`: addresses provider, rate strategy, pool and configurator behind the provider's
proxies, rewards controller behind another, ACL manager, token implementations, listings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from eth_typing import ChecksumAddress
from web3 import Web3
from web3.contract import Contract

from ballast.bench.chain import Chain, deploy_linked
from ballast.bench.compile import Artifact, Unit, compile_unit, package_version
from ballast.bench.lending import Asset, Market

__all__ = ["aave_version", "deploy_pool"]

_PACKAGE: Final = "@aave-dao/aave-v3-origin"
_SRC: Final = f"{_PACKAGE}/src/contracts"
_LOGIC: Final = f"{_SRC}/protocol/libraries/logic"

_UNIT: Final = Unit(
    name="aave-v3",
    compiler="solc",
    settings={
        "optimizer": {"enabled": True, "runs": 200},
        "viaIR": False,
        "evmVersion": "shanghai",
        "metadata": {"bytecodeHash": "none"},
    },
    contracts={
        "PoolAddressesProvider": f"{_SRC}/protocol/configuration/PoolAddressesProvider.sol",
        "ACLManager": f"{_SRC}/protocol/configuration/ACLManager.sol",
        "AaveOracle": f"{_SRC}/misc/AaveOracle.sol",
        "DefaultReserveInterestRateStrategyV2": (f"{_SRC}/misc/DefaultReserveInterestRateStrategyV2.sol"),
        "EmissionManager": f"{_SRC}/rewards/EmissionManager.sol",
        "RewardsController": f"{_SRC}/rewards/RewardsController.sol",
        "PoolInstance": f"{_SRC}/instances/PoolInstance.sol",
        "PoolConfiguratorInstance": f"{_SRC}/instances/PoolConfiguratorInstance.sol",
        "ATokenInstance": f"{_SRC}/instances/ATokenInstance.sol",
        "VariableDebtTokenInstance": f"{_SRC}/instances/VariableDebtTokenInstance.sol",
        **{
            library: f"{_LOGIC}/{library}.sol"
            for library in (
                "BorrowLogic",
                "ConfiguratorLogic",
                "FlashLoanLogic",
                "LiquidationLogic",
                "PoolLogic",
                "SupplyLogic",
            )
        },
    },
    remappings={
        "openzeppelin-contracts/contracts/": "@openzeppelin/contracts/",
        "solidity-utils/": "@bgd-labs/solidity-utils/src/",
    },
)

_ZERO: Final = Web3.to_checksum_address("0x" + "00" * 20)
_TREASURY: Final = Web3.to_checksum_address("0x" + "a1" * 20)  # only receives aTokens
_USD_UNIT: Final = 10**8
_LIQUIDATION_FEE: Final = 1_000  # basis points of the bonus


@dataclass(frozen=True)
class _Listing:
    """Parameters of a reserve: ratios and rates in basis points, caps in whole tokens.

    Of the size that Aave's Ethereum core market has, where every reserve has all of them: caps
    (2,300 gas of a deposit), reserve factor and the fee on liquidations cost gas when set.
    """

    symbol: str
    ltv: int
    threshold: int
    bonus: int
    reserve_factor: int
    supply_cap: int
    borrow_cap: int
    rates: tuple[int, int, int, int]
    """Optimal usage, base rate, slope below it, slope above it."""


_WETH: Final = _Listing(
    symbol="WETH",
    ltv=8_050,
    threshold=8_300,
    bonus=10_500,
    reserve_factor=1_500,
    supply_cap=3_000_000,
    borrow_cap=2_700_000,
    rates=(9_200, 0, 270, 4_000),
)
_USDC: Final = _Listing(
    symbol="USDC",
    ltv=7_500,
    threshold=7_800,
    bonus=10_450,
    reserve_factor=1_000,
    supply_cap=6_500_000_000,
    borrow_cap=6_000_000_000,
    rates=(9_200, 0, 550, 3_500),
)


def aave_version(project: Path) -> str:
    """`version` of the rows: what was compiled and how."""
    return (
        f"{_PACKAGE} {package_version(project, _PACKAGE)}, "
        f"solc {package_version(project, _UNIT.compiler)} without via-IR, 200 runs, shanghai; "
        "behind its proxies, with caps, reserve factors, liquidation fee and rewards controller"
    )


def deploy_pool(chain: Chain, market: Market, project: Path, *, on_step: Callable[[str], None]) -> Contract:
    """Deploys a market of USDC, WETH and `market.more` (listed as WETH is); returns its pool.

    Raises `UsageError` when a package is missing, `PeerError` when it does not compile or deploy.
    """
    artifacts = compile_unit(_UNIT, project, on_compile=lambda text: on_step(f"compiling {text}"))
    on_step("deploying")
    deployment = _Deployment(chain, artifacts)
    return deployment.run([(market.usdc, _USDC), (market.weth, _WETH), *((asset, _WETH) for asset in market.more)])


@dataclass(frozen=True)
class _Deployment:
    chain: Chain
    artifacts: Mapping[str, Artifact]
    libraries: dict[str, ChecksumAddress] = field(default_factory=dict)

    def run(self, listings: Sequence[tuple[Asset, _Listing]]) -> Contract:
        admin = self.chain.governor
        provider = self._deploy("PoolAddressesProvider", "Aave v3", admin)
        strategy = self._deploy("DefaultReserveInterestRateStrategyV2", provider.address)
        pool_code = self._deploy("PoolInstance", provider.address, strategy.address)
        configurator_code = self._deploy("PoolConfiguratorInstance")
        oracle = self._deploy("AaveOracle", provider.address, [], [], _ZERO, _ZERO, _USD_UNIT)
        self._send(provider, "setPriceOracle", oracle.address)
        self._send(provider, "setPoolImpl", pool_code.address)
        self._send(provider, "setPoolConfiguratorImpl", configurator_code.address)
        pool = self._at(provider.functions.getPool().call(), "PoolInstance")
        configurator = self._at(provider.functions.getPoolConfigurator().call(), "PoolConfiguratorInstance")
        rewards = self._rewards(provider)
        self._roles(provider)
        self._list(listings, oracle, configurator, self._tokens(pool, rewards))
        return pool

    def _rewards(self, provider: Contract) -> ChecksumAddress:
        """The rewards controller's proxy, which tokens report each balance change to."""
        emissions = self._deploy("EmissionManager", self.chain.governor)
        code = self._deploy("RewardsController", emissions.address)
        key = Web3.keccak(text="INCENTIVES_CONTROLLER")
        self._send(provider, "setAddressAsProxy", key, code.address)
        proxy: ChecksumAddress = provider.functions.getAddress(key).call()
        self._send(emissions, "setRewardsController", proxy)
        return proxy

    def _roles(self, provider: Contract) -> None:
        admin = self.chain.governor
        self._send(provider, "setACLAdmin", admin)
        acl = self._deploy("ACLManager", provider.address)
        self._send(provider, "setACLManager", acl.address)
        self._send(acl, "addPoolAdmin", admin)

    def _tokens(self, pool: Contract, rewards: ChecksumAddress) -> tuple[ChecksumAddress, ChecksumAddress]:
        supplied = self._deploy("ATokenInstance", pool.address, rewards, _TREASURY)
        owed = self._deploy("VariableDebtTokenInstance", pool.address, rewards)
        return supplied.address, owed.address

    def _list(
        self,
        listings: Sequence[tuple[Asset, _Listing]],
        oracle: Contract,
        configurator: Contract,
        token_code: tuple[ChecksumAddress, ChecksumAddress],
    ) -> None:
        tokens = [asset.token for asset, _ in listings]
        self._send(oracle, "setAssetSources", tokens, [asset.feed for asset, _ in listings])
        for asset, listing in listings:
            self._send(configurator, "initReserves", [self._reserve(asset, listing, token_code)])
            token = asset.token
            self._send(configurator, "setReserveBorrowing", token, True)
            self._send(configurator, "setReserveFactor", token, listing.reserve_factor)
            self._send(configurator, "setSupplyCap", token, listing.supply_cap)
            self._send(configurator, "setBorrowCap", token, listing.borrow_cap)
            self._send(
                configurator,
                "configureReserveAsCollateral",
                token,
                listing.ltv,
                listing.threshold,
                listing.bonus,
            )
            self._send(configurator, "setLiquidationProtocolFee", token, _LIQUIDATION_FEE)

    def _reserve(
        self,
        asset: Asset,
        listing: _Listing,
        token_code: tuple[ChecksumAddress, ChecksumAddress],
    ) -> tuple[Any, ...]:
        """`ConfiguratorInputTypes.InitReserveInput`."""
        rates = self.chain.w3.codec.encode(["uint16", "uint32", "uint32", "uint32"], listing.rates)
        return (
            *token_code,
            asset.token,
            f"Aave Ethereum {listing.symbol}",
            f"aEth{listing.symbol}",
            f"Aave Ethereum Variable Debt {listing.symbol}",
            f"variableDebtEth{listing.symbol}",
            b"",
            rates,
        )

    def _deploy(self, name: str, *arguments: Any) -> Contract:
        return deploy_linked(self.chain, self.artifacts, name, *arguments, libraries=self.libraries)

    def _at(self, address: ChecksumAddress, name: str) -> Contract:
        return self.chain.at(address, self.artifacts[name])

    def _send(self, contract: Contract, function: str, *arguments: Any) -> None:
        self.chain.send(contract.functions[function](*arguments), self.chain.governor)
