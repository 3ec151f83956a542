"""A surface of all expiries at once: found again, and without arbitrage whatever it is fitted to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ballast.errors import UsageError
from ballast.market.chain_csv import read_chain
from ballast.market.ssvi_fit import SsviFit, fit_ssvi
from ballast.market.surface import Surface
from ballast.market.svi_fit import density, fit_svi, total_variance

CHAIN = Path(__file__).parents[3].parent / "shared" / "data" / "chain_deribit_options_snapshot_20251230T173115Z.csv"
YEARS = [0.05, 0.2, 0.6, 1.2]
K = [np.linspace(-0.4, 0.4, 15)] * 4
MADE = SsviFit(-0.4, 0.9, 0.4, (0.02, 0.07, 0.18, 0.3), (), 0, 0)
WIDE = np.linspace(-3, 3, 601)


def vols_of(made: SsviFit) -> list[np.ndarray]:
    return [np.sqrt(total_variance(made.svi(i), k) / t) for i, (k, t) in enumerate(zip(K, YEARS, strict=True))]


def test_fit_ssvi__volatilities_of_a_surface__finds_it() -> None:
    found = fit_ssvi(K, vols_of(MADE), YEARS)
    assert (found.rho, found.eta, found.gamma) == pytest.approx((MADE.rho, MADE.eta, MADE.gamma), rel=1e-4)
    assert found.thetas == pytest.approx(MADE.thetas, rel=1e-6)
    assert found.largest_error < 1e-5


def test_fit_ssvi__whatever_is_quoted__there_is_no_arbitrage() -> None:
    source = np.random.default_rng(1)
    for _ in range(10):
        quotes = [np.abs(source.normal(0.6, 0.25, len(k))) + 0.05 for k in K]
        found = fit_ssvi(K, quotes, YEARS)
        lower = np.zeros_like(WIDE)
        for expiry in range(len(YEARS)):
            slice_ = found.svi(expiry)
            assert density(slice_, WIDE).min() >= -1e-9
            w = total_variance(slice_, WIDE)
            assert (w >= lower - 1e-12).all()
            lower = w


@pytest.mark.parametrize(
    ("years", "says"),
    [
        ([0.05, 0.2, 0.2, 1.2], r"expiry 2: 0\.2 years, after 0\.2; give expiries in order of time"),
        ([0.05, 0.2, 0.1, 1.2], r"expiry 2: 0\.1 years, after 0\.2"),
        ([0.05, 0.2, 0.6], "4, 4 and 3 expiries"),
        ([0.0, 0.2, 0.6, 1.2], r"expiry 0: 0\.0 years to the expiry"),
    ],
)
def test_fit_ssvi__expiries_out_of_order__says_which(years: list[float], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        fit_ssvi(K, vols_of(MADE), years)


def test_fit_ssvi__bad_quote__says_which() -> None:
    quotes = vols_of(MADE)
    quotes[2] = np.where(np.arange(15) == 4, np.nan, quotes[2])
    with pytest.raises(UsageError, match="ssvi: expiry 2: quote 4: volatility nan"):
        fit_ssvi(K, quotes, YEARS)


def test_fit_ssvi__too_few_quotes__is_refused() -> None:
    with pytest.raises(UsageError, match="4 quotes in all; a surface needs 5"):
        fit_ssvi([np.array([0.0, 0.1])] * 2, [np.array([0.5, 0.5])] * 2, [0.1, 0.2])


@pytest.mark.slow
def test_fit__a_real_chain__calendar_free_slices_make_a_surface() -> None:
    if not CHAIN.is_file():
        pytest.skip("the option chain is not beside this tree")
    chain = read_chain(CHAIN)
    for name, expiries in chain.expiries.items():
        k, quotes, years = [], [], []
        fits = []
        for found in expiries.values():
            if len(found.vols) < 8:
                continue
            strikes = np.array(list(found.vols))
            k.append(np.log(strikes / found.forward))
            quotes.append(np.array(list(found.vols.values())))
            years.append((found.expiry - chain.time) / (365 * 86_400))
            fits.append(fit_svi(k[-1], quotes[-1], years[-1], earlier=fits[-1] if fits else None))
        whole = fit_ssvi(k, quotes, years)
        medians = np.median([fit.median_error for fit in fits])
        print(f"{name}: {len(fits)} expiries, median error SVI {medians:.2f}, SSVI {whole.median_error:.2f} vol points")
        assert medians < 0.5
        assert whole.median_error < 4
        for before, after, grid in zip(fits, fits[1:], k[1:], strict=False):
            assert (
                total_variance(after.parameters, grid) >= total_variance(before.parameters, grid) * (1 - 1e-9)
            ).all()
        Surface.of(years, [whole.svi(i) for i in range(len(years))])
