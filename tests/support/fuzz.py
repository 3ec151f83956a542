"""How properties of contracts are run: against one chain that all examples share, so never timed and never stored."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

__all__ = ["examples"]


def examples(count: int) -> settings:
    """Settings of a property that takes ``count`` examples and fixtures of a function."""
    return settings(
        max_examples=count,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
