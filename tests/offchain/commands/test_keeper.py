"""``ballast keeper``: configuration, one decision, work, and refusals in one line."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
from eth_account import Account

from ballast.chain.local import LocalChain
from ballast.keeper.settings import KeeperSettings
from ballast.testing import START
from ballast.units import WAD, format_account
from tests.offchain.commands.shell import Shell

#: Anvil's account that is the keeper here.
NUMBER = 3


@dataclass(frozen=True)
class Breach:
    """A chain on which one account has fallen below maintenance; ``options`` lead a command there."""

    chain: LocalChain
    borrower: int
    keeper: int
    deployment: Path

    @property
    def options(self) -> tuple[str, ...]:
        return ("--rpc", self.chain.url, "--deployment", str(self.deployment))

    @property
    def name(self) -> str:
        return format_account(self.borrower)

    def steps(self) -> int:
        """Liquidation steps that the account has had."""
        state = self.chain.protocol.house.functions.liquidationStateOf(self.borrower)
        return int(state.call()[1])


@pytest.fixture(scope="module")
def _breach_chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Breach]:
    deployment = tmp_path_factory.mktemp("keeper") / "local.json"
    with LocalChain(held_at=START) as chain:
        chain.open("lender", collateral={"USDC": "1000000"})
        keeper = chain.open(chain.accounts[NUMBER], collateral={"USDC": "100000"})
        borrower = chain.open("borrower", collateral={"ETH": "10"})
        chain.withdraw(borrower, "USDC", "22000")
        chain.set_price("ETH", "2560")
        chain.deployment.save(deployment)
        yield Breach(chain, borrower, keeper, deployment)


@pytest.fixture
def breach(_breach_chain: Breach) -> Iterator[Breach]:
    snapshot = _breach_chain.chain.snapshot()
    yield _breach_chain
    _breach_chain.chain.revert(snapshot)


# ------------------------------------------------------------------ help and init


@pytest.mark.parametrize("command", [(), ("init",), ("check",), ("run",)])
def test_help__each_command__has_an_example(shell: Shell, command: tuple[str, ...]) -> None:
    result = shell("keeper", *command, "--help")
    assert result.code == 0
    assert "Example:\n    ballast keeper " in result.out


def test_init__first_time__writes_a_commented_file_and_says_what_is_next(shell: Shell) -> None:
    result = shell("keeper", "init", "--rpc", "http://127.0.0.1:9999")
    assert (result.code, result.err) == (0, [])
    assert "ape accounts generate" in result.out
    settings = KeeperSettings.load(Path("keeper.toml"))
    assert settings.rpc == "http://127.0.0.1:9999"
    assert Path("keeper.toml").read_text().count("#") > 40
    assert "is there already" in shell.refuses("keeper", "init")
    assert shell("keeper", "init", "--force").code == 0
    assert KeeperSettings.load(Path("keeper.toml")).rpc is None


def test_init__keystore__is_encrypted_and_named_in_the_file(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "pass").write_text("secret words\n")
    options = ("--config", "c/k.toml", "--keystore", "key.json", "--passphrase-file", "pass")
    made = json.loads(shell("keeper", "init", *options, "--json").out)
    key = Account.decrypt(Path("key.json").read_text(), "secret words")
    assert Account.from_key(key).address == made["address"]
    settings = KeeperSettings.load(Path("c/k.toml"))
    assert Path(settings.account or "").resolve() == tmp_path / "key.json"
    assert settings.passphrase_file is not None
    assert settings.passphrase_file.resolve() == tmp_path / "pass"


def test_init__keystore_on_a_terminal__asks_for_the_passphrase(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, object]] = []

    def prompt(words: str, **options: object) -> str:
        asked.append(options)
        return "typed words"

    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(click, "prompt", prompt)
    assert shell("keeper", "init", "--keystore", "key.json").code == 0
    Account.decrypt(Path("key.json").read_text(), "typed words")
    assert asked == [{"hide_input": True, "confirmation_prompt": True, "err": True}]


def test_init__keystore_and_nobody_to_ask__leaves_nothing(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    assert "no passphrase" in shell.refuses("keeper", "init", "--keystore", "key.json")
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------------ check


def test_check__breach__shows_the_decision_and_sends_nothing(shell: Shell, breach: Breach) -> None:
    result = shell("keeper", "check", "--account", NUMBER, *breach.options)
    assert result.code == 0
    words = " ".join(result.out.replace("│", " ").split())
    assert "1 at risk" in words
    assert "send: earns" in words
    assert breach.steps() == 0


def test_check__json__has_the_figures(shell: Shell, breach: Breach) -> None:
    result = shell("keeper", "check", "--account", NUMBER, "--json", *breach.options)
    report = json.loads(result.out)
    health = breach.chain.health(breach.borrower)
    (risk,) = report["at_risk"]
    assert risk["account"] == breach.name
    assert float(risk["equity"]) == pytest.approx(health.equity / WAD, abs=0.01)
    decision = report["decisions"][0]
    assert (decision["verdict"], report["sent"], report["mode"]) == ("send", [], "live")
    profit = float(decision["reward"]) - float(decision["gas_cost"])
    assert float(decision["profit"]) == pytest.approx(profit, abs=2e-6)
    assert all(json.loads(line)["event"] for line in result.err)


def test_check__no_account__imagines_one(shell: Shell, breach: Breach) -> None:
    report = json.loads(shell("keeper", "check", "--json", *breach.options).out)
    assert report["mode"] == "paper"
    assert report["decisions"][0]["verdict"] == "send"


# ------------------------------------------------------------------ run


def test_run__once__liquidates(shell: Shell, breach: Breach) -> None:
    result = shell("keeper", "run", "--once", "--json", "--account", NUMBER, *breach.options)
    assert result.code == 0
    sent = [one for one in json.loads(result.out)["sent"] if one["duty"] == "liquidate"]
    receipt = breach.chain.w3.eth.wait_for_transaction_receipt(sent[0]["hash"], timeout=5)
    assert receipt["status"] == 1
    assert breach.steps() == 1
    assert breach.chain.health(breach.borrower).is_healthy


def test_run__keystore_from_init__signs(shell: Shell, breach: Breach, tmp_path: Path) -> None:
    (tmp_path / "pass").write_text("secret words")
    options = ("--keystore", "key.json", "--passphrase-file", "pass")
    address = json.loads(shell("keeper", "init", *options, "--json").out)["address"]
    assert "nothing to pay gas with" in shell.refuses("keeper", "run", "--once", *breach.options)
    chain = breach.chain
    chain.rpc("anvil_setBalance", address, hex(10**19))
    chain.mint("USDC", address, 50_000 * 10**6)
    config = tmp_path / "keeper.toml"
    config.write_text(config.read_text().replace('deposit_usdc = "0"', 'deposit_usdc = "40000"'))
    result = shell("keeper", "run", "--once", *breach.options)  # keeper.toml is found
    assert result.code == 0
    chain.rpc("evm_mine")
    assert shell("keeper", "run", "--once", *breach.options).code == 0
    chain.rpc("evm_mine")
    assert breach.steps() == 1
    everything = result.out + "".join(result.err) + config.read_text()
    assert "secret words" not in everything


def test_run__paper__scores_itself(shell: Shell, breach: Breach, tmp_path: Path) -> None:
    timer = threading.Timer(1.0, _mine, [breach.chain.url])
    timer.start()
    result = shell("keeper", "run", "--blocks", "1", *breach.options)
    timer.join()
    assert result.code == 0
    summary = json.loads(result.out)
    assert (summary["hits"], summary["misses"], summary["sent"]) == (1, 0, 0)
    events = [json.loads(line)["event"] for line in result.err]
    assert events[0] == "started"
    assert {"decision", "recorded", "scored", "stopped"} <= set(events)
    assert breach.steps() == 0


@pytest.mark.e2e
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_run__signal__ends_in_order(breach: Breach, tmp_path: Path, number: signal.Signals) -> None:
    ballast = str(Path(sys.executable).with_name("ballast"))
    command = [ballast, "keeper", "run", "--account", str(NUMBER), *breach.options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    assert process.stderr is not None
    try:
        while json.loads(process.stderr.readline())["event"] != "sent":
            pass
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
    assert json.loads(out)["sent"] >= 1
    assert json.loads(err.splitlines()[-1])["event"] == "stopped"


# ------------------------------------------------------------------ refusals


def test_keeper__malformed_configuration__one_line(shell: Shell) -> None:
    Path("keeper.toml").write_text('min_profit_usdc = "a lot"\n')
    for command in ("check", "run"):
        assert "keeper.toml: min_profit_usdc: " in shell.refuses("keeper", command)
    Path("keeper.toml").write_text("min_profit_usdc\n")
    assert "keeper.toml: not TOML" in shell.refuses("keeper", "run")
    assert "none.toml: not found" in shell.refuses("keeper", "run", "--config", "none.toml")


def test_keeper__wrong_place__one_line(shell: Shell, breach: Breach) -> None:
    deployment = ("--deployment", str(breach.deployment))
    assert "no deployment file" in shell.refuses("keeper", "check")
    silent = ("--rpc", "http://127.0.0.1:1", *deployment)
    assert "no node answers" in shell.refuses("keeper", "check", *silent)
    content = json.loads(breach.deployment.read_text())
    Path("other.json").write_text(json.dumps({**content, "chain_id": 84532}))
    other = ("--rpc", breach.chain.url, "--deployment", "other.json")
    assert "chain id is 31337" in shell.refuses("keeper", "run", *other)


def test_keeper__wrong_account__one_line(shell: Shell, breach: Breach, tmp_path: Path) -> None:
    def refusal(*options: object) -> str:
        return shell.refuses("keeper", "run", "--once", *breach.options, *options)

    assert "accounts 0 to 9" in refusal("--account", 10)
    assert "no such file" in refusal("--account", "keys/none.json")
    (tmp_path / "pass").write_text("right")
    (tmp_path / "wrong").write_text("wrong")
    shell("keeper", "init", "--keystore", "key.json", "--passphrase-file", "pass", "--json")
    Path("keeper.toml").unlink()
    key = ("--account", "key.json", "--passphrase-file")
    assert "wrong passphrase" in refusal(*key, "wrong")
    mine = format_account(breach.borrower)
    assert "neither its owner" in refusal("--account", NUMBER, "--liquidator", mine)
    assert "out of range" in refusal("--account", NUMBER, "--liquidator", 2**168)
    assert "write sqlite:///PATH" in refusal("--account", NUMBER, "--database", "nonsense")


def test_keeper__index_of_another_chain__one_line(shell: Shell, breach: Breach) -> None:
    database = ("--database", "sqlite:///index.sqlite")
    assert shell("keeper", "check", *breach.options, *database).code == 0
    with LocalChain(timestamp=1_800_000_000) as chain:
        chain.deployment.save("other.json")
        other = ("--rpc", chain.url, "--deployment", "other.json")
        refusal = shell.refuses("keeper", "check", *other, *database)
    assert "index of another" in refusal


def _mine(url: str) -> None:
    from ballast.chain.rpc import connect

    connect(url).provider.make_request("evm_mine", [])  # type: ignore[arg-type]
