"""``ballast market snapshot``: an option chain or a live deployment becomes a market.json that margins are computed
from."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from decimal import Decimal
from math import log, sqrt
from pathlib import Path
from typing import Any

import pytest

from ballast.chain.instruments import expiry_label, expiry_of_label, series_of
from ballast.chain.local import LocalChain
from ballast.chain.protocol import Protocol
from ballast.market.chain_csv import COLUMNS, read_chain
from ballast.market.snapshot import fit_chain
from ballast.risk.arrays import Series
from ballast.risk.margin import PORTFOLIO
from ballast.risk.portfolio import Holdings
from ballast.testing import Market
from ballast.units import QUOTE_UNIT, WAD, from_units, from_wad, to_wad
from tests.contracts.risk.books import given
from tests.offchain.commands.shell import Shell

SCENARIOS = Path(__file__).parents[3] / "scripts" / "params" / "scenarios.json"
SHARED = Path(__file__).parents[3].parent / "shared" / "data"
NOW = "2026-11-20T12:00:00+00:00"
SECONDS = 1_795_176_000
SVI = (0.02, 0.1, -0.2, 0.0, 0.2)


def rows(strikes: int = 9, labels: tuple[str, ...] = ("26MAR27", "25JUN27")) -> list[dict[str, Any]]:
    a, b, rho, m, sigma = SVI
    made = []
    for label in labels:
        years = (expiry_of_label(label) - SECONDS) / (365 * 86_400)
        for i in range(strikes):
            strike = 2_000 + 300 * i
            k = log(strike / 3_050)
            vol = sqrt((a + b * (rho * (k - m) + sqrt((k - m) ** 2 + sigma**2))) / years)
            for side in "CP":
                day = f"20{label[5:]}-{'03' if 'MAR' in label else '06'}-{label[:2]}T08:00:00+00:00"
                values = (NOW, f"ETH-{label}-{strike}-{side}", strike, day, vol, 3_050, 3_000)
                made.append(dict(zip(COLUMNS, values, strict=True)) | {"volume": 1})
    return made


@pytest.fixture
def chain_csv(tmp_path: Path) -> Callable[..., Path]:
    def write(made: list[dict[str, Any]], drop: str | None = None) -> Path:
        path = tmp_path / "chain.csv"
        names = [name for name in made[0] if name != drop]
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, names, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(made)
        return path

    return write


def test_snapshot__chain__surfaces_are_fitted_and_margin_reads_them(
    shell: Shell, chain_csv: Callable[..., Path], tmp_path: Path
) -> None:
    out = tmp_path / "market.json"
    result = shell("market", "snapshot", "--chain-csv", chain_csv(rows()), "--out", out, "--json")
    assert result.code == 0
    fitted = json.loads(result.out)
    assert [(row["expiry"], row["strikes"], row["left_out"]) for row in fitted] == [
        ("26MAR27", 9, None),
        ("25JUN27", 9, None),
    ]
    assert all(row["largest_error"] < 0.01 and row["lowest_density"] > 0 for row in fitted)
    content = json.loads(out.read_text())
    assert content["time"] == "2026-11-20T12:00:00Z"
    entry = content["underlyings"]["ETH"]
    assert (float(entry["spot"]), float(entry["expiries"]["26MAR27"]["forward"])) == (3_000, 3_050)
    (tmp_path / "portfolio.json").write_text('{"positions": {"ETH-26MAR27-3200-C": "5"}}')
    margin = shell("margin", tmp_path / "portfolio.json", out, SCENARIOS, "--json")
    assert margin.code == 0
    assert json.loads(margin.out)["equity"] > 0


def test_snapshot__expiry_of_few_strikes__is_left_out_and_said_so(
    shell: Shell, chain_csv: Callable[..., Path], tmp_path: Path
) -> None:
    made = rows(labels=("26MAR27",)) + rows(4, ("25JUN27",))
    result = shell("market", "snapshot", "--chain-csv", chain_csv(made), "--out", tmp_path / "market.json")
    assert result.code == 0
    assert "4 strikes; a slice needs 5" in result.out
    expiries = json.loads((tmp_path / "market.json").read_text())["underlyings"]["ETH"]["expiries"]
    assert "svi" in expiries["26MAR27"]
    assert "svi" not in expiries["25JUN27"]


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        ("strike", "x", "chain.csv:2: strike: 'x' is no number"),
        ("implied_volatility", "-0.5", "chain.csv:2: implied_volatility: is -0.5"),
        ("futures_price", "nan", "chain.csv:2: futures_price: is nan"),
        ("timestamp", "today", "chain.csv:2: timestamp: 'today' is no time"),
        ("expiry_datetime", "2027-03-26T09:00:00+00:00", "not one; an expiry is 08:00 UTC"),
    ],
)
def test_snapshot__bad_row__is_one_line_and_writes_nothing(
    shell: Shell, chain_csv: Callable[..., Path], tmp_path: Path, column: str, value: str, says: str
) -> None:
    made = rows()
    made[0][column] = value
    out = tmp_path / "market.json"
    assert says in shell.refuses("market", "snapshot", "--chain-csv", chain_csv(made), "--out", out)
    assert not out.exists()


def test_snapshot__no_such_file_column_or_strikes__is_one_line(
    shell: Shell, chain_csv: Callable[..., Path], tmp_path: Path
) -> None:
    out = tmp_path / "market.json"
    assert "no such file" in shell.refuses("market", "snapshot", "--chain-csv", tmp_path / "none.csv", "--out", out)
    path = chain_csv(rows(), drop="strike")
    assert "no column strike" in shell.refuses("market", "snapshot", "--chain-csv", path, "--out", out)
    path = chain_csv(rows(3))
    assert "no expiry has strikes enough" in shell.refuses("market", "snapshot", "--chain-csv", path, "--out", out)


# ------------------------------------------------------------------ a live deployment

LABEL = "27MAR26"
ETH = 2
STRIKES = [2_000, 2_500, 2_800, 3_000, 3_200, 3_500, 4_500]


@pytest.fixture
def options(ballast_chain: LocalChain, protocol: Protocol) -> LocalChain:
    """ETH options with a surface that is signed at a spot of 3,000, which has moved since; the arrays are of now."""
    chain = ballast_chain
    assert chain.protocol is protocol
    chain.options.list_strikes("ETH", LABEL, STRIKES)
    chain.options.set_surface("ETH", LABEL, 0.7, forward="3040", confidence=300_000)
    chain.set_prices({"USDC": "0.9987", "ETH": "3213.57"})
    chain.options.refresh("ETH", LABEL)
    return chain


@pytest.fixture
def live(
    shell: Shell, ballast_chain: LocalChain, protocol: Protocol, tmp_path: Path
) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """``ballast margin`` of a portfolio at the snapshot of the chain, with all digits."""
    deployment, out = tmp_path / "local.json", tmp_path / "market.json"
    protocol.deployment.save(deployment)

    def margin(portfolio: dict[str, Any], **svi: str) -> dict[str, Any]:
        source = ("--rpc", ballast_chain.url, "--deployment", deployment)
        assert shell("market", "snapshot", *source, "--out", out).code == 0
        content = json.loads(out.read_text())
        if svi:
            content["underlyings"]["ETH"]["expiries"][LABEL]["svi"] |= svi
            out.write_text(json.dumps(content))
        path = tmp_path / "portfolio.json"
        path.write_text(json.dumps(portfolio))
        result = shell("margin", path, out, SCENARIOS, "--json")
        assert (result.code, result.err) == (0, [])
        return dict(json.loads(result.out, parse_float=Decimal))

    return margin


def figures(found: dict[str, Any]) -> tuple[int, int, int]:
    return to_wad(found["equity"]), to_wad(found["initial_margin"]), to_wad(found["maintenance_margin"])


def portfolio_of(chain: LocalChain, account: int) -> dict[str, Any]:
    """Balances and positions as the contract's views give them."""
    tokens, markets = chain.deployment.tokens, chain.deployment.instruments
    return {
        "collateral": {
            name: str(from_units(chain.protocol.balance(account, name), entry.decimals))
            for name, entry in tokens.items()
        },
        "positions": {
            name: str(from_wad(chain.protocol.position(account, name))) for name in markets if name.endswith("-PERP")
        },
    }


@pytest.mark.ballast(check=False)
def test_snapshot__of_a_deployment__margin_is_the_contracts(
    ballast_chain: LocalChain, market: Market, live: Callable[..., dict[str, Any]]
) -> None:
    """Requirements to the last digit; equity but for less than a unit of USDC (1e-6): settling pays whole units, and
    what it leaves unsettled a file cannot say."""
    chain = ballast_chain
    maker = chain.open("maker", collateral={"USDC": 1_000_000})
    owner = chain.open("owner", collateral={"USDC": "40000.123456", "ETH": "3.25", "BTC": "0.1"})
    chain.fill(maker, owner, "ETH-PERP", "-2.5")
    chain.fill(maker, owner, "BTC-PERP", "0.31")
    chain.choose_model(owner, PORTFOLIO)
    market.set_price("USDC", "0.9987")
    market.set_price("ETH", "3012.34567891")
    for account in (maker, owner, maker, owner):  # profits are paid from what losers have settled
        chain.settle(account)
    health = chain.health(owner)
    equity, *requirements = figures(live(portfolio_of(chain, owner)))
    assert requirements == [health.initial, health.maintenance]
    assert 0 <= health.equity - equity < QUOTE_UNIT
    assert health.maintenance % WAD, "not a round number"


@pytest.mark.ballast(check=False)
def test_snapshot__of_a_deployment_with_debt_and_interest__margin_is_the_contracts_to_the_last_digit(
    ballast_chain: LocalChain, market: Market, live: Callable[..., dict[str, Any]]
) -> None:
    """The ledger values whole units of a token, as its views give them."""
    chain = ballast_chain
    chain.open("lender", collateral={"USDC": 1_000_000, "ETH": 100})
    owner = chain.open("owner", collateral={"USDC": "50000", "BTC": "0.5"})
    chain.choose_model(owner, PORTFOLIO)
    chain.withdraw(owner, "ETH", "7.3")
    market.warp(30 * 86_400)
    assert chain.protocol.balance(owner, "ETH") < -73 * WAD // 10, "with interest"
    health = chain.health(owner)
    assert figures(live(portfolio_of(chain, owner))) == (health.equity, health.initial, health.maintenance)


def holdings(chain: LocalChain, sizes: dict[tuple[int, bool], int]) -> tuple[Holdings, dict[str, Any]]:
    """A book of ETH options, cash, ETH and a perpetual: as the engine takes it and as a file has it."""
    usd = {asset: chain.protocol.router.functions.price(asset).call() for asset in (0, ETH)}
    index, mark = usd[ETH] * WAD // usd[0], chain.protocol.mark("ETH-PERP")
    lot = chain.options.strikes.functions.lotOf(ETH).call()
    series = series_of(ETH, expiry_of_label(LABEL))
    held = Holdings(
        cash=50_000 * WAD,
        quote_usd=usd[0],
        tokens=((ETH, ETH, 3 * index),),
        linears=((ETH, -7 * mark, 0),),
        options=tuple((series, STRIKES.index(strike), put, lots) for (strike, put), lots in sizes.items()),
        indices={ETH: index},
    )
    positions = {
        f"ETH-{LABEL}-{strike}-{'P' if put else 'C'}": str(from_wad(lots * lot))
        for (strike, put), lots in sizes.items()
    }
    return held, {"collateral": {"USDC": "50000", "ETH": "3"}, "positions": positions | {"ETH-PERP": "-7"}}


@pytest.mark.ballast(check=False)
def test_snapshot__spot_moved_since_the_surface__margin_of_options_is_the_engines(
    options: LocalChain, live: Callable[..., dict[str, Any]]
) -> None:
    """The deployed engine over arrays of this block. The file's m has 12 decimals, so that k is within 5e-13 of the
    contract's: a mark may differ by its last digit (1e-9 USDC a unit), an entry by a step (its scale a lot)."""
    sizes = {(strike, False): (-1) ** i * (150 + 37 * i) for i, strike in enumerate(STRIKES)}
    sizes |= {(strike, True): (-1) ** (i // 2) * (220 - 11 * i) for i, strike in enumerate(STRIKES)}
    held, file = holdings(options, sizes)
    *wanted, stale = options.protocol.engine.functions.requirement(given(held)).call({"gas": 30_000_000})
    assert stale == 0
    found = figures(live(file))
    (pointer,) = options.options.arrays.functions.pointersOf([series_of(ETH, expiry_of_label(LABEL))], 1).call()
    arrays = Series.decode(bytes(options.w3.eth.get_code(pointer))[1:])
    lots = [abs(sizes[strike, False] + sizes[strike, True]) for strike in STRIKES]
    digit = sum(lots) * arrays.lot // 10**9
    step = sum(count * record.scale * 10**12 for count, record in zip(lots, arrays.records, strict=True))
    assert abs(found[0] - wanted[0]) <= digit
    assert abs(found[2] - wanted[2]) <= step
    assert abs(found[1] - wanted[1]) <= 2 * step
    unmoved = figures(live(file, m="0"))
    assert abs(unmoved[0] - wanted[0]) > 10**6 * max(digit, 1), "volatilities of other strikes"


@pytest.mark.ballast(check=False)
def test_snapshot__of_a_deployment__says_what_it_left_out_and_json_rows(
    shell: Shell, options: LocalChain, tmp_path: Path
) -> None:
    options.options.list_strikes("BTC", LABEL, [60_000])
    options.deployment.save(tmp_path / "local.json")
    arguments = ("market", "snapshot", "--rpc", options.url, "--deployment", "local.json", "--out", "market.json")
    result = shell(*arguments)
    assert result.code == 0
    assert result.err == [f"ballast: BTC {LABEL}: left out, no surface yet"]
    assert f"block {options.w3.eth.block_number}" in result.out
    rows = json.loads(shell(*arguments, "--json").out)
    assert rows["block"] == options.w3.eth.block_number
    assert [(row["underlying"], row["left_out"], row.get("confidence")) for row in rows["expiries"]] == [
        ("BTC", "no surface yet", None),
        ("ETH", None, 0.3),
    ]


@pytest.mark.ballast(check=False)
def test_snapshot__stale_price__is_one_line_and_writes_nothing(
    shell: Shell, ballast_chain: LocalChain, protocol: Protocol, tmp_path: Path
) -> None:
    protocol.deployment.save(tmp_path / "local.json")
    ballast_chain.advance(100_000)
    source = ("--rpc", ballast_chain.url, "--deployment", "local.json")
    result = shell("market", "snapshot", *source, "--out", "market.json")
    assert (result.code, result.out, len(result.err)) == (1, "", 1)
    assert result.err[0].startswith("ballast: quote_price: no usable price at block ")
    assert "Oracle_Stale(asset=0" in result.err[0]
    assert not (tmp_path / "market.json").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "give one source, --rpc URL (or BALLAST_RPC) or --chain-csv CSV"),
        (("--rpc", "http://127.0.0.1:1", "--chain-csv", "chain.csv"), "give one source"),
        (("--chain-csv", "chain.csv", "--deployment", "local.json"), "--deployment goes with --rpc"),
        (("--rpc", "http://127.0.0.1:1"), "deployments/local.json: no deployment file"),
    ],
)
def test_snapshot__not_one_source__is_one_line(shell: Shell, arguments: tuple[str, ...], says: str) -> None:
    assert says in shell.refuses("market", "snapshot", *arguments, "--out", "market.json")


def test_snapshot__no_source_but_the_settings__is_theirs(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BALLAST_RPC", "http://127.0.0.1:1")
    assert "deployments/local.json: no deployment file" in shell.refuses("market", "snapshot", "--out", "market.json")


# ------------------------------------------------------------------ a real option chain


def test_fit_chain__real_chain__median_error_is_below_a_third_of_a_vol_point() -> None:
    found = sorted(SHARED.glob("chain_*.csv"))
    if not found:
        pytest.skip("the market data is not beside this tree")
    chain = read_chain(found[0])
    labels = ("30JAN26", "26JUN26", "25DEC26")
    some = {name: {label: expiries[label] for label in labels} for name, expiries in chain.expiries.items()}
    fits = list(fit_chain(type(chain)(chain.time, chain.index, some)))
    assert [one.label for one in fits] == [*labels, *labels]
    for one in fits:
        assert one.fit is not None
        print(
            f"{one.underlying} {one.label}: {one.strikes} strikes, median error {one.fit.median_error:.2f} vol points"
        )
        assert one.fit.median_error < 1 / 3
        assert one.fit.lowest_density >= 0
        assert expiry_label(chain.expiries[one.underlying][one.label].expiry) == one.label
