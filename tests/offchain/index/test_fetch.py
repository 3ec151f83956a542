"""Ranges: adapted to the node, proved to be of one chain, without holes."""

from __future__ import annotations

from typing import cast

import pytest

from ballast.errors import ReorgError
from ballast.index.fetch import Fetcher, Span, SpanSize
from ballast.index.rpc import Node, RefusedError
from tests.offchain.index.fakes import HOUSE, OTHER, FakeNode


def _fetcher(node: FakeNode, blocks: int = 1_000) -> Fetcher:
    return Fetcher(cast(Node, node), SpanSize(blocks))


def _span(node: FakeNode, first: int = 0, target: int = 100, blocks: int = 1_000) -> Span:
    return _fetcher(node, blocks).span([HOUSE], first, target, None, target + 1)


def _places(span: Span) -> list[tuple[int, int]]:
    return [(int(log["blockNumber"], 16), int(log["logIndex"], 16)) for log in span.logs]


# ------------------------------------------------------------------ size


def test_span__node_grants_few_blocks__halves_until_it_answers() -> None:
    node = FakeNode(5_000)
    node.most = 100
    fetcher = _fetcher(node)
    span = fetcher.span([HOUSE], 0, 5_000, None, 5_001)
    assert node.spans == [(0, 999), (0, 499), (0, 249), (0, 124), (0, 61)]
    assert (span.first, span.last) == (0, 61)


def test_span__node_refuses_a_single_block__its_error() -> None:
    node = FakeNode(100)
    node.most = 0
    with pytest.raises(RefusedError, match="too many results"):
        _span(node)
    assert node.spans[-1] == (0, 0)


def test_span__refused_near_the_target__next_size_is_half_of_what_was_asked() -> None:
    node = FakeNode(100)
    node.most = 5
    fetcher = _fetcher(node, 10_000)
    assert fetcher.span([HOUSE], 91, 100, None, 101).last == 95
    assert node.spans == [(91, 100), (91, 95)]


def test_span_size__small_answers__grow_to_the_largest_and_large_ones_shrink() -> None:
    size = SpanSize(1_000)
    for _ in range(20):
        size.answered(logs=3, blocks=size.blocks)
    assert size.blocks == SpanSize.LARGEST
    size.answered(logs=SpanSize.MANY_LOGS + 1, blocks=size.blocks)
    assert size.blocks == SpanSize.LARGEST // 2
    size.answered(logs=0, blocks=7)  # a rest before the target says nothing of the size
    assert size.blocks == SpanSize.LARGEST // 2


def test_history__refusing_node__every_log_once_and_in_order() -> None:
    emitters = {number: [OTHER, HOUSE, HOUSE] for number in range(0, 300, 7)}
    node = FakeNode(300, emitters)
    node.most = 40
    logs = _fetcher(node).history([HOUSE], 5, 295)
    places = [(int(log["blockNumber"], 16), int(log["logIndex"], 16)) for log in logs]
    assert places == [(n, i) for n in range(7, 295, 7) for i in (1, 2)]


# ------------------------------------------------------------------ headers and order


def test_span__blocks_with_logs__headers_of_these_and_of_both_ends() -> None:
    node = FakeNode(100, {40: [HOUSE], 41: [OTHER], 90: [HOUSE]})
    span = _span(node, first=10)
    assert [header.number for header in span.headers] == [10, 40, 90, 100]


def test_span__recent_blocks__all_their_headers() -> None:
    span = _fetcher(FakeNode(100)).span([HOUSE], 10, 100, None, 97)
    assert [header.number for header in span.headers] == [10, 97, 98, 99, 100]


# ------------------------------------------------------------------ one chain


def test_span__first_block_does_not_continue_the_index__reorg_error() -> None:
    node = FakeNode(100)
    header = node.header(49)
    assert header is not None
    assert _fetcher(node).span([HOUSE], 50, 100, header.hash, 101).last == 100
    node.fork(45)
    with pytest.raises(ReorgError, match="block 50: does not continue"):
        _fetcher(node).span([HOUSE], 50, 100, header.hash, 101)


def test_span__chain_replaced_while_logs_were_read__reorg_error() -> None:
    node = FakeNode(100, {60: [HOUSE]})
    node.after_logs = lambda: node.fork(80)
    with pytest.raises(ReorgError, match="block 100: replaced while its logs"):
        _span(node)


def test_span__log_of_a_replaced_block__reorg_error() -> None:
    """Two replicas: the one that answers for logs is on another fork, and catches up at the end."""
    node = FakeNode(100, {60: [HOUSE]})
    fetcher = _fetcher(node)
    honest = node.logs

    def forked(*args: object) -> object:
        node.fork(55)
        found = honest(*args)  # type: ignore[arg-type]
        node.forks.clear()
        return found

    node.logs = forked  # type: ignore[method-assign, assignment]
    with pytest.raises(ReorgError, match="block 60: replaced while its logs"):
        fetcher.span([HOUSE], 0, 100, None, 101)


def test_span__block_that_is_gone__reorg_error() -> None:
    node = FakeNode(100)

    def shrink() -> None:
        node.height = 90

    node.after_logs = shrink
    with pytest.raises(ReorgError, match="does not have it any more"):
        _span(node)


# ------------------------------------------------------------------ holes


def test_span__replica_without_the_newest_logs__asked_again_by_hash() -> None:
    node = FakeNode(100, {98: [HOUSE], 99: [OTHER, HOUSE], 100: [OTHER]})
    node.hides = {98, 99, 100}
    span = _fetcher(node).span([HOUSE], 0, 100, None, 90)
    assert _places(span) == [(98, 0), (99, 1)]
    assert len(node.by_hash) == 2, "a block of others' logs is not asked for"


def test_span__bloom_filter_names_a_contract_falsely__goes_on() -> None:
    node = FakeNode(100, {99: [OTHER]})
    full = (1 << 2048) - 1
    header = node.header

    def saturated(block: int | str) -> object:
        found = header(block)
        assert found is not None
        return type(found)(found.number, found.hash, found.parent, found.time, full)

    node.header = saturated  # type: ignore[method-assign, assignment]
    assert _span(node).logs == ()
