"""What one option position of an account is worth by itself, as it is shown to people."""

from __future__ import annotations

from ballast.chain.instruments import expiry_of_series, option_parts
from ballast.risk.margin import Margins
from ballast.risk.standard_options import option_value
from ballast.risk.valuation import NoHealthError
from ballast.units import WAD

__all__ = ["option_worth"]


def option_worth(margins: Margins, instrument: int, size: int) -> int | None:
    """USDC 1e18, rounded down; ``size`` is signed, 1e18. None where arrays or a price are missing.

    Until the expiry at the mark carried to the index, then at the settlement price, or at the index until that is
    fixed. An account's options net before they are rounded, so their sum is at least that of these.
    """
    series, strike, put = option_parts(instrument)
    try:
        if margins.now >= expiry_of_series(series):
            return size * margins.valuation.end_of(series).payoff(strike, put) // WAD
        arrays = margins.terms.arrays.get(series)
        if arrays is None or strike >= len(arrays.records):
            return None
        return option_value(arrays, strike, put, size // arrays.lot, margins.valuation.index_of(series >> 14))
    except NoHealthError:
        return None
