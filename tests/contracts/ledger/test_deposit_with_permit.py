"""``depositWithPermit``. Branches: ``test_deposit_with_permit.tree``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from eth_account.signers.local import LocalAccount
from web3.contract import Contract
from web3.contract.contract import ContractFunction

from ballast.chain.local import LocalChain
from ballast.testing import Trader
from tests.contracts.ledger.tools import HOUR, deploy, fund, list_token, reverts, spare_token

pytestmark = pytest.mark.ballast(check=False)

AMOUNT = 1_000_000
PERMIT = {
    "Permit": [
        {"name": "owner", "type": "address"},
        {"name": "spender", "type": "address"},
        {"name": "value", "type": "uint256"},
        {"name": "nonce", "type": "uint256"},
        {"name": "deadline", "type": "uint256"},
    ]
}


@pytest.fixture
def payer(chain: LocalChain, usdc: Contract, make_account: Callable[..., Trader]) -> Trader:
    """USDC in the wallet, nothing approved."""
    made = make_account(name="payer")
    chain.mint("USDC", made.address, AMOUNT)
    return made


def signed(chain: LocalChain, token: Contract, owner: Trader, deadline: int, key: LocalAccount) -> Any:
    """An ERC-2612 permit of AMOUNT for the Clearinghouse."""
    fields = token.functions.eip712Domain().call()
    domain = {"name": fields[1], "version": fields[2], "chainId": fields[3], "verifyingContract": fields[4]}
    message = {
        "owner": owner.address,
        "spender": chain.protocol.house.address,
        "value": AMOUNT,
        "nonce": token.functions.nonces(owner.address).call(),
        "deadline": deadline,
    }
    return key.sign_typed_data(domain, PERMIT, message)


def bring(house: Contract, token: Contract, owner: Trader, deadline: int, permit: Any) -> ContractFunction:
    r, s = (value.to_bytes(32, "big") for value in (permit.r, permit.s))
    return house.functions.depositWithPermit(owner.account, token.address, AMOUNT, deadline, permit.v, r, s)


def test_deposit_with_permit__token_not_listed__reverts(chain: LocalChain, house: Contract, payer: Trader) -> None:
    token = spare_token(chain)
    deadline = chain.now() + HOUR
    permit = signed(chain, token, payer, deadline, payer.key)
    with reverts("Ledger_UnknownToken", token=token.address):
        chain.send(bring(house, token, payer, deadline, permit), payer.address)


@pytest.mark.ballast(check=True)
def test_deposit_with_permit__valid__deposits(
    chain: LocalChain, house: Contract, usdc: Contract, payer: Trader
) -> None:
    deadline = chain.now() + HOUR
    permit = signed(chain, usdc, payer, deadline, payer.key)
    chain.send(bring(house, usdc, payer, deadline, permit), payer.address)
    assert chain.protocol.balance(payer.account, "USDC") == AMOUNT
    assert usdc.functions.allowance(payer.address, house.address).call() == 0


def test_deposit_with_permit__sent_by_somebody_before__deposits(
    chain: LocalChain, house: Contract, usdc: Contract, payer: Trader, stranger: Trader
) -> None:
    deadline = chain.now() + HOUR
    permit = signed(chain, usdc, payer, deadline, payer.key)
    r, s = (value.to_bytes(32, "big") for value in (permit.r, permit.s))
    front = usdc.functions.permit(payer.address, house.address, AMOUNT, deadline, permit.v, r, s)
    chain.send(front, stranger.address)
    chain.send(bring(house, usdc, payer, deadline, permit), payer.address)
    assert chain.protocol.balance(payer.account, "USDC") == AMOUNT


@pytest.mark.parametrize("wrong", ["key", "deadline"])
def test_deposit_with_permit__wrong_and_no_allowance__reverts(
    chain: LocalChain, house: Contract, usdc: Contract, payer: Trader, stranger: Trader, wrong: str
) -> None:
    deadline = chain.now() + (-1 if wrong == "deadline" else HOUR)
    permit = signed(chain, usdc, payer, deadline, stranger.key if wrong == "key" else payer.key)
    with reverts("ERC20InsufficientAllowance", spender=house.address, allowance=0, needed=AMOUNT):
        chain.send(bring(house, usdc, payer, deadline, permit), payer.address)


def test_deposit_with_permit__wrong_with_allowance__deposits(
    chain: LocalChain, house: Contract, usdc: Contract, payer: Trader, stranger: Trader
) -> None:
    chain.send(usdc.functions.approve(house.address, AMOUNT), payer.address)
    deadline = chain.now() + HOUR
    permit = signed(chain, usdc, payer, deadline, stranger.key)
    chain.send(bring(house, usdc, payer, deadline, permit), payer.address)
    assert chain.protocol.balance(payer.account, "USDC") == AMOUNT


def test_deposit_with_permit__of_another_owner__pays_from_the_caller_only(
    chain: LocalChain, house: Contract, usdc: Contract, payer: Trader, stranger: Trader
) -> None:
    """A thief who sends somebody else's permit moves nothing of the signer's."""
    deadline = chain.now() + HOUR
    permit = signed(chain, usdc, payer, deadline, payer.key)
    with reverts("ERC20InsufficientAllowance"):
        chain.send(bring(house, usdc, stranger, deadline, permit), stranger.address)
    assert usdc.functions.balanceOf(payer.address).call() == AMOUNT


def test_deposit_with_permit__token_without_permit__deposits(
    chain: LocalChain, house: Contract, usdc: Contract, payer: Trader
) -> None:
    token = deploy(chain, "NoReturnToken")
    list_token(chain, token)
    fund(chain, token, payer, AMOUNT)
    deadline = chain.now() + HOUR
    permit = signed(chain, usdc, payer, deadline, payer.key)
    chain.send(bring(house, token, payer, deadline, permit), payer.address)
    assert house.functions.balanceOf(payer.account, token.address).call() == AMOUNT
