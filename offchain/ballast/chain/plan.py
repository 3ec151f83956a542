"""The steps from nothing to a deployment, and what the chain must say after each: pure, no I/O.

Each call carries the checks that tell that it is done already; the same checks, read once more at
the end, are the comparison of a deployment with its parameters.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from eth_utils.abi import function_signature_to_4byte_selector
from eth_utils.address import to_checksum_address

from ballast.chain.artifacts import artifact
from ballast.chain.instruments import FUTURE, PERPETUAL, SPOT, instrument_id, options_listing
from ballast.chain.params import DEPLOYER, AssetParams, MarketParams, NetworkParams, RatesParams
from ballast.chain.steps import (
    Answers,
    AtLeast,
    Call,
    Check,
    Deploy,
    EventCheck,
    Ref,
    Stage,
    Step,
    Target,
)
from ballast.errors import UsageError

__all__ = [
    "ADMIN_ROLE",
    "SEQUENCER_FEED",
    "build_plan",
    "instrument_of",
    "options_symbol",
    "public_checks",
    "selector_of",
    "table_check",
]

#: AccessManager's own role of those who change roles.
ADMIN_ROLE = 0

#: Step, and contract in the deployment file, of a rollup's uptime feed.
SEQUENCER_FEED = "SequencerFeed"

#: In the order of `ILedger.Modules`.
_MODULES = ("Trading", "OptionTrading", "Settlement", "LiquidationEngine", "Listing", "LedgerViews")


def selector_of(contract: str, function: str) -> bytes:
    """The four bytes of an artifact's function; ``UsageError`` where it has no single such one."""
    found = [entry for entry in artifact(contract)["abi"] if entry["type"] == "function" and entry["name"] == function]
    if len(found) != 1:
        raise UsageError(f"access.roles: {contract} has no function {function}")
    types = ",".join(_type_of(parameter) for parameter in found[0]["inputs"])
    return function_signature_to_4byte_selector(f"{function}({types})")


def _type_of(parameter: dict[str, Any]) -> str:
    kind: str = parameter["type"]
    if not kind.startswith("tuple"):
        return kind
    inner = ",".join(_type_of(component) for component in parameter["components"])
    return f"({inner}){kind[5:]}"


def instrument_of(asset: int, market: MarketParams) -> int:
    """A market's number: of a spot market the serial is the token's id, which is the asset's."""
    if market.kind == "spot":
        return instrument_id(SPOT, asset, asset)
    return instrument_id(PERPETUAL, asset)


def options_symbol(asset: AssetParams) -> str:
    """What an underlying's options are listed as, together."""
    return f"{asset.symbol}-OPTIONS"


def build_plan(params: NetworkParams, deployer: str) -> list[Step]:
    """All steps in order. ``deployer`` stands in for every holder named ``deployer``."""
    return list(_Planner(params, to_checksum_address(deployer)).steps())


def public_checks(params: NetworkParams) -> list[Check]:
    """What must hold of the feeds and tokens themselves; of public ones before anything is sent."""
    checks: list[Check] = []
    for asset in params.assets:
        path, feed, token = f"assets.{asset.symbol}", asset.feed, asset.token
        source = _On(feed.address or Ref(f"feed {asset.symbol}"), "PushedAggregator")
        checks.append(source.check(f"{path}.feed.decimals", "decimals", (), feed.decimals))
        checks.append(source.check(f"{path}.feed.description", "description", (), feed.description))
        coin = _On(token.address or Ref(f"token {asset.symbol}"), "TestToken")
        checks.append(coin.check(f"{path}.token.decimals", "decimals", (), token.decimals))
        checks.append(coin.check(f"{path}.token.symbol", "symbol", (), token.symbol))
    if params.sequencer is not None:
        source = _On(params.sequencer.address or Ref(SEQUENCER_FEED), "PushedAggregator")
        says = params.sequencer.description
        checks.append(source.check("sequencer.description", "description", (), says))
    return checks


def table_check(params: NetworkParams) -> Check:
    """While the first table holds it is the parameters'; later ones are the risk publisher's business."""
    book = _On(Ref("ScenarioBook"), "ScenarioBook")
    later = book.check("scenarios.table", "active", (), AtLeast(2), pick=0)
    content = params.scenarios.content(params.asset_ids)
    wanted = {field: value for field, value in content.items() if field != "names"}  # which are in the logs only
    wanted["floors"] = [tuple(moves.values()) for moves in content["floors"]]
    return book.check("scenarios.table", "table", (), wanted, pick=1, otherwise=later)


@dataclass(frozen=True)
class _On:
    """Makes steps and checks of one contract."""

    target: Target
    contract: str

    def call(
        self,
        function: str,
        args: tuple[Any, ...],
        *checks: Check | EventCheck,
        stage: int = Stage.SETTINGS,
        of: str = "",
        correction: bool = False,
    ) -> Call:
        name = f"{function} {of}" if of else function
        return Call(name, self.target, self.contract, function, args, stage, checks, correction)

    def check(
        self,
        path: str,
        function: str,
        args: tuple[Any, ...],
        wanted: Any,
        *,
        pick: int | None = None,
        otherwise: Check | None = None,
    ) -> Check:
        return Check(path, self.target, self.contract, function, args, wanted, pick, otherwise)


class _Planner:
    def __init__(self, params: NetworkParams, deployer: str) -> None:
        self.params = params
        self.deployer = deployer
        self.house = _On(Ref("Clearinghouse"), "Clearinghouse")
        self.router = _On(Ref("OracleRouter"), "OracleRouter")
        self.engine = _On(Ref("MarginEngine"), "MarginEngine")
        self.scenarios = _On(Ref("ScenarioBook"), "ScenarioBook")
        self.strikes = _On(Ref("StrikeBook"), "StrikeBook")
        self.surfaces = _On(Ref("SurfaceOracle"), "SurfaceOracle")
        self.arrays = _On(Ref("RiskArrays"), "RiskArrays")
        self.authority = _On(Ref("AccessManager"), "AccessManager")

    def steps(self) -> Iterator[Step]:
        assets = list(enumerate(self.params.assets))
        yield from self._contracts()
        yield from self._wiring()
        yield from self._fees()
        yield from self._margin()
        yield from self._scenarios()
        yield from self._surfaces()
        for identifier, asset in assets:
            yield from self._feed(identifier, asset)
            yield from self._token(identifier, asset)
        for identifier, asset in assets:
            for market in asset.markets:
                yield from self._market(identifier, market)
            yield from self._options(identifier, asset)
        yield from self._roles()
        yield from self._handover()

    # ------------------------------------------------------------ contracts

    def _contracts(self) -> Iterator[Deploy]:
        authority = Ref("AccessManager")
        params = self.params
        yield Deploy("AccessManager", "AccessManager", (self.deployer,))
        yield Deploy("OracleRouter", "OracleRouter", (authority,))
        yield Deploy("SettlementOracle", "SettlementOracle", (authority, Ref("OracleRouter")))
        scenarios = params.scenarios
        yield Deploy("ScenarioBook", "ScenarioBook", (authority, (scenarios.delay, scenarios.max_change)))
        yield Deploy("StrikeBook", "StrikeBook", (authority,))
        surfaces = tuple(params.surfaces.content().values())
        yield Deploy("SurfaceOracle", "SurfaceOracle", (authority, Ref("StrikeBook"), surfaces))
        read = tuple(Ref(name) for name in ("OracleRouter", "SurfaceOracle", "ScenarioBook", "StrikeBook"))
        yield Deploy("RiskArrays", "RiskArrays", (authority, *read, tuple(params.arrays.content().values())))
        factors = tuple(params.margin.portfolio.content().values())
        names = ("ScenarioBook", "RiskArrays", "SurfaceOracle", "StrikeBook", "SettlementOracle")
        sources = tuple(Ref(name) for name in names)
        yield Deploy("MarginEngine", "MarginEngine", (authority, sources, params.margin.minimum_maintenance, factors))
        yield Deploy("LossAllocation", "LossAllocation", (authority,))
        others = {
            "Settlement": ("StrikeBook", "SettlementOracle"),
            "LiquidationEngine": ("LossAllocation", "OptionTrading", "Settlement"),
            "Listing": ("StrikeBook",),
        }
        for module in _MODULES:
            yield Deploy(module, module, (authority, *map(Ref, others.get(module, ()))))
        modules = tuple(Ref(name) for name in _MODULES)
        yield Deploy("Clearinghouse", "Clearinghouse", (authority, modules))
        sequencer = self.params.sequencer
        if sequencer is not None and sequencer.kind == "pushed":
            yield self._aggregator(SEQUENCER_FEED, 0, sequencer.description, 0, 1)
        for asset in self.params.assets:
            feed, token = asset.feed, asset.token
            if token.address is None:
                named = (token.name, token.symbol, token.decimals)
                yield Deploy(f"token {asset.symbol}", "TestToken", named)
            if feed.kind == "pushed":
                bounds = (feed.answer(feed.min_answer), feed.answer(feed.max_answer))
                name = f"feed {asset.symbol}"
                yield self._aggregator(name, feed.decimals, feed.description, *bounds)

    def _aggregator(self, name: str, decimals: int, says: str, low: int, high: int) -> Deploy:
        return Deploy(name, "PushedAggregator", (self.deployer, decimals, says, low, high))

    # ------------------------------------------------------------ settings of all

    def _wiring(self) -> Iterator[Call]:
        for name, function, pick in (
            ("OracleRouter", "setRouter", 1),
            ("MarginEngine", "setEngine", 2),
        ):
            wanted = Ref(name)
            check = self.house.check(f"contracts.{name}", "modules", (), wanted, pick=pick)
            yield self.house.call(function, (wanted,), check)
        yield from self._sequencer()
        premium = self.params.premium
        yield self._set_struct(
            "premium",
            "setPremiumConfig",
            "premiumConfig",
            premiumCap=premium.premium_cap,
            fundingCap=premium.funding_cap_per_hour,
            sampleWindow=premium.sample_window,
            fundingPeriod=premium.funding_period,
            maxQuoteAge=premium.max_quote_age,
            maxSpread=premium.max_spread,
            minQuotes=premium.min_quotes,
        )
        liquidation = self.params.liquidation
        yield self._set_struct(
            "liquidation",
            "setLiquidationConfig",
            "liquidationConfig",
            target=liquidation.target,
            startRate=liquidation.start_rate,
            healthSlope=liquidation.health_slope,
            rampRate=liquidation.ramp_rate,
            maxRate=liquidation.max_rate,
            rampTime=liquidation.ramp_time,
            insuranceFee=liquidation.insurance_fee,
            fundStepCap=liquidation.fund_step_cap,
            fundDayCap=liquidation.fund_day_cap,
            dust=liquidation.dust,
        )

    def _set_struct(self, path: str, function: str, getter: str, **wanted: int) -> Call:
        return self.house.call(function, (wanted,), self.house.check(path, getter, (), wanted))

    def _fees(self) -> Iterator[Call]:
        fees = self.params.fees
        trade, reserve = (self._address(holder) for holder in (fees.trade_recipient, fees.reserve_recipient))
        wanted = {"trade": trade, "reserve": reserve}
        check = EventCheck("fees", self.house.target, "Clearinghouse", "FeeRecipientsSet", wanted)
        yield self.house.call("setFeeRecipients", (trade, reserve), check)
        for holder in self.params.quoters:
            quoter = self._address(holder)
            allowed = self.house.check(f"quoters.{quoter}", "isQuoter", (quoter,), True)
            yield self.house.call("setQuoter", (quoter, True), allowed, of=quoter)

    def _margin(self) -> Iterator[Call]:
        minimum = self.params.margin.minimum_maintenance
        path = "margin.minimum_maintenance"
        check = self.engine.check(path, "minimumMaintenance", (), minimum)
        yield self.engine.call("setMinimumMaintenance", (minimum,), check, stage=Stage.CORRECTIONS, correction=True)
        factors = self.params.margin.portfolio.content()
        same = self.engine.check("margin.portfolio", "factors", (), factors)
        yield self.engine.call("setFactors", (factors,), same, stage=Stage.CORRECTIONS, correction=True)

    def _scenarios(self) -> Iterator[Call]:
        scenarios = self.params.scenarios
        limits = {"delay": scenarios.delay, "maxChange": scenarios.max_change}
        same = self.scenarios.check("scenarios", "limits", (), limits)
        yield self.scenarios.call("setLimits", (limits,), same, stage=Stage.CORRECTIONS, correction=True)
        # Any table will do here: whoever publishes has replaced the first one since.
        there = self.scenarios.check("scenarios.table", "active", (), AtLeast(1), pick=0)
        yield self.scenarios.call("propose", (scenarios.content(self.params.asset_ids),), there)

        linked = self.scenarios.check("contracts.RiskArrays", "arrays", (), Ref("RiskArrays"))
        yield self.scenarios.call("setArrays", (Ref("RiskArrays"),), linked)
        held = self.params.arrays.content()
        same = self.arrays.check("arrays", "limits", (), held)
        yield self.arrays.call("setLimits", (held,), same, stage=Stage.CORRECTIONS, of="arrays", correction=True)

    def _surfaces(self) -> Iterator[Call]:
        surfaces = self.params.surfaces
        limits = surfaces.content()
        same = self.surfaces.check("surfaces", "limits", (), limits)
        yield self.surfaces.call("setLimits", (limits,), same, stage=Stage.CORRECTIONS, of="surfaces", correction=True)
        for holder in dict.fromkeys(self.params.surface_signers):
            signer = self._address(holder)
            allowed = self.surfaces.check(f"surface_signers.{signer}", "isSigner", (signer,), True)
            yield self.surfaces.call("setSigner", (signer, True), allowed, of=signer)
        if not self.params.surface_signers:
            return  # without signers the oracle refuses every surface, and its threshold cannot be set
        enough = self.surfaces.check("surfaces.threshold", "signers", (), surfaces.threshold, pick=1)
        yield self.surfaces.call(
            "setThreshold", (surfaces.threshold,), enough, stage=Stage.CORRECTIONS, correction=True
        )

    def _sequencer(self) -> Iterator[Call]:
        sequencer = self.params.sequencer
        if sequencer is None:
            return
        source: Target = sequencer.address or Ref(SEQUENCER_FEED)
        if sequencer.kind == "pushed":
            own = _On(source, "PushedAggregator")
            up = 0
            yield from self._own_feed(own, "sequencer", up, sequencer.poster, "sequencer")
        source_is = self.router.check("sequencer.address", "sequencer", (), source, pick=0)
        grace_is = self.router.check("sequencer.grace", "sequencer", (), sequencer.grace, pick=1)
        args = (source, sequencer.grace)
        yield self.router.call("setSequencer", args, source_is, grace_is, stage=Stage.FEEDS)

    # ------------------------------------------------------------ assets

    def _feed(self, identifier: int, asset: AssetParams) -> Iterator[Call]:
        feed, path = asset.feed, f"assets.{asset.symbol}.feed"
        source: Target = feed.address or Ref(f"feed {asset.symbol}")
        if feed.kind == "pushed":
            assert feed.price is not None
            own = _On(source, "PushedAggregator")
            answer = feed.answer(feed.price)
            yield from self._own_feed(own, path, answer, feed.poster, asset.symbol)
        wanted = {
            "source": source,
            "decimals": feed.decimals,
            "maxAge": feed.max_age,
            "cacheAge": feed.cache_age,
            "maxDeviation": feed.max_deviation,
            "hardFactor": feed.hard_factor,
            "slowRate": feed.slow_rate,
            "minAnswer": feed.answer(feed.min_answer),
            "maxAnswer": feed.answer(feed.max_answer),
        }
        check = self.router.check(path, "feedOf", (identifier,), wanted)
        args = (identifier, wanted)
        yield self.router.call("setFeed", args, check, stage=Stage.FEEDS, of=asset.symbol)

    def _own_feed(self, feed: _On, path: str, answer: int, holder: str, of: str) -> Iterator[Call]:
        """First answer, and the feed's handover to whoever posts to it."""
        answered = feed.check(f"{path}.answered", "latestRound", (), AtLeast(1))
        yield feed.call("submit", (answer,), answered, of=of)
        poster = self._address(holder)
        if poster != self.deployer:
            # In two steps: the poster accepts. Until then the deployer still posts.
            owned = feed.check(f"{path}.poster", "owner", (), poster)
            pending = feed.check(f"{path}.poster", "pendingOwner", (), poster, otherwise=owned)
            yield feed.call("transferOwnership", (poster,), pending, stage=Stage.ROLES, of=of)

    def _token(self, identifier: int, asset: AssetParams) -> Iterator[Call]:
        token, path = asset.token, f"assets.{asset.symbol}.token"
        target: Target = token.address or Ref(f"token {asset.symbol}")
        config = {
            "asset": identifier,
            "supplyCap": token.amount(token.supply_cap),
            "borrowCap": token.amount(token.borrow_cap),
            "reserveFactor": token.interest.reserve_factor,
            "kink": token.interest.kink,
            "baseRate": token.interest.base_rate,
            "kinkSlope": token.interest.kink_slope,
            "maxSlope": token.interest.max_slope,
        }
        listed = self.house.check(f"{path}.address", "tokenAt", (identifier,), target)
        same = self.house.check(path, "bankOf", (target,), config, pick=1)
        stage = Stage.TOKENS + identifier
        yield self.house.call("listToken", (target, config), listed, stage=stage, of=asset.symbol)
        yield self._correction("setTokenConfig", (identifier, config), same, asset.symbol)
        if token.rates is not None:
            yield self._set_rates("Token", identifier, token.rates, path, asset.symbol)

    def _options(self, identifier: int, asset: AssetParams) -> Iterator[Call]:
        haircut, path = asset.token.haircut, f"assets.{asset.symbol}"
        if haircut:
            same = self.engine.check(f"{path}.token.haircut", "haircutOf", (identifier,), haircut)
            yield self.engine.call("setHaircut", (identifier, haircut), same, of=asset.symbol)
        if asset.futures is not None:
            # each is listed by itself, when its expiry is
            number, of = instrument_id(FUTURE, identifier), f"{asset.symbol} futures"
            yield self._set_rates("Instrument", number, asset.futures.rates, f"{path}.futures", of)
        if asset.options is None:
            return
        lot = asset.options.lot
        opened = self.strikes.check(f"{path}.options.lot", "lotOf", (identifier,), lot)
        yield self.strikes.call("openUnderlying", (identifier, lot), opened, stage=Stage.MARKETS, of=asset.symbol)
        number, symbol = options_listing(identifier), options_symbol(asset)
        config = asset.options.terms.content(lot)
        yield from self._listed(number, symbol, config, f"{path}.options.terms", Stage.OPTIONS)
        yield self._set_rates("Instrument", number, asset.options.rates, f"{path}.options", symbol)
        terms = asset.options.contingency.content()
        same = self.engine.check(f"{path}.options.contingency", "contingencyOf", (identifier,), terms)
        yield self.engine.call("setContingency", (identifier, terms), same, of=asset.symbol)

    def _market(self, identifier: int, market: MarketParams) -> Iterator[Call]:
        instrument, path = instrument_of(identifier, market), f"markets.{market.symbol}"
        yield from self._listed(instrument, market.symbol, market.content(market.lot), path)
        if market.rates is not None:
            yield self._set_rates("Instrument", instrument, market.rates, path, market.symbol)

    def _listed(
        self, instrument: int, symbol: str, config: dict[str, int], path: str, stage: int = Stage.MARKETS
    ) -> Iterator[Call]:
        listed = self.house.check(f"{path}.listed", "marketOf", (instrument,), Answers(), pick=0)
        same = self.house.check(path, "marketOf", (instrument,), config, pick=1)
        args = (instrument, symbol, config)
        yield self.house.call("listMarket", args, listed, stage=stage, of=symbol)
        yield self._correction("setMarketConfig", (instrument, config), same, symbol)

    def _correction(self, function: str, args: tuple[Any, ...], check: Check, of: str) -> Call:
        return self.house.call(function, args, check, stage=Stage.CORRECTIONS, of=of, correction=True)

    def _set_rates(self, kind: str, number: int, rates: RatesParams, path: str, of: str) -> Call:
        wanted = rates.model_dump()
        getter = f"{kind.lower()}Rates"
        check = self.engine.check(f"{path}.rates", getter, (number,), wanted)
        return self.engine.call(f"set{kind}Rates", (number, wanted), check, of=of)

    # ------------------------------------------------------------ roles

    def _roles(self) -> Iterator[Call]:
        for name, role in self.params.access.roles.items():
            path = f"access.roles.{name}"
            for contract, functions in role.functions.items():
                selectors = [selector_of(contract, function) for function in functions]
                checks = (
                    self.authority.check(
                        f"{path}.functions.{contract}.{function}",
                        "getTargetFunctionRole",
                        (Ref(contract), selector),
                        role.id,
                    )
                    for function, selector in zip(functions, selectors, strict=True)
                )
                yield self.authority.call(
                    "setTargetFunctionRole",
                    (Ref(contract), selectors, role.id),
                    *checks,
                    stage=Stage.ROLES,
                    of=f"{name} {contract}",
                )
            yield self._grant(path, name, role.id, self._address(role.holder), role.delay)

    def _handover(self) -> Iterator[Call]:
        admin = self.params.access.admin
        holder = self._address(admin.holder)
        yield self._grant("access.admin", "admin", ADMIN_ROLE, holder, admin.delay)
        if holder == self.deployer:
            return
        mine = (ADMIN_ROLE, self.deployer)
        gone = self.authority.check("access.deployer_is_admin", "hasRole", mine, False, pick=0)
        yield self.authority.call("renounceRole", mine, gone, stage=Stage.HANDOVER, of="admin")

    def _grant(self, path: str, name: str, role: int, holder: str, delay: int) -> Call:
        held = (role, holder)
        checks = (
            self.authority.check(f"{path}.holder", "hasRole", held, True, pick=0),
            self.authority.check(f"{path}.delay", "hasRole", held, delay, pick=1),
        )
        args = (role, holder, delay)
        # The constructor has made the deployer admin.
        given = role == ADMIN_ROLE and holder == self.deployer and delay == 0
        return self.authority.call("grantRole", args, *checks, stage=Stage.ROLES, of=name, correction=given)

    def _address(self, holder: str | None) -> str:
        if holder is None:
            raise UsageError("access: a holder has no address; write one or pass --holder")
        return self.deployer if holder == DEPLOYER else holder
