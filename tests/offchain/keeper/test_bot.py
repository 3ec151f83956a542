"""The keeper's main job on a real chain: find, decide, send, in the block of the price update."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ballast import units
from ballast.errors import UsageError
from ballast.keeper.sender import Status
from tests.offchain.keeper.conftest import Stage

WAD = units.WAD


def _is(equity: int, wanted: int) -> bool:
    """The contract rounds a step's cash and balances to whole units, against the liquidator."""
    return 0 <= wanted - equity < 3 * units.QUOTE_UNIT


def test_step__update_pending__liquidates_in_the_same_block(stage: Stage) -> None:
    borrower, trader = stage.borrower(), stage.trader(usdc="6000")
    stage.hold()
    with stage.make() as keeper:
        assert keeper.step("pending").at_risk == ()
        update = stage.push("ETH", "2560")
        report = keeper.step("pending")
        block = stage.mine()
    at_risk = {one.account for one in report.at_risk}
    assert at_risk == {borrower, trader}
    answered = stage.chain.protocol.feed("ETH").events.AnswerUpdated().get_logs(from_block=block)
    assert [event["blockNumber"] for event in answered] == [block]
    liquidated = stage.liquidations()
    assert {event["args"]["account"] for event in liquidated} == at_risk
    assert {event["blockNumber"] for event in liquidated} == {block}
    place = stage.receipt(update)["transactionIndex"]
    assert all(event["transactionIndex"] > place for event in liquidated)
    for account in at_risk:
        assert stage.chain.health(account).is_healthy


def test_step__portfolio_model__liquidated_where_its_own_margin_says(stage: Stage) -> None:
    hedger = stage.hedger()
    charges = {"ETH": Decimal("0.15"), "ETH-PERP": Decimal("0.065")}
    with stage.make() as keeper:
        stage.chain.set_price("ETH", "3600")
        assert keeper.step("latest").at_risk == ()
        standard = 3600 * (10 * charges["ETH"] + 12 * charges["ETH-PERP"])
        assert stage.equity(hedger) < units.to_wad(standard), "the STANDARD model would have it liquidated"
        stage.chain.set_price("ETH", "4400")
        before = stage.chain.health(hedger)
        assert not before.is_healthy
        assert before.equity > 0
        report = keeper.step("latest", wait=5)
        assert [one.account for one in report.at_risk] == [hedger]
        assert report.at_risk[0].health == before
    assert {event["args"]["account"] for event in stage.liquidations()} == {hedger}
    after = stage.chain.health(hedger)
    assert after.is_healthy
    assert after.maintenance < before.maintenance


def test_step__both_models_at_once__each_by_its_own(stage: Stage) -> None:
    hedger, trader = stage.hedger(), stage.chain.open("trader", 0, {"USDC": "4000"})
    stage.chain.fill(stage.maker, trader, "ETH-PERP", "-10")
    stage.hold()
    stage.push("ETH", "4200")
    with stage.make() as keeper:
        report = keeper.step("pending")
        stage.mine()
    assert {one.account for one in report.at_risk} == {hedger, trader}
    assert {event["args"]["account"] for event in stage.liquidations()} >= {hedger}


def test_step__liquidated__pays_after_gas(stage: Stage) -> None:
    stage.borrower(eth="30", debt="66000")
    equity, coins = stage.equity(stage.keeper), stage.coins("keeper")
    stage.hold()
    stage.set_base_fee(20 * 10**9)
    with stage.make(min_profit_usdc="5") as keeper:
        stage.push("ETH", "2500")
        keeper.step("pending")
        stage.mine()
        (result,) = keeper.step("pending").liquidations
    earned = stage.equity(stage.keeper) - equity
    assert _is(earned, result.reward)
    spent = coins - stage.coins("keeper")
    assert spent == result.gas_wei > 150_000 * 15 * 10**9
    price = stage.chain.protocol.price("ETH")
    assert earned - spent * price // WAD > 5 * WAD
    # the coin is priced in USDC, which is one dollar here; the cost is rounded up
    assert result.profit == result.reward - -(-spent * price // WAD)


def test_step__reward_below_least_profit__skips_and_says_so(stage: Stage) -> None:
    borrower = stage.borrower()
    stage.hold()
    stage.push("ETH", "2500")
    with stage.make(min_profit_usdc="1000", flag_unprofitable=False) as keeper:
        report = keeper.step("pending")
    (decision,) = (one for one in report.decisions if one.duty == "liquidate")
    assert (decision.verdict, report.sent) == ("skip", ())
    assert "the least is 1000" in decision.reason
    assert decision.subject == units.format_account(borrower)


def test_step__healthy_accounts__are_never_touched(stage: Stage) -> None:
    healthy = [stage.saver(), stage.maker, stage.lender, stage.keeper]
    stage.borrower()
    stage.hold()
    with stage.make() as keeper:
        for price in ("2900", "2700", "2560", "2500"):
            stage.push("ETH", price)
            report = keeper.step("pending")
            assert not {one.account for one in report.at_risk} & set(healthy)
            stage.mine()
    touched = {event["args"]["account"] for event in stage.liquidations()}
    assert touched
    assert not touched & set(healthy)


def test_step__latest__lands_in_the_next_block(stage: Stage) -> None:
    stage.borrower()
    stage.chain.set_price("ETH", "2500")
    breach = int(stage.chain.w3.eth.block_number)
    stage.hold()
    with stage.make() as keeper:
        report = keeper.step("latest")
        assert len(report.liquidations_sent) == 1
        stage.mine()
        (result,) = keeper.step("latest").liquidations
    assert result.block == breach + 1


def test_step__latest_with_update_in_the_pool__does_not_see_it(stage: Stage) -> None:
    stage.borrower()
    stage.hold()
    stage.push("ETH", "2500")
    with stage.make() as keeper:
        assert keeper.step("latest").at_risk == ()


def test_step__two_keepers_blind_to_each_other__one_is_paid_and_one_loses_the_race(
    stage: Stage,
) -> None:
    borrower = stage.borrower()
    stage.chain.set_price("ETH", "2500")
    equity = stage.equity(stage.rival) + stage.equity(stage.keeper)
    stage.hold()
    with stage.make(duties="liquidate") as first, stage.make("rival", duties="liquidate") as second:
        sent = first.step("latest").sent + second.step("latest").sent
        assert len(sent) == 2
        stage.mine()
        after = [first.step("latest"), second.step("latest")]
    outcomes = [outcome for report in after for outcome in report.outcomes]
    assert sorted(one.status.value for one in outcomes) == ["done", "lost race"]
    (lost,) = (one for one in outcomes if one.status is Status.LOST_RACE)
    assert lost.reason in ("Liquidation_Step", "Liquidation_Healthy")
    (event,) = stage.liquidations()
    assert event["args"]["account"] == borrower
    (won,) = (result for report in after for result in report.liquidations)
    together = stage.equity(stage.rival) + stage.equity(stage.keeper)
    assert _is(together, equity + won.reward)


def test_step__rival_was_first_in_the_pool__sends_nothing(stage: Stage) -> None:
    stage.borrower()
    stage.hold()
    stage.push("ETH", "2500")
    with stage.make() as first, stage.make("rival", duties="liquidate") as second:
        assert len(first.step("pending").liquidations_sent) == 1
        assert second.step("pending").sent == ()
        stage.mine()
    assert len(stage.liquidations()) == 1


def test_step__own_transaction_under_way__is_not_sent_twice(stage: Stage) -> None:
    stage.borrower()
    stage.chain.set_price("ETH", "2500")
    stage.hold()
    with stage.make(duties="liquidate") as keeper:
        assert len(keeper.step("latest").sent) == 1
        again = keeper.step("latest")  # the latest state does not show it
    assert again.sent == ()
    assert [one.reason for one in again.decisions] == ["a transaction is under way"]


def test_step__many_at_once__all_in_one_block_within_the_margin(stage: Stage) -> None:
    accounts = [stage.borrower(index, debt=str(22_000 - 20 * index)) for index in range(12)]
    stage.hold()
    with stage.make(duties="liquidate") as keeper:
        stage.push("ETH", "2500")
        report = keeper.step("pending")
        block = stage.mine()
        results = keeper.step("pending").liquidations
    assert [one.account for one in report.at_risk] == accounts  # the riskiest first
    assert {result.account for result in results} == set(accounts)
    assert {result.block for result in results} == {block}


def test_step__margin_for_a_part_only__takes_that_part(stage: Stage) -> None:
    accounts = [stage.borrower(index) for index in range(2)]
    small = stage.chain.open("other", 0, {"USDC": "700"})
    stage.hold()
    stage.push("ETH", "2500")
    with stage.make("other", duties="liquidate") as keeper:
        report = keeper.step("pending")
        assert [sent.action.account for sent in report.sent] == accounts[:1]
        waiting = report.decisions[-1]
        assert waiting.subject == units.format_account(accounts[1])
        assert waiting.reason == "the liquidator's margin is used up"
        stage.mine()
        (result,) = keeper.step("pending").liquidations
    (event,) = stage.liquidations()
    assert Decimal(report.decisions[0].details["fraction"]) < Decimal("0.26")
    assert event["args"]["fraction"] < WAD // 4 + 1
    assert result.profit > 0
    health = stage.chain.health(small)
    assert health.equity >= health.initial


def test_step__heavy_and_worthless_ones_first__do_not_keep_it_from_the_next(stage: Stage) -> None:
    worthless = [stage.trader(index, usdc="7000", size="20") for index in range(2)]
    worthless += [stage.trader(2, usdc="100", size="0.1")]
    borrower = stage.borrower()
    stage.chain.open("other", 0, {"USDC": "1600"})
    stage.chain.set_price("ETH", "2500")
    assert all(stage.equity(account) < 0 or account == worthless[2] for account in worthless)
    stage.hold()
    with stage.make("other", duties="liquidate", flag_unprofitable=False) as keeper:
        report = keeper.step("latest")
        assert [sent.action.account for sent in report.sent] == [borrower]
        verdicts = {one.subject: one.reason for one in report.decisions if one.verdict != "send"}
        heavy = "the liquidator's margin carries no part of it that pays"
        assert [verdicts.get(units.format_account(one)) for one in worthless[:2]] == [heavy] * 2
        stage.mine()
        assert len(keeper.step("latest").liquidations) == 1


def test_step__insolvent_and_empty_fund__waits_for_pay_or_works_at_a_loss_if_told(
    stage: Stage,
) -> None:
    trader = stage.trader()
    stage.chain.set_price("ETH", "2500")
    assert stage.equity(trader) < 0
    stage.hold()
    with stage.make(duties="liquidate") as keeper:
        report = keeper.step("latest")
        assert [(one.account, report.sent) for one in report.at_risk] == [(trader, ())]
    with stage.make(duties="liquidate", min_profit_usdc="-20") as keeper:
        assert len(keeper.step("latest").sent) == 1
        stage.mine()
        (result,) = keeper.step("latest").liquidations
    assert result.reward == 0
    assert stage.equity(trader) == 0


def test_step__insolvent_and_funded__is_paid_by_the_fund(stage: Stage) -> None:
    trader = stage.trader()
    stage.chain.fund_insurance("100000")
    stage.chain.set_price("ETH", "2500")
    stage.hold()
    with stage.make(duties="liquidate") as keeper:
        assert [sent.action.account for sent in keeper.step("latest").sent] == [trader]
        stage.mine()
        (result,) = keeper.step("latest").liquidations
    (event,) = stage.liquidations()
    assert result.reward == event["args"]["fundReward"] > 0


def test_step__owner_deposits_in_time__lets_go(stage: Stage) -> None:
    borrower = stage.borrower()
    stage.hold()
    stage.push("ETH", "2500")
    with stage.make(duties="liquidate") as keeper:
        chain, owner = stage.chain, stage.keys["borrower"].address
        usdc = chain.protocol.token("USDC")
        for to, data in (
            (usdc.address, usdc.encode_abi("mint", [owner, 10**10])),
            (usdc.address, usdc.encode_abi("approve", [chain.protocol.house.address, 10**10])),
            (
                chain.protocol.house.address,
                chain.protocol.house.encode_abi("deposit", [borrower, usdc.address, 10**10]),
            ),
        ):
            request = {"from": owner, "to": to, "data": data, "gas": hex(10**6)}
            chain.rpc("eth_sendTransaction", request)
        report = keeper.step("pending")
    assert report.watched == 1
    assert (report.at_risk, report.sent) == ((), ())


def test_step__stale_price__says_what_it_cannot_read(stage: Stage) -> None:
    stage.borrower()
    stage.chain.warp(26 * 3600)
    with stage.make() as keeper:
        report = keeper.step("latest")
    assert dict(report.unreadable) == {"Oracle_Stale": 1}
    assert report.at_risk == ()


def test_step__own_account_at_risk__never_liquidates_itself(stage: Stage) -> None:
    stage.borrower()
    stage.chain.set_price("ETH", "2500")
    with stage.make("borrower", duties="liquidate") as keeper:
        report = keeper.step("latest")
    assert [one.account for one in report.at_risk] == [keeper.liquidator]
    assert report.sent == ()
    assert report.decisions[0].reason == "it is the keeper's own account"


def test_step__worth_waiting__starts_the_clock_and_liquidates_later(stage: Stage) -> None:
    borrower = stage.borrower(eth="1", debt="2200")
    stage.chain.set_price("ETH", "2560")
    stage.hold()
    with stage.make(duties="liquidate", min_profit_usdc="3") as keeper:
        report = keeper.step("latest")
        (decision,) = report.decisions
        assert (decision.verdict, [sent.action.duty for sent in report.sent]) == ("flag", ["flag"])
        stage.mine()
        assert keeper.step("latest").outcomes[0].status is Status.DONE
        flagged_at, _ = stage.chain.protocol.house.functions.liquidationStateOf(borrower).call()
        assert flagged_at > 0
        stage.chain.advance(900)
        assert [sent.action.duty for sent in keeper.step("latest").sent] == ["liquidate"]
        stage.mine()
        (result,) = keeper.step("latest").liquidations
    assert result.profit >= 3 * WAD


def test_step__not_mined_in_time__leaves_the_outcome_to_the_next(stage: Stage) -> None:
    stage.borrower()
    stage.chain.set_price("ETH", "2500")
    stage.hold()
    with stage.make(duties="liquidate") as keeper:
        report = keeper.step("latest", wait=0.1)
        assert (len(report.sent), report.outcomes) == (1, ())
        stage.mine()
        assert len(keeper.step("latest").liquidations) == 1


def test_decide__breach__sends_nothing(stage: Stage) -> None:
    stage.borrower()
    stage.chain.set_price("ETH", "2500")
    with stage.make() as keeper:
        report = keeper.decide()
        assert report.decisions[0].verdict == "send"
        assert (report.sent, keeper.under_way) == ((), ())
    assert stage.liquidations() == []


def test_prepare__deposit_missing__tops_the_account_up(stage: Stage) -> None:
    key = stage.keys["other"]
    stage.chain.mint("USDC", key.address, 1000 * 10**6)
    stage.hold()
    with stage.make("other", deposit_usdc="900") as keeper:
        assert [sent.action.duty for sent in keeper.prepare()] == ["approve", "deposit"]
        stage.mine()
        report = keeper.step("latest")
        assert [one.status for one in report.outcomes] == [Status.DONE] * 2
        assert report.own.holds == {"USDC": Decimal(900)}
        assert keeper.prepare() == []
    missing = pytest.raises(UsageError, match=r"101 USDC are missing .* holds 100")
    with stage.make("other", deposit_usdc="1001") as keeper, missing:
        keeper.prepare()


def test_keeper__operator_of_the_liquidator__works_with_a_key_that_owns_nothing(
    stage: Stage,
) -> None:
    stage.borrower()
    operator = stage.keys["other"].address
    name = units.format_account(stage.keeper)
    with pytest.raises(UsageError, match="neither its owner nor its operator"):
        stage.make("other", liquidator=name)
    house = stage.chain.protocol.house
    grant = house.functions.setOperator(stage.keeper, operator, 2**40)
    stage.chain.send(grant, stage.keys["keeper"].address)
    stage.chain.set_price("ETH", "2500")
    with stage.make("other", liquidator=name, duties="liquidate") as keeper:
        (result,) = keeper.step("latest", wait=5).liquidations
    assert _is(stage.equity(stage.keeper), 200_000 * WAD + result.reward)


def test_keeper__signer_without_coins__is_refused(stage: Stage) -> None:
    stage.chain.rpc("anvil_setBalance", stage.keys["other"].address, "0x0")
    with pytest.raises(UsageError, match="nothing to pay gas with"):
        stage.make("other")


def test_keeper__settings_of_another_chain__is_refused(stage: Stage) -> None:
    with pytest.raises(UsageError, match="the settings say 1, the chain is 31337"):
        stage.make(chain_id=1)


def test_keeper__unknown_coin__is_refused(stage: Stage) -> None:
    with pytest.raises(UsageError, match="native_symbol POL: not an underlying"):
        stage.make(native_symbol="POL")
