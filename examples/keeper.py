"""A keeper in thirty lines: a price falls, and the account that breaks is liquidated in the same block.

Run it straight after set-up:  .venv/bin/python examples/keeper.py
Against a chain of your own:   keeper = Keeper(Protocol(connect(url), Deployment.load(file)), signer)
"""

from ballast.chain.local import LocalChain
from ballast.keeper import Keeper, KeeperSettings
from ballast.units import format_account, from_wad

with LocalChain() as chain:
    chain.open("lender", collateral={"USDC": "1000000"})
    borrower = chain.open("borrower", collateral={"ETH": "10"})
    chain.withdraw(borrower, "USDC", "22000")  # beyond the balance: it borrows
    signer = chain.actor("keeper")
    chain.open(signer, collateral={"USDC": "100000"})  # what carries the slices it takes

    feed = chain.protocol.feed("ETH")
    chain.rpc("evm_setAutomine", False)  # from here on an update waits in the pool, as on any chain
    with Keeper(chain.protocol, signer, KeeperSettings.load(min_profit_usdc="1")) as keeper:
        for price in (2900, 2700, 2560, 2500):
            data = feed.encode_abi("submit", [price * 10**8])
            chain.w3.eth.send_transaction({"from": chain.governor, "to": feed.address, "data": data})
            report = keeper.step("pending")  # sees the update before it is mined, lands behind it
            chain.rpc("evm_mine")
            print(f"ETH {price}: block {report.block}, {len(report.at_risk)} at risk")
            for won in keeper.step("pending").liquidations:
                profit = f"{from_wad(won.profit):.2f} USDC after gas"
                print(f"  liquidated {format_account(won.account)} in block {won.block}: {profit}")
    print(f"the borrower's health factor is {from_wad(chain.health(borrower).factor or 0):.3f} now")
