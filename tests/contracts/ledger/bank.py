"""Banks of the tests' own: states for the harness, and the exact reference of what the contract rounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st
from web3.contract import Contract

__all__ = [
    "ACCRUE",
    "COMPENSATE",
    "CREDIT",
    "DEBIT",
    "E6",
    "INDEX_MAX",
    "LENDER",
    "MIN_INDEX",
    "OTHERS",
    "RATE_MAX",
    "RATE_SCALE",
    "WAD",
    "WRITE_OFF",
    "Bank",
    "Step",
    "Totals",
    "amounts",
    "banks_of",
    "ceil_div",
    "curves",
    "require_borne",
    "run",
    "sharing",
    "yearly",
]

WAD = 10**18
E6 = 10**6
YEAR = 365 * 86_400
RATE_SCALE = 10**17
RATE_MAX = 2**32 - 1
INDEX_MAX = 2**72 - 1
#: Losses never take a deposit index below it.
MIN_INDEX = 10**9
CREDIT, DEBIT, WRITE_OFF, ACCRUE, COMPENSATE = range(5)
#: Accounts of the harness.
LENDER, OTHERS = 256, 512


@dataclass(frozen=True)
class Bank:
    """Fields of ``LedgerStorage.Bank``, in its order."""

    deposit_index: int = WAD
    borrow_index: int = WAD
    deposit_rate: int = 0
    borrow_rate: int = 0
    updated_at: int = 0
    asset: int = 2
    decimals: int = 18
    deposit_shares: int = 0
    borrow_shares: int = 0
    held: int = 0
    pools: int = 0
    insurance: int = 0
    fees: int = 0
    token: str = "0x" + "00" * 20
    reserve_factor: int = 200_000
    kink: int = 850_000
    base_rate: int = 20_000
    kink_slope: int = 80_000
    max_slope: int = 900_000
    supply_cap: int = 2**127
    borrow_cap: int = 2**127
    uncovered: int = 0

    @property
    def values(self) -> tuple[Any, ...]:
        return tuple(asdict(self).values())

    @property
    def deposits(self) -> int:
        return self.deposit_shares * self.deposit_index // WAD

    @property
    def borrows(self) -> int:
        return ceil_div(self.borrow_shares * self.borrow_index, WAD)

    def solvent(self, extra: int) -> Bank:
        """The same with so much cash that what it owns exceeds what it owes by ``extra`` units or a little more."""
        missing = self.deposit_shares * self.deposit_index - self.borrow_shares * self.borrow_index
        return replace(self, held=max(0, ceil_div(missing, WAD)) + extra)


@dataclass(frozen=True)
class Totals:
    deposits: int
    borrows: int
    reserves: int
    deposit_index: int
    borrow_index: int
    surplus: int


@dataclass(frozen=True)
class Step:
    """What one call did; the account's balances are those right before and after it, at the indices of then."""

    shares: int
    balance_before: int
    balance_after: int
    before: Totals
    later: Totals
    from_deposits: int
    uncovered: int


def run(
    banks: Contract, bank: Bank, shares: dict[int, int], ops: Sequence[tuple[int, int, int, int]]
) -> tuple[list[Step], Bank]:
    """Runs ops (kind, account, amount, seconds before it) over a bank; nothing is kept."""
    traces, after = banks.functions.run(bank.values, list(shares), list(shares.values()), list(ops)).call()
    steps = [
        Step(trace[0], trace[1], trace[2], Totals(*trace[3]), Totals(*trace[4]), trace[5], trace[6]) for trace in traces
    ]
    return steps, Bank(*after)


def require_borne(bank: Bank, step: Step, after: Bank, amount: int, bearers: int) -> int:
    """Requires I6 of a loss: of those with ``bearers`` shares, then reserves, then uncovered; what the former lost."""
    had = bearers * bank.deposit_index // WAD
    assert step.from_deposits == min(amount, max(0, had - ceil_div(bearers * MIN_INDEX, WAD)))
    rest = max(0, amount - step.from_deposits - step.before.reserves)
    # two units that rounding makes reserves look larger may count as uncovered
    assert rest <= step.uncovered <= rest + 2
    assert after.uncovered == bank.uncovered + step.uncovered

    # they lose what they bear, and the rounding of their index, which stays in the reserves
    lost = had - bearers * step.later.deposit_index // WAD
    assert step.from_deposits <= lost <= step.from_deposits + bearers // WAD + 2
    assert step.later.deposit_index >= min(MIN_INDEX, bank.deposit_index)
    assert step.later.borrow_index == step.before.borrow_index
    assert step.later.reserves >= 0
    assert after.held == bank.held
    return lost


def ceil_div(value: int, by: int) -> int:
    return -(-value // by)


def yearly(bank: Bank, utilisation: Fraction) -> Fraction:
    """The kinked curve, exact, as a part a year."""
    kink = Fraction(bank.kink, E6)
    rate = bank.base_rate + bank.kink_slope * min(utilisation, kink) + bank.max_slope * max(0, utilisation - kink)
    return Fraction(rate, E6)


# ---------------------------------------------------------------- strategies

amounts = st.one_of(st.integers(0, 10), st.integers(0, 10**12), st.integers(0, 2**96))
borrow_indices = st.one_of(st.just(WAD), st.integers(WAD, 3 * WAD), st.integers(WAD, INDEX_MAX))
deposit_indices = st.one_of(
    st.just(WAD), st.integers(WAD, 3 * WAD), st.integers(MIN_INDEX, WAD), st.integers(MIN_INDEX, 2 * MIN_INDEX)
)


@st.composite
def curves(draw: st.DrawFn) -> Bank:
    """Any curve and reserve factor that listing lets pass."""
    highest = RATE_MAX * YEAR * E6 // RATE_SCALE
    base = draw(st.integers(0, highest))
    slope = draw(st.integers(0, highest - base))
    return Bank(
        base_rate=base,
        kink_slope=slope,
        max_slope=draw(st.integers(0, highest - base - slope)),
        kink=draw(st.one_of(st.sampled_from([0, E6]), st.integers(0, E6))),
        reserve_factor=draw(st.one_of(st.sampled_from([0, E6]), st.integers(0, E6))),
    )


@st.composite
def banks_of(draw: st.DrawFn, *, reserves: int = 2**97) -> Bank:
    """Any solvent bank with any curve."""
    bank = replace(
        draw(curves()),
        deposit_index=draw(deposit_indices),
        borrow_index=draw(borrow_indices),
        deposit_shares=draw(amounts),
        borrow_shares=draw(amounts),
    )
    return bank.solvent(draw(st.one_of(st.just(0), st.integers(0, reserves))))


@st.composite
def sharing(draw: st.DrawFn) -> tuple[Bank, dict[int, int]]:
    """A bank with cash for everything, and two accounts that have all its shares."""
    shares = {account: draw(st.one_of(st.just(0), amounts, amounts.map(int.__neg__))) for account in (LENDER, OTHERS)}
    bank = replace(
        draw(banks_of()),
        deposit_shares=sum(share for share in shares.values() if share > 0),
        borrow_shares=-sum(share for share in shares.values() if share < 0),
    )
    return bank.solvent(2**120), shares
