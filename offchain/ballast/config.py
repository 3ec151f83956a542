"""Settings from the environment, prefix ``BALLAST_``; read where they are used, never at import."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from ballast.errors import UsageError

__all__ = ["Settings", "load_settings"]


class Settings(BaseSettings):
    """Where things are. Command-line options win over these, these over the defaults.

    No field holds a private key: a signer is a keystore file, its passphrase comes from a file, the
    environment or a prompt.
    """

    model_config = SettingsConfigDict(env_prefix="BALLAST_", env_ignore_empty=True, extra="ignore")

    rpc: str | None = Field(default=None, description="URL of the node")
    deployment: Path = Field(default=Path("deployments/local.json"), description="deployment file to work on")
    database_url: str = Field(default="sqlite:///.data/ballast.sqlite", description="where the index lives")
    account: str | None = Field(default=None, description="keystore file or ape account alias")
    passphrase: SecretStr | None = Field(default=None, description="passphrase of the keystore")
    passphrase_file: Path | None = Field(default=None, description="file that holds it")
    rpc_timeout: float = Field(default=30.0, gt=0, description="seconds to wait for the node")
    log_level: str = Field(default="info", pattern="^(debug|info|warning|error)$")


def load_settings() -> Settings:
    """The settings of this process; ``UsageError`` names the variable that is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        name = "BALLAST_" + "_".join(str(part) for part in first["loc"]).upper()
        raise UsageError(f"environment: {name}: {first['msg'].lower()}") from None
