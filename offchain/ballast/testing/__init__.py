"""The pytest plugin: fixtures for tests against a protocol on a private local chain."""

from __future__ import annotations

__all__: list[str] = []
