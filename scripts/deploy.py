"""Deploy with ape: the same deployment as `ballast deploy`, with ape's network and ape's account.

ape run deploy --network ethereum:local:foundry --account TEST::0 ape run deploy --network
base:sepolia:node --account deployer --params scripts/params/base-sepolia.yaml
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from ape.api import AccountAPI, ProviderAPI
from ape.cli import ConnectedProviderCommand, account_option
from eth_utils.address import to_checksum_address
from web3 import Web3
from web3.types import TxParams

from ballast.chain import reverts
from ballast.chain.deployer import deploy
from ballast.chain.params import NetworkParams, known_networks
from ballast.chain.signers import Signed
from ballast.chain.verify import preflight, verify
from ballast.errors import BallastError, DeploymentError, UsageError

__all__ = ["cli"]


class _ApeSigner:
    """An ape account as the deployment's signer."""

    def __init__(self, account: AccountAPI, provider: ProviderAPI) -> None:
        self._account = account
        self._provider = provider

    @property
    def address(self) -> str:
        return to_checksum_address(str(self._account.address))

    def sign(self, tx: TxParams) -> Signed:
        ecosystem = self._provider.network.ecosystem
        fields: dict[str, Any] = {**tx, "type": 2, "from": self.address}
        signed = self._account.sign_transaction(ecosystem.create_transaction(**fields))
        if signed is None:
            raise UsageError(f"account {self.address}: refused to sign")
        raw = signed.serialize_transaction()
        return Signed(Web3.to_hex(Web3.keccak(raw)), raw)


def _first_test_account(provider: ProviderAPI) -> AccountAPI:
    if not provider.network.is_local:
        raise UsageError(f"account: network {provider.network.name} needs --account ALIAS")
    found: AccountAPI = provider.account_manager.test_accounts[0]
    return found


def _params_of(provider: ProviderAPI, file: Path | None) -> NetworkParams:
    """Those of the file, else the known network of the provider's chain id."""
    if file is not None:
        return NetworkParams.load(file)
    chain_id = provider.chain_id
    for name in known_networks():
        params = NetworkParams.load(name)
        if params.chain.id == chain_id or (name == "local" and provider.network.is_local):
            return params
    raise UsageError(f"network: no parameters for chain {chain_id}; give --params FILE")


@click.command(cls=ConnectedProviderCommand)
@account_option(prompt=False)
@click.option("--params", "params_file", type=click.Path(path_type=Path), help="Parameters.")
@click.option("--holder", "holders", multiple=True, metavar="ROLE=ADDRESS")
@click.option("--own-feeds", is_flag=True, help="Own aggregators in place of public feeds.")
@click.option("--out", type=click.Path(path_type=Path), help="Deployment file.")
def cli(
    account: AccountAPI | None,
    provider: ProviderAPI,
    params_file: Path | None,
    holders: tuple[str, ...],
    own_feeds: bool,
    out: Path | None,
) -> None:
    """Deploy, or resume a half-done deployment, and check it against the chain.

    Without --account a local network's first test account deploys.
    """
    try:
        if account is None:
            account = _first_test_account(provider)
        _run(account, provider, params_file, holders, own_feeds, out)
    except BallastError as error:
        raise click.ClickException(str(error)) from error


def _run(
    account: AccountAPI,
    provider: ProviderAPI,
    params_file: Path | None,
    holders: tuple[str, ...],
    own_feeds: bool,
    out: Path | None,
) -> None:
    params = _params_of(provider, params_file)
    given = dict(text.split("=", 1) for text in holders if "=" in text)
    params = params.with_holders(given)
    params.require_holders(str(params_file or params.network))
    if own_feeds:
        params = params.with_own_feeds()
    w3: Web3 = provider.web3
    reverts.install(w3)
    chain = params.chain.model_copy(update={"id": provider.chain_id})
    params = params.model_copy(update={"chain": chain})
    differing = preflight(w3, params)
    if differing:
        raise UsageError(str(differing[0]))
    path = out or Path("deployments", f"{params.network}.json")
    journal = None if provider.network.is_local else path.with_suffix(".journal.json")
    deployment = deploy(w3, params, _ApeSigner(account, provider), journal)
    deployment.save(path)
    found = verify(w3, params, deployment)
    for difference in found:
        click.echo(str(difference))
    if found:
        raise DeploymentError(f"{path}: {len(found)} differences from the parameters")
    click.echo(f"the chain is what the parameters say; {path}")
