"""Strategies out of a market, and their needs against the models themselves."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ballast.chain.params import NetworkParams, known_networks
from ballast.chain.scenario_file import read_scenarios
from ballast.errors import UsageError
from ballast.market.margin_files import MarketFile, PortfolioFile, read_market
from ballast.risk.file_models import FileModels
from ballast.risk.strategies import COLUMNS, Capital, Strategy, capitals, outright_of, strategies_of
from ballast.units import WAD
from tests.offchain.risk.test_span import expiry

MARKET = read_market(Path(__file__).parents[3] / "examples" / "market.json")
NAMES = [
    "covered call",
    "cash-and-carry",
    "BTC-ETH pair",
    "iron condor",
    "calendar",
    "delta-hedged straddle",
    "collar",
    "short strangle",
    "perp-option hedge",
    "box",
]


@pytest.fixture(scope="module")
def models() -> FileModels:
    table = read_scenarios(known_networks()["local"].with_name("scenarios.json"))
    return FileModels(MARKET, table, None, NetworkParams.load("local"))


@pytest.fixture(scope="module")
def found(models: FileModels) -> dict[str, Capital]:
    strategies = strategies_of(MARKET, "ETH", "BTC", Decimal(10))
    return {one.strategy.name: one for one in capitals(strategies, outright_of("ETH", Decimal(10)), models)}


def test_market__of_the_examples__has_the_local_starting_prices() -> None:
    assets = {asset.symbol: asset.feed.price for asset in NetworkParams.load("local").assets}
    assert {name: one.spot for name, one in MARKET.underlyings.items()} | {"USDC": MARKET.quote_price} == assets


def test_strategies__ten__are_built_of_the_near_and_far_expiry(found: dict[str, Capital]) -> None:
    assert list(found) == NAMES
    held = {name: (one.strategy.collateral, one.strategy.positions) for name, one in found.items()}
    ten = Decimal(10)
    assert held["covered call"] == ({"ETH": ten}, {"ETH-25DEC26-3300-C": -ten})
    assert held["cash-and-carry"] == ({"ETH": ten}, {"ETH-26MAR27": -ten})
    assert held["BTC-ETH pair"] == ({}, {"BTC-PERP": Decimal("0.5"), "ETH-PERP": -ten})
    assert held["calendar"] == ({}, {"ETH-25DEC26-3000-C": -ten, "ETH-26MAR27-3000-C": ten})
    assert held["perp-option hedge"] == ({}, {"ETH-PERP": ten, "ETH-25DEC26-2850-P": ten})
    condor = {"2400-P": ten, "2700-P": -ten, "3300-C": -ten, "3600-C": ten}
    assert held["iron condor"] == ({}, {f"ETH-25DEC26-{name}": size for name, size in condor.items()})


def test_strategies__hedged_straddle__has_no_delta(found: dict[str, Capital]) -> None:
    """A step of the hedge is a thousandth of the size: that much may be left of a move."""
    perp = found["delta-hedged straddle"].strategy.positions["ETH-PERP"]
    assert 0 < perp < 10
    step, straddle = 1e-6, expiry((3_000.0, 0.704, True, -10.0), (3_000.0, 0.704, False, -10.0), forward=3_015.0)
    up, down = (straddle.value(move) for move in (step, -step))
    slope = (up - down) / (2 * step) / 3_015
    assert slope + float(perp) == pytest.approx(0, abs=0.2)


def test_capitals__one_account__is_the_models_own(found: dict[str, Capital], models: FileModels) -> None:
    for one in found.values():
        portfolio = PortfolioFile(collateral=dict(one.strategy.collateral), positions=dict(one.strategy.positions))
        for column in ("portfolio", "standard"):
            margin = models.margin(portfolio, column)
            assert one.needs[column].initial == margin.initial
            assert one.needs[column].to_bring == max(0, margin.initial - margin.equity)


def test_capitals__isolated__adds_up_accounts_of_one_leg(found: dict[str, Capital], models: FileModels) -> None:
    one = found["covered call"]
    token = models.margin(PortfolioFile(collateral={"ETH": Decimal(10)}), "isolated")
    call = models.margin(PortfolioFile(positions={"ETH-25DEC26-3300-C": Decimal(-10)}), "isolated")
    assert one.needs["isolated"].initial == token.initial + call.initial
    assert token.equity > token.initial, "what the token has left over"
    assert one.needs["isolated"].to_bring == call.initial - call.equity
    assert one.needs["standard"].to_bring == 0, "is what covers the call in one account"


def test_capitals__derive__is_an_account_per_underlying(found: dict[str, Capital], models: FileModels) -> None:
    legs = [{"BTC-PERP": Decimal("0.5")}, {"ETH-PERP": Decimal(-10)}]
    parts = [models.margin(PortfolioFile(positions=leg), "derive").initial for leg in legs]
    assert found["BTC-ETH pair"].needs["derive"].initial == sum(parts)
    assert found["BTC-ETH pair"].of_outright["derive"] == pytest.approx(2, rel=1e-6)


def test_capitals__what_nets__keeps_less_of_the_outright_margin(found: dict[str, Capital]) -> None:
    for name in ("cash-and-carry", "BTC-ETH pair", "iron condor", "calendar", "collar", "perp-option hedge", "box"):
        part = found[name].of_outright
        assert set(part) == set(COLUMNS)
        assert part["portfolio"] < min(part["derive"], part["standard"]), name
    assert found["box"].needs["portfolio"].initial == 10 * WAD, "no risk in any row: the minimum"


Broken = Callable[[dict[str, Any]], Any]


def _without_mark(content: dict[str, Any]) -> None:
    content["underlyings"]["BTC"]["perp_mark"] = None


def _one_expiry(content: dict[str, Any]) -> None:
    content["underlyings"]["ETH"]["expiries"]["26MAR27"]["svi"] = None


def _no_time(content: dict[str, Any]) -> None:
    content["time"] = "2026-12-20T08:00:00Z"


@pytest.mark.parametrize(
    ("edit", "underlying", "says"),
    [
        (_without_mark, "ETH", "underlyings.BTC.perp_mark: missing"),
        (_one_expiry, "ETH", "underlyings.ETH.expiries: 1 with a surface a week away or more; strategies need 2"),
        (_no_time, "ETH", "underlyings.ETH.expiries: 1 with a surface"),
        (lambda content: None, "DOGE", "underlyings.DOGE: missing; there are BTC, ETH, SOL"),
    ],
)
def test_strategies__market_that_lacks_something__says_what(edit: Broken, underlying: str, says: str) -> None:
    content = MARKET.model_dump(mode="json")
    edit(content)
    with pytest.raises(UsageError) as caught:
        strategies_of(MarketFile.model_validate(content), underlying, "BTC", Decimal(1))
    assert says in str(caught.value)


def test_strategies__of_a_cheap_underlying__have_strikes_in_three_digits() -> None:
    content = MARKET.model_dump(mode="json")
    content["underlyings"]["ETH"]["spot"] = "0.01234567"
    built = strategies_of(MarketFile.model_validate(content), "ETH", "BTC", Decimal(10))
    assert list(built[0].positions) == ["ETH-25DEC26-0.0136-C"]


def test_strategy__by_underlying_and_alone__lose_nothing() -> None:
    one = Strategy("", "", {"ETH": Decimal(1)}, {"ETH-PERP": Decimal(-1), "BTC-PERP": Decimal(2)})
    for parts in (list(one.by_underlying()), list(one.alone())):
        positions = {name: size for part in parts for name, size in part.positions.items()}
        assert (positions, [dict(part.collateral) for part in parts if part.collateral]) == (
            one.positions,
            [{"ETH": Decimal(1)}],
        )
    assert (len(list(one.by_underlying())), len(list(one.alone()))) == (2, 3)
