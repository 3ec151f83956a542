// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ILiquidation, ILossAllocation} from "../interfaces/ILiquidation.sol";
import {IMarginEngine} from "../interfaces/IMarginEngine.sol";
import {QUOTE, QUOTE_UNIT, WAD} from "../libraries/Constants.sol";
import {Rounding} from "../libraries/Rounding.sol";
import {LedgerStorage} from "../ledger/LedgerStorage.sol";
import {Instrument} from "../markets/Instrument.sol";
import {PerpBook} from "../markets/PerpBook.sol";

/// @title The module of losses: insurance, then the winners of the account's losing markets, then the lenders of its debts
/// @dev Runs by delegatecall from the LiquidationEngine, over the same storage: kept apart for the limit of code size. Amounts are USDC in 1e18
///      unless named units. Each part moves what backs it in the same call, so they add up to the loss. Nothing here transfers a token, so neither
///      full utilisation nor a hostile token stops it. Called directly it works on its own empty storage and can do nothing.
contract LossAllocation is ILossAllocation, PerpBook {
    constructor(address authority) LedgerStorage(authority) {}

    /// @inheritdoc ILossAllocation
    function allocate(uint256 account, uint256 fraction, int256 equity)
        external
        returns (Loss memory loss, uint256[] memory writtenOff)
    {
        Words memory words = _load(account);
        Prices memory prices = _readPrices(_assetsOf(words));
        IMarginEngine.Portfolio memory portfolio = _portfolioOf(words, prices);
        loss.total = Rounding.mulDivUp(uint256(-equity), fraction, WAD);
        loss.insurance = _fromInsurance(account, loss.total);
        loss.winners = _fromWinners(account, fraction, loss.total - loss.insurance, portfolio, prices);
        writtenOff = _fromLenders(account, fraction, loss, portfolio, prices);
    }

    /// @inheritdoc ILossAllocation
    function finish(uint256 account, Loss memory loss) external returns (Loss memory) {
        uint256 borne = loss.insurance + loss.winners + loss.deposits + loss.uncovered;
        uint256 rest = loss.total > borne ? Rounding.divUp(loss.total - borne, QUOTE_UNIT) : 0;
        uint256 debt = Rounding.positivePart(-_balanceOf(account, QUOTE));
        // positions are closed by now: what entries are left are claims on pools that cannot pay yet, and they back the rest of the debt
        bool backed = _accounts[account].header.linears != 0;
        if (backed) debt = Rounding.min(rest, debt);
        if (debt == 0) return loss;
        uint256 insured = _fromInsurance(account, debt * QUOTE_UNIT);
        loss.insurance += insured;
        // without claims nothing stays, not even a share that is worth more than the units still missing
        _writeOffCash(account, backed ? debt - insured / QUOTE_UNIT : type(uint256).max, loss);
        return loss;
    }

    function _fromInsurance(uint256 account, uint256 lossWad) private returns (uint256) {
        uint256 insurance = _banks[QUOTE].insurance;
        uint256 units = Rounding.min(insurance, Rounding.divUp(lossWad, QUOTE_UNIT));
        if (units == 0) return 0;
        _setInsurance(insurance - units);
        _credit(account, QUOTE, units);
        return Rounding.min(units * QUOTE_UNIT, lossWad);
    }

    /// @dev Each losing market's winners bear their market's part, at most the account's own net loss there.
    function _fromWinners(
        uint256 account,
        uint256 fraction,
        uint256 lossWad,
        IMarginEngine.Portfolio memory portfolio,
        Prices memory prices
    ) private returns (uint256 taken) {
        uint256 losses;
        for (uint256 i; i < portfolio.linears.length; ++i) {
            losses += _netLoss(portfolio, i);
        }
        if (losses == 0 || lossWad == 0) return 0;
        for (uint256 i; i < portfolio.linears.length; ++i) {
            uint256 own = _netLoss(portfolio, i);
            if (own == 0) continue;
            uint256 part = Rounding.min(
                Rounding.mulDivDown(lossWad, own, losses), Rounding.mulDivDown(own, fraction, WAD)
            );
            Book memory book = _openBook(portfolio.linears[i].instrument, prices);
            taken += _haircut(book, account, part);
            _closeBook(book);
        }
    }

    /// @dev What a position lost beyond the claim that its own market owes the account; zero for a claim.
    function _netLoss(IMarginEngine.Portfolio memory portfolio, uint256 at) private pure returns (uint256) {
        uint32 instrument = portfolio.linears[at].instrument;
        int256 net = portfolio.linears[at].pnlWad;
        if (net >= 0) return 0;
        for (uint256 i; i < portfolio.linears.length; ++i) {
            if (portfolio.linears[i].instrument == instrument | Instrument.CLAIM) net += portfolio.linears[i].pnlWad;
        }
        return Rounding.positivePart(-net);
    }

    /// @dev Writes off the account's debts in proportion to their value; the last resort. What is no debt yet, because the account pays for its
    ///      options only when a slice of them is taken, comes as cash.
    function _fromLenders(
        uint256 account,
        uint256 fraction,
        Loss memory loss,
        IMarginEngine.Portfolio memory portfolio,
        Prices memory prices
    ) private returns (uint256[] memory writtenOff) {
        writtenOff = new uint256[](portfolio.tokens.length);
        uint256 rest = loss.total - loss.insurance - loss.winners;
        uint256 debts = Rounding.positivePart(-portfolio.cashWad);
        for (uint256 i; i < portfolio.tokens.length; ++i) {
            debts += Rounding.positivePart(-portfolio.tokens[i].valueWad);
        }
        if (rest == 0) return writtenOff;
        uint256 left = rest;
        for (uint256 i; i < portfolio.tokens.length; ++i) {
            uint256 own = Rounding.positivePart(-portfolio.tokens[i].valueWad);
            if (own == 0) continue;
            uint8 token = uint8(portfolio.tokens[i].id);
            uint256 debt = Rounding.positivePart(-_balanceOf(account, token));
            // a part of the debt, by value, so that price and decimals drop out
            uint256 part = Rounding.min(Rounding.mulDivDown(rest, own, debts), Rounding.mulDivDown(own, fraction, WAD));
            writtenOff[i] = Rounding.mulDivDown(debt, part, own);
            uint256 worth = Rounding.min(Rounding.abs(_tokenValue(token, -int256(writtenOff[i]), prices)), part);
            _writeOffToken(account, token, writtenOff[i], worth, loss);
            left -= part;
        }
        uint256 units = left / QUOTE_UNIT;
        if (units == 0) return writtenOff;
        (uint256 fromDeposits, uint256 uncovered) = _compensate(account, QUOTE, units);
        _record(QUOTE, units, units * QUOTE_UNIT, fromDeposits, uncovered, loss);
    }

    function _writeOffCash(uint256 account, uint256 units, Loss memory loss) private {
        uint256 debt = Rounding.positivePart(-_balanceOf(account, QUOTE));
        units = Rounding.min(units, debt);
        _writeOffToken(account, QUOTE, units, units * QUOTE_UNIT, loss);
    }

    function _writeOffToken(uint256 account, uint8 token, uint256 units, uint256 worth, Loss memory loss) private {
        if (units == 0) return;
        (uint256 fromDeposits, uint256 uncovered) = _writeOff(account, token, units);
        _record(token, units, worth, fromDeposits, uncovered, loss);
    }

    /// @param worth Of the units.
    function _record(uint8 token, uint256 units, uint256 worth, uint256 fromDeposits, uint256 uncovered, Loss memory loss) private {
        uint256 missing = Rounding.mulDivDown(worth, uncovered, units);
        loss.uncovered += missing;
        loss.deposits += worth - missing;
        emit ILiquidation.DebtWrittenOff(token, units, fromDeposits, uncovered);
    }
}
