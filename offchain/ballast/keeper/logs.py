"""JSON lines that explain each decision: to standard error from the command line, nowhere from a
program unless asked."""

from __future__ import annotations

import logging
import sys
from typing import Any, TextIO

import structlog

from ballast import units

__all__ = ["Log", "json_log", "shown_account", "shown_usdc", "silent_log"]

#: A structlog logger.
Log = Any


def json_log(level: str = "info", stream: TextIO | None = None) -> Log:
    """A logger that writes one JSON object a line."""
    return structlog.wrap_logger(
        structlog.PrintLogger(stream or sys.stderr),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        context_class=dict,
        cache_logger_on_first_use=False,
    )


def silent_log() -> Log:
    """A logger that says nothing below a catastrophe."""
    return json_log("critical")


def shown_usdc(wad: int) -> str:
    """USDC 1e18 as a decimal string with six digits, towards zero."""
    sign = "-" if wad < 0 else ""
    whole, rest = divmod(abs(wad) // units.QUOTE_UNIT, 10**units.QUOTE_DECIMALS)
    return f"{sign}{whole}.{rest:0{units.QUOTE_DECIMALS}d}"


def shown_account(account: int) -> str:
    return units.format_account(account)
