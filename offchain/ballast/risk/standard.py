"""The STANDARD model: each leg is charged by itself, nothing nets.

Twin of ``contracts/risk/StandardModel.sol`` and of the engine's use of it. Values are USDC in 1e18.
"""

from __future__ import annotations

from ballast.chain.protocol import Health
from ballast.index.state import Engine, Rates
from ballast.risk.rounding import mul_div_up
from ballast.risk.valuation import NoHealthError, Portfolio
from ballast.units import E6

__all__ = ["requirement", "uncredited_profit"]


def requirement(engine: Engine, portfolio: Portfolio) -> Health:
    """What a valued account must keep: each leg's charge is rounded up by itself.

    ``NoHealthError`` where the engine has no rates for what is held.
    """
    equity, initial, maintenance = portfolio.cash, 0, 0
    owes = portfolio.cash < 0
    for token in portfolio.tokens:
        rates = _known(engine.token_rates.get(token.token), "Margin_NoTokenRates", token.token)
        equity += token.value
        initial += mul_div_up(abs(token.value), rates.initial, E6)
        maintenance += mul_div_up(abs(token.value), rates.maintenance, E6)
        owes = owes or token.value < 0
    profit = 0
    for leg in portfolio.linears:
        profit += max(0, leg.pnl)
        equity += leg.pnl
        if leg.notional == 0:
            continue
        rates = _known(engine.instrument_rates.get(leg.instrument), "Margin_NoInstrumentRates", leg.instrument)
        initial += mul_div_up(abs(leg.notional), rates.initial, E6)
        maintenance += mul_div_up(abs(leg.notional), rates.maintenance, E6)
        owes = True
    if owes:
        maintenance = max(maintenance, engine.minimum)
    initial = max(initial, maintenance) + uncredited_profit(equity, profit)
    return Health(equity, initial, maintenance)


def uncredited_profit(equity: int, profit: int) -> int:
    """Of the sum of unsettled profits, losses apart, what initial margin does not credit: what exceeds other equity."""
    if profit <= 0:
        return 0
    return max(0, profit - max(0, equity - profit))


def _known(rates: Rates | None, error: str, offender: int) -> Rates:
    if rates is None or rates.initial == 0:
        raise NoHealthError(f"{error}({offender})")
    return rates
