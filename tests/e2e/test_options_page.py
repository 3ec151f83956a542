"""docs/options.md: its code, run as it stands there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from eth_account.signers.local import LocalAccount
from web3.contract.contract import ContractFunction

from ballast.chain.local import LocalChain
from ballast.chain.protocol import Protocol
from ballast.units import WAD, account_id

PAGE = Path(__file__).parents[2] / "docs" / "options.md"


def test_page__its_code__lists_prices_and_trades_an_option(ballast_chain: LocalChain, protocol: Protocol) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    found: dict[str, Any] = {}
    exec(code, found)

    def send(function: ContractFunction, key: LocalAccount) -> None:
        ballast_chain.send(function, key.address, gas=15_000_000)

    governor = ballast_chain.key_of(account_id(ballast_chain.governor, 0))
    svi = (30_000_000_000, 20_000_000_000, -200_000_000_000, 0, 300_000_000_000)
    found["price_expiry"](protocol, send, governor, [governor.key], "ETH", "26MAR27", [3_000, 3_500], 3_050, svi)
    owners = []
    for name in ("maker", "taker"):
        account = ballast_chain.open(name, 0, {"USDC": 50_000})
        owners.append(ballast_chain.key_of(account))
    mark, _, stale = protocol.engine.functions.optionMark(protocol.instrument("ETH-26MAR27-3500-C"), 3_000 * WAD).call()
    assert not stale
    found["buy"](protocol, send, *owners, "ETH-26MAR27-3500-C", 2, f"{mark / WAD:.1f}")
    sizes = [protocol.position(account_id(one.address, 0), "ETH-26MAR27-3500-C") for one in owners]
    assert sizes == [-2 * WAD, 2 * WAD]
