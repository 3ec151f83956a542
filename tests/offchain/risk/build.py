"""Small states by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ballast.index.state import (
    Account,
    Bank,
    Engine,
    LedgerState,
    Market,
    Parameters,
    Position,
    PremiumConfig,
    Rates,
)
from ballast.units import WAD

ETH_PERP = 2 << 28 | 2 << 20
PREMIUM = PremiumConfig(
    premium_cap=5_000_000,
    funding_cap=4_000_000,
    sample_window=1_800,
    funding_period=28_800,
    max_quote_age=60,
    max_spread=10_000,
    min_quotes=1,
)
ENGINE = Engine(
    address="0x" + "11" * 20,
    token_rates={1: Rates(150_000, 200_000), 2: Rates(150_000, 200_000)},
    instrument_rates={ETH_PERP: Rates(65_000, 100_000)},
    minimum=10 * WAD,
)


def bank(token: int = 0, decimals: int = 6, asset: int | None = None, **changes: Any) -> Bank:
    values: dict[str, Any] = {
        "deposit_index": WAD,
        "borrow_index": WAD,
        "deposit_rate": 0,
        "borrow_rate": 0,
        "updated_at": 0,
        "held": 0,
        "insurance": 0,
        "fees": 0,
        "uncovered": 0,
        "config": {},
        **changes,
    }
    number = token if asset is None else asset
    return Bank(token=token, address="0x" + "22" * 20, decimals=decimals, asset=number, **values)


def market(instrument: int = ETH_PERP, **changes: Any) -> Market:
    values: dict[str, Any] = {
        "symbol": "ETH-PERP",
        "funding": 0,
        "loss_long": 0,
        "loss_short": 0,
        "premium": 0,
        "updated_at": 0,
        "open_interest": 0,
        "pool": 0,
        "residual": 0,
        "claim_shares": 0,
        "claim_index": WAD,
        "claim_epoch": 0,
        "sampled_at": 0,
        "reduce_only": False,
        "config": {},
        **changes,
    }
    return Market(instrument=instrument, **values)


def state(
    balances: Mapping[int, int] | None = None,
    positions: Mapping[int, tuple[int, int]] | None = None,
    *,
    model: int = 0,
    banks: Mapping[int, Bank] | None = None,
    markets: Mapping[int, Market] | None = None,
    engine: Engine | None = ENGINE,
    premium: PremiumConfig | None = PREMIUM,
) -> LedgerState:
    """One account, number 7, in a ledger of USDC (6 decimals), BTC (8) and ETH (18) at index one."""
    account = Account(
        model=model,
        balances=dict(balances or {}),
        positions={key: Position(*value) for key, value in (positions or {}).items()},
    )
    parameters = Parameters(
        router=None,
        premium=premium,
        liquidation=None,
        engine=engine,
        feeds={},
        synced={},
        sequencer=None,
        paused_until=0,
        trade_recipient=None,
        reserve_recipient=None,
        authority=None,
        quoters=frozenset(),
        fund_day=0,
        fund_spent=0,
    )
    return LedgerState(
        chain_id=31337,
        house="0x" + "33" * 20,
        block=1,
        block_hash=None,
        time=None,
        accounts={7: account},
        banks=banks or {0: bank(), 1: bank(1, 8), 2: bank(2, 18)},
        markets=markets or {ETH_PERP: market()},
        parameters=parameters,
    )
