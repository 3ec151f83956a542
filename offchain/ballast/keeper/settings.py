"""Settings of a keeper: a TOML file, over it the environment (``BALLAST_KEEPER_``), over it the
command line."""

from __future__ import annotations

import os
import tomllib
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from ballast import units
from ballast.errors import UsageError

__all__ = ["DUTIES", "KeeperSettings"]

#: In the order of their claim on a block.
DUTIES = ("liquidate", "sync", "settle")

_PREFIX = "BALLAST_KEEPER_"
_GWEI = 9


class KeeperSettings(BaseSettings):
    """What a keeper may do and what it must earn. Amounts are exact decimals; properties give them
    as integers.

    No field holds a key or a passphrase: a signer is a keystore file, its passphrase comes from a
    file, from ``BALLAST_PASSPHRASE`` or from a prompt.
    """

    model_config = SettingsConfigDict(env_prefix=_PREFIX, env_ignore_empty=True, extra="forbid", frozen=True)

    # ------------------------------------------------------------ where
    rpc: str | None = Field(default=None, description="URL of the node")
    deployment: Path | None = Field(default=None, description="deployment file")
    database_url: str | None = Field(default=None, description="where the index lives")
    chain_id: int | None = Field(default=None, gt=0, description="refuse any other chain")
    tag: Literal["auto", "pending", "latest"] = Field(
        default="auto",
        description="state to decide on; auto: pending where the node shows its pool",
    )

    # ------------------------------------------------------------ who
    account: str | None = Field(default=None, description="keystore file or ape alias; none: paper mode")
    passphrase_file: Path | None = Field(default=None, description="file with its passphrase")
    liquidator: str | None = Field(
        default=None, description="0xOWNER:INDEX that receives the slices; default: the signer's"
    )
    account_index: int = Field(default=0, ge=0, le=255, description="index of the signer's own account")
    deposit_usdc: Decimal = Field(
        default=Decimal(0), ge=0, description="top the account up to it from the wallet at start"
    )
    warn_margin_usdc: Decimal = Field(
        default=Decimal(1000), ge=0, description="warn below this equity above initial margin"
    )

    # ------------------------------------------------------------ what
    duties: tuple[Literal["liquidate", "sync", "settle"], ...] = Field(
        default=("liquidate", "sync"), description="what to do"
    )
    min_profit_usdc: Decimal = Field(default=Decimal(1), description="least expected profit of a liquidation after gas")
    overhead_usdc: Decimal = Field(
        default=Decimal(0), ge=0, description="what a transaction costs beside gas (rollup data)"
    )
    max_fraction: Decimal = Field(default=Decimal(1), gt=0, le=1, description="largest part of an account to take")
    paid_tolerance: Decimal = Field(
        default=Decimal("0.25"), ge=0, le=10, description="drift of the price, of its maintenance"
    )
    max_per_block: int = Field(default=32, ge=1, le=1000, description="most liquidations sent for one block")
    flag_unprofitable: bool = Field(default=True, description="start the reward's clock where waiting will pay")

    # ------------------------------------------------------------ gas
    priority_fee_gwei: Decimal | None = Field(
        default=None, ge=0, description="tip per gas; none: what the node suggests"
    )
    max_fee_gwei: Decimal = Field(default=Decimal(500), gt=0, description="never pay more per gas")
    native_symbol: str = Field(default="ETH", description="the underlying that prices the chain's coin")
    native_price_usdc: Decimal | None = Field(
        default=None, gt=0, description="price of the chain's coin where no underlying does"
    )
    replace_after_blocks: int = Field(default=3, ge=1, le=1000, description="blocks after which a transaction is stuck")

    # ------------------------------------------------------------ services (cost gas, earn nothing)
    service_max_fee_gwei: Decimal = Field(
        default=Decimal(50), gt=0, description="do sync and settle only below this fee per gas"
    )
    sync_every_seconds: int = Field(default=3600, ge=1, description="sync a price at least this often")
    sync_move: Decimal = Field(default=Decimal("0.01"), gt=0, le=1, description="or once it moved by this part")
    sync_pause_seconds: int = Field(
        default=60, ge=0, description="but an asset no sooner than this after its last sync"
    )
    settle_above_usdc: Decimal = Field(default=Decimal(100), gt=0, description="settle unsettled losses from here on")

    # ------------------------------------------------------------ running
    poll_seconds: float = Field(default=0.5, gt=0, le=60, description="pause between two looks")
    paper_file: Path | None = Field(default=None, description="JSON lines of what paper mode decided and how it scored")
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        # `load` merges the sources itself, so that an error can name the one it comes from
        return (init_settings,)

    @field_validator("duties", mode="before")
    @classmethod
    def _list_of_duties(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value

    @field_validator("min_profit_usdc")
    @classmethod
    def _finite(cls, value: Decimal) -> Decimal:
        if not value.is_finite():
            raise ValueError("must be a finite number")
        return value

    # ------------------------------------------------------------ integers

    @property
    def min_profit(self) -> int:
        """USDC, 1e18."""
        return units.to_wad(self.min_profit_usdc)

    @property
    def overhead(self) -> int:
        """USDC, 1e18."""
        return units.to_wad(self.overhead_usdc)

    @property
    def deposit(self) -> int:
        """USDC units."""
        return units.to_units_down(self.deposit_usdc, units.QUOTE_DECIMALS)

    @property
    def warn_margin(self) -> int:
        """USDC, 1e18."""
        return units.to_wad(self.warn_margin_usdc)

    @property
    def largest_fraction(self) -> int:
        """1e18 = all."""
        return units.to_wad(self.max_fraction)

    @property
    def tolerance(self) -> int:
        """Part of a slice's maintenance margin, 1e18."""
        return units.to_wad(self.paid_tolerance)

    @property
    def max_fee(self) -> int:
        """Wei per gas."""
        return units.to_units_down(self.max_fee_gwei, _GWEI)

    @property
    def service_max_fee(self) -> int:
        """Wei per gas."""
        return units.to_units_down(self.service_max_fee_gwei, _GWEI)

    @property
    def priority_fee(self) -> int | None:
        """Wei per gas."""
        if self.priority_fee_gwei is None:
            return None
        return units.to_units_down(self.priority_fee_gwei, _GWEI)

    @property
    def settle_above(self) -> int:
        """USDC, 1e18."""
        return units.to_wad(self.settle_above_usdc)

    @property
    def sync_move_wad(self) -> int:
        """1e18 = 100%."""
        return units.to_wad(self.sync_move)

    # ------------------------------------------------------------ reading

    @classmethod
    def load(cls, path: Path | None = None, **options: Any) -> KeeperSettings:
        """Settings from a file, the environment and ``options`` (those that are not None), the
        later winning.

        Relative paths in the file are relative to it. ``UsageError`` names the file, variable or
        option and the field that is wrong.
        """
        values: dict[str, Any] = {}
        origin: dict[str, str] = {}
        if path is not None:
            values = _read_toml(path)
            origin = {name: f"{path}: {name}" for name in values}
            _anchor(values, path.parent)
        for name in cls.model_fields:
            found = os.environ.get(_PREFIX + name.upper())
            if found:
                values[name] = found
                origin[name] = f"environment: {_PREFIX}{name.upper()}"
        for variable in os.environ:
            if variable.startswith(_PREFIX) and variable.removeprefix(_PREFIX).lower() not in cls.model_fields:
                raise UsageError(f"environment: {variable}: unknown; a keeper has {', '.join(cls.model_fields)}")
        for name, option in options.items():
            if option is not None:
                values[name] = option
                origin[name] = f"--{name.replace('_', '-')}"
        try:
            return cls(**values)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            name = str(first["loc"][0]) if first["loc"] else ""
            message = first["msg"].removeprefix("Value error, ")
            if first["type"] == "extra_forbidden":
                message = f"unknown; a keeper has {', '.join(cls.model_fields)}"
            raise UsageError(f"{origin.get(name, name)}: {message[:1].lower()}{message[1:]}") from None


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"{path}: not found; `ballast keeper init` writes one") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: not TOML: {error}") from None


def _anchor(values: dict[str, Any], folder: Path) -> None:
    """Makes the file's own relative paths independent of the current folder."""
    for name in ("deployment", "passphrase_file", "paper_file"):
        if isinstance(values.get(name), str):
            values[name] = folder / values[name]
    account = values.get("account")
    if isinstance(account, str) and (folder / account).is_file():  # else an ape alias
        values["account"] = str(folder / account)
