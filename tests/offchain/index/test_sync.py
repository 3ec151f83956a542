"""Following a real chain: restarts, re-orgs, and databases that belong to another."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from web3 import Web3

from ballast.chain.artifacts import artifact
from ballast.chain.local import LocalChain
from ballast.errors import IndexingError, ReorgError, RpcError, UsageError
from ballast.index import Index, LedgerState
from ballast.index.audit import audit
from ballast.index.fetch import Fetcher
from ballast.index.rpc import Node


def _everything(index: Index, block: int) -> tuple[LedgerState, Any, Any]:
    return index.state(block), index.operators(block), index.orders(block)


def _without_time(state: LedgerState) -> dict[str, Any]:
    """A state but for the header, which only some blocks' are kept."""
    return {name: getattr(state, name) for name in ("block", "accounts", "banks", "markets", "parameters")}


def _trade_a_little(chain: LocalChain, rounds: int = 6, seed: int = 1) -> None:
    """Several transactions that change every kind of row."""
    rng = random.Random(seed)
    maker = chain.open("maker", 0, {"USDC": "90000", "ETH": "40"})
    taker = chain.open("taker", 0, {"USDC": "50000"})
    for _ in range(rounds):
        chain.fill(maker, taker, rng.choice(("ETH-PERP", "ETH")), rng.choice(("0.5", "-0.5")))
        chain.settle(taker)
        chain.deposit(taker, "SOL", rng.randrange(1, 9))
        chain.mine(rng.randrange(1, 3))
    chain.withdraw(taker, "USDC", "1000")
    house = chain.protocol.house
    owner = chain.key_of(taker).address
    chain.send(house.functions.cancel(taker, rng.randrange(2**256)), owner)
    chain.send(house.functions.setOperator(taker, chain.governor, 2**64 - 1), owner)


def _require_clean(chain: LocalChain, index: Index) -> None:
    result = audit(chain.w3, index)
    assert result.block == chain.w3.eth.block_number
    assert result.differences == ()
    assert result.checked > 200


# ------------------------------------------------------------------ from the start, in any steps


def test_sync__fresh_database__state_is_the_chains(chain: LocalChain, index: Index) -> None:
    _trade_a_little(chain)
    assert index.sync(chain.w3, chain.deployment) == chain.w3.eth.block_number
    _require_clean(chain, index)


def test_sync__block_by_block_or_at_once__the_same_state_at_every_block(
    chain: LocalChain, index: Index, tmp_path: Path
) -> None:
    _trade_a_little(chain)
    last = index.sync(chain.w3, chain.deployment)
    with Index(f"sqlite:///{tmp_path}/steps.sqlite") as stepped:
        rng = random.Random(3)
        block = 0
        while block < last:
            block = min(last, block + rng.randrange(1, 9))
            assert stepped.sync(chain.w3, chain.deployment, block) == block
        for block in range(last + 1):
            ours, theirs = _everything(index, block), _everything(stepped, block)
            assert _without_time(ours[0]) == _without_time(theirs[0])
            assert ours[1:] == theirs[1:]


def test_sync__stopped_at_any_request_and_started_again__nothing_lost(
    chain: LocalChain, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _trade_a_little(chain)
    monkeypatch.setattr("ballast.index.fetch.SpanSize.LARGEST", 4)
    monkeypatch.setattr("ballast.index.fetch.SpanSize.__init__", _of_four_blocks)
    requests = Node.call
    heads: list[int | None] = []
    for allowed in itertools.count(10, 2):
        left = iter(range(allowed))

        def failing(self: Node, *args: Any, left: Iterator[int] = left) -> Any:
            if next(left, None) is None:
                raise RpcError("node: gone")
            return requests(self, *args)

        monkeypatch.setattr(Node, "call", failing)
        with Index(database) as index:
            try:
                index.sync(chain.w3, chain.deployment)
                break
            except RpcError:
                heads.append(index.head)
    monkeypatch.undo()
    assert len(set(heads)) > 3, "it went on where it had stopped"
    with Index(database) as index:
        _require_clean(chain, index)


def _of_four_blocks(self: Any, blocks: int = 4) -> None:
    self.blocks = 4


def test_sync__killed_inside_a_transaction__the_range_is_written_again_whole(
    chain: LocalChain, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _trade_a_little(chain)

    def dies(*args: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("ballast.index.store._add_blocks", dies)
    with Index(database) as index, pytest.raises(KeyboardInterrupt):
        index.sync(chain.w3, chain.deployment)
    monkeypatch.undo()
    with Index(database) as index:
        assert index.head is None
        index.sync(chain.w3, chain.deployment)
        _require_clean(chain, index)


def test_sync__long_back_fill__progress_ends_at_the_total(
    chain: LocalChain, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ballast.index.fetch.SpanSize.__init__", _of_four_blocks)
    monkeypatch.setattr("ballast.index.fetch.SpanSize.LARGEST", 4)
    seen: list[tuple[int, int]] = []
    last = index.sync(chain.w3, chain.deployment, progress=lambda *step: seen.append(step))
    assert [done for done, _ in seen] == [*range(4, last + 1, 4), last + 1]
    assert {total for _, total in seen} == {last + 1}


def test_sync__two_at_once_on_one_database__both_end_at_the_chains_state(chain: LocalChain, database: str) -> None:
    _trade_a_little(chain)
    reached: list[int] = []

    def follow() -> None:
        w3 = Web3(Web3.HTTPProvider(chain.url))
        with Index(database) as index:
            reached.append(index.sync(w3, chain.deployment))

    Index(database).close()
    threads = [Thread(target=follow) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert reached == [chain.w3.eth.block_number] * 3
    with Index(database) as index:
        _require_clean(chain, index)


# ------------------------------------------------------------------ re-orgs


@pytest.mark.parametrize("depth", [1, 7, 30])
def test_sync__reorg__rolled_back_to_the_common_ancestor(own_chain: LocalChain, index: Index, depth: int) -> None:
    _trade_a_little(own_chain)
    before = index.sync(own_chain.w3, own_chain.deployment)
    own_chain.rpc("anvil_reorg", depth, [])
    assert own_chain.w3.eth.block_number == before
    assert index.sync(own_chain.w3, own_chain.deployment) == before
    _require_clean(own_chain, index)
    _trade_a_little(own_chain, rounds=1, seed=2)
    index.sync(own_chain.w3, own_chain.deployment)
    _require_clean(own_chain, index)


def test_sync__reorg_that_mines_other_events__their_state(own_chain: LocalChain, index: Index) -> None:
    account = own_chain.open("depositor", 0, {"USDC": "1000"})
    owner = own_chain.key_of(account).address
    own_chain.mine(4)
    withdraw = own_chain.protocol.house.functions.withdraw(
        account, own_chain.protocol.token("USDC").address, 400_000_000, owner
    )
    index.sync(own_chain.w3, own_chain.deployment)
    balance = index.state().account(account).balances[0]
    own_chain.rpc(
        "anvil_reorg",
        3,
        [[{"from": owner, "to": withdraw.address, "data": withdraw._encode_transaction_data()}, 1]],
    )
    index.sync(own_chain.w3, own_chain.deployment)
    assert index.state().account(account).balances[0] == balance - 400_000_000
    _require_clean(own_chain, index)


def test_sync__node_rolled_back_and_not_further_yet__index_ends_where_the_node_does(
    own_chain: LocalChain, index: Index
) -> None:
    _trade_a_little(own_chain)
    before = index.sync(own_chain.w3, own_chain.deployment)
    own_chain.rpc("anvil_rollback", 9)
    assert index.sync(own_chain.w3, own_chain.deployment) == before - 9
    assert index.head == before - 9
    _require_clean(own_chain, index)


def test_sync__snapshot_reverted_and_another_history__its_state(own_chain: LocalChain, index: Index) -> None:
    for role in ("maker", "taker"):
        own_chain.actor(role)
    snapshot = own_chain.snapshot()
    _trade_a_little(own_chain, seed=4)
    index.sync(own_chain.w3, own_chain.deployment)
    own_chain.revert(snapshot)
    _trade_a_little(own_chain, rounds=9, seed=5)
    index.sync(own_chain.w3, own_chain.deployment)
    _require_clean(own_chain, index)


def test_sync__reorg_while_it_reads__begins_again(
    own_chain: LocalChain, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    _trade_a_little(own_chain)
    read, pending = Fetcher._headers, [12, 5]

    def reorganising(self: Fetcher, numbers: Any) -> Any:
        if pending:
            own_chain.rpc("anvil_reorg", pending.pop(), [])
        return read(self, numbers)

    monkeypatch.setattr(Fetcher, "_headers", reorganising)
    index.sync(own_chain.w3, own_chain.deployment)
    assert pending == []
    _require_clean(own_chain, index)


def test_sync__chain_that_never_holds_still__reorg_error(
    own_chain: LocalChain, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Fetcher._headers

    def reorganising(self: Fetcher, numbers: Any) -> Any:
        own_chain.rpc("anvil_reorg", 2, [])
        return read(self, numbers)

    monkeypatch.setattr(Fetcher, "_headers", reorganising)
    with pytest.raises(ReorgError, match="gave up after 8 attempts"):
        index.sync(own_chain.w3, own_chain.deployment)


def test_sync__reorg_at_the_limit__undone_and_one_deeper__error(own_chain: LocalChain, tmp_path: Path) -> None:
    own_chain.mine(40)
    with Index(f"sqlite:///{tmp_path}/a.sqlite", reorg_limit=10) as index:
        index.sync(own_chain.w3, own_chain.deployment)
        own_chain.rpc("anvil_reorg", 10, [])
        index.sync(own_chain.w3, own_chain.deployment)
        _require_clean(own_chain, index)
        own_chain.rpc("anvil_reorg", 11, [])
        with pytest.raises(IndexingError, match=r"more than 10 blocks deep.*delete the database"):
            index.sync(own_chain.w3, own_chain.deployment)


def test_sync__node_far_behind_the_index__error_not_a_roll_back(own_chain: LocalChain, tmp_path: Path) -> None:
    own_chain.mine(40)
    with Index(f"sqlite:///{tmp_path}/a.sqlite", reorg_limit=10) as index:
        before = index.sync(own_chain.w3, own_chain.deployment)
        own_chain.rpc("anvil_rollback", 11)
        with pytest.raises(IndexingError, match="11 behind the index"):
            index.sync(own_chain.w3, own_chain.deployment)
        assert index.head == before


# ------------------------------------------------------------------ blocks asked for


def test_sync__earlier_block_than_the_head__kept_and_still_readable(chain: LocalChain, index: Index) -> None:
    _trade_a_little(chain)
    head = index.sync(chain.w3, chain.deployment)
    assert index.sync(chain.w3, chain.deployment, head - 20) == head - 20
    assert index.head == head
    assert audit(chain.w3, index, head - 20).is_clean


def test_sync__block_that_does_not_exist__usage_error(chain: LocalChain, index: Index) -> None:
    latest = chain.w3.eth.block_number
    with pytest.raises(UsageError, match=f"block {latest + 1}: the chain ends at block {latest}"):
        index.sync(chain.w3, chain.deployment, latest + 1)
    with pytest.raises(UsageError, match="block -1: before the deployment"):
        index.sync(chain.w3, chain.deployment, -1)


def test_state__block_beyond_the_index__usage_error(chain: LocalChain, index: Index) -> None:
    with pytest.raises(IndexingError, match="empty; sync it first"):
        index.state()
    head = index.sync(chain.w3, chain.deployment)
    with pytest.raises(UsageError, match=f"block {head + 1}: not indexed; the index holds 0 to"):
        index.state(head + 1)


def test_state__some_accounts__only_these_and_marked_partial(chain: LocalChain, index: Index) -> None:
    _trade_a_little(chain)
    index.sync(chain.w3, chain.deployment)
    whole = index.state()
    chosen = sorted(whole.accounts)[0]
    part = index.state(accounts=[chosen, 12345])
    assert dict(part.accounts) == {chosen: whole.accounts[chosen]}
    assert part.partial
    assert not whole.partial
    assert part.banks == whole.banks


# ------------------------------------------------------------------ replaceable contracts


def _replace_engine(chain: LocalChain) -> None:
    """A new engine whose parameters are set before the ledger knows it, and one after."""
    contract = chain.w3.eth.contract
    found = artifact("MarginEngine")
    factory = contract(abi=found["abi"], bytecode=found["bytecode"])
    authority = chain.protocol.contract("AccessManager").address
    old = chain.protocol.engine.functions
    same = (old.sources().call(), 77 * 10**18, old.factors().call())
    receipt = chain.w3.eth.wait_for_transaction_receipt(
        factory.constructor(authority, *same).transact({"from": chain.governor})
    )
    engine = contract(address=receipt["contractAddress"], abi=found["abi"])
    for token in (1, 2, 3):
        chain.send(engine.functions.setTokenRates(token, (310_000, 420_000)), chain.governor)
    chain.mine(3)
    chain.send(chain.protocol.house.functions.setEngine(engine.address), chain.governor)
    for symbol in ("BTC-PERP", "ETH-PERP", "SOL-PERP"):
        call = engine.functions.setInstrumentRates(chain.protocol.instrument(symbol), (1, 2))
        chain.send(call, chain.governor)


def test_sync__engine_replaced__its_parameters_from_before_it_was_named_too(
    own_chain: LocalChain, index: Index
) -> None:
    before = index.sync(own_chain.w3, own_chain.deployment)
    old = index.state().parameters.engine
    _replace_engine(own_chain)
    head = index.sync(own_chain.w3, own_chain.deployment)
    engine = index.state().parameters.engine
    assert engine is not None
    assert engine.minimum == 77 * 10**18
    assert engine.token_rates[2] == (310_000, 420_000)
    assert engine.instrument_rates[own_chain.protocol.instrument("ETH-PERP")] == (1, 2)
    _require_clean(own_chain, index)
    assert index.state(before).parameters.engine == old

    own_chain.rpc("anvil_rollback", head - before)
    index.sync(own_chain.w3, own_chain.deployment)
    assert index.state().parameters.engine == old
    _replace_engine(own_chain)
    index.sync(own_chain.w3, own_chain.deployment)
    assert index.state().parameters.engine == engine


# ------------------------------------------------------------------ whose database


def test_sync__database_of_another_chain_with_the_same_id__usage_error(chain: LocalChain, database: str) -> None:
    with Index(database) as index:
        index.sync(chain.w3, chain.deployment)
    with LocalChain(timestamp=1_700_000_000) as other, Index(database) as index:
        assert other.deployment.contracts == chain.deployment.contracts
        with pytest.raises(UsageError, match="index of another chain with the same id 31337"):
            index.sync(other.w3, other.deployment)


def test_sync__database_of_another_deployment__usage_error(chain: LocalChain, index: Index) -> None:
    index.sync(chain.w3, chain.deployment)
    contracts = {**chain.deployment.contracts, "Clearinghouse": chain.governor}
    other = chain.deployment.model_copy(update={"contracts": contracts})
    with pytest.raises(UsageError, match=r"the index of another deployment \(chain 31337, Clear"):
        index.sync(chain.w3, other)


def test_sync__node_of_another_chain__usage_error_before_anything_is_written(chain: LocalChain, index: Index) -> None:
    other = chain.deployment.model_copy(update={"chain_id": 1})
    with pytest.raises(UsageError, match="has chain id 31337, the deployment is on 1"):
        index.sync(chain.w3, other)
    late = chain.deployment.model_copy(update={"start_block": 10**6})
    with pytest.raises(UsageError, match="has no block 1000000, where the deployment began"):
        index.sync(chain.w3, late)
    assert index.sync(chain.w3, chain.deployment) == chain.w3.eth.block_number


def test_index__reorg_limit_of_nothing__usage_error(database: str) -> None:
    with pytest.raises(UsageError, match="reorg_limit 0"):
        Index(database, reorg_limit=0)
