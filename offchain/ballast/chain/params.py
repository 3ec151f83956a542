"""What one network is to look like: the model of ``scripts/params/<network>.yaml``.

Fractions, prices and amounts are decimal strings in the file; a number that YAML would turn into a
float is an error, because it is not exact. Fields named ``...E6``-like on chain are scaled here, at
the border, once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    InstanceOf,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from ballast import units
from ballast.chain.fieldpath import first_error
from ballast.chain.scenario_file import FloorEntry, read_scenarios
from ballast.chain.scenario_table import ScenarioTable
from ballast.errors import UsageError

__all__ = [
    "DEPLOYER",
    "AccessParams",
    "AdminParams",
    "ArrayParams",
    "AssetParams",
    "ChainParams",
    "ContingencyParams",
    "FeedParams",
    "FeesParams",
    "FutureParams",
    "InterestParams",
    "LiquidationParams",
    "MarginParams",
    "MarketParams",
    "NetworkParams",
    "OptionParams",
    "OptionRatesParams",
    "PortfolioParams",
    "PremiumParams",
    "RatesParams",
    "RoleParams",
    "ScenarioParams",
    "SequencerParams",
    "SurfaceParams",
    "TermsParams",
    "TokenParams",
    "known_networks",
]

#: In place of an address: whoever deploys.
DEPLOYER = "deployer"

_T = TypeVar("_T")


def _guard(convert: Callable[[Any], _T]) -> Callable[[Any], _T]:
    """Makes a ``UsageError`` of a conversion what pydantic reports with its path."""

    def checked(value: Any) -> _T:
        try:
            return convert(value)
        except UsageError as error:
            raise ValueError(str(error)) from None

    return checked


def _scaled(decimals: int) -> BeforeValidator:
    return BeforeValidator(_guard(lambda value: units.to_units(value, decimals)))


def _holder(value: Any) -> str:
    return value if value == DEPLOYER else units.parse_address(value)


Number = Annotated[Decimal, BeforeValidator(_guard(units.decimal_of))]
#: 1e6 = 100%.
RateE6 = Annotated[int, _scaled(6), Field(ge=0)]
#: 1e9 = 100%.
RateE9 = Annotated[int, _scaled(9), Field(ge=0)]
#: 1e18.
WadNumber = Annotated[int, _scaled(18), Field(ge=0)]
Seconds = Annotated[int, Field(ge=0, strict=True)]
AddressText = Annotated[str, BeforeValidator(_guard(units.parse_address))]
#: An address or ``deployer``.
Holder = Annotated[str, BeforeValidator(_guard(_holder))]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ChainParams(_Model):
    """``confirmations`` are blocks above a transaction's; ``block_time`` in seconds is only a
    pace."""

    id: Annotated[int, Field(gt=0, strict=True)]
    rpc: str
    block_time: Annotated[Number, Field(gt=0)]
    confirmations: Annotated[int, Field(ge=0, strict=True)]
    explorer: str | None = None


class AdminParams(_Model):
    """Who changes roles: the holder of AccessManager's ADMIN_ROLE after the deployment."""

    holder: Holder | None = None
    delay: Seconds


class RoleParams(AdminParams):
    """``functions`` maps a contract's name to the functions that this role may call, after
    ``delay`` seconds."""

    id: Annotated[int, Field(gt=0, lt=2**64 - 1, strict=True)]
    functions: dict[str, list[str]]


class AccessParams(_Model):
    admin: AdminParams
    roles: dict[str, RoleParams]


class FeesParams(_Model):
    trade_recipient: Holder | None = None
    reserve_recipient: Holder | None = None


class SequencerParams(_Model):
    """A rollup's uptime feed. ``pushed``: one of ours, whose poster reports an outage with answer
    1."""

    kind: Literal["pushed", "chainlink"]
    address: AddressText | None = None
    description: str
    poster: Holder = DEPLOYER
    grace: Seconds

    @model_validator(mode="after")
    def _check(self) -> SequencerParams:
        if (self.kind == "chainlink") != (self.address is not None):
            raise ValueError("a chainlink feed has an address, a pushed one has none")
        return self


class PortfolioParams(_Model):
    """Factors of the PORTFOLIO model: ``IPortfolioTerms.Factors``. Ages in seconds; ``stale_vol`` an hour."""

    maintenance: RateE6
    initial: RateE6
    depeg_start: RateE6
    depeg_slope: RateE6
    confidence: RateE6
    array_age: Seconds
    surface_age: Seconds
    stale_vol: RateE6

    def content(self) -> dict[str, int]:
        """As the contract takes them."""
        return _camel(self.model_dump())


class MarginParams(_Model):
    minimum_maintenance: WadNumber
    portfolio: PortfolioParams


class SurfaceParams(_Model):
    """Limits of signed surfaces: ``ISurfaceOracle.Limits``; ``threshold`` signers sign each."""

    threshold: Annotated[int, Field(ge=1, strict=True)]
    max_age: Seconds
    min_interval: Seconds
    min_vol: RateE6
    max_vol: RateE6
    vol_step: RateE6
    vol_speed: RateE6
    max_basis: RateE6
    basis_step: RateE6
    basis_speed: RateE6

    def content(self) -> dict[str, int]:
        """The limits as the contract takes them."""
        return _camel(self.model_dump(exclude={"threshold"}))


class ArrayParams(_Model):
    """Limits of risk arrays: ``IRiskArrays.Limits``."""

    max_age: Seconds
    band_cap: RateE6
    band_vol: RateE6

    def content(self) -> dict[str, int]:
        """As the contract takes them."""
        return _camel(self.model_dump())


class ContingencyParams(_Model):
    """Add-ons of one underlying: ``IPortfolioTerms.Contingency``; ``free`` in USDC."""

    basis: RateE6
    basis_initial: RateE6
    short_option: RateE6
    short_option_initial: RateE6
    vega: RateE6
    gamma: RateE6
    calendar: RateE6
    concentration: RateE6
    free: Annotated[int, Field(ge=0, strict=True)]

    def content(self) -> dict[str, int]:
        """As the contract takes them."""
        return _camel(self.model_dump())


class RatesParams(_Model):
    """Charges of the STANDARD model on an absolute value."""

    maintenance: RateE6
    initial: RateE6


class OptionRatesParams(RatesParams):
    """Charges of the STANDARD model on a short option, parts of the underlying's price."""

    @model_validator(mode="after")
    def _check(self) -> OptionRatesParams:
        if not self.maintenance < self.initial < units.E6:
            found = tuple(Decimal(rate) / units.E6 for rate in (self.maintenance, self.initial))
            raise ValueError(f"maintenance is {found[0]}, initial {found[1]}; give maintenance < initial < 1")
        return self


class TermsParams(_Model):
    """How a market is traded."""

    tick: WadNumber
    min_size: WadNumber
    maker_fee: RateE6
    taker_fee: RateE6
    band: RateE6
    band_absolute: WadNumber
    open_interest_cap: WadNumber

    def content(self, lot: int) -> dict[str, int]:
        """As the contract takes it."""
        return _camel({"lot": lot, **{name: getattr(self, name) for name in TermsParams.model_fields}})


class OptionParams(_Model):
    """An underlying's options. ``lot`` is the unit that sizes are counted in, for good; ``band`` counts of the mark and
    of what doubling the volatility would add to it."""

    lot: WadNumber
    terms: TermsParams
    rates: OptionRatesParams
    contingency: ContingencyParams


class FutureParams(_Model):
    """What each dated future of an underlying is listed with."""

    lot: WadNumber
    terms: TermsParams
    rates: RatesParams


def _camel(values: Mapping[str, int]) -> dict[str, int]:
    """Our names as the contracts write them."""
    words = {name: name.split("_") for name in values}
    return {first + "".join(map(str.capitalize, rest)): values[name] for name, (first, *rest) in words.items()}


def _table(value: Any, info: ValidationInfo) -> Any:
    """Reads the file of that name beside the parameters, else the package's own."""
    if not isinstance(value, str):
        return value
    beside = Path((info.context or {}).get("folder", "."), value)
    try:
        return read_scenarios(beside if beside.is_file() else _params_folder() / value)
    except UsageError as error:
        raise ValueError(str(error)) from None


class ScenarioParams(_Model):
    """``table`` is the first table, a scenarios.json: later ones are proposed. ``floors`` are those of its underlyings
    that it has none for."""

    delay: Annotated[int, Field(ge=0, le=14 * 86_400, strict=True)]
    max_change: RateE6
    table: Annotated[InstanceOf[ScenarioTable], BeforeValidator(_table)]
    floors: dict[str, FloorEntry]

    def content(self, assets: Mapping[str, int]) -> dict[str, Any]:
        """The first table as the contract takes it; ``UsageError`` where that is not possible."""
        return self.table.to_chain(assets, {name: entry.moves() for name, entry in self.floors.items()})


class PremiumParams(_Model):
    premium_cap: RateE9
    funding_cap_per_hour: RateE9
    sample_window: Seconds
    funding_period: Seconds
    max_quote_age: Seconds
    max_spread: RateE6
    min_quotes: Annotated[int, Field(ge=1, le=32, strict=True)]


class LiquidationParams(_Model):
    target: WadNumber
    start_rate: WadNumber
    health_slope: WadNumber
    ramp_rate: WadNumber
    max_rate: WadNumber
    ramp_time: Seconds
    insurance_fee: WadNumber
    fund_step_cap: WadNumber
    fund_day_cap: WadNumber
    dust: WadNumber


class FeedParams(_Model):
    """``pushed``: an aggregator of ours whose first answer is ``price``. ``chainlink``: the public
    one at ``address``; its ``price`` is only used where a rehearsal replaces public feeds by own
    ones."""

    kind: Literal["pushed", "chainlink"]
    address: AddressText | None = None
    description: str
    decimals: Annotated[int, Field(ge=0, le=18, strict=True)]
    poster: Holder = DEPLOYER
    price: Number | None = None
    max_age: Seconds
    cache_age: Seconds
    max_deviation: RateE6
    hard_factor: RateE6
    slow_rate: RateE6
    min_answer: Number
    max_answer: Number

    @model_validator(mode="after")
    def _check(self) -> FeedParams:
        if self.kind == "chainlink" and self.address is None:
            raise ValueError("a chainlink feed needs its address")
        if self.kind == "pushed" and (self.price is None or self.address is not None):
            raise ValueError("a pushed feed has a price to start with and no address")
        for value in (self.min_answer, self.max_answer, self.price):
            if value is not None:
                _guard(lambda number: units.to_units(number, self.decimals))(value)
        return self

    def answer(self, price: Decimal) -> int:
        """A price in the feed's decimals, exact."""
        return units.to_units(price, self.decimals)


class InterestParams(_Model):
    reserve_factor: RateE6
    kink: RateE6
    base_rate: RateE6
    kink_slope: RateE6
    max_slope: RateE6


class TokenParams(_Model):
    """``address``: a token that is there already; without it a mintable test token is deployed. ``haircut`` is the part
    of a balance that initial margin of the PORTFOLIO model does not credit."""

    name: str
    symbol: str
    decimals: Annotated[int, Field(ge=0, le=18, strict=True)]
    address: AddressText | None = None
    supply_cap: Number
    borrow_cap: Number
    interest: InterestParams
    rates: RatesParams | None = None
    haircut: RateE6 = 0

    def amount(self, whole: Decimal) -> int:
        """Token units of whole tokens, exact."""
        return units.to_units(whole, self.decimals)


class MarketParams(TermsParams):
    symbol: str
    kind: Literal["spot", "perp"]
    lot: WadNumber
    rates: RatesParams | None = None

    @model_validator(mode="after")
    def _check(self) -> MarketParams:
        if (self.kind == "perp") != (self.rates is not None):
            raise ValueError("a perp has rates; a spot market has none, its token has them")
        return self


class AssetParams(_Model):
    symbol: str
    feed: FeedParams
    token: TokenParams
    options: OptionParams | None = None
    futures: FutureParams | None = None
    markets: list[MarketParams]

    @model_validator(mode="after")
    def _check(self) -> AssetParams:
        dated = (self.options.rates if self.options else None, self.futures.rates if self.futures else None)
        all_rates = (self.token.rates, *dated, *(m.rates for m in self.markets))
        charged = [rates.initial for rates in all_rates if rates is not None]
        # what is opened at a price off by d and charged i is covered when the price is back while d < i / (1 + i)
        unit = units.E6
        if charged and self.feed.max_deviation * (unit + min(charged)) >= min(charged) * unit:
            lowest = Decimal(min(charged)) / unit
            raise ValueError(
                f"feed.max_deviation: {Decimal(self.feed.max_deviation) / unit} lets credit be taken at a price that"
                f" does not cover it; with an initial charge of {lowest} it is below {lowest / (1 + lowest):.4f}"
            )
        return self


class NetworkParams(_Model):
    """Everything that is deployed and set on one network."""

    network: str
    chain: ChainParams
    access: AccessParams
    fees: FeesParams
    quoters: list[Holder]
    surface_signers: list[Holder]
    sequencer: SequencerParams | None
    margin: MarginParams
    scenarios: ScenarioParams
    surfaces: SurfaceParams
    arrays: ArrayParams
    premium: PremiumParams
    liquidation: LiquidationParams
    assets: Annotated[list[AssetParams], Field(min_length=1, max_length=32)]

    @model_validator(mode="after")
    def _check(self) -> NetworkParams:
        quote = self.assets[0]
        if quote.token.decimals != units.QUOTE_DECIMALS or quote.markets or quote.token.rates or quote.options:
            raise ValueError("the first asset is the quote token: 6 decimals, no rates, no markets and no options")
        signers = len(set(self.surface_signers))
        if signers and self.surfaces.threshold > signers:
            raise ValueError(f"surfaces.threshold: is {self.surfaces.threshold}, with {signers} surface_signers")
        for asset in self.assets[1:]:
            if asset.token.rates is None:
                raise ValueError(f"asset {asset.symbol}: its token has no rates")
        for kind, names in (
            ("asset", [asset.symbol for asset in self.assets]),
            ("market", [market.symbol for asset in self.assets for market in asset.markets]),
            ("role id", [str(role.id) for role in self.access.roles.values()]),
        ):
            if len(set(names)) != len(names):
                raise ValueError(f"two entries share one {kind}")
        try:
            self.scenarios.content(self.asset_ids)
        except UsageError as error:
            raise ValueError(f"scenarios: {error}") from None
        for asset in self.assets:
            if asset.options is not None and asset.symbol not in self.scenarios.table.underlyings:
                raise ValueError(f"asset {asset.symbol}: has options, but the scenario table has no column for it")
        return self

    @property
    def asset_ids(self) -> dict[str, int]:
        """The router's number of each asset: its place in the list."""
        return {asset.symbol: number for number, asset in enumerate(self.assets)}

    @classmethod
    def load(cls, source: str | Path) -> NetworkParams:
        """From a network's name or a file's path.

        A name is looked up among the files that come with the package. ``UsageError`` names the
        known networks, or the file and the path inside it of the first thing that is wrong.
        """
        if isinstance(source, Path) or source.endswith((".yaml", ".yml")):
            path = Path(source)
            if not path.is_file():
                raise UsageError(f"{path}: not found; give a file like scripts/params/local.yaml")
        else:
            found = known_networks()
            if source not in found:
                raise UsageError(f"network {source!r}: unknown; known are {', '.join(found)}")
            path = found[source]
        return cls.parse(_read_yaml(path), str(path))

    @classmethod
    def parse(cls, content: Any, origin: str) -> NetworkParams:
        """From plain data; ``origin`` is what errors name as its source."""
        try:
            return cls.model_validate(content, context={"folder": Path(origin).parent})
        except ValidationError as error:
            raise UsageError(f"{origin}: {first_error(error)}") from None

    def with_own_feeds(self) -> NetworkParams:
        """The same with an own pushed aggregator in place of every public feed, and without a
        sequencer feed."""
        assets = []
        for asset in self.assets:
            if asset.feed.kind == "chainlink":
                if asset.feed.price is None:
                    raise UsageError(f"assets.{asset.symbol}.feed.price: missing; an own feed starts with it")
                feed = asset.feed.model_copy(update={"kind": "pushed", "address": None})
                asset = asset.model_copy(update={"feed": feed})
            assets.append(asset)
        return self.model_copy(update={"assets": assets, "sequencer": None})

    def with_holders(self, holders: Mapping[str, str]) -> NetworkParams:
        """The same with holders set: keys are ``admin``, a role's name, ``trade_recipient``,
        ``reserve_recipient``, or ``all`` for every one that the file leaves open."""
        fixed = {key: value if value == DEPLOYER else units.parse_address(value) for key, value in holders.items()}
        names = ["admin", *self.access.roles, "trade_recipient", "reserve_recipient"]
        for key in fixed:
            if key != "all" and key not in names:
                raise UsageError(f"holder {key}: unknown; there are {', '.join(names)}, all")

        def pick(name: str, current: str | None) -> str | None:
            return fixed.get(name, current or fixed.get("all"))

        access = self.access
        roles = {
            name: role.model_copy(update={"holder": pick(name, role.holder)}) for name, role in access.roles.items()
        }
        admin = access.admin.model_copy(update={"holder": pick("admin", access.admin.holder)})
        fees = FeesParams.model_construct(
            trade_recipient=pick("trade_recipient", self.fees.trade_recipient),
            reserve_recipient=pick("reserve_recipient", self.fees.reserve_recipient),
        )
        changed = access.model_copy(update={"admin": admin, "roles": roles})
        return self.model_copy(update={"access": changed, "fees": fees})

    def require_holders(self, origin: str) -> None:
        """``UsageError`` at the first holder that is still open."""
        found = {"access.admin.holder": self.access.admin.holder}
        found |= {f"access.roles.{name}.holder": role.holder for name, role in self.access.roles.items()}
        found["fees.trade_recipient"] = self.fees.trade_recipient
        found["fees.reserve_recipient"] = self.fees.reserve_recipient
        for path, holder in found.items():
            if holder is None:
                name = path.split(".")[-2] if path.endswith(".holder") else path.split(".")[-1]
                raise UsageError(
                    f"{origin}: {path}: no address; write one there, or pass --holder {name}=0x..."
                    " (--holder all=0x... for every open one)"
                )


def known_networks() -> dict[str, Path]:
    """Parameter files that come with the package, by network name."""
    return {path.stem: path for path in sorted(_params_folder().glob("*.yaml"))}


def _params_folder() -> Path:
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "params", package.parents[1] / "scripts" / "params"):
        if folder.is_dir():
            return folder
    raise UsageError("parameters: no folder of networks beside the package; install ballast again")


def _read_yaml(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read: {error}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "not YAML"
        raise UsageError(f"{path}{place}: {problem}; give a file like scripts/params/local.yaml") from None
