"""Each parameter's bounds, and the error that names it. Branches: ``test_listing_bounds.tree``."""

from __future__ import annotations

from typing import Any

import pytest
from web3.contract import Contract

from ballast.chain.local import LocalChain
from tests.contracts.ledger.tools import DAY, HOUR, PERP_CONFIG, TOKEN_CONFIG, WAD, logged, reverts

pytestmark = pytest.mark.ballast(check=False)

PREMIUM = {
    "premiumCap": 5_000_000,
    "fundingCap": 4_000_000,
    "sampleWindow": 1_800,
    "fundingPeriod": 28_800,
    "maxQuoteAge": 60,
    "maxSpread": 10_000,
    "minQuotes": 1,
}
LIQUIDATION = {
    "target": 115 * WAD // 100,
    "startRate": WAD // 100,
    "healthSlope": WAD // 10,
    "rampRate": 9 * WAD // 100,
    "maxRate": WAD // 5,
    "rampTime": 900,
    "insuranceFee": WAD // 10,
    "fundStepCap": WAD // 20,
    "fundDayCap": WAD // 100,
    "dust": 100 * WAD,
}
#: An unsigned rate a second of the bank's slot, as a yearly rate of 1e6.
HIGHEST_RATE = (2**32 - 1) * 365 * DAY * 10**6 // 10**17
#: Parameters of 1e18 are kept in 1e9.
STEP = 10**9


def setting(chain: LocalChain, concern: str, config: dict[str, int]) -> Any:
    house, perp = chain.protocol.house, chain.protocol.instrument("ETH-PERP")
    values = tuple(config.values())
    calls = {
        "token": lambda: house.functions.setTokenConfig(2, values),
        "market": lambda: house.functions.setMarketConfig(perp, values),
        "premium": lambda: house.functions.setPremiumConfig(values),
        "liquidation": lambda: house.functions.setLiquidationConfig(values),
    }
    return calls[concern]()


BASE = {"token": TOKEN_CONFIG, "market": PERP_CONFIG, "premium": PREMIUM, "liquidation": LIQUIDATION}

#: Concern, parameter, a value at the bound, one beyond it, the bound, and what else must be changed with it.
BOUNDS: list[tuple[str, str, int, int, int, dict[str, int]]] = [
    ("token", "reserveFactor", 10**6, 10**6 + 1, 10**6, {}),
    ("token", "kink", 10**6, 10**6 + 1, 10**6, {}),
    ("market", "lot", 10**12, 10**12 - 1, 10**12, {}),
    ("market", "lot", 10**12, 0, 10**12, {}),
    ("market", "lot", 3 * 10**12, 10**12 + 1, 10**12, {}),
    ("market", "tick", 10**6, 10**6 - 1, 10**6, {}),
    ("market", "tick", 10**6, 0, 10**6, {}),
    ("market", "tick", 7 * 10**6, 10**6 + 1, 10**6, {}),
    ("market", "minSize", 10**14, 10**14 - 1, 10**14, {}),
    ("market", "makerFee", 10_000, 10_001, 10_000, {}),
    ("market", "takerFee", 10_000, 10_001, 10_000, {}),
    ("market", "band", 200_000, 200_001, 200_000, {}),
    ("premium", "premiumCap", 10**8, 10**8 + 1, 10**8, {"fundingCap": 2 * 10**7}),
    ("premium", "fundingCap", 2 * 10**7, 2 * 10**7 + 1, 2 * 10**7, {}),
    ("premium", "sampleWindow", 60, 59, 60, {}),
    ("premium", "sampleWindow", DAY, DAY + 1, DAY, {}),
    ("premium", "fundingPeriod", HOUR, HOUR - 1, HOUR, {"premiumCap": 10**6}),
    ("premium", "fundingPeriod", 7 * DAY, 7 * DAY + 1, 7 * DAY, {}),
    ("premium", "maxQuoteAge", 1, 0, 1, {}),
    ("premium", "maxQuoteAge", HOUR, HOUR + 1, HOUR, {}),
    ("premium", "maxSpread", 1, 0, 1, {}),
    ("premium", "maxSpread", 100_000, 100_001, 100_000, {}),
    ("premium", "minQuotes", 1, 0, 1, {}),
    ("premium", "minQuotes", 32, 33, 32, {}),
    ("liquidation", "target", WAD + STEP, WAD, WAD + 1, {}),
    ("liquidation", "target", 2 * WAD, 2 * WAD + STEP, 2 * WAD, {}),
    ("liquidation", "maxRate", WAD // 2, WAD // 2 + STEP, WAD // 2, {}),
    ("liquidation", "startRate", WAD // 5, WAD // 5 + STEP, WAD // 5, {}),
    ("liquidation", "healthSlope", WAD, WAD + STEP, WAD, {}),
    ("liquidation", "rampRate", WAD // 5, WAD // 5 + STEP, WAD // 5, {}),
    ("liquidation", "rampTime", 60, 59, 60, {}),
    ("liquidation", "rampTime", DAY, DAY + 1, DAY, {}),
    ("liquidation", "insuranceFee", WAD // 2, WAD // 2 + STEP, WAD // 2, {}),
    ("liquidation", "fundStepCap", WAD // 2, WAD // 2 + STEP, WAD // 2, {}),
    ("liquidation", "fundDayCap", WAD, WAD + STEP, WAD, {}),
    ("liquidation", "dust", 10_000 * WAD, 10_000 * WAD + 1, 10_000 * WAD, {}),
]


@pytest.mark.parametrize(
    ("concern", "parameter", "at", "beyond", "bound", "others"),
    BOUNDS,
    ids=[f"{concern}-{parameter}-{beyond}" for concern, parameter, _, beyond, _, _ in BOUNDS],
)
def test_bounds__at_is_set__beyond_reverts(
    chain: LocalChain,
    concern: str,
    parameter: str,
    at: int,
    beyond: int,
    bound: int,
    others: dict[str, int],
) -> None:
    config = {**BASE[concern], **others}
    chain.send(setting(chain, concern, {**config, parameter: at}), chain.governor)
    with reverts("Listing_Bounds", parameter=parameter, value=beyond, bound=bound):
        chain.send(setting(chain, concern, {**config, parameter: beyond}), chain.governor)


def test_token__highest_rate__is_bounded_in_sum(chain: LocalChain) -> None:
    most = {**TOKEN_CONFIG, "baseRate": HIGHEST_RATE - 500_000, "kinkSlope": 100_000, "maxSlope": 400_000}
    chain.send(setting(chain, "token", most), chain.governor)
    for part in ("baseRate", "kinkSlope", "maxSlope"):
        with reverts("Listing_Bounds", parameter="highestRate", value=HIGHEST_RATE + 1, bound=HIGHEST_RATE):
            chain.send(setting(chain, "token", {**most, part: most[part] + 1}), chain.governor)


def test_premium__cap_per_hour__bounds_what_a_premium_pays(chain: LocalChain) -> None:
    """The largest premium, paid over the period, stays within the hourly cap of funding."""
    at = {**PREMIUM, "premiumCap": 2_000_000, "fundingPeriod": 2 * HOUR, "fundingCap": 1_000_000}
    chain.send(setting(chain, "premium", at), chain.governor)
    with reverts("Listing_Bounds", parameter="premiumCap", value=1_000_001, bound=1_000_000):
        chain.send(setting(chain, "premium", {**at, "premiumCap": 2_000_002}), chain.governor)


@pytest.mark.parametrize(
    ("concern", "getter", "event"),
    [("premium", "premiumConfig", "PremiumConfigSet"), ("liquidation", "liquidationConfig", "LiquidationConfigSet")],
)
def test_parameters_of_all__what_is_set_is_read_and_emitted(
    chain: LocalChain, house: Contract, concern: str, getter: str, event: str
) -> None:
    config = {name: value + (STEP if value >= STEP else 1) for name, value in BASE[concern].items()}
    receipt = chain.send(setting(chain, concern, config), chain.governor)
    assert house.functions[getter]().call() == tuple(config.values())
    assert dict(logged(house, event, receipt)[0]["config"]) == config


def test_bounds__every_parameter_is_tried() -> None:
    tried = {(concern, parameter) for concern, parameter, *_ in BOUNDS}
    free = {("token", name) for name in ("asset", "supplyCap", "borrowCap", "baseRate", "kinkSlope", "maxSlope")} | {
        ("market", "bandAbsolute"),
        ("market", "openInterestCap"),
    }
    assert tried | free == {(concern, name) for concern, config in BASE.items() for name in config}
