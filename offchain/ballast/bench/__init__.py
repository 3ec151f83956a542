"""Benchmarks: the same work on Ballast and on other systems, side by side, as rows."""

from ballast.bench.rows import BALLAST, Row, with_ratios

__all__ = ["BALLAST", "Row", "with_ratios"]
