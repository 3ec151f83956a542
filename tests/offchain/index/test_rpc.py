"""Requests to a node that fails, refuses, or answers in one piece where many were asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import requests
from web3 import Web3
from web3.providers import JSONBaseProvider

from ballast.chain.local import LocalChain
from ballast.errors import RpcError
from ballast.index import rpc
from ballast.index.rpc import Node, RefusedError


class _Provider(JSONBaseProvider):
    """Gives the scripted answers in turn, the last one for ever."""

    endpoint_uri = "https://user:secret@node.example/v2/key"

    def __init__(self, *answers: Any) -> None:
        super().__init__()
        self.answers = list(answers)
        self.requests: list[Any] = []

    def make_request(self, method: Any, params: Any) -> Any:
        self.requests.append((method, params))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    make_batch_request: Any = None


def _node(*answers: Any, batch: Callable[[Any], Any] | None = None) -> tuple[Node, _Provider]:
    provider = _Provider(*answers)
    provider.make_batch_request = batch
    return Node(Web3(provider)), provider


def _http(status: int) -> requests.HTTPError:
    response = requests.Response()
    response.status_code = status
    return requests.HTTPError(response=response)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rpc.time, "sleep", lambda seconds: None)


GOOD = {"result": "0x7a69"}


@pytest.mark.parametrize(
    "failure", [requests.ConnectionError(), requests.Timeout(), ConnectionResetError(), _http(429), _http(502)]
)
def test_call__connection_lost_twice__tried_again(failure: Exception) -> None:
    node, provider = _node(failure, failure, GOOD)
    assert node.chain_id() == 31337
    assert len(provider.requests) == 3


def test_call__connection_lost_for_good__error_names_the_node_without_its_key() -> None:
    node, provider = _node(requests.ConnectionError())
    with pytest.raises(RpcError, match=r"node https://node\.example: no answer") as caught:
        node.chain_id()
    assert not isinstance(caught.value, RefusedError)
    assert len(provider.requests) == 3
    assert "key" not in str(caught.value)


@pytest.mark.parametrize(
    "refusal",
    [
        {"error": {"code": -32005, "message": "range too large"}},
        {"error": "range too large"},
        _http(400),
        ValueError("no JSON"),
    ],
)
def test_call__refused__at_once_and_not_again(refusal: Any) -> None:
    node, provider = _node(refusal)
    with pytest.raises(RefusedError):
        node.logs(["0x" + "11" * 20], 1, 2)
    assert len(provider.requests) == 1


def test_call_many__more_than_a_batch__split_and_in_order() -> None:
    sizes: list[int] = []

    def batch(requests_: list[Any]) -> list[Any]:
        sizes.append(len(requests_))
        return [{"result": params[0]} for _, params in requests_]

    node, _ = _node(GOOD, batch=batch)
    assert node.call_many([("m", [n]) for n in range(250)]) == list(range(250))
    assert sizes == [100, 100, 50]


def test_call_many__one_error_for_all__refused() -> None:
    node, _ = _node(GOOD, batch=lambda requests_: {"error": {"message": "batch too large"}})
    with pytest.raises(RefusedError, match="batch too large"):
        node.call_many([("m", [1]), ("m", [2])])


def test_call_many__provider_without_batches__one_by_one() -> None:
    node, provider = _node({"result": 1}, {"result": 2})
    assert node.call_many([("m", []), ("n", [])]) == [1, 2]
    assert [method for method, _ in provider.requests] == ["m", "n"]


def test_header__block_that_does_not_exist__none() -> None:
    node, _ = _node({"result": None})
    assert node.header(5) is None


def test_may_hold__blocks_of_a_real_chain__true_where_the_contract_logged(chain: LocalChain) -> None:
    chain.open("depositor", 0, {"USDC": "10"})
    chain.mine(2)
    node, house = Node(chain.w3), chain.protocol.house.address.lower()
    last = chain.w3.eth.block_number
    logged = {int(log["blockNumber"], 16) for log in node.logs([house], 0, last)}
    headers = [header for header in node.headers(range(last + 1)) if header is not None]
    holding = {header.number for header in headers if header.may_hold(house)}
    assert logged <= holding
    assert holding - logged == set(), "false positives are possible, but not in such small blocks"
    assert 0 < len(holding) < last
