"""The keeper: finds accounts that can be liquidated and does it where it pays; syncs prices and
settles losers.

``Keeper(protocol, signer, settings).step()`` is one look at the chain; ``run`` repeats it.
"""

from ballast.keeper.bot import Keeper
from ballast.keeper.logs import json_log
from ballast.keeper.report import LiquidationResult, StepReport
from ballast.keeper.settings import KeeperSettings

__all__ = ["Keeper", "KeeperSettings", "LiquidationResult", "StepReport", "json_log"]
