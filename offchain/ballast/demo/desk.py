"""The liquidator's other half: sells what liquidations brought, so that it stays a liquidator and
does not become a holder.

After each block it offers what it holds at the mark, by signed orders: coins to a buyer who owes
nothing, the rest to the market maker. While prices deviate from their slow prices the contract lets
through only what raises nobody's risk: whoever owes nothing may buy a coin, positions wait.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from ballast import units
from ballast.chain.local import LocalChain
from ballast.checks.view import ChainView, Question
from ballast.errors import ContractError

__all__ = ["Desk"]

_FILL_GAS = 2_000_000
#: USDC of value below which something is left where it is.
_LEAST = Decimal(100)


class Desk:
    """Sells ``account``'s coins to ``buyer``, buys back its debts and closes its positions with
    ``maker``. ``max_fee`` is that of its transactions, wei per gas."""

    def __init__(self, chain: LocalChain, account: int, maker: int, buyer: int, max_fee: int) -> None:
        self.chain = chain
        self.account = account
        self.maker = maker
        self.buyer = buyer
        self._view = ChainView(chain.protocol)
        self._max_fee = max_fee
        self._markets = [market for asset in chain.params.assets for market in asset.markets]
        self._lots = {market.symbol: market.lot for market in self._markets}

    def unload(self) -> int:
        """Puts fills into the pool for all that can be traded now; returns how many."""
        sent = 0
        for market, held in self._holdings().items():
            lot = self._lots[market]
            size = abs(held) // lot * lot
            price = self.chain.price(market.removesuffix("-PERP"))
            if units.from_wad(size) * price >= _LEAST:
                sent += self._offer(market, -size if held > 0 else size)
        return sent

    def _holdings(self) -> dict[str, int]:
        """Sizes by market, 1e18: positions, and coins as sizes of their spot markets."""
        protocol = self.chain.protocol
        questions: list[Question] = []
        for market in self._markets:
            if market.kind == "perp":
                questions.append(("positionOf", [self.account, protocol.instrument(market.symbol)]))
            else:
                questions.append(("balanceOf", [self.account, protocol.token(market.symbol).address]))
        answers = self._view.must(questions, self._view.tip())
        found = {}
        for market, (held,) in zip(self._markets, answers, strict=True):
            decimals = 18 if market.kind == "perp" else protocol.decimals(market.symbol)
            found[market.symbol] = held * 10 ** (18 - decimals)
        return found

    def _offer(self, symbol: str, size: int) -> bool:
        """Sends a trade of the desk's ``size`` at the mark if the contract would take it now."""
        chain = self.chain
        made = chain.order(self.account, symbol, units.from_wad(size))
        other = self.buyer if size < 0 and not symbol.endswith("-PERP") else self.maker
        taken = replace(made, account=other, size=-size)
        sender = chain.key_of(other).address
        fill = chain.protocol.house.functions.fill(made.as_tuple(), chain.sign(made), taken.as_tuple(), b"", abs(size))
        try:
            fill.call({"from": chain.w3.to_checksum_address(sender)})
        except ContractError:
            return False
        chain.rpc(
            "eth_sendTransaction",
            {
                "from": sender,
                "to": fill.address,
                "data": fill._encode_transaction_data(),
                "gas": hex(_FILL_GAS),
                "maxFeePerGas": hex(self._max_fee),
            },
        )
        return True
