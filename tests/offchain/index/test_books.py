"""Scenario tables and risk arrays: followed from the engine's own word, and rebuilt from their logs."""

from __future__ import annotations

from pathlib import Path

import pytest

from ballast.chain.artifacts import artifact
from ballast.chain.local import LocalChain
from ballast.errors import IndexingError
from ballast.index import Index
from ballast.index.audit import audit
from ballast.index.decode import Event
from ballast.index.rules import MODULE_RULES
from ballast.index.state import Books, Engine
from tests.offchain.index.options import list_and_refresh, propose_again, refresh

LABEL = "28MAY27"


def _engine(index: Index, block: int | None = None) -> Engine:
    engine = index.state(block).parameters.engine
    assert engine is not None
    return engine


def _books(index: Index, block: int | None = None) -> Books:
    books = _engine(index, block).books
    assert books is not None
    return books


def _require_clean(chain: LocalChain, index: Index) -> None:
    index.sync(chain.w3, chain.deployment)
    assert audit(chain.w3, index).differences == ()


def test_sync__fresh_deployment__table_with_names_and_parameters_are_the_chains(
    chain: LocalChain, index: Index
) -> None:
    _require_clean(chain, index)
    engine, books = _engine(index), _books(index)
    assert (books.scenarios, books.arrays) == tuple(
        chain.protocol.contract(name).address for name in ("ScenarioBook", "RiskArrays")
    )
    assert books.table is not None
    assert books.table.version == 1
    assert bytes.fromhex(books.table.content["names"][0]).rstrip(b"\0")
    assert tuple(engine.factors.values()) == chain.protocol.engine.functions.factors().call()
    assert set(engine.contingencies) == {1, 2, 3}
    assert engine.haircuts == {1: 50_000, 2: 50_000, 3: 150_000}
    assert books.blobs == {}


def test_sync__arrays_stored__the_code_behind_the_pointer(chain: LocalChain, index: Index) -> None:
    series = [list_and_refresh(chain, symbol, LABEL) for symbol in ("ETH", "BTC")]
    refresh(chain, "ETH", LABEL, at_once=2)
    _require_clean(chain, index)
    blobs = _books(index).blobs
    assert sorted(blobs) == sorted(series)
    (pointer,) = chain.protocol.contract("RiskArrays").functions.pointersOf(series[:1], 1).call()
    assert b"\0" + blobs[series[0]] == bytes(chain.w3.eth.get_code(pointer))


def test_sync__table_proposed_withdrawn_and_activated__at_every_block(chain: LocalChain, index: Index) -> None:
    series = list_and_refresh(chain, "ETH", LABEL)
    book = chain.protocol.contract("ScenarioBook").functions
    _require_clean(chain, index)
    first = index.head
    before = _books(index)
    table = propose_again(chain)
    refresh(chain, "ETH", LABEL, proposed=True)
    _require_clean(chain, index)
    waiting = _books(index)
    assert waiting.proposal is not None
    assert waiting.proposal.table.version == 2
    assert waiting.proposal.table.content["names"][3] == table["names"][3].hex()
    assert (waiting.table, waiting.blobs) == (before.table, before.blobs)
    chain.send(book.activate(), chain.governor)
    _require_clean(chain, index)
    after = _books(index)
    assert after.table == waiting.proposal.table
    assert after.proposal is None
    assert after.blobs.keys() == {series}
    assert after.blobs != before.blobs
    propose_again(chain, termPower=table["termPower"] + 1)
    chain.send(book.withdrawProposal(), chain.governor)
    _require_clean(chain, index)
    assert _books(index) == after
    assert _books(index, first) == before


def test_sync__limits_of_both_books__each_its_own(chain: LocalChain, index: Index) -> None:
    chain.send(chain.protocol.contract("ScenarioBook").functions.setLimits((60, 200_000)), chain.governor)
    chain.send(chain.protocol.contract("RiskArrays").functions.setLimits((500, 10_000, 400_000)), chain.governor)
    _require_clean(chain, index)
    books = _books(index)
    assert books.scenario_limits == {"delay": 60, "maxChange": 200_000}
    assert books.array_limits == {"maxAge": 500, "bandCap": 10_000, "bandVol": 400_000}


def test_sync__block_by_block_or_at_once__the_same_books(chain: LocalChain, index: Index, tmp_path: Path) -> None:
    list_and_refresh(chain, "ETH", LABEL)
    propose_again(chain)
    last = index.sync(chain.w3, chain.deployment)
    with Index(f"sqlite:///{tmp_path}/steps.sqlite") as stepped:
        for block in range(last + 1):
            stepped.sync(chain.w3, chain.deployment, block)
        for block in range(last + 1):
            assert stepped.state(block).parameters == index.state(block).parameters


def test_sync__new_engine_with_new_books__followed_and_forgotten_with_it(own_chain: LocalChain, index: Index) -> None:
    chain = own_chain
    before = index.sync(chain.w3, chain.deployment)
    old = _engine(index)
    authority = chain.protocol.contract("AccessManager").address

    def create(name: str, *arguments: object) -> str:
        found = artifact(name)
        factory = chain.w3.eth.contract(abi=found["abi"], bytecode=found["bytecode"])
        sent = factory.constructor(authority, *arguments).transact({"from": chain.governor})
        return str(chain.w3.eth.wait_for_transaction_receipt(sent)["contractAddress"])

    scenarios = create("ScenarioBook", (7, 1_000))
    chain.mine(2)
    engine = chain.protocol.engine.functions
    (_, arrays, *others), factors = engine.sources().call(), engine.factors().call()
    made = create("MarginEngine", (scenarios, arrays, *others), 10**18, factors)
    chain.mine(2)
    named = index.sync(chain.w3, chain.deployment)
    chain.send(chain.protocol.house.functions.setEngine(made), chain.governor)
    index.sync(chain.w3, chain.deployment)
    books = _books(index)
    assert (books.scenarios, books.arrays, books.table) == (scenarios, arrays, None)
    assert books.scenario_limits == {"delay": 7, "maxChange": 1_000}
    assert _engine(index, named) == old

    chain.rpc("anvil_rollback", 1)
    index.sync(chain.w3, chain.deployment)
    assert _engine(index) == old
    assert index._store.sources() == sorted(
        contract.lower()
        for contract in (old.address, scenarios_of(old), arrays, *others, chain.protocol.router.address)
    )
    chain.send(chain.protocol.house.functions.setEngine(made), chain.governor)
    index.sync(chain.w3, chain.deployment)
    assert _books(index) == books
    assert before < named


def scenarios_of(engine: Engine) -> str:
    assert engine.books is not None
    return engine.books.scenarios


def test_rules__activation_of_a_table_never_proposed__error_names_block_and_version() -> None:
    (rule,) = MODULE_RULES["TableActivated"]
    with pytest.raises(IndexingError, match=r"block 7: TableActivated of version 3.*start_block"):
        rule.apply({"value": None}, Event("TableActivated", "0xbook", {"version": 3}, 7, 100, 0))
