"""Margin models as pure functions: no node, no database, no clock."""

__all__: list[str] = []
