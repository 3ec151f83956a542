"""``Keeper``: one object that looks, decides and sends, a step at a time."""

from __future__ import annotations

import time
from collections.abc import Mapping
from decimal import Decimal
from types import TracebackType

from eth_account.signers.local import LocalAccount

from ballast import units
from ballast.chain.protocol import Protocol
from ballast.chain.settlement import Settlement
from ballast.chain.signers import KeySigner, Signer
from ballast.errors import FatalError, TaskError, UsageError
from ballast.index import Index, LedgerState
from ballast.keeper import own as own_account
from ballast.keeper import start
from ballast.keeper.candidates import Book, Screening, read_health, screen
from ballast.keeper.duty import Decision, Desk, Duty, Moment
from ballast.keeper.fees import bid
from ballast.keeper.liquidate import LiquidateDuty
from ballast.keeper.logs import Log, shown_account, shown_usdc, silent_log
from ballast.keeper.own import OwnAccount
from ballast.keeper.paper import Paper, Score
from ballast.keeper.plan import gas_cost
from ballast.keeper.report import LiquidationResult, StepReport
from ballast.keeper.rpc import Rpc
from ballast.keeper.sender import Outcome, Sender, Sent, Status
from ballast.keeper.settings import KeeperSettings
from ballast.keeper.settle import SettleDuty
from ballast.keeper.simulate import reward_of
from ballast.keeper.sync import SyncDuty
from ballast.keeper.view import View, ViewReader

__all__ = ["Keeper"]

_WAIT_PAUSE = 0.02


class Keeper:
    """Keeps one deployment.

    Parameters
    ----------
    protocol:
        The deployment and the connection to its chain.
    signer:
        Who sends and pays gas; None is paper mode, which sends nothing.
    settings:
        What it may do; default the defaults.
    index:
        Where account state comes from; default one in memory. Close it yourself if you gave it.
    log:
        A structlog logger (``ballast.keeper.json_log()``); default none.

    Raises ``UsageError`` where chain, deployment, signer and settings do not fit together.
    """

    def __init__(
        self,
        protocol: Protocol,
        signer: LocalAccount | Signer | None = None,
        settings: KeeperSettings | None = None,
        *,
        index: Index | None = None,
        log: Log | None = None,
    ) -> None:
        self.protocol = protocol
        self.settings = settings or KeeperSettings.load()
        self.log = log or silent_log()
        self._rpc = Rpc(protocol.w3)
        self._signer = KeySigner(signer) if isinstance(signer, LocalAccount) else signer
        self._owns_index = index is None
        self._index = index or Index("sqlite://")
        start.require_chain(protocol, self.settings)
        if self._signer is not None:
            start.require_coins(self._rpc, self._signer.address)
        price = self.settings.native_price_usdc
        self._reader = ViewReader(
            self._rpc,
            router=protocol.router.address,
            assets=list(protocol.deployment.underlyings.values()),
            feeds=list(protocol.deployment.feeds.values()),
            coin_asset=start.coin_asset(protocol, self.settings),
            coin_price=None if price is None else units.to_wad(price),
        )
        self._book = Book(self._index, protocol.w3, protocol.deployment)
        self._sender: Sender | None = None
        if self._signer is not None:
            self._sender = Sender(
                self._rpc,
                self._signer,
                protocol.deployment.chain_id,
                self.log,
                replace_after=self.settings.replace_after_blocks,
                max_fee=self.settings.max_fee,
            )
        self._liquidator = start.find_liquidator(protocol, self.settings, self.address)
        self._desk: Desk | None = None
        self._duties: list[Duty] = []
        self._paper: Paper | None = None
        self._warned = False

    def close(self) -> None:
        """Closes the index, if this object opened it."""
        if self._owns_index:
            self._index.close()

    def __enter__(self) -> Keeper:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # ------------------------------------------------------------ set-up

    @property
    def is_paper(self) -> bool:
        """Whether nothing is ever sent."""
        return self._sender is None

    @property
    def address(self) -> str | None:
        """The signer's; None in paper mode."""
        return None if self._signer is None else self._signer.address

    @property
    def liquidator(self) -> int | None:
        """The account that receives slices; in paper mode without one it is chosen at the first
        step."""
        return self._liquidator

    @property
    def paper(self) -> Paper | None:
        """Records and scores of paper mode, from the first step on."""
        return self._paper

    @property
    def under_way(self) -> tuple[Sent, ...]:
        """Transactions sent and not known to have ended."""
        return () if self._sender is None else self._sender.under_way

    def fingerprint(self, tag: str | None = None) -> tuple[object, ...]:
        """Changes when a step may see something new."""
        return self._reader.fingerprint(tag or self.tag())

    def tag(self) -> str:
        """The state to decide on: ``pending`` where the node shows its pool, else ``latest``."""
        if self.settings.tag != "auto":
            return self.settings.tag
        return "pending" if self._reader.shows_pool() else "latest"

    def prepare(self) -> list[Sent]:
        """Sends the deposit that the settings ask for; does not wait for it."""
        if self._sender is None or self._liquidator is None:
            return []
        view = self._reader.read(self.tag())
        fees = bid(view, tip=self.settings.priority_fee, max_fee=self.settings.max_fee)
        if fees is None:
            raise UsageError("max_fee_gwei: below the chain's base fee; raise it")
        actions, words = own_account.deposit_actions(
            self.protocol, self._sender.address, self._liquidator, self.settings.deposit, fees
        )
        self.log.info("prepared", liquidator=shown_account(self._liquidator), what=words)
        return [sent for action in actions if (sent := self._sender.send(action, view)) is not None]

    # ------------------------------------------------------------ steps

    def decide(self, block_tag: str | None = None) -> StepReport:
        """Looks and decides, and sends nothing."""
        return self._step(block_tag, act=False, wait=0.0)

    def step(self, block_tag: str | None = None, *, wait: float = 0.0) -> StepReport:
        """Collects how earlier transactions ended, looks, decides and sends; in paper mode records
        and scores.

        ``block_tag`` is ``pending`` or ``latest``, default what ``tag()`` says. With ``wait`` it
        stays up to so many seconds until what it sent is mined, and the report says how that ended;
        else the next one does. ``TaskError`` where the node does not answer; ``FatalError`` where
        going on is useless.
        """
        return self._step(block_tag, act=True, wait=wait)

    def _step(self, block_tag: str | None, *, act: bool, wait: float) -> StepReport:
        tag = block_tag or self.tag()
        view = self._reader.read(tag)
        outcomes, scores = self._look_back(view) if act else ([], [])
        state = self._book.read(view)
        desk = self._desk_for(state, view)
        screening = screen(self._rpc, desk.house, state, view)
        mine = self._own(state, desk, view)
        busy = self._busy()
        moment = Moment(view, state, screening, mine.health, busy)
        decisions, errors = self._decide(moment)
        sent: list[Sent] = []
        recorded: list[Decision] = []
        if act and self._sender is not None:
            sent = self._send(decisions, view)
            outcomes += self._wait(tag, wait)
        elif act and self._paper is not None:
            recorded = self._record(decisions, view)
        report = StepReport(
            block=view.block,
            latest=view.latest,
            tag=view.tag,
            paper=self.is_paper,
            accounts=screening.accounts,
            watched=screening.watched,
            at_risk=screening.at_risk,
            unreadable=screening.unreadable,
            own=mine,
            decisions=tuple(decisions),
            sent=tuple(sent),
            outcomes=tuple(outcomes),
            liquidations=tuple(self._results(outcomes, view)),
            recorded=tuple(recorded),
            scores=tuple(scores),
            errors=errors,
        )
        self._log_step(report, screening)
        return report

    def _look_back(self, view: View) -> tuple[list[Outcome], list[Score]]:
        outcomes: list[Outcome] = []
        scores: list[Score] = []
        if self._sender is not None:
            outcomes = self._sender.collect(view)
            for outcome in outcomes:
                won = outcome.status in (Status.DONE, Status.LOST_RACE)
                (self.log.info if won else self.log.warning)("outcome", **outcome.to_json())
        elif self._paper is not None:
            scores = self._paper.score(view)
            for score in scores:
                self.log.info("scored", **score.to_json())
        return outcomes, scores

    def _wait(self, tag: str, seconds: float) -> list[Outcome]:
        """Outcomes of what ends within so many seconds, if everything under way does."""
        outcomes: list[Outcome] = []
        deadline = time.monotonic() + seconds
        while self.under_way and time.monotonic() < deadline:
            time.sleep(_WAIT_PAUSE)
            outcomes += self._look_back(self._reader.read(tag))[0]
        return outcomes

    def _busy(self) -> frozenset[tuple[str, str]]:
        if self._sender is not None:
            return self._sender.busy
        return frozenset() if self._paper is None else self._paper.busy

    def _decide(self, moment: Moment) -> tuple[list[Decision], dict[str, str]]:
        decisions: list[Decision] = []
        errors: dict[str, str] = {}
        for duty in self._duties:
            try:
                decisions += duty.decide(moment)
            except TaskError as error:
                errors[duty.name] = str(error)
                self.log.error("duty_failed", duty=duty.name, error=str(error))
        for decision in decisions:
            self.log.info("decision", block=moment.view.block, **decision.to_json())
        return decisions, errors

    def _send(self, decisions: list[Decision], view: View) -> list[Sent]:
        assert self._sender is not None
        sent = []
        for decision in decisions:
            if decision.action is None:
                continue
            try:
                found = self._sender.send(decision.action, view)
            except TaskError as error:
                self.log.error("send_failed", subject=decision.subject, error=str(error))
                break
            if found is not None:
                sent.append(found)
                self.log.info("sent", block=view.block, **found.to_json())
        return sent

    def _record(self, decisions: list[Decision], view: View) -> list[Decision]:
        assert self._paper is not None
        recorded = [one for one in decisions if one.duty == "liquidate" and one.verdict == "send"]
        for decision in recorded:
            self._paper.record(decision, view)
            self.log.info("recorded", block=view.block, subject=decision.subject)
        return recorded

    # ------------------------------------------------------------ parts of a step

    def _desk_for(self, state: LedgerState, view: View) -> Desk:
        if self._desk is not None:
            return self._desk
        if self._liquidator is None:
            self._liquidator = self._imagine(state, view)
        caller = self.address or units.owner_of(self._liquidator)
        desk = Desk(
            rpc=self._rpc,
            settings=self.settings,
            log=self.log,
            house=self.protocol.house.address,
            router=self.protocol.router.address,
            caller=caller,
            liquidator=self._liquidator,
        )
        symbols = {number: symbol for symbol, number in self.protocol.deployment.underlyings.items()}
        wanted = ("liquidate",) if self.is_paper else self.settings.duties
        duties: dict[str, Duty] = {
            "liquidate": LiquidateDuty(desk, Settlement(self.protocol)),
            "sync": SyncDuty(desk, {0: "USDC", **symbols}),
            "settle": SettleDuty(desk, Settlement(self.protocol)),
        }
        self._duties = [duty for name, duty in duties.items() if name in wanted]
        if self.is_paper:
            self._paper = Paper(desk, self.settings.paper_file)
        self._desk = desk
        return desk

    def _imagine(self, state: LedgerState, view: View) -> int:
        """An account whose margin could carry slices, for paper mode: that with most to spare."""
        healths, _ = read_health(self._rpc, self.protocol.house.address, list(state.accounts), view.tag)
        if not healths:
            raise UsageError(
                "liquidator: no account to imagine being; give one with collateral (0xOWNER:INDEX), or a signer"
            )
        account = max(healths, key=lambda one: healths[one].equity - healths[one].initial)
        self.log.info("imagining", liquidator=shown_account(account))
        return account

    def _own(self, state: LedgerState, desk: Desk, view: View) -> OwnAccount:
        healths, _ = read_health(self._rpc, desk.house, [desk.liquidator], view.tag)
        holds: Mapping[str, Decimal] = {}
        if desk.liquidator in state.accounts:
            deployment = self.protocol.deployment
            holds = own_account.inventory(deployment, state, view, desk.liquidator)
        mine = OwnAccount(desk.liquidator, healths.get(desk.liquidator), holds)
        low = mine.spare is not None and mine.spare < self.settings.warn_margin
        if low and not self._warned and not self.is_paper:
            assert mine.spare is not None
            self.log.warning("margin_low", spare=shown_usdc(mine.spare), **mine.to_json())
        self._warned = low
        return mine

    def _results(self, outcomes: list[Outcome], view: View) -> list[LiquidationResult]:
        results = []
        for outcome in outcomes:
            account = outcome.sent.action.account
            done = outcome.status is Status.DONE and outcome.sent.action.duty == "liquidate"
            if not done or account is None or outcome.block is None:
                continue
            reward = reward_of(outcome.logs, self.protocol.house.address, account)
            if reward is None:
                raise FatalError(f"transaction {outcome.hash}: succeeded without a Liquidated event")
            cost = gas_cost(1, outcome.gas_wei, view.coin_price or 0)
            result = LiquidationResult(account, outcome.hash, outcome.block, reward, outcome.gas_wei, cost)
            results.append(result)
            self.log.info("liquidated", **result.to_json())
        return results

    def _log_step(self, report: StepReport, screening: Screening) -> None:
        busy = bool(report.at_risk or report.sent or report.recorded or report.errors)
        say = self.log.info if busy or screening.unreadable else self.log.debug
        say(
            "step",
            block=report.block,
            tag=report.tag,
            accounts=report.accounts,
            watched=report.watched,
            at_risk=len(report.at_risk),
            unreadable=dict(report.unreadable),
            sent=len(report.sent),
            recorded=len(report.recorded),
            under_way=len(self.under_way),
        )
