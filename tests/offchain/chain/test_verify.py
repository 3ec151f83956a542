"""The final check: each thing that can be wrong is found, by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from ballast.chain.local import LocalChain
from ballast.chain.verify import deployer_of, preflight, verify
from ballast.errors import UsageError

Spoil = Callable[[LocalChain], object]
STRANGER = "0x90F79bf6EB2c4f870365E785982E1f101E93b906"


def _swap_last_byte(chain: LocalChain, address: str) -> None:
    code = chain.w3.eth.get_code(address)  # type: ignore[arg-type]
    chain.rpc("anvil_setCode", address, "0x" + (code[:-1] + bytes([code[-1] ^ 1])).hex())


def _immutable(chain: LocalChain) -> None:
    """A feed whose upper bound, an immutable, is not the constructor's argument."""
    address = chain.protocol.feed("ETH").address
    code = bytes(chain.w3.eth.get_code(address))
    wanted, other = (10**15).to_bytes(32, "big"), (10**15 + 1).to_bytes(32, "big")
    assert wanted in code
    chain.rpc("anvil_setCode", address, "0x" + code.replace(wanted, other).hex())


def _house(chain: LocalChain, function: str, *args: object) -> None:
    chain.send(chain.protocol.house.get_function_by_name(function)(*args), chain.governor)


def _manager(chain: LocalChain, function: str, *args: object) -> None:
    manager = chain.protocol.contract("AccessManager")
    chain.send(manager.get_function_by_name(function)(*args), chain.governor)


SPOILS: dict[str, tuple[Spoil, str]] = {
    "code": (
        lambda chain: _swap_last_byte(chain, chain.protocol.router.address),
        "contracts.OracleRouter.code",
    ),
    "immutable": (_immutable, "contracts.feed ETH.code"),
    "no code": (
        lambda chain: chain.rpc("anvil_setCode", chain.deployment.contracts["Listing"], "0x"),
        "contracts.Listing.code",
    ),
    "router": (
        lambda chain: _house(chain, "setRouter", chain.protocol.engine.address),
        "contracts.OracleRouter",
    ),
    "rates": (
        lambda chain: chain.send(chain.protocol.engine.functions.setTokenRates(2, (150_001, 200_000)), chain.governor),
        "assets.ETH.token.rates.maintenance",
    ),
    "scenario limits": (
        lambda chain: chain.send(
            chain.protocol.contract("ScenarioBook").functions.setLimits((1, 250_000)), chain.governor
        ),
        "scenarios.delay",
    ),
    "closed scenarios": (
        lambda chain: _manager(chain, "setTargetClosed", chain.deployment.contracts["ScenarioBook"], True),
        "access.closed.",
    ),
    "fee recipient": (
        lambda chain: _house(chain, "setFeeRecipients", STRANGER, chain.governor),
        "fees.trade",
    ),
    "quoter added": (lambda chain: _house(chain, "setQuoter", STRANGER, True), "quoters.others"),
    "quoter removed": (
        lambda chain: _house(chain, "setQuoter", chain.governor, False),
        "quoters.0x",
    ),
    "reduce only": (
        lambda chain: _house(chain, "setMarketStatus", chain.protocol.instrument("SOL"), True),
        "markets.SOL.reduce_only",
    ),
    "market config": (
        lambda chain: _house(
            chain,
            "setMarketConfig",
            chain.protocol.instrument("ETH-PERP"),
            (10**14, 10**16, 10**16, 200, 501, 50_000, 10**18, 100_000 * 10**18),
        ),
        "markets.ETH-PERP.takerFee",
    ),
    "role holder": (
        lambda chain: _manager(chain, "grantRole", 3, STRANGER, 5),
        "access.roles.risk_publisher.other_holders",
    ),
    "second admin": (
        lambda chain: _manager(chain, "grantRole", 0, STRANGER, 0),
        "access.admin.other_holders",
    ),
    "unknown role": (lambda chain: _manager(chain, "grantRole", 77, STRANGER, 0), "access.role 77"),
    "function": (
        lambda chain: _manager(chain, "setTargetFunctionRole", chain.protocol.house.address, [b"\x12\x34\x56\x78"], 3),
        "access.functions.",
    ),
    "closed target": (
        lambda chain: _manager(chain, "setTargetClosed", chain.protocol.engine.address, True),
        "access.closed.",
    ),
    "role admin": (lambda chain: _manager(chain, "setRoleAdmin", 1, 4), "access: event RoleAdmin"),
    "feed guard": (
        lambda chain: chain.send(
            chain.protocol.router.functions.setFeed(
                3,
                (
                    chain.protocol.feed("SOL").address,
                    8,
                    90_001,
                    0,
                    130_000,
                    5_000_000,
                    60_000,
                    10**5,
                    10**14,
                ),
            ),
            chain.governor,
        ),
        "assets.SOL.feed.maxAge",
    ),
}


def test_verify__just_deployed__finds_nothing(chain: LocalChain) -> None:
    assert verify(chain.w3, chain.params, chain.deployment) == []


def test_verify__used_chain__finds_nothing(chain: LocalChain) -> None:
    maker = chain.open("maker", collateral={"USDC": "100000", "ETH": "10"})
    taker = chain.open("taker", collateral={"USDC": "100000"})
    chain.fill(maker, taker, "ETH-PERP", "5")
    chain.fill(maker, taker, "ETH", "2")
    chain.set_price("ETH", "2900")
    assert verify(chain.w3, chain.params, chain.deployment) == []


@pytest.mark.parametrize("name", SPOILS)
def test_verify__one_thing_spoilt__is_the_one_difference(chain: LocalChain, name: str) -> None:
    spoil, path = SPOILS[name]
    spoil(chain)
    found = verify(chain.w3, chain.params, chain.deployment)
    assert [difference.path[: len(path)] for difference in found] == [path], found
    assert "\n" not in str(found[0])


def test_verify__scenario_table__is_the_parameters_while_the_first_one_holds(chain: LocalChain) -> None:
    scenarios = chain.params.scenarios
    table = replace(scenarios.table, weights=(Decimal("0.9"), *scenarios.table.weights[1:]))
    params = chain.params.model_copy(update={"scenarios": scenarios.model_copy(update={"table": table})})
    found = verify(chain.w3, params, chain.deployment)
    assert [difference.path for difference in found] == ["scenarios.table.weights"]
    assert found[0].wanted == [9_000, *found[0].found[1:]]
    # another one that was published since is not the parameters' business
    book = chain.protocol.contract("ScenarioBook")
    data = book.encode_abi("propose", [params.scenarios.content(params.asset_ids)])
    chain.send_raw(str(book.address), data, chain.governor)
    assert len(verify(chain.w3, params, chain.deployment)) == 1
    chain.send(book.functions.activate(), chain.governor)
    assert verify(chain.w3, params, chain.deployment) == []
    assert verify(chain.w3, chain.params, chain.deployment) == []


def test_verify__deployment_file_edited__is_found(chain: LocalChain) -> None:
    instruments = {**chain.deployment.instruments, "ETH-PERP": 1}
    edited = chain.deployment.model_copy(update={"instruments": instruments})
    found = verify(chain.w3, chain.params, edited)
    assert [difference.path for difference in found] == ["deployment file: instruments"]


def test_verify__other_chain__is_refused(chain: LocalChain) -> None:
    params = chain.params.model_copy(update={"chain": chain.params.chain.model_copy(update={"id": 1})})
    with pytest.raises(UsageError, match="chain id"):
        verify(chain.w3, params, chain.deployment)


def test_deployer_of__deployment__is_the_first_admin(chain: LocalChain) -> None:
    assert deployer_of(chain.w3, chain.deployment) == chain.governor


def test_preflight__public_feed_of_other_description__is_found(chain: LocalChain) -> None:
    def as_public(description: str, decimals: int) -> list[str]:
        ether = chain.params.assets[2]
        feed = ether.feed.model_copy(
            update={
                "kind": "chainlink",
                "address": chain.protocol.feed("ETH").address,
                "description": description,
                "decimals": decimals,
            }
        )
        asset = ether.model_copy(update={"feed": feed})
        params = chain.params.model_copy(update={"assets": [chain.params.assets[0], asset]})
        return [difference.path for difference in preflight(chain.w3, params)]

    assert as_public("ETH / USD", 8) == []
    assert as_public("BTC / USD", 8) == ["assets.ETH.feed.description"]
    assert as_public("ETH / USD", 18) == ["assets.ETH.feed.decimals"]
