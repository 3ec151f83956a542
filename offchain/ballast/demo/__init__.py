"""The whole system at work: accounts of mixed shape, a crash, a keeper, and the invariants."""

from ballast.demo.run import Outcome, Watcher, run_demo
from ballast.demo.scenario import Scenario, from_crashes, from_prices

__all__ = ["Outcome", "Scenario", "Watcher", "from_crashes", "from_prices", "run_demo"]
