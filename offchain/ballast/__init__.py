"""Ballast: an on-chain cross-margin protocol and the tools to run it."""

from importlib.metadata import PackageNotFoundError, version

__all__ = ["__version__"]

try:
    __version__ = version("ballast")
except PackageNotFoundError:  # run from a bare source tree
    __version__ = "0.0.0"
