"""``ballast account``: the contract's view and our own computation side by side."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from ballast import units
from ballast.chain.protocol import Health
from ballast.commands.account_risk import AccountRisk, read_risk
from ballast.commands.ledger import (
    LedgerView,
    block_option,
    database_option,
    factor_text,
    health_json,
    open_ledger,
)
from ballast.commands.options import deployment_option, json_option, print_json, rpc_option, stdout_console
from ballast.errors import ContractError, InvariantError, UsageError
from ballast.index.state import CLAIM
from ballast.risk.margin import MODEL_NAMES
from ballast.risk.option_worth import option_worth
from ballast.risk.valuation import QUOTE, NoHealthError, Portfolio

__all__ = ["command"]


@dataclass(frozen=True)
class _Said:
    """What one side says: a health, or why there is none."""

    health: Health | None
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        return {"error": self.reason} if self.health is None else health_json(self.health)


@click.command(name="account")
@click.argument("account", metavar="ID")
@rpc_option
@deployment_option
@database_option
@block_option
@json_option
def command(
    account: str,
    rpc: str | None,
    deployment: Path | None,
    database: str | None,
    block: int | None,
    as_json: bool,
) -> None:
    """One account at one block, as the contract and as the index see it.

    For an account of the PORTFOLIO model also the Expected Shortfall, the floor, the contingencies
    and the worst scenarios.

    ID is 0xOWNER:INDEX or an integer. Ends with 1 where the two do not agree to the last digit.

    \b
    Example:
      ballast account 0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266:0 --block 120
    """
    number = units.parse_account(account)
    with open_ledger(rpc, deployment, database, block, accounts=[number]) as view:
        if number not in view.state.accounts:
            raise UsageError(
                f"account {units.format_account(number)}: holds nothing at block {view.state.block}; "
                "check owner, index and deployment, or see `ballast accounts`"
            )
        contract, own = _contract_says(view, number), _index_says(view, number)
        risk = read_risk(view, number)
        agree = contract.health == own.health and (risk is None or risk.contract == risk.own)
        if as_json:
            print_json(_json(view, number, contract, own, risk, agree))
        else:
            _print(view, number, contract, own, risk, agree)
    if not agree:
        raise InvariantError(
            f"I10: account {units.format_account(number)} at block {view.state.block}: the contract says"
            f" {contract.health or contract.reason}, the index {own.health or own.reason}"
        )


def _contract_says(view: LedgerView, number: int) -> _Said:
    try:
        return _Said(view.protocol.health(number, view.state.block))
    except ContractError as error:
        return _Said(None, str(error))


def _index_says(view: LedgerView, number: int) -> _Said:
    try:
        return _Said(view.margin.health(number))
    except NoHealthError as error:
        return _Said(None, str(error))


def _portfolio(view: LedgerView, number: int) -> Portfolio | None:
    try:
        return view.margin.portfolio(number)
    except NoHealthError:
        return None


# ------------------------------------------------------------------ output


def _json(
    view: LedgerView, number: int, contract: _Said, own: _Said, risk: AccountRisk | None, agree: bool
) -> dict[str, Any]:
    found = view.state.account(number)
    theirs = risk.contract.to_json() if risk is not None and risk.contract is not None else {}
    ours = risk.own_json() if risk is not None else {}
    return {
        "account": units.format_account(number),
        "id": str(number),
        "block": view.state.block,
        "time": view.prices.time,
        "model": found.model,
        "flagged_at": found.flagged_at or None,
        "liquidation_steps": found.steps,
        "shares": {view.token_name(token): str(shares) for token, shares in sorted(found.balances.items())},
        "holdings": _holdings(view, number),
        "unpriced_assets": {str(asset): reason for asset, reason in view.prices.refused.items()},
        "contract": contract.to_json() | theirs,
        "own": own.to_json() | ours,
        "agree": agree,
    }


def _holdings(view: LedgerView, number: int) -> list[dict[str, str | None]]:
    """What the account holds, in whole tokens and units; values and profits are USDC."""
    portfolio = _portfolio(view, number)
    if portfolio is None:
        return []
    found = view.state.account(number)
    holdings: list[dict[str, str | None]] = []
    if QUOTE in found.balances:
        cash = str(units.from_wad(portfolio.cash))
        holdings.append({"name": view.token_name(QUOTE), "amount": cash, "value": cash, "unsettled": None})
    for leg in portfolio.tokens:
        amount = units.from_units(leg.amount, view.state.banks[leg.token].decimals)
        name, value = view.token_name(leg.token), str(units.from_wad(leg.value))
        holdings.append({"name": name, "amount": str(amount), "value": value, "unsettled": None})
    for linear in portfolio.linears:
        claim = bool(linear.instrument & CLAIM)
        holdings.append(
            {
                "name": view.instrument_name(linear.instrument),
                "amount": None if claim else str(units.from_wad(linear.size)),
                "value": None if claim else str(units.from_wad(linear.notional)),
                "unsettled": str(units.from_wad(linear.pnl)),
            }
        )
    for option, size in view.options_of(number).items():
        worth = option_worth(view.margin, option, size)
        holdings.append(
            {
                "name": view.instrument_name(option),
                "amount": str(units.from_wad(size)),
                "value": None if worth is None else str(units.from_wad(worth)),
                "unsettled": None,
            }
        )
    return holdings


def _print(view: LedgerView, number: int, contract: _Said, own: _Said, risk: AccountRisk | None, agree: bool) -> None:
    console = stdout_console()
    found = view.state.account(number)
    console.print(f"account {units.format_account(number)} at block {view.state.block}")
    flagged = f"flagged at {found.flagged_at}" if found.flagged_at else "not flagged"
    model = MODEL_NAMES.get(found.model, "unknown")
    console.print(f"margin model {found.model} ({model}), {flagged}, {found.steps} liquidation steps")
    if holdings := _holdings(view, number):
        table = Table()
        table.add_column("holds")
        for name in ("amount", "value, USDC", "unsettled, USDC"):
            table.add_column(name, justify="right")
        for row in holdings:
            table.add_row(*(row[name] or "" for name in ("name", "amount", "value", "unsettled")))
        console.print(table)
    table = Table()
    table.add_column("USDC")
    for name in ("contract", "own computation"):
        table.add_column(name, justify="right", overflow="fold")
    if contract.health is None or own.health is None:
        table.add_row("health", _said_text(contract), _said_text(own))
    else:
        for name in ("equity", "initial", "maintenance"):
            pair = (getattr(said, name) for said in (contract.health, own.health))
            table.add_row(name, *(f"{units.from_wad(value):,f}" for value in pair))
        table.add_row("health factor", factor_text(contract.health), factor_text(own.health))
    console.print(table)
    if risk is not None:
        risk.print(console)
    for asset, reason in view.prices.refused.items():
        console.print(f"asset {asset} has no usable price: {reason}")
    console.print("they agree" if agree else "they do NOT agree")


def _said_text(said: _Said) -> str:
    return said.reason if said.health is None else factor_text(said.health)
