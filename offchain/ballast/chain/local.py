"""A local chain with everything deployed, and hands to act on it: mint, deposit, trade, move prices
and time.

The real contracts, the real orders and real rounds of the feeds; only the keys are nobody's.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from decimal import Decimal
from types import TracebackType
from typing import Any

from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak
from web3.types import TxReceipt

from ballast import units
from ballast.chain.anvil import Anvil
from ballast.chain.deployer import deploy
from ballast.chain.deployment import Deployment
from ballast.chain.localnode import LocalNode
from ballast.chain.localoptions import LocalOptions
from ballast.chain.orders import Order, Quote, sign_order, sign_quote
from ballast.chain.params import NetworkParams
from ballast.chain.protocol import Health, Protocol
from ballast.chain.rpc import connect
from ballast.chain.sender import Record
from ballast.chain.signers import UnlockedSigner, anvil_accounts
from ballast.errors import UsageError
from ballast.units import WAD

__all__ = ["ANY_STEP", "LocalChain", "Number"]

Number = Decimal | str | int

#: ``expected_step`` and ``max_paid`` of a liquidation that takes any.
ANY_STEP = 2**64 - 1
ANY_PAID = 2**255 - 1

_ALLOWANCE = 2**256 - 1
_ACTOR_WEI = 10_000 * 10**18
_FEE_ALLOWED_PERCENT = 1


class LocalChain(LocalNode):
    """Starts anvil (or attaches to ``url``), deploys, and stops what it started on leaving the
    ``with`` block.

    Parameters
    ----------
    params:
        What to deploy; default the ``local`` network's. Its chain id is replaced by ``chain_id``.
    url:
        Attach to this node instead of starting one.
    deployment:
        With ``url``: what is deployed there already; without it everything is deployed anew.
    chain_id, port, fork_url, anvil_options:
        Of the node that is started; further keyword arguments are those of ``Anvil``.
    held_at:
        Unix time at which the started node's clock stands, until ``advance`` or ``mine`` move it;
        default a clock that runs. Then the same transactions give the same state in every run.

    Accounts are ids (``owner << 8 | index``). Their owners are anvil's ten accounts or actors made
    by ``actor(name)``. Amounts and prices are decimals of whole units, results are ints as on
    chain.
    """

    def __init__(
        self,
        params: NetworkParams | None = None,
        *,
        url: str | None = None,
        deployment: Deployment | None = None,
        chain_id: int = 31337,
        port: int | None = None,
        fork_url: str | None = None,
        held_at: int | None = None,
        notify: Callable[[Record], None] = lambda record: None,
        **anvil_options: Any,
    ) -> None:
        if deployment is not None and url is None:
            raise UsageError("deployment: given without url; say on which node it is")
        if held_at is not None and url is not None:
            raise UsageError("held_at: given with url; only the clock of a node that is started here can be held")
        self._params = params
        self._url = url
        self._known = deployment
        self._notify = notify
        self._options: dict[str, Any] = {
            "chain_id": chain_id,
            "port": port,
            "fork_url": fork_url,
            "ipc": True,
            "timestamp": held_at,
            **anvil_options,
        }
        self._holds = held_at is not None
        self._stack = ExitStack()
        self.anvil: Anvil | None = None

        self.protocol: Protocol
        self.params: NetworkParams
        #: Anvil's ten accounts; the first is governor, feed poster, quoter and fee recipient.
        self.accounts: list[LocalAccount] = []
        self._keys: dict[str, LocalAccount] = {}
        self._funded: set[str] = set()
        self._allowed: set[tuple[str, str]] = set()
        self._ticks: dict[str, int] = {}
        self._nonces = itertools.count(1)

    # ------------------------------------------------------------ life cycle

    def start(self) -> LocalChain:
        """As entering the ``with`` block."""
        try:
            if self._url is None:
                self.anvil = self._stack.enter_context(Anvil(**self._options))
                self.w3 = connect(self.anvil.ipc_path)
                if self._holds:
                    self.hold_time()
            else:
                self.w3 = connect(self._url)
            self.accounts = anvil_accounts()
            self._keys = {account.address: account for account in self.accounts}
            params = self._params or NetworkParams.load("local")
            chain = params.chain.model_copy(update={"id": self.w3.eth.chain_id, "rpc": self.url})
            self.params = params.model_copy(update={"chain": chain})
            if self._known is None:
                deployed = deploy(self.w3, self.params, UnlockedSigner(self.governor), notify=self._notify)
            else:
                deployed = self._known
            self.protocol = Protocol(self.w3, deployed)
            self._nonces = itertools.count((self.w3.eth.block_number << 32) + 1)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Ends the node, if this object started one. Safe to call twice."""
        self._stack.close()

    def __enter__(self) -> LocalChain:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The node's HTTP address."""
        if self._url is not None:
            return self._url
        assert self.anvil is not None
        return self.anvil.url

    @property
    def deployment(self) -> Deployment:
        return self.protocol.deployment

    @property
    def options(self) -> LocalOptions:
        """Expiries, surfaces and risk arrays."""
        return LocalOptions(self)

    @property
    def governor(self) -> str:
        return str(self.accounts[0].address)

    # ------------------------------------------------------------ actors

    def actor(self, name: str) -> LocalAccount:
        """An owner of that name, always the same, with ETH for gas; never one of anvil's
        accounts."""
        account: LocalAccount = Account.from_key(keccak(text=f"ballast actor {name}"))
        if account.address not in self._funded:
            self.adopt(account)
        return account

    def adopt(self, account: LocalAccount) -> str:
        """Makes a key known, so that its accounts can act here, and gives it ETH. Returns the
        address."""
        self.rpc("anvil_setBalance", account.address, hex(_ACTOR_WEI))
        self.rpc("anvil_impersonateAccount", account.address)
        self._keys[account.address] = account
        self._funded.add(account.address)
        return str(account.address)

    def key_of(self, account: int) -> LocalAccount:
        """The key of an account's owner; ``UsageError`` where it is not known here."""
        owner = units.owner_of(account)
        if owner not in self._keys:
            raise UsageError(f"account {units.format_account(account)}: its owner's key is not known to this chain")
        return self._keys[owner]

    def open(
        self,
        owner: str | LocalAccount,
        index: int = 0,
        collateral: Mapping[str, Number] | None = None,
    ) -> int:
        """Account ``index`` of an actor (by name) or key, with deposits. Returns its id."""
        key = self.actor(owner) if isinstance(owner, str) else owner
        if key.address not in self._keys:
            self.adopt(key)
        account = units.account_id(key.address, index)
        for symbol, amount in (collateral or {}).items():
            self.deposit(account, symbol, amount)
        return account

    # ------------------------------------------------------------ collateral

    def mint(self, symbol: str, to: str, token_units: int) -> TxReceipt:
        """Creates ``token_units`` (not whole tokens) of a test token."""
        return self.send(self.protocol.token(symbol).functions.mint(to, token_units), self.governor)

    def deposit(self, account: int, symbol: str, amount: Number, *, minted: bool = True) -> TxReceipt:
        """Deposits whole tokens from the account's owner, who gets them first unless ``minted`` is
        False."""
        owner = self.key_of(account).address
        token = self.protocol.token(symbol)
        amount_units = units.to_units(amount, self.protocol.decimals(symbol))
        if minted:
            self.mint(symbol, owner, amount_units)
        self.approve(owner, symbol)
        return self.send(self.protocol.house.functions.deposit(account, token.address, amount_units), owner)

    def approve(self, owner: str, symbol: str) -> None:
        """Lets the Clearinghouse pull all of a token from ``owner``; once."""
        if (owner, symbol) in self._allowed:
            return
        house = self.protocol.house.address
        self.send(self.protocol.token(symbol).functions.approve(house, _ALLOWANCE), owner)
        self._allowed.add((owner, symbol))

    def withdraw(self, account: int, symbol: str, amount: Number | None, *, to: str | None = None) -> TxReceipt:
        """Withdraws whole tokens, borrowing what is missing; None is the whole balance."""
        owner = self.key_of(account).address
        token = self.protocol.token(symbol).address
        amount_units = _ALLOWANCE if amount is None else units.to_units(amount, self.protocol.decimals(symbol))
        return self.send(self.protocol.house.functions.withdraw(account, token, amount_units, to or owner), owner)

    def fund_insurance(self, amount: Number) -> TxReceipt:
        """Gives whole USDC to the insurance fund, from the governor."""
        amount_units = units.to_units(amount, units.QUOTE_DECIMALS)
        self.mint("USDC", self.governor, amount_units)
        self.approve(self.governor, "USDC")
        return self.send(self.protocol.house.functions.fundInsurance(amount_units), self.governor)

    def choose_model(self, account: int, model: int) -> TxReceipt:
        """Sets an account's margin model: 0 STANDARD, 1 PORTFOLIO, 2 ISOLATED."""
        return self.send(self.protocol.house.functions.setMarginModel(account, model), self.key_of(account).address)

    # ------------------------------------------------------------ trading

    def order(self, account: int, symbol: str, size: Number, price: Number | None = None, **changes: Any) -> Order:
        """An order of ``size`` units (positive buys) at ``price``, default the mark on the market's
        tick.

        ``changes`` set further fields of ``Order``; the fee allowed is 1% of the notional.
        """
        size_wad = units.to_wad(size)
        price_wad = self.tick_price(symbol) if price is None else units.to_wad(price)
        notional = abs(size_wad) * price_wad // WAD
        fields = {
            "limitPrice": price_wad,
            "maxFee": notional * _FEE_ALLOWED_PERCENT // 100 + WAD,
            "nonce": next(self._nonces),
            **changes,
        }
        return Order(account=account, instrument=self.protocol.instrument(symbol), size=size_wad, **fields)

    def sign(self, order: Order, key: LocalAccount | None = None) -> bytes:
        """Signed by the account's owner, or by ``key``."""
        signer = key or self.key_of(order.account)
        return sign_order(order, signer.key, self.deployment.chain_id, self.protocol.house.address)

    def fill(
        self,
        maker: int,
        taker: int,
        symbol: str,
        size: Number,
        price: Number | None = None,
        **changes: Any,
    ) -> TxReceipt:
        """Trades between two accounts at the maker's ``price`` (default the mark): a positive
        ``size`` is bought by the taker. The taker's owner sends, so only the maker signs."""
        size = units.decimal_of(size)
        made = self.order(maker, symbol, -size, price, **changes)
        taken = self.order(taker, symbol, size, units.from_wad(made.limitPrice), **changes)
        return self.fill_orders(made, self.sign(made), taken, b"", abs(taken.size), self.key_of(taker).address)

    def fill_orders(
        self,
        maker: Order,
        maker_sig: bytes,
        taker: Order,
        taker_sig: bytes,
        size: int,
        sender: str | None = None,
    ) -> TxReceipt:
        """Submits two orders for ``size`` (1e18); by default the governor sends."""
        function = self.protocol.house.functions.fill(maker.as_tuple(), maker_sig, taker.as_tuple(), taker_sig, size)
        return self.send(function, sender or self.governor)

    def tick_price(self, symbol: str) -> int:
        """The mark, rounded to the market's tick: a price that holds from one block to the next.
        1e18."""
        mark = self.protocol.mark(symbol)
        if symbol not in self._ticks:
            config = self.protocol.house.functions.marketOf(self.protocol.instrument(symbol)).call()[1]
            self._ticks[symbol] = int(config[1])
        tick = self._ticks[symbol]
        return max(tick, (mark + tick // 2) // tick * tick)

    def settle(self, account: int) -> TxReceipt:
        return self.send(self.protocol.house.functions.settle(account), self.governor)

    def submit_quote(self, symbol: str, bid: Number, ask: Number) -> TxReceipt:
        """A quote of the governor, who is a registered quoter, as of the latest block."""
        quote = Quote(self.protocol.instrument(symbol), units.to_wad(bid), units.to_wad(ask), self.now())
        house = self.protocol.house
        signature = sign_quote(quote, self.accounts[0].key, self.deployment.chain_id, house.address)
        return self.send(house.functions.submitQuotes([quote.as_tuple()], [signature]), self.governor)

    # ------------------------------------------------------------ liquidation

    def liquidate(
        self,
        account: int,
        liquidator: int,
        *,
        max_fraction: int = WAD,
        min_fraction: int = 0,
        max_paid: int = ANY_PAID,
        expected_step: int = ANY_STEP,
        data: bytes = b"",
    ) -> TxReceipt:
        """One step by the owner of ``liquidator``. Fractions and ``max_paid`` in 1e18."""
        arguments = (account, liquidator, max_fraction, min_fraction, max_paid, expected_step, data)
        return self.send(self.protocol.house.functions.liquidate(arguments), self.key_of(liquidator).address)

    def health(self, account: int) -> Health:
        return self.protocol.health(account)

    # ------------------------------------------------------------ prices

    def set_price(self, symbol: str, price: Number) -> TxReceipt:
        """Pushes an answer (USD) to an asset's feed, as its poster."""
        decimals = next(asset.feed.decimals for asset in self.params.assets if asset.symbol == symbol)
        answer = units.to_units(price, decimals)
        return self.send(self.protocol.feed(symbol).functions.submit(answer), self.governor)

    def set_prices(self, prices: Mapping[str, Number]) -> None:
        for symbol, price in prices.items():
            self.set_price(symbol, price)

    def price(self, symbol: str) -> Decimal:
        """USD, as the feed's last answer."""
        decimals = next(asset.feed.decimals for asset in self.params.assets if asset.symbol == symbol)
        return units.from_units(self.protocol.feed(symbol).functions.latestAnswer().call(), decimals)

    def refresh_prices(self, symbols: Iterable[str] | None = None) -> None:
        """Pushes every feed's last answer again, so that none is stale."""
        for symbol in symbols or self.deployment.feeds:
            self.set_price(symbol, self.price(symbol))

    def sync_prices(self) -> TxReceipt:
        """Writes the router's cached slots, which moves the slow prices on."""
        bitmap = (1 << len(self.params.assets)) - 1
        return self.send(self.protocol.router.functions.sync(bitmap), self.governor)

    def reset_slow_price(self, symbol: str) -> TxReceipt:
        """Starts an asset's slow price anew at its price, as the governor may."""
        asset = self.deployment.underlyings.get(symbol, 0)
        function = self.protocol.router.functions.resetSlowPrice(asset, 0, 2**256 - 1)
        return self.send(function, self.governor)

    def warp(self, seconds: int, *, refresh: bool = False) -> None:
        """Moves time on and mines a block there; ``refresh`` pushes the feeds' answers again."""
        self.advance(seconds)
        if refresh:
            self.refresh_prices()

    def _forget(self) -> None:
        if self._holds:
            # what was done to the clock would outlive the state: a time set for a block that was never mined, too
            self.hold_time()
            self.rpc("evm_setNextBlockTimestamp", self.now())
        self._funded.clear()
        self._allowed.clear()
        self._ticks.clear()
