"""A curve through dated futures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ballast.errors import UsageError
from ballast.market.forwards import ForwardCurve

CURVE = ForwardCurve.of(100.0, [0.25, 1.0], [102.0, 104.0])


def test_at__the_futures__is_their_price() -> None:
    assert CURVE.at([0.0, 0.25, 1.0]) == pytest.approx([100, 102, 104])


def test_at__between_and_beyond__the_carry_is_constant() -> None:
    assert CURVE.at(0.1) == pytest.approx(100 * 1.02**0.4)
    rate = np.log(104 / 102) / 0.75
    assert CURVE.at([0.5, 2.0]) == pytest.approx([102 * np.exp(0.25 * rate), 104 * np.exp(rate)])


@pytest.mark.parametrize(
    ("spot", "years", "prices", "says"),
    [
        (100.0, [1.0, 0.5], [1, 2], r"future 1: 0\.5 years, after 1\.0"),
        (100.0, [0.5, 0.5], [1, 2], r"future 1: 0\.5 years, after 0\.5"),
        (100.0, [0.0, 0.5], [1, 2], r"future 0: 0\.0 years, after 0\.0"),
        (100.0, [0.5, 1.0], [1, -2], r"future 1: price -2\.0; give one above 0"),
        (np.nan, [0.5], [1], "spot nan"),
        (100.0, [0.5, 1.0], [1], "shapes"),
        (100.0, [], [], "shapes"),
    ],
)
def test_of__not_a_curve__says_why(spot: float, years: Any, prices: Any, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        ForwardCurve.of(spot, years, prices)


def test_at__before_now__is_refused() -> None:
    with pytest.raises(UsageError, match="0 or more"):
        CURVE.at(-0.1)
