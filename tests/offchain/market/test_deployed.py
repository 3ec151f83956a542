"""What a live deployment says at one block, as a market.json. Margins of the file against the contract's are in
``tests/offchain/commands/test_market.py``."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest
from web3.middleware import Web3Middleware
from web3.types import RPCEndpoint, RPCResponse

from ballast.chain.instruments import expiry_of_label
from ballast.chain.local import LocalChain
from ballast.chain.protocol import Protocol
from ballast.chain.rpc import connect
from ballast.errors import ReorgError, StaleDataError
from ballast.market.deployed import read_market_at
from ballast.market.margin_files import MarketFile, read_market
from ballast.testing import Market
from ballast.units import WAD, from_wad, to_wad

EXPIRY, LATER = "27MAR26", "26JUN26"
STRIKES = [2_500, 3_000, 3_500]

pytestmark = pytest.mark.ballast(check=False)


@pytest.fixture
def chain(ballast_chain: LocalChain, protocol: Protocol) -> LocalChain:
    """ETH options of two expiries, one of which has a surface."""
    assert ballast_chain.protocol is protocol
    for label in (EXPIRY, LATER):
        ballast_chain.options.list_strikes("ETH", label, STRIKES)
    ballast_chain.options.set_surface("ETH", EXPIRY, 0.7, forward="3040")
    return ballast_chain


def test_read_market_at__prices__are_the_contracts_to_the_last_digit(
    chain: LocalChain, market: Market, tmp_path: Path
) -> None:
    market.set_price("USDC", "0.9987")
    market.set_price("ETH", "3012.34567891")
    chain.submit_quote("ETH-PERP", "3019", "3020.5")
    chain.advance(600)
    chain.submit_quote("ETH-PERP", "3019", "3020.5")
    chain.advance(1)
    found = read_market_at(chain.protocol)
    path = tmp_path / "market.json"
    path.write_text(json.dumps(found.content))
    content: MarketFile = read_market(path)
    assert int(content.time.timestamp()) == chain.now() == found.time
    assert to_wad(content.quote_price) == chain.protocol.price("USDC") == 9_987 * WAD // 10_000
    for name, asset in chain.deployment.underlyings.items():
        entry = content.underlyings[name]
        assert to_wad(entry.spot) == chain.protocol.router.functions.price(asset).call()
        assert entry.perp_mark is not None
        assert to_wad(entry.perp_mark) == chain.protocol.mark(f"{name}-PERP")
    index = content.underlyings["ETH"].spot / content.quote_price
    mark = content.underlyings["ETH"].perp_mark
    assert mark is not None
    assert abs(mark / index - 1) > Decimal("1e-6"), "a premium that the spot does not tell"
    assert list(content.underlyings["ETH"].expiries) == [EXPIRY]
    assert not content.underlyings["BTC"].expiries


def test_read_market_at__spot_as_it_was__surface_is_as_signed(chain: LocalChain) -> None:
    entry = read_market_at(chain.protocol).content["underlyings"]["ETH"]["expiries"][EXPIRY]
    current = chain.options.surfaces.functions.surfaceOf(2, expiry_of_label(EXPIRY)).call()
    written = tuple(Decimal(entry["svi"][name]) * 10**12 for name in ("a", "b", "rho", "m", "sigma"))
    assert written == tuple(current[0]), "the basis, rounded down in 1e-15, moves m by less than half of 1e-12"
    basis = 3_040 * 10**15 // 3_000
    assert to_wad(entry["forward"]) == 3_000 * WAD * basis // 10**15


@pytest.mark.parametrize("spot", ["2500", "2999.99", "3900"])
def test_read_market_at__spot_moved_since__m_keeps_volatilities_at_their_strikes(
    chain: LocalChain, market: Market, spot: str
) -> None:
    market.pump("ETH", spot)
    entry = read_market_at(chain.protocol).content["underlyings"]["ETH"]["expiries"][EXPIRY]
    forward, m = Decimal(entry["forward"]), Decimal(entry["svi"]["m"])
    assert forward == pytest.approx(Decimal(spot) * 3_040 / 3_000, rel=Decimal("1e-14"))
    for strike in STRIKES:
        signed, moved = (Decimal(strike) / at for at in (Decimal(3_040), forward))
        assert abs((moved.ln() - m) - signed.ln()) <= Decimal("5e-13")


def test_read_market_at__no_surface_or_passed__is_left_out_and_said(chain: LocalChain, market: Market) -> None:
    found = read_market_at(chain.protocol)
    assert found.notices == (f"ETH {LATER}: left out, no surface yet",)
    market.warp(expiry_of_label(EXPIRY) - chain.now())
    found = read_market_at(chain.protocol)
    assert found.content["underlyings"]["ETH"]["expiries"] == {}
    assert found.notices == (f"ETH {EXPIRY}: left out, has passed", f"ETH {LATER}: left out, no surface yet")


def test_read_market_at__old_or_doubtful_surface__is_said(chain: LocalChain, market: Market) -> None:
    chain.options.set_surface("ETH", LATER, 0.7, confidence=550_000)
    found = read_market_at(chain.protocol)
    assert found.content["underlyings"]["ETH"]["confidence"] == "0.55"
    assert found.content["underlyings"]["BTC"]["confidence"] == "1"
    assert found.notices == ("ETH: confidence differs between expiries; the lowest, 0.55, is taken for all",)
    fresh = chain.options.surfaces.functions.limits().call()[0]
    market.warp(fresh + 1)
    notices = read_market_at(chain.protocol).notices
    assert [notice.split(";")[0] for notice in notices[:2]] == [
        f"ETH {label}: the surface is {fresh + 1} s old, fresh is {fresh} s" for label in (EXPIRY, LATER)
    ]


def test_read_market_at__stale_price__names_price_and_guard(chain: LocalChain) -> None:
    chain.advance(100_000)
    with pytest.raises(StaleDataError, match=r"^quote_price: no usable price at block \d+: Oracle_Stale\(asset=0, "):
        read_market_at(chain.protocol)
    chain.refresh_prices(["USDC"])
    with pytest.raises(StaleDataError, match=r"^underlyings\.BTC\.spot: no usable price .*Oracle_Stale\(asset=1, "):
        read_market_at(chain.protocol)


def test_read_market_at__earlier_block__is_as_it_was(chain: LocalChain, market: Market) -> None:
    before = read_market_at(chain.protocol)
    market.set_price("ETH", "2900")
    chain.options.set_surface("ETH", EXPIRY, 0.8)
    chain.mine(2)
    assert read_market_at(chain.protocol, before.block) == before
    assert read_market_at(chain.protocol).content != before.content


class _Busy(Web3Middleware):
    """Runs ``act`` after the second call of a contract: what happens on a chain while it is read."""

    act: Callable[[], Any]
    calls: int = 0

    def wrap_make_request(
        self, make_request: Callable[[RPCEndpoint, Any], RPCResponse]
    ) -> Callable[[RPCEndpoint, Any], RPCResponse]:
        def request(method: RPCEndpoint, params: Any) -> RPCResponse:
            _Busy.calls += method == "eth_call"
            if method == "eth_call" and _Busy.calls == 2:
                _Busy.act()
            return make_request(method, params)

        return cast(Callable[[RPCEndpoint, Any], RPCResponse], request)


def busy(chain: LocalChain, act: Callable[[], Any]) -> Protocol:
    """The deployment over a connection of its own, with something that happens meanwhile."""
    w3 = connect(chain.url)
    protocol = Protocol(w3, chain.deployment)
    _Busy.act, _Busy.calls = staticmethod(act), 0
    w3.middleware_onion.add(_Busy, "busy")
    return protocol


def test_read_market_at__new_price_while_reading__all_is_of_the_block_it_began_at(
    chain: LocalChain, market: Market
) -> None:
    before = read_market_at(chain.protocol)
    assert read_market_at(busy(chain, lambda: market.set_price("ETH", "2900"))) == before
    assert _Busy.calls > 2
    assert from_wad(chain.protocol.price("ETH")) == 2_900, "there is a later block, of another price"


def test_read_market_at__block_replaced_while_reading__is_refused(chain: LocalChain) -> None:
    snapshot = chain.snapshot()
    chain.mine()
    replaced = chain.w3.eth.block_number

    def reorganise() -> None:
        chain.revert(snapshot)
        chain.mine(seconds=5)

    with pytest.raises(ReorgError, match=f"block {replaced}: replaced while it was read"):
        read_market_at(busy(chain, reorganise))
