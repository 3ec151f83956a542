"""A token's supply is credit, so its cap holds whichever way deposits come: lent to oneself as well (attack 14)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ballast.chain.local import LocalChain
from ballast.errors import ContractError
from ballast.testing import Market, Trader
from tests.support.mutants import Mutant, mutant_chain

pytestmark = pytest.mark.ballast(check=False)

UNIT = 10**9
CAP = 8_000_000
NO_CAP_OF_TRANSFERS = Mutant(
    name="transfers know no supply cap",
    contract="Clearinghouse",
    source="contracts/Clearinghouse.sol",
    passages=(("contracts/Clearinghouse.sol", "        _requireSupplyCap(_banks[id], deposits);\n", ""),),
)


def lend_to_oneself(chain: LocalChain) -> int:
    """Fills the cap, then moves borrowed SOL over and repays the debt, thrice in one batch. What is deposited then."""
    owner = chain.open("attacker", collateral={"SOL": CAP})
    other = chain.open("attacker", index=1)
    house, sol = chain.protocol.house, chain.protocol.token("SOL").address
    sender = chain.key_of(owner).address
    chain.mint("SOL", sender, 12_000_000 * UNIT)
    chain.approve(sender, "SOL")
    with pytest.raises(ContractError, match="Ledger_SupplyCap"):
        chain.send(house.functions.deposit(owner, sol, 1), sender)
    calls = []
    for _ in range(3):
        calls.append(house.functions.transfer(other, owner, sol, 4_000_000 * UNIT))
        calls.append(house.functions.deposit(other, sol, 4_000_000 * UNIT))
    encoded = [bytes.fromhex(call._encode_transaction_data()[2:]) for call in calls]
    chain.send(house.functions.batch(encoded), sender)
    return int(house.functions.totals(sol).call()[0])


def test_transfer__borrowed_at_the_cap_and_repaid_by_deposit__reverts(
    ballast_chain: LocalChain, market: Market
) -> None:
    with pytest.raises(ContractError, match="Ledger_SupplyCap"):
        lend_to_oneself(ballast_chain)


def test_transfer__without_the_cap__two_and_a_half_times_the_cap_is_credit() -> None:
    with mutant_chain(NO_CAP_OF_TRANSFERS) as chain:
        assert lend_to_oneself(chain) == 20_000_000 * UNIT


def test_transfer__at_the_cap_between_own_accounts__passes(
    ballast_chain: LocalChain, market: Market, attacker: Trader
) -> None:
    """What is deposited already may move."""
    attacker.deposit("SOL", CAP)
    sol = ballast_chain.protocol.token("SOL").address
    move = ballast_chain.protocol.house.functions.transfer(attacker.account, attacker.sub_account(1), sol, 5 * UNIT)
    ballast_chain.send(move, attacker.address)
    assert attacker.balance("SOL", 1) == 5


def test_fill__spot_sold_on_credit_at_the_cap__reverts(
    ballast_chain: LocalChain, market: Market, make_account: Callable[..., Trader]
) -> None:
    make_account(collateral={"SOL": CAP})
    seller = make_account(collateral={"USDC": 100_000})
    buyer = make_account(collateral={"USDC": 100_000})
    with pytest.raises(ContractError, match="Ledger_SupplyCap"):
        ballast_chain.fill(seller.account, buyer.account, "SOL", 10)
