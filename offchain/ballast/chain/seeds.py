"""Accounts of mixed shape on a local chain, so that there is something to look at and to liquidate.

Real deposits, loans and signed trades, of owners that are never anvil's own accounts. The first
account lends and takes the other side of every trade; the others repeat five shapes in turn, each
round a little more levered than the one before.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_FLOOR, Decimal

from ballast.chain.local import LocalChain
from ballast.errors import UsageError

__all__ = ["MAX_SEEDS", "SHAPES", "seed_accounts"]

MAX_SEEDS = 2_000

#: USD that one seeded account is worth, about.
_EQUITY = Decimal(10_000)
_MAKER = {"USDC": "100000000", "BTC": "500", "ETH": "10000", "SOL": "200000"}
_ROUNDS = 6


def _units(value: Decimal, price: Decimal, step: str) -> Decimal:
    """How many units ``value`` USD buys, rounded down to a multiple of ``step``."""
    return (value / price / Decimal(step)).to_integral_value(ROUND_FLOOR) * Decimal(step)


def _levered_spot(chain: LocalChain, account: int, maker: int, leverage: Decimal) -> None:
    """ETH bought with borrowed USDC."""
    size = _units(_EQUITY * leverage, chain.price("ETH"), "0.01")
    chain.deposit(account, "USDC", _EQUITY)
    chain.fill(maker, account, "ETH", size)


def _perp_long(chain: LocalChain, account: int, maker: int, leverage: Decimal) -> None:
    """ETH-PERP long on USDC."""
    chain.deposit(account, "USDC", _EQUITY)
    size = _units(2 * _EQUITY * leverage, chain.price("ETH"), "0.01")
    chain.fill(maker, account, "ETH-PERP", size)


def _perp_short(chain: LocalChain, account: int, maker: int, leverage: Decimal) -> None:
    """BTC-PERP short on USDC."""
    chain.deposit(account, "USDC", _EQUITY)
    size = _units(2 * _EQUITY * leverage, chain.price("BTC"), "0.001")
    chain.fill(maker, account, "BTC-PERP", -size)


def _hedged(chain: LocalChain, account: int, maker: int, leverage: Decimal) -> None:
    """BTC as collateral, its price sold with the perpetual."""
    size = _units(_EQUITY, chain.price("BTC"), "0.001")
    chain.deposit(account, "BTC", size)
    chain.fill(maker, account, "BTC-PERP", -size)


def _carry(chain: LocalChain, account: int, maker: int, leverage: Decimal) -> None:
    """SOL bought with borrowed USDC, as much sold with the perpetual."""
    chain.deposit(account, "USDC", _EQUITY)
    size = _units(_EQUITY * min(leverage, Decimal(2)), chain.price("SOL"), "0.1")
    chain.fill(maker, account, "SOL", size)
    chain.fill(maker, account, "SOL-PERP", -size)


_Shape = Callable[[LocalChain, int, int, Decimal], None]
SHAPES: dict[str, _Shape] = {
    "levered spot": _levered_spot,
    "perp long": _perp_long,
    "perp short": _perp_short,
    "hedged": _hedged,
    "carry": _carry,
}


def seed_accounts(chain: LocalChain, count: int) -> list[int]:
    """Opens ``count`` accounts and returns their ids. ``UsageError`` beyond ``MAX_SEEDS``."""
    if not 0 <= count <= MAX_SEEDS:
        raise UsageError(f"seed accounts: {count} is out of range; give 0 to {MAX_SEEDS}")
    if count == 0:
        return []
    maker = chain.open("seed 0", collateral=_MAKER)
    accounts = [maker]
    shapes = list(SHAPES.values())
    for number in range(1, count):
        account = chain.open(f"seed {number}")
        turn = (number - 1) // len(shapes) % _ROUNDS
        leverage = Decimal("1.5") + turn * Decimal("0.4")
        shapes[(number - 1) % len(shapes)](chain, account, maker, leverage)
        accounts.append(account)
    return accounts
