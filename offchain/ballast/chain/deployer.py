"""Deploys a network's parameters: resumes what was begun, skips what is there, sends only what
differs."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import Any, cast

from eth_typing import HexAddress, HexStr
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from web3 import Web3
from web3.types import Nonce, TxParams
from web3.utils.address import get_create_address

from ballast.chain.artifacts import artifact
from ballast.chain.deployment import Deployment, TokenEntry
from ballast.chain.journal import Journal
from ballast.chain.params import DEPLOYER, NetworkParams
from ballast.chain.plan import ADMIN_ROLE, SEQUENCER_FEED, build_plan, instrument_of
from ballast.chain.reads import Reader, resolve
from ballast.chain.rpc import require_chain
from ballast.chain.sender import Record, Sender, current_fees
from ballast.chain.signers import Signer
from ballast.chain.steps import Deploy, Step
from ballast.errors import DeploymentError, UsageError

__all__ = [
    "CORE",
    "create_address",
    "creation_code",
    "deploy",
    "describe",
    "known_addresses",
    "open_journal",
]

#: Contracts that a deployment file names, besides ``Vault``.
CORE = (
    "AccessManager",
    "OracleRouter",
    "SettlementOracle",
    "MarginEngine",
    "ScenarioBook",
    "StrikeBook",
    "SurfaceOracle",
    "RiskArrays",
    "Trading",
    "OptionTrading",
    "Settlement",
    "LiquidationEngine",
    "LossAllocation",
    "Listing",
    "LedgerViews",
    "Clearinghouse",
)

LOCAL_CHAIN_ID = 31337


def open_journal(w3: Web3, params: NetworkParams, sender: str, path: Path | None = None) -> Journal:
    """The journal of this deployment, begun or found at ``path``; without one it is kept in memory.

    ``UsageError`` where the node is of another chain, or the file is of another deployment.
    """
    require_chain(w3, params.chain.id, f"network {params.network}")
    genesis = w3.eth.get_block(0).get("hash")
    assert genesis is not None
    return Journal.open(
        path,
        network=params.network,
        chain_id=params.chain.id,
        genesis=genesis.to_0x_hex(),
        sender=sender,
        start_block=w3.eth.block_number,
        disposable=params.chain.id == LOCAL_CHAIN_ID,
    )


def deploy(
    w3: Web3,
    params: NetworkParams,
    signer: Signer,
    journal_path: Path | None = None,
    *,
    journal: Journal | None = None,
    known: Deployment | None = None,
    notify: Callable[[Record], None] = lambda record: None,
) -> Deployment:
    """Brings a chain to what ``params`` say, and returns where everything is.

    With ``journal_path`` (or an open ``journal``) it can be killed at any point and run again:
    nothing is deployed twice. ``known`` is a finished deployment, whose contracts are kept.
    Raises ``UsageError`` before anything is sent where an input is wrong, ``DeploymentError`` or
    ``TransactionError`` where a step fails.
    """
    require_chain(w3, params.chain.id, f"network {params.network}")
    if journal is not None:
        return _Deployer(w3, params, signer, journal, known, notify).run()
    with open_journal(w3, params, signer.address, journal_path) as opened:
        return _Deployer(w3, params, signer, opened, known, notify).run()


class _Deployer:
    def __init__(
        self,
        w3: Web3,
        params: NetworkParams,
        signer: Signer,
        journal: Journal,
        known: Deployment | None,
        notify: Callable[[Record], None],
    ) -> None:
        self.w3 = w3
        self.params = params
        self.signer = signer
        self.journal = journal
        self.sender = Sender(w3, params.chain, signer, journal, notify)
        self.notify = notify
        self.known = known
        self.addresses: dict[str, str] = known_addresses(known) if known is not None else {}
        self.start_block = journal.start_block if known is None else known.start_block
        self.fresh = not journal.steps and known is None

    def run(self) -> Deployment:
        plan = build_plan(self.params, self.signer.address)
        if not self.fresh:
            self.sender.reconcile()
            self._adopt(plan)
            self._require_authority(plan)
        for _, stage in groupby(sorted(plan, key=lambda step: step.stage), key=lambda step: step.stage):
            self._run_stage(list(stage))
        self.sender.confirm(self.params.chain.confirmations)
        return describe(self.params, self.addresses, self.start_block, self.signer.address)

    def _adopt(self, plan: list[Step]) -> None:
        """Takes the addresses of what the journal says is there."""
        for step in plan:
            entry = self.journal.steps.get(step.name)
            if not isinstance(step, Deploy) or entry is None:
                continue
            assert entry.address is not None
            self.addresses[step.name] = entry.address
        for step in plan:
            entry = self.journal.steps.get(step.name)
            if isinstance(step, Deploy) and entry is not None and entry.digest != self._digest_of(step):
                raise UsageError(
                    f"{self.journal.path}: {step.name} was deployed with other code or arguments"
                    " than now; go on with those it was begun with, or move the journal and the"
                    " deployment file away to deploy anew"
                )

    def _require_authority(self, plan: list[Step]) -> None:
        """After the handover nothing can be set from here: says so before trying."""
        manager = self.addresses.get("AccessManager")
        if manager is None:
            return
        reader = self._reader()
        contract = reader.contract("AccessManager", manager)
        if contract.functions.hasRole(ADMIN_ROLE, to_checksum_address(self.signer.address)).call()[0]:
            return
        open_steps = [step for step in plan if not self._is_done(step, reader)]
        if open_steps:
            raise DeploymentError(
                f"{open_steps[0].name}: {len(open_steps)} steps differ from the chain and"
                f" {self.signer.address} is no"
                " longer its admin; run with --check to list the differences and let their roles"
                " set them"
            )

    def _run_stage(self, steps: list[Step]) -> None:
        fees = None
        reader = self._reader()
        for step in steps:
            if self._is_done(step, reader):
                self.notify(Record(step.name, "skipped"))
                continue
            fees = fees or current_fees(self.w3)
            if isinstance(step, Deploy):
                address = create_address(self.signer.address, self.sender.nonce())
                self.addresses[step.name] = address
                data = creation_code(step, self.addresses)
                request: dict[str, Any] = {"data": Web3.to_hex(data)}
                self.sender.submit(step.name, cast(TxParams, request), _digest(data), fees, address)
            else:
                contract = reader.contract(step.contract, step.target)
                text = contract.encode_abi(step.function, resolve(step.args, self.addresses))
                request = {"to": contract.address, "data": text}
                digest = _digest(bytes.fromhex(text[2:]))
                self.sender.submit(step.name, cast(TxParams, request), digest, fees, None)
        self.sender.wait()

    def _is_done(self, step: Step, reader: Reader) -> bool:
        if isinstance(step, Deploy):
            return step.name in self.addresses
        if self.fresh:
            return step.correction
        try:
            return not any(reader.differences(check) for check in step.checks)
        except KeyError:
            return False  # a contract it asks is not deployed yet

    def _reader(self) -> Reader:
        return Reader(self.w3, self.addresses, self.start_block)

    def _digest_of(self, step: Deploy) -> str:
        return _digest(creation_code(step, self.addresses))


def _digest(data: bytes) -> str:
    return "0x" + keccak(data).hex()


def create_address(sender: str, nonce: int) -> str:
    """Where a creation by ``sender`` with this nonce lies."""
    return str(get_create_address(HexAddress(HexStr(sender)), Nonce(nonce)))


def creation_code(step: Deploy, addresses: dict[str, str]) -> bytes:
    """Init code followed by the encoded constructor arguments."""
    found = artifact(step.contract)
    factory = Web3().eth.contract(abi=found["abi"], bytecode=found["bytecode"])
    args = resolve(step.args, addresses)
    data = factory.constructor(*args).data_in_transaction if args else found["bytecode"]
    return bytes.fromhex(str(data).removeprefix("0x"))


def describe(params: NetworkParams, addresses: dict[str, str], start_block: int, deployer: str) -> Deployment:
    """The deployment file's content."""
    contracts = {name: addresses[name] for name in CORE}
    contracts["Vault"] = contracts["Clearinghouse"]
    if params.sequencer is not None:
        contracts[SEQUENCER_FEED] = params.sequencer.address or addresses[SEQUENCER_FEED]
    tokens, feeds, instruments = {}, {}, {}
    for identifier, asset in enumerate(params.assets):
        token = asset.token.address or addresses[f"token {asset.symbol}"]
        tokens[asset.symbol] = TokenEntry(address=token, decimals=asset.token.decimals)
        feeds[asset.symbol] = asset.feed.address or addresses[f"feed {asset.symbol}"]
        for market in asset.markets:
            instruments[market.symbol] = instrument_of(identifier, market)
    signers = [deployer if holder == DEPLOYER else holder for holder in params.surface_signers]
    return Deployment(
        chain_id=params.chain.id,
        start_block=start_block,
        contracts=contracts,
        tokens=tokens,
        underlyings={asset.symbol: at for at, asset in enumerate(params.assets) if at},
        instruments=instruments,
        feeds=feeds,
        surface_signers=signers,
    )


def known_addresses(deployment: Deployment) -> dict[str, str]:
    """Addresses by step name, from a deployment file."""
    named = (*CORE, SEQUENCER_FEED)
    found = {name: deployment.contracts[name] for name in named if name in deployment.contracts}
    found |= {f"token {symbol}": token.address for symbol, token in deployment.tokens.items()}
    return found | {f"feed {symbol}": address for symbol, address in deployment.feeds.items()}
