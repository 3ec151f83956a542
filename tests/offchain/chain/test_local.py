"""The local chain's hands: each does on chain what it says."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

import pytest

from ballast import units
from ballast.chain.local import LocalChain
from ballast.chain.seeds import SHAPES, seed_accounts
from ballast.errors import ContractError, RpcError, UsageError

WAD = 10**18


def test_start__deployed__gives_starting_prices_and_funded_accounts(chain: LocalChain) -> None:
    assert {symbol: chain.price(symbol) for symbol in chain.deployment.feeds} == {
        "USDC": Decimal(1),
        "BTC": Decimal(60_000),
        "ETH": Decimal(3_000),
        "SOL": Decimal(150),
    }
    assert chain.protocol.mark("ETH-PERP") == 3_000 * WAD
    block = chain.w3.eth.get_block("latest")
    assert block["gasLimit"] == 60_000_000
    for account in chain.accounts[1:]:
        assert chain.w3.eth.get_transaction_count(account.address) == 0
        assert chain.w3.eth.get_balance(account.address) == 10_000 * WAD


def test_set_price__new_answer__counts_at_once(chain: LocalChain) -> None:
    chain.set_price("ETH", "2500.5")
    assert chain.protocol.mark("ETH-PERP") == 2500 * WAD + WAD // 2
    assert chain.protocol.price("ETH") == 2500 * WAD + WAD // 2


def test_feed__submit__is_account_zeros_alone(chain: LocalChain) -> None:
    submit = chain.protocol.feed("ETH").functions.submit(1)
    with pytest.raises(ContractError) as caught:
        chain.send(submit, chain.accounts[1].address)
    assert caught.value.name == "OwnableUnauthorizedAccount"


def test_fill__below_the_mark__trades_at_the_makers_price(chain: LocalChain) -> None:
    maker = chain.open("maker", collateral={"USDC": "100000"})
    taker = chain.open("taker", collateral={"USDC": "100000"})
    chain.fill(maker, taker, "ETH-PERP", "-10", "2950")
    profit = chain.protocol.house.functions.unsettledOf(maker, chain.protocol.instrument("ETH-PERP")).call()
    assert profit == 500 * WAD


def test_fill__spot__moves_tokens_and_cash(chain: LocalChain) -> None:
    maker = chain.open("maker", collateral={"SOL": "100"})
    taker = chain.open("taker", collateral={"USDC": "10000"})
    chain.fill(maker, taker, "SOL", "20")
    assert chain.protocol.balance(taker, "SOL") == 20 * 10**9
    assert chain.protocol.balance(maker, "USDC") == 3_000 * 10**6 - 600_000


def test_liquidate__unhealthy_account__takes_a_part(chain: LocalChain) -> None:
    maker = chain.open("maker", collateral={"USDC": "1000000"})
    trader = chain.open("trader", collateral={"USDC": "20000"})
    chain.fill(maker, trader, "ETH-PERP", "40")
    with pytest.raises(ContractError) as caught:
        chain.liquidate(trader, maker)
    assert caught.value.name == "Liquidation_Healthy"
    chain.set_price("ETH", "2650")
    assert not chain.health(trader).is_healthy
    chain.liquidate(trader, maker)
    assert chain.health(trader).is_healthy


def test_warp__a_day__prices_are_stale_until_refreshed(chain: LocalChain) -> None:
    account = chain.open("depositor", collateral={"ETH": "1"})
    chain.warp(100_000)
    with pytest.raises(ContractError, match="Oracle_Stale"):
        chain.health(account)
    chain.warp(1, refresh=True)
    assert chain.health(account).equity == 3_000 * WAD


def test_revert__to_a_snapshot__forgets_what_came_after(chain: LocalChain) -> None:
    snapshot = chain.snapshot()
    account = chain.open("depositor", collateral={"USDC": "5"})
    chain.revert(snapshot)
    assert chain.protocol.balance(account, "USDC") == 0
    chain.deposit(chain.open("depositor"), "USDC", "7")
    assert chain.protocol.balance(account, "USDC") == 7_000_000
    with pytest.raises(RpcError, match="no snapshot"):
        chain.revert(snapshot)


def test_reset_slow_price__after_a_crash__lets_risk_grow_again(chain: LocalChain) -> None:
    maker = chain.open("maker", collateral={"USDC": "1000000"})
    taker = chain.open("taker", collateral={"USDC": "1000000"})
    chain.set_price("ETH", "2000")
    with pytest.raises(ContractError) as caught:
        chain.fill(maker, taker, "ETH-PERP", "1")
    assert caught.value.name == "Ledger_Deviating"
    chain.reset_slow_price("ETH")
    chain.fill(maker, taker, "ETH-PERP", "1")


def test_fund_insurance__hundred__is_in_the_fund(chain: LocalChain) -> None:
    chain.fund_insurance("100")
    token = chain.protocol.token("USDC").address
    assert chain.protocol.house.functions.totals(token).call()[3] == 100_000_000


def test_key_of__unknown_owner__is_refused(chain: LocalChain) -> None:
    with pytest.raises(UsageError, match="not known to this chain"):
        chain.key_of(units.account_id("0x" + "12" * 20))


def test_attach__running_chain__works_on_its_deployment(chain: LocalChain) -> None:
    account = chain.open("depositor", collateral={"USDC": "5"})
    with LocalChain(url=chain.url, deployment=chain.deployment) as attached:
        assert attached.protocol.balance(account, "USDC") == 5_000_000
        attached.set_price("ETH", "2999")
    assert chain.price("ETH") == Decimal(2_999)


def test_seed_accounts__two_rounds__are_healthy_and_of_every_shape(chain: LocalChain) -> None:
    accounts = seed_accounts(chain, 1 + 2 * len(SHAPES))
    assert len(set(accounts)) == 11
    owners = {account.address for account in chain.accounts}
    for account in accounts:
        assert units.owner_of(account) not in owners
        assert chain.health(account).is_healthy
        assert chain.health(account).maintenance > 0
    shorts = [chain.protocol.position(account, "BTC-PERP") < 0 for account in accounts[1:6]]
    assert shorts == [False, False, True, True, False]
    assert chain.protocol.balance(accounts[1], "USDC") < 0


def test_seed_accounts__too_many__is_refused(chain: LocalChain) -> None:
    with pytest.raises(UsageError, match="out of range"):
        seed_accounts(chain, 100_000)


# ---------------------------------------------------------------- the node


def test_held__whatever_is_sent__time_stands_until_it_is_moved() -> None:
    with LocalChain(held_at=1_700_000_000) as chain:
        assert chain.now() == 1_700_000_000
        chain.set_price("ETH", "2999")
        time.sleep(1.1)
        chain.set_price("ETH", "2998")
        assert chain.now() == 1_700_000_000
        chain.advance(900)
        chain.mine(3, seconds=7)
        assert chain.now() == 1_700_000_921
        snapshot = chain.snapshot()
        chain.rpc("evm_setNextBlockTimestamp", 1_700_009_999)
        chain.rpc("anvil_removeBlockTimestampInterval")
        chain.revert(snapshot)
        chain.set_price("ETH", "2997")
        assert chain.now() == 1_700_000_921, "what a test did to the clock is gone"
        hashes = [chain.w3.eth.get_block("latest")["hash"]]
    with LocalChain(held_at=1_700_000_000) as chain:
        for price in ("2999", "2998"):
            chain.set_price("ETH", price)
        chain.advance(900)
        chain.mine(3, seconds=7)
        chain.set_price("ETH", "2997")
        hashes.append(chain.w3.eth.get_block("latest")["hash"])
    assert hashes[0] == hashes[1]


def test_send__a_node_without_past_states__names_the_error() -> None:
    with LocalChain(held_at=1_700_000_000, history=False) as chain:
        with pytest.raises(RpcError):
            chain.rpc("eth_getBalance", chain.accounts[0].address, "0x1")
        submit = chain.protocol.feed("ETH").functions.submit(1)
        with pytest.raises(ContractError) as caught:
            chain.send(submit, chain.accounts[1].address)
        assert caught.value.name == "OwnableUnauthorizedAccount"


def test_held__a_node_that_runs_already__is_refused(chain: LocalChain) -> None:
    with pytest.raises(UsageError, match="held_at: given with url"):
        LocalChain(url=chain.url, held_at=1_700_000_000)


@pytest.mark.parametrize("fate", ["mined", "left in the pool", "gone"])
def test_send__node_does_not_confirm__finds_the_receipt(
    chain: LocalChain, monkeypatch: pytest.MonkeyPatch, fate: str
) -> None:
    """Anvil loses one in some ten thousand."""
    genuine = chain.rpc
    tries = []

    def rpc(method: str, *params: Any) -> Any:
        if method != "eth_sendTransactionSync" or tries:
            return genuine(method, *params)
        tries.append(params)
        sent = None if fate == "gone" else genuine("eth_sendTransaction", *params)
        while fate == "mined" and genuine("eth_getTransactionReceipt", sent) is None:
            time.sleep(0.001)
        raise RpcError("eth_sendTransactionSync: {'code': -32603, 'message': 'Transaction confirmation timeout'}")

    genuine("evm_setAutomine", fate != "left in the pool")
    monkeypatch.setattr(chain, "rpc", rpc)
    try:
        receipt = chain.set_price("ETH", "2999")
    finally:
        genuine("evm_setAutomine", True)
    assert receipt["status"] == 1
    assert receipt["from"].lower() == chain.governor.lower()
    assert chain.price("ETH") == Decimal(2_999)


def test_send__another_refusal_of_the_node__is_raised(chain: LocalChain) -> None:
    with pytest.raises(RpcError, match="intrinsic gas"):
        chain.send_raw(chain.governor, "0x", chain.governor, gas=100)
