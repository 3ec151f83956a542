"""The plan: every function behind the AccessManager has a role, and nothing comes before its
needs."""

from __future__ import annotations

import pytest

from ballast.chain.artifacts import artifact
from ballast.chain.params import NetworkParams
from ballast.chain.plan import build_plan, selector_of
from ballast.chain.steps import Call, Deploy, Ref
from ballast.errors import UsageError

DEPLOYER = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
HOLDER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"

#: Functions of the managed contracts that anyone may call: users, keepers and feeds.
OPEN = {
    "Clearinghouse": {
        "batch",
        "cancel",
        "collect",
        "deposit",
        "depositWithPermit",
        "fill",
        "flag",
        "fundInsurance",
        "liquidate",
        "refreshStrikes",
        "setAuthority",  # the AccessManager itself
        "setMarginModel",
        "setOperator",
        "setOperatorBudget",
        "settle",
        "submitQuotes",
        "transfer",
        "withdraw",
    },
    "OracleRouter": {"setAuthority", "sync"},
    "SettlementOracle": {"setAuthority", "settlePrice"},
    "MarginEngine": {"setAuthority"},
    "ScenarioBook": {"activate", "setAuthority"},
    "StrikeBook": {"setAuthority"},
    "SurfaceOracle": {"setAuthority", "submit"},
    "RiskArrays": {"refresh", "refreshProposed", "setAuthority"},
}


@pytest.mark.parametrize("network", ["local", "sepolia", "base-sepolia", "arbitrum-sepolia"])
def test_params__every_restricted_function__belongs_to_one_role(network: str) -> None:
    roles = NetworkParams.load(network).access.roles.values()
    for contract, open_to_all in OPEN.items():
        writing = {
            entry["name"]
            for entry in artifact(contract)["abi"]
            if entry["type"] == "function" and entry["stateMutability"] not in ("view", "pure")
        }
        given = [name for role in roles for name in role.functions.get(contract, [])]
        assert sorted(given) == sorted(writing - open_to_all)


@pytest.mark.parametrize("network", ["local", "sepolia", "base-sepolia", "arbitrum-sepolia"])
def test_build_plan__any_network__refers_to_earlier_stages_only(network: str) -> None:
    params = NetworkParams.load(network).with_holders({"all": HOLDER})
    plan = build_plan(params, DEPLOYER)
    stages = {step.name: step.stage for step in plan if isinstance(step, Deploy)}
    names = [step.name for step in plan]
    assert len(set(names)) == len(names)
    for step in plan:
        if isinstance(step, Call):
            refs = [value for value in (step.target, *step.args) if isinstance(value, Ref)]
            assert all(stages[ref.name] < step.stage for ref in refs)
            assert step.checks


def test_build_plan__tokens__are_listed_in_order_each_in_its_own_stage() -> None:
    plan = build_plan(NetworkParams.load("local"), DEPLOYER)
    listed = [step for step in plan if isinstance(step, Call) and step.function == "listToken"]
    assert [step.name for step in listed] == [f"listToken {s}" for s in ("USDC", "BTC", "ETH", "SOL")]
    assert len({step.stage for step in listed}) == 4


def test_build_plan__other_admin__renounces_last() -> None:
    params = NetworkParams.load("sepolia").with_holders({"all": HOLDER})
    plan = build_plan(params, DEPLOYER)
    last = max(plan, key=lambda step: step.stage)
    assert isinstance(last, Call)
    assert last.function == "renounceRole"
    assert sum(step.stage == last.stage for step in plan) == 1


def test_selector_of__unknown_function__is_refused() -> None:
    with pytest.raises(UsageError, match="Clearinghouse has no function setEverything"):
        selector_of("Clearinghouse", "setEverything")
