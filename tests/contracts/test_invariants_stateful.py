"""Random walks over all that users, keepers and feeds do: I1 to I7 hold after every step.

The short walk runs with the other tests, the long one (>= 20,000 steps) in ``make fuzz``. Three planted bugs are
each found by the same walk.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from ballast.chain.local import LocalChain
from ballast.testing import START
from tests.support.mutants import Mutant, mutant_chain
from tests.support.walk import Walk

#: Examples times steps.
SHORT = (12, 100)
LONG = (140, 150)
PLANTED = (40, 100)

SKIP_CHECK = Mutant(
    name="skip the final health check",
    contract="Clearinghouse",
    source="contracts/Clearinghouse.sol",
    passages=(
        (
            "contracts/Clearinghouse.sol",
            "if (_isOutermost(entered)) _checkTouched();",
            "",
        ),
    ),
)
ROUND_UP_WITHDRAWAL = Mutant(
    name="round a withdrawal in favour of who withdraws",
    contract="Clearinghouse",
    source="contracts/Clearinghouse.sol",
    passages=(
        (
            "contracts/ledger/Banks.sol",
            "uint256(shares) : Rounding.mulDivUp(amount, WAD, depositIndex);",
            "uint256(shares) : Rounding.mulDivDown(amount, WAD, depositIndex);",
        ),
    ),
)
LIQUIDATE_AUTHOR = Mutant(
    name="let a batch liquidate its own author",
    contract="LiquidationEngine",
    source="contracts/liquidation/LiquidationEngine.sol",
    passages=(
        (
            "contracts/liquidation/LiquidationEngine.sol",
            "if (_isTouched(l.account)) revert Liquidation_CheckDeferred(l.account);\n        if (l.maxFraction",
            "if (l.maxFraction",
        ),
    ),
)


@pytest.fixture
def chain() -> Iterator[LocalChain]:
    with LocalChain(held_at=START) as started:
        yield started


def run(
    chain: LocalChain,
    size: tuple[int, int],
    phases: tuple[Phase, ...] = (Phase.generate, Phase.shrink),
) -> Walk:
    """Runs the machine over one chain; each example starts from the fresh deployment."""
    walk = Walk(chain)

    class Machine(RuleBasedStateMachine):
        @initialize()
        def start(self) -> None:
            walk.start()

        @rule(action=st.sampled_from(Walk.ACTIONS), seed=st.integers(0, 2**32 - 1))
        def act(self, action: str, seed: int) -> None:
            walk.step(action, seed)

    examples, steps = size
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            phases=phases,
            derandomize=size is not LONG,  # the short walks are the same in every run
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    return walk


def test_walk__short__invariants_hold(chain: LocalChain) -> None:
    walk = run(chain, SHORT)
    # a walk in which nothing succeeds would hold every invariant
    idle = set(Walk.ACTIONS) - {name for name, count in walk.done.items() if count}
    assert not idle, f"never succeeded: {idle}"


@pytest.mark.fuzz
def test_walk__long__invariants_hold(chain: LocalChain) -> None:
    walk = run(chain, LONG)
    print(f"{walk.steps} steps, {dict(walk.done)} succeeded, {walk.insolvencies} insolvent accounts closed")
    assert walk.steps >= 20_000
    assert walk.insolvencies > 0, "no insolvent account was closed: I6 was not tried"


@pytest.mark.parametrize(
    ("bug", "invariant"),
    [(SKIP_CHECK, "I4"), (ROUND_UP_WITHDRAWAL, "I7"), (LIQUIDATE_AUTHOR, "I5")],
    ids=lambda value: getattr(value, "name", value),
)
def test_walk__planted_bug__is_found(bug: Mutant, invariant: str) -> None:
    with mutant_chain(bug) as chain, pytest.raises(AssertionError, match=invariant):
        run(chain, PLANTED, phases=(Phase.generate,))
