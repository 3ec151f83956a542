"""Reads a whole deployment back from the chain and compares it with the parameters.

Everything is asked of the chain: the code of every contract, byte for byte with its immutables;
every parameter; every listing; and, from the logs, every role, holder and function, so that what
the parameters do not name is found too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from web3 import Web3
from web3.contract import Contract
from web3.exceptions import Web3Exception
from web3.types import StateOverride, TxParams

from ballast.chain.deployer import creation_code, describe, known_addresses
from ballast.chain.deployment import Deployment
from ballast.chain.instruments import FUTURE, OPTION, kind_of, options_listing
from ballast.chain.params import DEPLOYER, NetworkParams
from ballast.chain.plan import (
    ADMIN_ROLE,
    build_plan,
    instrument_of,
    options_symbol,
    public_checks,
    selector_of,
    table_check,
)
from ballast.chain.reads import ABSENT, Difference, Reader, scan_logs
from ballast.chain.rpc import MAX_CALL_GAS, require_chain
from ballast.chain.steps import Deploy, Step
from ballast.errors import ContractError, DeploymentError

__all__ = ["deployer_of", "preflight", "verify"]

#: Contracts whose functions the AccessManager guards.
_MANAGED = (
    "Clearinghouse",
    "OracleRouter",
    "SettlementOracle",
    "MarginEngine",
    "ScenarioBook",
    "StrikeBook",
    "SurfaceOracle",
    "RiskArrays",
)


def preflight(w3: Web3, params: NetworkParams) -> list[Difference]:
    """What is wrong with the public feeds and tokens that the parameters name, before deploying."""
    reader = Reader(w3, {}, 0)
    return [
        difference
        for check in public_checks(params)
        if isinstance(check.target, str)
        for difference in reader.differences(check)
    ]


def deployer_of(w3: Web3, deployment: Deployment) -> str:
    """Whoever was made admin when the AccessManager was created."""
    manager = Reader(w3, {}, 0).contract("AccessManager", deployment.contracts["AccessManager"])
    events = scan_logs(w3, manager, deployment.start_block, only=("RoleGranted",))
    if not events:
        raise DeploymentError(
            f"AccessManager {manager.address}: no role was ever granted from block"
            f" {deployment.start_block} on; the deployment file is of another chain"
        )
    return str(events[0]["args"]["account"])


def verify(w3: Web3, params: NetworkParams, deployment: Deployment) -> list[Difference]:
    """Every difference between the chain and the parameters; empty where there is none."""
    require_chain(w3, params.chain.id, f"network {params.network}")
    deployer = deployer_of(w3, deployment)
    addresses = known_addresses(deployment)
    reader = Reader(w3, addresses, deployment.start_block)
    plan = build_plan(params, deployer)
    missing = [step for step in plan if isinstance(step, Deploy) and step.name not in addresses]
    if missing:
        return [Difference(f"contracts.{step.name}", step.contract, ABSENT) for step in missing]
    found = list(_file_differences(params, addresses, deployment, deployer))
    found += _code_differences(w3, plan, addresses, deployer)
    for check in public_checks(params):
        found += reader.differences(check)
    for step in plan:
        if not isinstance(step, Deploy):
            for condition in step.checks:
                found += reader.differences(condition)
    found += reader.differences(table_check(params))
    found += _authority_differences(reader)
    found += _access_differences(reader, params, deployer)
    found += _listing_differences(reader, params, deployer)
    return list({str(difference): difference for difference in found}.values())


def _file_differences(
    params: NetworkParams, addresses: Mapping[str, str], deployment: Deployment, deployer: str
) -> Iterator[Difference]:
    """Whether the deployment file says what it would say if it were written now, but for what is listed for a time."""
    start = deployment.start_block
    wanted = describe(params, dict(addresses), start, deployer).model_dump()
    for field, value in deployment.model_dump().items():
        if field == "instruments":
            value = {name: number for name, number in value.items() if kind_of(number) not in (FUTURE, OPTION)}
        if value != wanted[field]:
            yield Difference(f"deployment file: {field}", wanted[field], value)


def _code_differences(w3: Web3, plan: list[Step], addresses: dict[str, str], deployer: str) -> Iterator[Difference]:
    """Runs each creation code in place, at the contract's own address, and compares what it returns
    with the code that is there: immutables take their values from the constructor's arguments."""
    for step in plan:
        if not isinstance(step, Deploy):
            continue
        address = Web3.to_checksum_address(addresses[step.name])
        code = bytes(w3.eth.get_code(address))
        path = f"contracts.{step.name}"
        if not code:
            yield Difference(f"{path}.code", step.contract, ABSENT)
            continue
        wanted = _runtime(w3, step, addresses, address, deployer)
        if wanted != code:
            yield Difference(f"{path}.code", _digest(wanted), _digest(code))


def _runtime(w3: Web3, step: Deploy, addresses: dict[str, str], address: str, deployer: str) -> bytes:
    request = {"from": deployer, "to": address, "gas": MAX_CALL_GAS}
    override = {address: {"code": Web3.to_hex(creation_code(step, addresses))}}
    try:
        result = w3.eth.call(cast(TxParams, request), "latest", cast(StateOverride, override))
    except (ContractError, Web3Exception, ValueError) as error:
        raise DeploymentError(f"{step.name}: cannot run its constructor: {error}") from error
    return bytes(result)


def _digest(code: bytes) -> str:
    return f"code {Web3.keccak(code).to_0x_hex()[:18]} of {len(code)} bytes"


def _authority_differences(reader: Reader) -> Iterator[Difference]:
    wanted = reader.addresses["AccessManager"]
    for name in _MANAGED:
        contract = reader.contract(name, reader.addresses[name])
        found = contract.functions.authority().call()
        if found != wanted:
            yield Difference(f"contracts.{name}.authority", wanted, found)


# ------------------------------------------------------------ roles, from the logs


def _access_differences(reader: Reader, params: NetworkParams, deployer: str) -> Iterator[Difference]:
    manager = reader.contract("AccessManager", reader.addresses["AccessManager"])
    members: dict[int, dict[str, int]] = {}
    functions: dict[tuple[str, bytes], int] = {}
    for event in scan_logs(reader.w3, manager, reader.from_block):
        args = event["args"]
        match event["event"]:
            case "RoleGranted":
                members.setdefault(args["roleId"], {})[args["account"]] = args["delay"]
            case "RoleRevoked":
                members.get(args["roleId"], {}).pop(args["account"], None)
            case "TargetFunctionRoleUpdated":
                functions[args["target"], bytes(args["selector"])] = args["roleId"]
            case "TargetClosed" if args["closed"]:
                if manager.functions.isTargetClosed(args["target"]).call():
                    yield Difference(f"access.closed.{args['target']}", False, True)
            case "RoleAdminChanged" | "RoleGuardianChanged" | "TargetAdminDelayUpdated":
                yield Difference(f"access: event {event['event']}", ABSENT, dict(args))
            case _:
                pass
    yield from _member_differences(params, deployer, members)
    yield from _function_differences(reader, params, functions)


def _member_differences(
    params: NetworkParams, deployer: str, members: Mapping[int, Mapping[str, int]]
) -> Iterator[Difference]:
    access = params.access
    roles = {ADMIN_ROLE: ("access.admin", access.admin)}
    roles |= {role.id: (f"access.roles.{name}", role) for name, role in access.roles.items()}
    for number, found in members.items():
        path, role = roles.get(number, (f"access.role {number}", None))
        wanted = set()
        if role is not None:
            wanted = {deployer if role.holder == DEPLOYER else role.holder}
        extra = sorted(set(found) - wanted)
        if extra:
            yield Difference(f"{path}.other_holders", [], extra)


def _function_differences(
    reader: Reader, params: NetworkParams, functions: Mapping[tuple[str, bytes], int]
) -> Iterator[Difference]:
    wanted = {
        (reader.addresses[contract], selector_of(contract, function)): role.id
        for role in params.access.roles.values()
        for contract, names in role.functions.items()
        for function in names
    }
    for (target, selector), role_id in functions.items():
        if wanted.get((target, selector), ADMIN_ROLE) != role_id:
            path = f"access.functions.{target}.0x{selector.hex()}"
            yield Difference(path, wanted.get((target, selector), ADMIN_ROLE), role_id)


# ------------------------------------------------------------ listings, from the logs


def _listing_differences(reader: Reader, params: NetworkParams, deployer: str) -> Iterator[Difference]:
    house: Contract = reader.contract("Clearinghouse", reader.addresses["Clearinghouse"])
    count = house.functions.tokenCount().call()
    if count != len(params.assets):
        yield Difference("assets (tokens listed)", len(params.assets), count)
    names = ("MarketListed", "MarketStatusSet", "QuoterSet")
    markets: dict[int, str] = {}
    closed: dict[int, bool] = {}
    quoters: dict[str, bool] = {}
    for event in scan_logs(reader.w3, house, reader.from_block, only=names):
        args: Mapping[str, Any] = event["args"]
        match event["event"]:
            case "MarketListed":
                if kind_of(args["instrument"]) != FUTURE:  # which come with their expiries
                    markets[args["instrument"]] = args["symbol"]
            case "MarketStatusSet":
                closed[args["instrument"]] = args["reduceOnly"]
            case _:
                quoters[args["quoter"]] = args["allowed"]
    wanted: dict[int, str] = {}
    for identifier, asset in enumerate(params.assets):
        wanted |= {instrument_of(identifier, market): market.symbol for market in asset.markets}
        if asset.options is not None:
            wanted[options_listing(identifier)] = options_symbol(asset)
    if markets != wanted:
        yield Difference("markets", wanted, markets)
    for instrument, is_closed in closed.items():
        if is_closed:
            name = markets.get(instrument, str(instrument))
            yield Difference(f"markets.{name}.reduce_only", False, True)
    meant = {deployer if holder == DEPLOYER else holder for holder in params.quoters}
    extra = sorted(quoter for quoter, allowed in quoters.items() if allowed and quoter not in meant)
    if extra:
        yield Difference("quoters.others", [], extra)
