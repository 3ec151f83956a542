"""The keeper's own account: what it can still carry, what it holds, and the deposit at start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ballast import units
from ballast.chain.deployment import Deployment
from ballast.chain.protocol import Health, Protocol
from ballast.errors import UsageError
from ballast.index import LedgerState
from ballast.index.names import instrument_name
from ballast.index.state import CLAIM
from ballast.keeper.duty import Action
from ballast.keeper.fees import Fees
from ballast.keeper.logs import shown_usdc
from ballast.keeper.view import View
from ballast.risk.margin import Margins
from ballast.risk.valuation import NoHealthError

__all__ = ["OwnAccount", "deposit_actions", "inventory", "require_authority"]

_APPROVE_GAS = 120_000
_DEPOSIT_GAS = 600_000


@dataclass(frozen=True)
class OwnAccount:
    """The liquidator's account. ``holds`` are signed whole units by token or instrument."""

    account: int
    health: Health | None
    holds: Mapping[str, Decimal]

    @property
    def spare(self) -> int | None:
        """Equity above initial margin, USDC 1e18; None where the chain does not state it."""
        return None if self.health is None else self.health.equity - self.health.initial

    def to_json(self) -> dict[str, Any]:
        health = self.health
        return {
            "account": units.format_account(self.account),
            "equity": None if health is None else shown_usdc(health.equity),
            "initial_margin": None if health is None else shown_usdc(health.initial),
            "maintenance_margin": None if health is None else shown_usdc(health.maintenance),
            "holds": {symbol: str(amount) for symbol, amount in self.holds.items()},
        }


def inventory(deployment: Deployment, state: LedgerState, view: View, account: int) -> dict[str, Decimal]:
    """What an account holds at the view, in whole units; empty where a price of it is not usable."""
    symbols = {entry.address.lower(): name for name, entry in deployment.tokens.items()}
    names = {number: name for name, number in deployment.instruments.items()}
    try:
        portfolio = Margins(state, view.prices, view.time).portfolio(account)
    except NoHealthError:
        return {}
    found: dict[str, Decimal] = {}
    if portfolio.cash:
        found["USDC"] = units.from_wad(portfolio.cash)
    for token in portfolio.tokens:
        bank = state.banks[token.token]
        symbol = symbols.get(bank.address.lower(), bank.address)
        found[symbol] = units.from_units(token.amount, bank.decimals)
    for number, held in sorted(state.account(account).positions.items()):
        if held.size and not number & CLAIM:
            name = names.get(number) or instrument_name(state, deployment.underlyings, number)
            found[name] = units.from_wad(held.size)
    return found


def require_authority(protocol: Protocol, signer: str, account: int, now: int) -> None:
    """``UsageError`` unless the signer owns the account or is its operator."""
    if units.owner_of(account) == signer:
        return
    valid_until = protocol.house.functions.operatorOf(account, signer).call()[0]
    if valid_until <= now:
        raise UsageError(
            f"liquidator {units.format_account(account)}: the signer {signer} is neither its"
            " owner nor its operator; call setOperator as the owner, or leave `liquidator` out"
        )


def deposit_actions(protocol: Protocol, signer: str, account: int, wanted: int, fees: Fees) -> tuple[list[Action], str]:
    """Transactions that bring the account's USDC up to ``wanted`` units from the signer's wallet,
    and what they do.

    None where it has as much. ``UsageError`` where the wallet does not hold the difference.
    """
    token, house = protocol.token("USDC"), protocol.house
    missing = wanted - protocol.balance(account, "USDC")
    if missing <= 0:
        return [], "the account holds the deposit already"
    wallet = int(token.functions.balanceOf(signer).call())
    shown = units.from_units(missing, units.QUOTE_DECIMALS)
    if wallet < missing:
        raise UsageError(
            f"deposit_usdc: {shown} USDC are missing in the account, the wallet {signer} holds"
            f" {units.from_units(wallet, units.QUOTE_DECIMALS)}; lower it or send USDC there"
        )
    actions = []
    if int(token.functions.allowance(signer, house.address).call()) < missing:
        data = token.encode_abi("approve", [house.address, missing])
        actions.append(_action("approve", token.address, data, _APPROVE_GAS, fees, account))
    data = house.encode_abi("deposit", [account, token.address, missing])
    actions.append(_action("deposit", house.address, data, _DEPOSIT_GAS, fees, account))
    return actions, f"deposits {shown} USDC"


def _action(name: str, to: str, data: str, gas: int, fees: Fees, account: int) -> Action:
    subject = units.format_account(account)
    return Action(name, subject, to, data, gas, fees, 8 * fees.max_fee, account)
