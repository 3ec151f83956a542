"""Parameter files: what comes with the package is valid, and what is wrong is named with its
path."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from ballast.chain.params import NetworkParams, known_networks
from ballast.errors import UsageError

ADDRESS = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


@pytest.fixture
def content() -> Any:
    """The local network's file as plain data, without YAML's shared parts."""
    return json.loads(json.dumps(yaml.safe_load(known_networks()["local"].read_text())))


@pytest.mark.parametrize("network", ["local", "sepolia", "base-sepolia", "arbitrum-sepolia"])
def test_load__network_of_the_package__is_valid(network: str) -> None:
    params = NetworkParams.load(network)
    assert params.network == network
    assert [asset.symbol for asset in params.assets] == ["USDC", "BTC", "ETH", "SOL"]
    assert [asset.token.decimals for asset in params.assets] == [6, 8, 18, 9]


@pytest.mark.parametrize("network", ["sepolia", "base-sepolia", "arbitrum-sepolia"])
def test_load__testnet__names_public_feeds_with_sources_and_own_ones_as_own(network: str) -> None:
    text = known_networks()[network].read_text()
    params = NetworkParams.load(network)
    for asset in params.assets:
        if asset.feed.kind == "chainlink":
            assert asset.feed.description == f"{asset.symbol} / USD"
            line = next(line for line in text.splitlines() if str(asset.feed.address) in line)
            assert "https://" in line.partition("#")[2]
        else:
            assert "own" in asset.feed.description
    with pytest.raises(UsageError, match=r"access\.admin\.holder: no address"):
        params.require_holders("file")


def test_load__unknown_network__lists_the_known_ones() -> None:
    with pytest.raises(UsageError, match="known are arbitrum-sepolia, base-sepolia, local, sepolia"):
        NetworkParams.load("mainnet")


def test_load__fractions__are_scaled_exactly() -> None:
    params = NetworkParams.load("local")
    ether = params.assets[2]
    assert ether.token.rates is not None
    assert (ether.token.rates.maintenance, ether.token.rates.initial) == (150_000, 200_000)
    assert ether.options is not None
    assert (ether.options.rates.maintenance, ether.options.rates.initial) == (90_000, 150_000)
    assert params.premium.funding_cap_per_hour == 4_000_000
    assert params.liquidation.target == 1_150_000_000_000_000_000
    assert ether.feed.answer(ether.feed.price or ether.feed.min_answer) == 3000 * 10**8


Edit = Callable[[Any], Any]


def _set(*path: Any) -> Edit:
    """An edit that sets the value at all but the last of ``path`` to the last."""

    def edit(content: Any) -> None:
        *inner, key, value = path
        for step in inner:
            content = content[step]
        content[key] = value

    return edit


def _drop(*path: Any) -> Edit:
    def edit(content: Any) -> None:
        *inner, key = path
        for step in inner:
            content = content[step]
        del content[key]

    return edit


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (_set("premium", "premium_cap", 0.005), "premium.premium_cap: number 0.005"),
        (_set("premium", "premium_cap", "0.0000000001"), "premium.premium_cap: number"),
        (_set("premium", "premium_cap", "nan"), "premium.premium_cap"),
        (_set("premium", "premium_cap", "-1"), "premium.premium_cap"),
        (_drop("liquidation", "target"), "liquidation.target: Field required"),
        (_set("liquidation", "surprise", 1), "liquidation.surprise"),
        (_drop("assets", 2, "options", "rates"), "assets[2].options.rates: Field required"),
        (
            _set("assets", 2, "options", "rates", "initial", "0.09"),
            "assets[2].options.rates: maintenance is 0.09, initial 0.09; give maintenance < initial < 1",
        ),
        (_set("assets", 2, "options", "rates", "initial", "1"), "initial 1; give maintenance < initial < 1"),
        (_set("assets", 2, "options", "rates", "maintenance", 0.09), "options.rates.maintenance: number 0.09"),
        (_drop("assets", 2, "token", "interest", "kink"), "assets[2].token.interest.kink"),
        (_set("assets", 1, "markets", 0, "lot", "small"), "assets[1].markets[0].lot"),
        (_set("assets", 1, "markets", 0, "kind", "option"), "assets[1].markets[0].kind"),
        (_drop("assets", 1, "feed", "price"), "assets[1].feed: a pushed feed has a price"),
        (_set("assets", 1, "feed", "price", "1.123456789"), "assets[1].feed: number"),
        (_set("assets", 1, "feed", "kind", "chainlink"), "a chainlink feed needs its address"),
        (_set("assets", 0, "token", "decimals", 18), "the first asset is the quote token"),
        (_drop("assets", 3, "token", "rates"), "asset SOL: its token has no rates"),
        (_set("assets", 2, "symbol", "BTC"), "two entries share one asset"),
        (_set("access", "roles", "guardian", "id", 1), "two entries share one role id"),
        (_set("access", "admin", "holder", "0x1234"), "access.admin.holder: address '0x1234'"),
        (_set("access", "admin", "holder", ADDRESS.replace("C8", "c8")), "wrong checksum"),
        (_set("chain", "id", "31337"), "chain.id"),
        (_set("scenarios", "delay", 14 * 86_400 + 1), "scenarios.delay"),
        (_set("scenarios", "max_change", 0.25), "scenarios.max_change: number 0.25"),
        (_set("scenarios", "table", "none.json"), "none.json: no such file"),
        (_set("scenarios", "table", 1), "scenarios.table"),
        (_set("scenarios", "floors", "BTC", "up", "x"), "scenarios.floors.BTC.up: 'x'"),
        (_drop("scenarios", "floors", "SOL"), "scenarios: floors.SOL: missing"),
        (_set("assets", 3, "symbol", "DOGE"), "scenarios: underlyings[2]: SOL is not listed; there are BTC, ETH, DOGE"),
        (lambda content: None, None),
    ],
)
def test_parse__one_thing_wrong__names_the_path(content: Any, edit: Edit, expected: str | None) -> None:
    changed = copy.deepcopy(content)
    edit(changed)
    if expected is None:
        NetworkParams.parse(changed, "file.yaml")  # the unchanged content is valid
        return
    with pytest.raises(UsageError) as caught:
        NetworkParams.parse(changed, "file.yaml")
    assert str(caught.value).startswith("file.yaml: ")
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_load__scenario_table__is_the_file_beside_the_parameters(content: Any, tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(yaml.safe_dump(content))
    assert NetworkParams.load(path).scenarios.table == NetworkParams.load("local").scenarios.table  # the package's
    table = json.loads(known_networks()["local"].with_name("scenarios.json").read_text())
    (tmp_path / "scenarios.json").write_text(json.dumps({**table, "vol_term_power": "0.5"}))
    assert NetworkParams.load(path).scenarios.table.vol_term_power == Decimal("0.5")
    (tmp_path / "scenarios.json").write_text(json.dumps({**table, "tail": 0}))
    with pytest.raises(UsageError, match=r"own\.yaml: scenarios\.table: .*scenarios\.json: tail: is 0"):
        NetworkParams.load(path)


def test_load__not_yaml__says_line_and_column(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("network: local\nchain: {id: 1\n")
    with pytest.raises(UsageError, match=r"bad\.yaml:\d+:\d+: "):
        NetworkParams.load(path)


def test_load__missing_file__is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not found"):
        NetworkParams.load(tmp_path / "none.yaml")


def test_with_holders__all__fills_open_ones_only() -> None:
    params = NetworkParams.load("sepolia").with_holders({"all": ADDRESS, "guardian": "deployer"})
    params.require_holders("file")
    assert params.access.admin.holder == ADDRESS
    assert params.access.roles["guardian"].holder == "deployer"
    assert params.fees.reserve_recipient == ADDRESS


def test_with_holders__unknown_role__lists_the_roles() -> None:
    with pytest.raises(UsageError, match="there are admin, governor, guardian"):
        NetworkParams.load("sepolia").with_holders({"king": ADDRESS})


def test_with_own_feeds__testnet__leaves_no_public_address() -> None:
    params = NetworkParams.load("arbitrum-sepolia").with_own_feeds()
    assert {asset.feed.kind for asset in params.assets} == {"pushed"}
    assert all(asset.feed.address is None for asset in params.assets)
    assert params.sequencer is None
