"""Tokens in USDC, as the contract values them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ballast.checks.history import Transaction
from ballast.checks.ledger import Token
from ballast.units import WAD

__all__ = ["Values"]

_QUOTE = 0


@dataclass(frozen=True)
class Values:
    """Prices (USDC per whole token, 1e18, floored) and decimals by token id."""

    prices: Mapping[int, int]
    tokens: Mapping[int, Token]

    @classmethod
    def before(cls, transaction: Transaction, tokens: Mapping[int, Token]) -> Values | None:
        """Those that held just before a transaction; ``None`` where one was not usable."""
        usd: dict[int, int] = {}
        for token, known in tokens.items():
            answer = transaction.asked_before.get(("priceOf", (known.address,)))
            if answer is None:
                return None
            usd[token] = answer[0]
        quote = usd[_QUOTE]
        prices = {token: WAD if token == _QUOTE else price * WAD // quote for token, price in usd.items()}
        return cls(prices, tokens)

    def of(self, token: int, amount: int) -> int:
        """USDC 1e18 of token units, floored: a debt away from zero."""
        return int(amount * self.prices[token] // 10 ** self.tokens[token].decimals)

    def of_units(self) -> int:
        """USDC 1e18 of one unit of every token, each rounded up."""
        return sum(-self.of(token, -1) for token in self.tokens)
