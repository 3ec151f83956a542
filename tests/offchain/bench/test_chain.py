"""Deploying and sending: what fails says which contract or function, and why."""

from __future__ import annotations

import pytest
from eth_typing import ChecksumAddress
from web3.contract import Contract

from ballast.bench.chain import BLOCK_TIME, Chain, deploy_linked
from ballast.bench.compile import Artifact, PeerError

CODE_OF_LEAF = "600a600c600039600a6000f3602a60005260206000f3"
"""Creation code of a contract that returns 42 whatever it is asked."""


def _artifact(name: str, bytecode: str, links: dict[str, tuple[int, ...]]) -> Artifact:
    return Artifact(name, [], bytecode, links)


def test_deploy_linked__nested_libraries__each_deployed_once(chain: Chain) -> None:
    placeholder = "__$" + "0" * 34 + "$__"
    # PUSH20 <library>, then code that is returned as it is: the address can be read back.
    user = "6020600c60003960206000f3" + "73" + placeholder + "00" * 11
    artifacts = {
        "User": _artifact("User", user, {"a.sol:Inner": (13,)}),
        "Inner": _artifact("Inner", user, {"b.sol:Leaf": (13,)}),
        "Leaf": _artifact("Leaf", CODE_OF_LEAF, {}),
    }
    libraries: dict[str, ChecksumAddress] = {}
    first = deploy_linked(chain, artifacts, "User", libraries=libraries)
    known = dict(libraries)
    deploy_linked(chain, artifacts, "User", libraries=libraries)
    assert libraries == known
    assert sorted(known) == ["a.sol:Inner", "b.sol:Leaf"]
    linked = chain.w3.eth.get_code(first.address)[1:21]
    assert linked.hex() == known["a.sol:Inner"].removeprefix("0x").lower()


def test_deploy_linked__library_not_compiled__named(chain: Chain) -> None:
    artifacts = {"User": _artifact("User", "00" * 40, {"a.sol:Absent": (1,)})}
    with pytest.raises(PeerError, match=r"User links to a\.sol:Absent, which was not compiled"):
        deploy_linked(chain, artifacts, "User", libraries={})


def test_deploy__constructor_reverts__names_the_contract(chain: Chain) -> None:
    with pytest.raises(PeerError, match="deploying Broken failed"):
        chain.deploy(_artifact("Broken", "60006000fd", {}))


def test_send__revert__names_function_and_error(chain: Chain, token: Contract) -> None:
    call = token.functions.transfer(chain.governor, 10**30)
    with pytest.raises(PeerError, match=r"transfer to itself reverted: .*0xe450d38c"):
        chain.send(call, chain.governor, "to itself")


def test_send__two_in_a_row__blocks_apart_by_block_time(chain: Chain, token: Contract) -> None:
    times = []
    for _ in range(2):
        chain.send(token.functions.mint(chain.governor, 1), chain.governor)
        times.append(chain.w3.eth.get_block("latest")["timestamp"])
    assert times[1] - times[0] == BLOCK_TIME
