"""Reads and reverts through the typed bindings."""

from __future__ import annotations

import pytest

from ballast.chain.anvil import Anvil
from ballast.chain.local import LocalChain
from ballast.chain.protocol import Health, Protocol
from ballast.chain.rpc import connect
from ballast.errors import ContractError, UsageError
from ballast.units import QUOTE_UNIT, WAD


def test_health__levered_account__is_the_contracts(chain: LocalChain) -> None:
    lender = chain.open("lender", collateral={"ETH": "100"})
    borrower = chain.open("borrower", collateral={"USDC": "10000"})
    chain.fill(lender, borrower, "ETH", "5")
    found = chain.protocol.health(borrower)
    assert (found.initial, found.maintenance) == (3_000 * WAD, 2_250 * WAD)
    fee = 15_000 * WAD * 5 // 10_000
    rounding = 10 * QUOTE_UNIT  # of the debt, and a second's interest
    assert 10_000 * WAD - fee - rounding <= found.equity <= 10_000 * WAD - fee
    assert found.is_healthy
    assert found.factor == chain.protocol.house.functions.healthFactor(borrower).call()
    assert chain.protocol.balance(borrower, "ETH") == 5 * WAD
    assert chain.protocol.balance(borrower, "USDC") == pytest.approx(-5_007_500_000, abs=10)


def test_health__at_an_earlier_block__is_that_blocks(chain: LocalChain) -> None:
    account = chain.open("depositor", collateral={"USDC": "100"})
    block = chain.w3.eth.block_number
    chain.deposit(account, "USDC", "50")
    assert chain.protocol.health(account, block).equity == 100 * WAD
    assert chain.protocol.health(account).equity == 150 * WAD


@pytest.mark.parametrize(
    ("health", "factor"),
    [(Health(-1, 5, 5), 0), (Health(10, 0, 0), None), (Health(3, 2, 2), 3 * WAD // 2)],
)
def test_factor__edge__is_as_on_chain(health: Health, factor: int | None) -> None:
    assert health.factor == factor


def test_call__reverting_view__raises_the_named_error(chain: LocalChain) -> None:
    account = chain.open("trader", collateral={"ETH": "1"})
    chain.warp(100_000)
    with pytest.raises(ContractError) as caught:
        chain.protocol.house.functions.health(account).call()
    assert caught.value.name == "Oracle_Stale"
    assert caught.value.arguments["asset"] == 0
    assert caught.value.arguments.keys() == {"asset", "updatedAt", "oldestAllowed"}


def test_send__reverting_transaction__raises_the_named_error(chain: LocalChain) -> None:
    account = chain.open("attacker", collateral={"USDC": "100"})
    chain.open("lender", collateral={"USDC": "10000"})
    with pytest.raises(ContractError) as caught:
        chain.withdraw(account, "USDC", "150")
    assert caught.value.name == "Ledger_BelowInitialMargin"
    assert caught.value.arguments["account"] == account


def test_estimate__error_of_a_module__is_named(chain: LocalChain) -> None:
    function = chain.protocol.house.functions.setPremiumConfig((2**32 - 1, 0, 60, 3600, 1, 1, 1))
    with pytest.raises(ContractError) as caught:
        function.estimate_gas({"from": chain.governor})  # type: ignore[typeddict-item]
    assert caught.value.name == "Listing_Bounds"
    assert caught.value.arguments["parameter"] == "premiumCap"


def test_send__stranger_calls_governance__is_unauthorized(chain: LocalChain) -> None:
    stranger = chain.accounts[3].address
    with pytest.raises(ContractError) as caught:
        chain.send(chain.protocol.house.functions.unpause(), stranger)
    assert caught.value.name == "AccessManagedUnauthorized"


def test_protocol__deployment_of_an_earlier_chain__is_refused(chain: LocalChain) -> None:
    with Anvil() as empty, pytest.raises(UsageError, match=r"no contract at .* deploy again"):
        Protocol(connect(empty.url), chain.deployment)


def test_protocol__wrong_chain_id__is_refused(chain: LocalChain) -> None:
    other = chain.deployment.model_copy(update={"chain_id": 1})
    with pytest.raises(UsageError, match="chain id is 31337, the deployment file says 1"):
        Protocol(chain.w3, other)


def test_instrument__unknown__lists_the_known_ones(chain: LocalChain) -> None:
    with pytest.raises(UsageError, match=r"instrument DOGE-PERP: .* BTC, BTC-PERP, ETH"):
        chain.protocol.instrument("DOGE-PERP")
