"""What a stranger would write: web3.py, the deployment file and the ABI files, nothing of ours imported.

    python plain_script.py RPC_URL deployments/local.json ABI_FOLDER

Two traders deposit, trade a perpetual by signed orders, the price falls, a third account liquidates the loser.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from eth_account import Account
from eth_account.messages import encode_typed_data
from web3 import Web3

KEYS = {  # anvil's accounts, as everybody knows them
    "governor": "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
    "long": "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
    "short": "0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
    "liquidator": "0x7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6",
}
ORDER = {
    "Order": [
        {"name": "account", "type": "uint256"},
        {"name": "instrument", "type": "uint32"},
        {"name": "size", "type": "int256"},
        {"name": "limitPrice", "type": "uint256"},
        {"name": "maxFee", "type": "uint256"},
        {"name": "nonce", "type": "uint256"},
        {"name": "expiry", "type": "uint64"},
        {"name": "reduceOnly", "type": "bool"},
        {"name": "counterparty", "type": "address"},
    ]
}
WAD = 10**18
NOBODY = "0x" + "0" * 40


def main(url: str, deployment_path: str, abi_folder: str) -> None:
    w3 = Web3(Web3.HTTPProvider(url))
    deployment = json.loads(Path(deployment_path).read_text())
    who = {name: Account.from_key(key) for name, key in KEYS.items()}

    def contract(name: str, address: str) -> Any:
        abi = json.loads((Path(abi_folder) / f"{name}.json").read_text())["abi"]
        return w3.eth.contract(address=Web3.to_checksum_address(address), abi=abi)

    house = contract("Clearinghouse", deployment["contracts"]["Clearinghouse"])
    usdc = contract("TestToken", deployment["tokens"]["USDC"]["address"])
    feed = contract("PushedAggregator", deployment["feeds"]["ETH"])
    perp = deployment["instruments"]["ETH-PERP"]

    def send(name: str, function: Any) -> Any:
        account = who[name]
        nonce = w3.eth.get_transaction_count(account.address)
        transaction = function.build_transaction({"from": account.address, "nonce": nonce, "gas": 5_000_000})
        signed = account.sign_transaction(transaction)
        receipt = w3.eth.wait_for_transaction_receipt(w3.eth.send_raw_transaction(signed.raw_transaction))
        assert receipt["status"] == 1, f"{name}: {function.fn_name} reverted"
        return receipt

    def number(name: str, index: int = 0) -> int:
        return int(who[name].address, 16) << 8 | index

    def order(name: str, size: int, price: int) -> dict[str, Any]:
        return {
            "account": number(name),
            "instrument": perp,
            "size": size,
            "limitPrice": price,
            "maxFee": 1_000 * WAD,
            "nonce": w3.eth.block_number,
            "expiry": 2**64 - 1,
            "reduceOnly": False,
            "counterparty": NOBODY,
        }

    def sign(name: str, value: dict[str, Any]) -> bytes:
        domain = {
            "name": "Ballast",
            "version": "1",
            "chainId": w3.eth.chain_id,
            "verifyingContract": house.address,
        }
        return bytes(who[name].sign_message(encode_typed_data(domain, ORDER, value)).signature)

    for name, amount in (("long", 10_000), ("short", 50_000), ("liquidator", 100_000)):
        units = amount * 10 ** deployment["tokens"]["USDC"]["decimals"]
        send(name, usdc.functions.mint(who[name].address, units))
        send(name, usdc.functions.approve(house.address, units))
        send(name, house.functions.deposit(number(name), usdc.address, units))
        assert house.functions.balanceOf(number(name), usdc.address).call() == units

    mark = house.functions.markOf(perp).call()
    maker, taker = order("short", -20 * WAD, mark), order("long", 20 * WAD, mark)
    send(
        "liquidator",  # anyone may fill
        house.functions.fill(
            tuple(maker.values()), sign("short", maker), tuple(taker.values()), sign("long", taker), 20 * WAD
        ),
    )
    assert house.functions.positionOf(number("long"), perp).call() == 20 * WAD
    before = house.functions.health(number("long")).call()
    assert before[0] >= before[1], before

    price = feed.functions.latestRoundData().call()[1]
    send("governor", feed.functions.submit(price * 86 // 100))
    broken = house.functions.health(number("long")).call()
    assert broken[0] < broken[2], broken

    step = (number("long"), number("liquidator"), WAD, 0, 2**200, 2**64 - 1, b"")
    fraction, paid = house.functions.liquidate(step).call({"from": who["liquidator"].address})
    send("liquidator", house.functions.liquidate(step))
    after = house.functions.health(number("long")).call()
    assert after[0] * broken[2] > broken[0] * after[2], "the health factor did not rise"
    shown = {
        "before": [str(value) for value in before],
        "broken": [str(value) for value in broken],
        "after": [str(value) for value in after],
        "fraction": str(fraction),
        "paid": str(paid),
    }
    print(json.dumps(shown))


if __name__ == "__main__":
    main(*sys.argv[1:4])
