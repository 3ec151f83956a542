"""``ballast scenarios``: what is shown, what is sent, and that nothing is sent of what is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ballast.chain.deployment import Deployment
from ballast.chain.instruments import expiry_of_label, series_of
from ballast.chain.local import LocalChain
from ballast.chain.params import known_networks
from ballast.chain.signers import anvil_accounts
from ballast.testing import START
from tests.offchain.commands.conftest import Ballast
from tests.support.content import changed as change

FIRST = json.loads(known_networks()["local"].with_name("scenarios.json").read_text())
DAY = 86_400
PASSPHRASE = "a passphrase"

Write = Callable[[Any], Path]


@pytest.fixture(scope="module")
def _running() -> Iterator[LocalChain]:
    with LocalChain(held_at=START) as chain:
        yield chain


@pytest.fixture
def chain(_running: LocalChain) -> Iterator[LocalChain]:
    snapshot = _running.snapshot()
    yield _running
    _running.revert(snapshot)


@pytest.fixture
def options(chain: LocalChain, tmp_path: Path) -> tuple[str, ...]:
    """They lead a command to the chain."""
    chain.deployment.save(tmp_path / "local.json")
    return "--rpc", chain.url, "--deployment", str(tmp_path / "local.json")


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def make(content: Any) -> Path:
        path = tmp_path / "scenarios.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return make


changed = partial(change, FIRST)


def scaled(part: str) -> Any:
    """The first table's weights times a part."""
    content = deepcopy(FIRST)
    for row in content["scenarios"]:
        row["weight"] = str(round(float(row["weight"]) * float(part), 4))
    return content


def transactions(chain: LocalChain) -> int:
    return sum(chain.w3.eth.get_transaction_count(account.address) for account in chain.accounts)


# ---------------------------------------------------------------- show


def test_show__file__json_is_the_file_again(ballast: Ballast, write: Write) -> None:
    ran = ballast("scenarios", "show", write(FIRST), "--json")
    assert (ran.code, ran.complaints) == (0, [])
    assert ran.json == {"table": FIRST}


def test_show__chain__is_the_first_table_with_names_and_floors(
    ballast: Ballast, chain: LocalChain, options: tuple[str, ...], write: Write
) -> None:
    ran = ballast("scenarios", "show", "--json", *options)
    assert (ran.code, ran.complaints) == (0, [])
    table = ran.json["table"]
    floors = table.pop("floors")
    assert {name: {key: float(value) for key, value in floor.items()} for name, floor in floors.items()} == {
        symbol: {"up": spot, "down": -spot, "vol_up": 0.4, "vol_down": -0.25}
        for symbol, spot in (("BTC", 0.15), ("ETH", 0.15), ("SOL", 0.2))
    }
    assert numbers(table) == numbers(FIRST)
    assert (ran.json["limits"], ran.json["proposal"]) == ({"delay": 0, "max_change": "0.25"}, None)
    # what is shown can be published again
    assert ballast("scenarios", "publish", write(ran.json["table"]), "--dry-run", *options).code == 0


def numbers(value: Any) -> Any:
    """With every decimal string as a number: 0.40 is 0.4."""
    if isinstance(value, dict):
        return {key: numbers(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [numbers(inner) for inner in value]
    try:
        return float(value)
    except ValueError:
        return value


def test_show__tables_and_page__for_people(
    ballast: Ballast, chain: LocalChain, options: tuple[str, ...], write: Write, tmp_path: Path
) -> None:
    assert ballast("scenarios", "publish", write(scaled("0.9")), *options).code == 0
    page = tmp_path / "pages" / "table.html"
    ran = ballast("scenarios", "show", "--html", page, *options)
    assert (ran.code, ran.complaints) == (0, [])
    ready = datetime.fromtimestamp(START, UTC)
    for words in (
        "version 1",
        "version 2: proposed, ready from",
        f"{ready:%Y-%m-%d}",
        "2020-03-12 (SOL as ETH)",
        "-37.2%",
        "floor of SOL",
        "+20% / -20%",
        "at most 25%",
    ):
        assert words in ran.out
    text = page.read_text()
    for words in ("2020-03-12 (SOL as ETH)", "-37.2%", "Floors", "<script>"):
        assert words in text
    assert "nothing is proposed" not in ran.out
    assert "src=" not in text.partition("<body>")[2]


@pytest.mark.parametrize("words", [["FILE", "--rpc", "x"], ["FILE", "--deployment", "x"]])
def test_show__file_and_chain__is_refused(ballast: Ballast, write: Write, words: list[str]) -> None:
    ran = ballast("scenarios", "show", *(write(FIRST) if word == "FILE" else word for word in words))
    assert (ran.code, len(ran.complaints)) == (2, 1)
    assert "choose one" in ran.complaints[0]


def test_show__page_that_cannot_be_written__is_refused(ballast: Ballast, write: Write, tmp_path: Path) -> None:
    (tmp_path / "occupied").write_text("")
    ran = ballast("scenarios", "show", write(FIRST), "--html", tmp_path / "occupied" / "page.html")
    assert (ran.code, ran.out, len(ran.complaints)) == (2, "", 1)


def test_scenarios__deployment_without_a_book__says_so(
    ballast: Ballast, chain: LocalChain, options: tuple[str, ...], tmp_path: Path
) -> None:
    content = chain.deployment.model_dump()
    del content["contracts"]["ScenarioBook"]
    Deployment.model_validate(content).save(tmp_path / "old.json")
    ran = ballast("scenarios", "show", "--rpc", chain.url, "--deployment", tmp_path / "old.json")
    assert (ran.code, len(ran.complaints)) == (2, 1)
    assert "contract ScenarioBook: not in the deployment" in ran.complaints[0]


# ---------------------------------------------------------------- publish and activate


def test_publish__then_activate__the_new_table_holds(
    ballast: Ballast, chain: LocalChain, options: tuple[str, ...], write: Write
) -> None:
    file = write(scaled("0.9"))
    ran = ballast("scenarios", "publish", file, "--json", *options)
    assert (ran.code, ran.complaints) == (0, [])
    found = ran.json
    book = chain.protocol.contract("ScenarioBook")
    assert (found["action"], found["version"]) == ("proposed", 2)
    assert book.functions.proposed().call()[0] == 2
    assert found["ready_at"] == book.functions.proposed().call()[2]
    assert chain.w3.eth.get_transaction_receipt(found["transaction"])["status"] == 1
    pending = ballast("scenarios", "show", "--json", *options).json["proposal"]
    assert (pending["version"], pending["ready_at"]) == (2, found["ready_at"])
    assert numbers(pending["table"]["scenarios"]) == numbers(scaled("0.9")["scenarios"])
    again = ballast("scenarios", "publish", file, *options)
    assert (again.code, len(again.complaints)) == (1, 1)
    assert "version 2 is proposed already" in again.complaints[0]
    ran = ballast("scenarios", "activate", "--json", *options)
    assert (ran.code, ran.json["action"], ran.json["version"]) == (0, "activated", 2)
    assert book.functions.active().call()[0] == 2
    ran = ballast("scenarios", "activate", *options)
    assert (ran.code, len(ran.complaints)) == (1, 1)
    assert "nothing is proposed" in ran.complaints[0]


def test_activate__expiries_with_arrays__are_priced_under_it_first(
    ballast: Ballast, chain: LocalChain, options: tuple[str, ...], write: Write
) -> None:
    for symbol, spot in (("ETH", 3_000), ("BTC", 60_000)):
        chain.options.list_strikes(symbol, "26MAR27", [spot, 2 * spot])
        chain.options.set_surface(symbol, "26MAR27")
        chain.options.refresh(symbol, "26MAR27")
    chain.options.list_strikes("SOL", "26MAR27", [150])  # nobody has priced it
    assert ballast("scenarios", "publish", write(scaled("0.9")), *options).code == 0
    ran = ballast("scenarios", "activate", "--json", *options)
    assert (ran.code, ran.json["version"], ran.json["priced"]) == (0, 2, ["BTC-26MAR27", "ETH-26MAR27"])
    assert "ETH-26MAR27 is priced under version 2" in " ".join(ran.complaints)
    book, arrays = (chain.protocol.contract(name).functions for name in ("ScenarioBook", "RiskArrays"))
    assert book.active().call()[0] == 2
    series = [series_of(chain.deployment.underlyings[name], expiry_of_label("26MAR27")) for name in ("BTC", "ETH")]
    assert all(int(pointer, 16) for pointer in arrays.pointersOf(series, 2).call())


def test_activate__too_early__says_from_when_on(
    ballast: Ballast, chain: LocalChain, options: tuple[str, ...], write: Write
) -> None:
    book = chain.protocol.contract("ScenarioBook")
    chain.send(book.functions.setLimits((DAY, 250_000)), chain.governor)
    ran = ballast("scenarios", "publish", write(FIRST), *options)
    assert (ran.code, ran.complaints) == (0, [])
    ready = f"{datetime.fromtimestamp(book.functions.proposed().call()[2], UTC):%Y-%m-%d %H:%M:%S} UTC"
    assert f"version 2 is proposed; it can be activated from {ready} on" in ran.out
    early = ballast("scenarios", "activate", *options)
    assert (early.code, early.out, len(early.complaints)) == (1, "", 1)
    assert f"version 2 is not ready; it can be activated from {ready} on" in early.complaints[0]
    chain.advance(DAY)
    assert ballast("scenarios", "activate", *options).out == "version 2 holds\n"


def test_publish__dry_run__shows_every_direction_and_sends_nothing(
    ballast: Ballast, chain: LocalChain, options: tuple[str, ...], write: Write
) -> None:
    sent = transactions(chain)
    ran = ballast("scenarios", "publish", write(scaled("0.9")), "--dry-run", "--json", *options)
    assert (ran.code, ran.complaints) == (0, [])
    rows = {row["direction"]: row for row in ran.json["directions"]}
    assert rows["+delta BTC"] == {
        "direction": "+delta BTC",
        "before": "0.372",
        "after": "0.3348",
        "change": -0.1,
        "within": True,
    }
    assert rows["floor up SOL"]["before"] == "0.2"
    assert len(rows) == 3 * 4 + 2 * (6 + 12)
    shown = ballast("scenarios", "publish", write(scaled("0.9")), "--dry-run", *options)
    for words in ("+delta BTC -delta SOL", "-vega ETH", "-10.00%"):
        assert words in shown.out
    assert transactions(chain) == sent
    assert chain.protocol.contract("ScenarioBook").functions.proposed().call()[0] == 0


def test_publish__dry_run_of_what_is_too_fast__shows_it_and_refuses(
    ballast: Ballast, chain: LocalChain, options: tuple[str, ...], write: Write
) -> None:
    ran = ballast("scenarios", "publish", write(scaled("0.7")), "--dry-run", "--json", *options)
    assert (ran.code, len(ran.complaints)) == (2, 1)
    assert {row["within"] for row in ran.json["directions"]} == {True, False}
    assert "too fast" in ballast("scenarios", "publish", write(scaled("0.7")), "--dry-run", *options).out


def zero_weight() -> Any:
    return changed("scenarios", 2, "weight", 0)


BAD: dict[str, tuple[Any, str]] = {
    "wrong length": (changed("scenarios", 2, "spot", ["0.1"]), "scenarios[2].spot: 1 numbers; give one for each"),
    "rows": (changed("scenarios", FIRST["scenarios"][:17]), "scenarios: 17 of them; give a multiple of 16"),
    "NaN": (changed("scenarios", 2, "vol", [0, float("nan"), 0]), "scenarios[2].vol[1]: nan is no finite number"),
    "unknown field": (changed("colour", "red"), "colour: Extra inputs are not permitted"),
    "no weight": (zero_weight(), "scenarios[2].weight: is 0; the chain takes 0.0001 to 2"),
    "off grid": (
        changed("scenarios", 2, "spot", ["0.11901", 0, 0]),
        "scenarios[2].spot[0] (2020-03-13 (SOL as ETH) rebound, BTC): 0.11901 is not a multiple of 1/8000;"
        " the nearest are 0.119 and 0.119125",
    ),
    "too fast": (scaled("0.7"), "+delta BTC: 26.040% where the active table has 37.200%; at most 25% of change"),
    "floor too fast": (
        changed("floors", {"ETH": {"up": "0.15", "down": "-0.05", "vol_up": "0.4", "vol_down": "-0.25"}}),
        "floor down ETH: 5.000% where the active table has 15.000%",
    ),
    "tail": (changed("tail", 4), "tail: is 4; the active table's is 1"),
    "power": (changed("vol_term_power", 0), "vol_term_power: 0.0 is too far from the active table's 0.3"),
    "unlisted": (changed("underlyings", ["BTC", "ETH", "DOGE"]), "underlyings[2]: DOGE is not listed"),
    "column gone": (
        {
            **FIRST,
            "underlyings": ["BTC", "ETH"],
            "scenarios": [{**row, "spot": row["spot"][:2], "vol": row["vol"][:2]} for row in FIRST["scenarios"]],
        },
        "underlyings: SOL is in the active table and missing here",
    ),
    "beyond the contract's bound": (
        changed("scenarios", 30, {**FIRST["scenarios"][30], "vol": ["-0.96", 0, 0]}),
        "scenarios[30].vol[0]: is -0.96; the chain takes -0.95 to 6",
    ),
    "not JSON": ("{", "not JSON"),
}


@pytest.mark.parametrize("name", BAD)
def test_publish__bad_file__is_one_line_and_nothing_is_sent(
    ballast: Ballast, chain: LocalChain, options: tuple[str, ...], write: Write, name: str
) -> None:
    content, words = BAD[name]
    file = write(content)
    sent = transactions(chain)
    ran = ballast("scenarios", "publish", file, *options)
    assert (ran.code, ran.out, len(ran.complaints)) == (2, "", 1), ran
    assert ran.complaints[0].startswith(f"ballast: {file}: ")
    assert words in ran.complaints[0]
    assert transactions(chain) == sent


# ---------------------------------------------------------------- who may


@pytest.fixture
def holder(tmp_path: Path) -> tuple[str, tuple[str, ...]]:
    """Another account's address, and the options that name its keystore."""
    account = anvil_accounts(3)[2]
    path, secret = tmp_path / "publisher.json", tmp_path / "pass"
    path.write_text(json.dumps(account.encrypt(PASSPHRASE, iterations=2)))
    secret.write_text(PASSPHRASE)
    return str(account.address), ("--account", str(path), "--passphrase-file", str(secret))


def test_publish__no_holder_of_the_role__is_refused(
    ballast: Ballast,
    chain: LocalChain,
    options: tuple[str, ...],
    write: Write,
    holder: tuple[str, tuple[str, ...]],
) -> None:
    ran = ballast("scenarios", "publish", write(FIRST), *options, *holder[1])
    assert (ran.code, ran.out, len(ran.complaints)) == (2, "", 1)
    assert f"account {holder[0]}: may not call propose" in ran.complaints[0]


def test_publish__role_with_a_delay__is_scheduled_then_sent(
    ballast: Ballast,
    chain: LocalChain,
    options: tuple[str, ...],
    write: Write,
    holder: tuple[str, tuple[str, ...]],
) -> None:
    manager = chain.protocol.contract("AccessManager")
    role = chain.params.access.roles["risk_publisher"].id
    chain.send(manager.functions.grantRole(role, holder[0], DAY), chain.governor)
    arguments = ("scenarios", "publish", write(scaled("0.9")), *options, *holder[1])
    book = chain.protocol.contract("ScenarioBook")
    first = ballast(*arguments, "--json")
    assert (first.code, first.json["action"]) == (0, "scheduled"), first
    waits = ballast(*arguments, "--json")
    assert (waits.code, waits.json) == (0, {**first.json, "action": "waiting", "transaction": None})
    assert "the role's delay; then run this again" in ballast(*arguments).out
    assert book.functions.proposed().call()[0] == 0
    chain.advance(DAY)
    assert ballast(*arguments, "--json").json["action"] == "proposed"
    assert book.functions.proposed().call()[0] == 2


# ---------------------------------------------------------------- help


@pytest.mark.parametrize("name", ["show", "publish", "activate"])
def test_help__each__has_an_example_and_json(ballast: Ballast, name: str) -> None:
    ran = ballast("scenarios", name, "--help")
    assert ran.code == 0
    assert f"ballast scenarios {name}" in ran.out.partition("Example:")[2]
    assert "--json" in ran.out
