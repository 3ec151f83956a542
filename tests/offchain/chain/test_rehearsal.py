"""A rehearsal shows real gas and changes nothing."""

from __future__ import annotations

from ballast.chain.anvil import Anvil
from ballast.chain.deployer import deploy
from ballast.chain.params import NetworkParams
from ballast.chain.rehearsal import rehearse
from ballast.chain.rpc import connect
from ballast.chain.sender import Record
from ballast.chain.signers import KeySigner, anvil_accounts


def test_rehearse__empty_chain__has_the_gas_of_the_deployment_and_sends_nothing() -> None:
    account = anvil_accounts(1)[0]
    params = NetworkParams.load("local")
    with Anvil() as node:
        w3 = connect(node.url)
        rehearsal = rehearse(w3, node.url, params, account.address)
        assert w3.eth.block_number == 0
        assert rehearsal.differences == []
        records: list[Record] = []
        deployment = deploy(w3, params, KeySigner(account), notify=records.append)
    mined = {record.step: record.gas for record in records if record.action == "mined"}
    # Calls that store the time need some gas more or less.
    for record in rehearsal.records:
        assert abs(mined.pop(record.step) - record.gas) <= 100
    assert mined == {}
    assert rehearsal.deployment.contracts == deployment.contracts
    assert rehearsal.cost == rehearsal.gas * rehearsal.fees.expected > 0
