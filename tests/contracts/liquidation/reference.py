"""The formulas of a liquidation step in exact fractions, with the deployment's parameters.

E equity, MM maintenance margin, HF = E / MM, u the reward rate, pi the account's share of it, tau the target.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from ballast.units import WAD

__all__ = ["Terms", "fraction_to_target", "health_after", "share_of", "steps_price"]


@dataclass(frozen=True)
class Terms:
    """``LiquidationConfig`` as fractions."""

    target: Fraction
    start_rate: Fraction
    health_slope: Fraction
    ramp_rate: Fraction
    max_rate: Fraction
    ramp_time: int
    insurance_fee: Fraction
    fund_step_cap: Fraction
    fund_day_cap: Fraction
    dust: Fraction

    @classmethod
    def of(cls, config: Mapping[str, int]) -> Terms:
        """From the contract's view."""
        wad = {name: Fraction(value, WAD) for name, value in config.items()}
        return cls(
            target=wad["target"],
            start_rate=wad["startRate"],
            health_slope=wad["healthSlope"],
            ramp_rate=wad["rampRate"],
            max_rate=wad["maxRate"],
            ramp_time=config["rampTime"],
            insurance_fee=wad["insuranceFee"],
            fund_step_cap=wad["fundStepCap"],
            fund_day_cap=wad["fundDayCap"],
            dust=wad["dust"],
        )

    def rate(self, factor: Fraction, elapsed: int) -> Fraction:
        """u(t, HF), also below zero equity."""
        ramp = self.ramp_rate * min(elapsed, self.ramp_time) / self.ramp_time
        return min(self.max_rate, self.start_rate + self.health_slope * (1 - factor) + ramp)


def share_of(rate: Fraction, factor: Fraction) -> Fraction:
    """pi: the account pays no larger part of MM than it has health."""
    return min(rate, max(factor, Fraction(0)))


def fraction_to_target(factor: Fraction, share: Fraction, target: Fraction) -> Fraction:
    """f that brings HF to the target; all of it where the share eats all the health."""
    if factor <= share:
        return Fraction(1)
    return min(Fraction(1), (target - factor) / (target - share))


def health_after(factor: Fraction, share: Fraction, fraction: Fraction) -> Fraction:
    """HF' = (HF - f * pi) / (1 - f)."""
    return (factor - fraction * share) / (1 - fraction)


def steps_price(equity: Fraction, maintenance: Fraction, rate: Fraction, fraction: Fraction) -> Fraction:
    """f * (E - u * MM): what the liquidator pays, before the insurance fee and where the fund pays its part in full."""
    return fraction * (equity - rate * maintenance)
