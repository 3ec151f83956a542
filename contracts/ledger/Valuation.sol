// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IListing} from "../interfaces/IListing.sol";
import {IMarginEngine} from "../interfaces/IMarginEngine.sol";
import {IOracleRouter} from "../interfaces/IOracleRouter.sol";
import {QUOTE, QUOTE_UNIT, WAD} from "../libraries/Constants.sol";
import {Rounding} from "../libraries/Rounding.sol";
import {Instrument} from "../markets/Instrument.sol";
import {Perpetual} from "../markets/Perpetual.sol";
import {OptionBook} from "../risk/OptionBook.sol";
import {Banks} from "./Banks.sol";
import {Interest} from "./Interest.sol";
import {LinearBook} from "./LinearBook.sol";

/// @title What an account is worth and what it must keep
/// @notice The ledger values balances and positions at the router's prices; the engine, called with STATICCALL, states the requirement.
abstract contract Valuation is Banks {
    /// @dev The packed words of one account, of now or of when the running call first touched it.
    struct Words {
        uint256 tokens; // header's bitmap
        uint256 linears;
        uint8 model;
        uint256[] balances; // one entry per word index up to the highest held token
        uint256[] sizes;
        uint256[] quotes;
        uint256 options;
        uint256 series;
        uint256[] entries; // of options
    }

    /// @dev Prices of the assets one evaluation needs.
    struct Prices {
        uint256 assets; // bitmap
        uint256 deviating; // bitmap
        uint256[] usd; // one per set bit of `assets`, lowest first, 1e18
        IListing.PremiumConfig premium; // read with the first perpetual
    }

    struct Health {
        int256 equity;
        uint256 initial;
        uint256 maintenance;
        uint256 deviating; // bitmap of assets
        uint256 stale; // bitmap of series slots
        uint256 debt; // negative balances and unsettled losses, USDC 1e18
    }

    // ------------------------------------------------------------ loading

    function _load(uint256 account) internal view returns (Words memory words) {
        Account storage a = _accounts[account];
        Header memory header = a.header;
        (words.tokens, words.linears, words.model) = (header.tokens, header.linears, header.model);
        uint256 count = _balanceWords(words.tokens);
        words.balances = new uint256[](count);
        for (uint256 i; i < count; ++i) {
            if ((words.tokens >> (2 * i)) & 3 != 0) words.balances[i] = a.balances[i];
        }
        count = (words.linears + 1) >> 1;
        words.sizes = new uint256[](count);
        words.quotes = new uint256[](count);
        for (uint256 i; i < count; ++i) {
            words.sizes[i] = a.sizes[i];
            words.quotes[i] = a.quotes[i];
        }
        if (header.options == 0) return words;
        (words.options, words.series) = (header.options, a.series);
        words.entries = _loadEntries(a.options, _entryWords(words.options));
    }

    /// @dev The first `count` words.
    function _loadEntries(uint256[16] storage from, uint256 count) private view returns (uint256[] memory words) {
        assembly ("memory-safe") {
            words := mload(0x40)
            mstore(words, count)
            let place := add(words, 32)
            for { let end := add(from.slot, count) } lt(from.slot, end) {} {
                mstore(place, sload(from.slot))
                place := add(place, 32)
                from.slot := add(from.slot, 1)
            }
            mstore(0x40, place)
        }
    }

    /// @dev Words of the entries of options.
    function _entryWords(uint256 options) internal pure returns (uint256) {
        return (options + 3) >> 2;
    }

    /// @dev Words needed for the highest held token.
    function _balanceWords(uint256 tokens) internal pure returns (uint256 count) {
        for (; tokens != 0; tokens >>= 2) ++count;
    }

    /// @dev True where nothing can go wrong whatever the prices: no debt, and no position but options that were bought.
    function _isFree(Words memory words) internal pure returns (bool) {
        for (uint256 i; i < words.entries.length; ++i) {
            if (OptionBook.isShort(words.entries[i])) return false;
        }
        for (uint256 i; i < words.linears; ++i) {
            // a claim can only be worth something
            (uint32 instrument,) = LinearBook.decode(words.sizes[i >> 1], i);
            if (!Instrument.isClaim(instrument)) return false;
        }
        for (uint256 i; i < words.balances.length; ++i) {
            uint256 word = words.balances[i];
            if (int128(uint128(word)) < 0 || int128(uint128(word >> 128)) < 0) return false;
        }
        return true;
    }

    // ------------------------------------------------------------ pricing

    function _assetsOf(Words memory words) internal view returns (uint256 assets) {
        assets = 1 << QUOTE;
        for (uint256 tokens = words.tokens >> 1; tokens != 0; tokens &= tokens - 1) {
            assets |= 1 << _banks[_lowestToken(tokens) + 1].asset;
        }
        for (uint256 i; i < words.linears; ++i) {
            (uint32 instrument,) = LinearBook.decode(words.sizes[i >> 1], i);
            if (!Instrument.isClaim(instrument)) assets |= 1 << Instrument.asset(instrument);
        }
        for (uint256 series = words.series; series != 0; series >>= 32) {
            // of an empty slot that is the quote token's
            assets |= 1 << Instrument.assetOfSeries(OptionBook.seriesAt(series, 0));
        }
    }

    function _lowestToken(uint256 tokens) internal pure returns (uint8 token) {
        for (; tokens & 1 == 0; tokens >>= 1) ++token;
    }

    function _readPrices(uint256 assets) internal view returns (Prices memory prices) {
        prices.assets = assets;
        (prices.usd, prices.deviating) = IOracleRouter(_router).prices(assets);
    }

    /// @dev USDC per unit of an asset, 1e18, rounded down.
    function _indexOf(Prices memory prices, uint8 asset) internal pure returns (uint256) {
        if (asset == QUOTE) return WAD;
        if ((prices.assets >> asset) & 1 == 0) revert Ledger_PriceNotRead(asset);
        uint256 below = prices.assets & ((1 << asset) - 1);
        // where all that are numbered lower are read as well, they need not be counted
        uint256 rank = below == (1 << asset) - 1 ? asset : _countBits(below);
        // Safe: prices are below 2^90.
        unchecked {
            return prices.usd[rank] * WAD / prices.usd[0];
        }
    }

    /// @dev Mark (quantised) and hot state of a perpetual or dated future as of now. Nothing accrues in the future's: its cost moves with haircuts
    ///      alone.
    function _hotOf(uint32 instrument, Prices memory prices)
        internal
        view
        returns (MarketHot memory hot, uint256 markWad)
    {
        uint256 index = _indexOf(prices, Instrument.asset(instrument));
        if (Instrument.kind(instrument) == Instrument.FUTURE) {
            (markWad,) = IMarginEngine(_engine).futureMark(instrument, index);
            return (_markets[instrument].hot, Perpetual.quantise(markWad));
        }
        if (prices.premium.fundingPeriod == 0) prices.premium = _premium;
        hot = Perpetual.accrue(_markets[instrument].hot, index, prices.premium);
        markWad = Perpetual.mark(index, hot.premium);
    }

    // ------------------------------------------------------------ health

    function _healthOf(uint256 account) internal view returns (Health memory) {
        Words memory words = _load(account);
        return _evaluate(words, _readPrices(_assetsOf(words)));
    }

    /// @dev Refuses a token that has no usable price or no rates yet, where it is new to an account that may have to be liquidated: it would
    ///      keep the account from it.
    function _requireValued(uint256 account, uint8 token) internal view {
        if (token == QUOTE) return;
        Words memory words = _load(account);
        if (!_isFree(words)) _evaluate(words, _readPrices(_assetsOf(words)));
    }

    function _evaluate(Words memory words, Prices memory prices) internal view returns (Health memory health) {
        return _assess(_portfolioOf(words, prices), prices);
    }

    function _assess(IMarginEngine.Portfolio memory portfolio, Prices memory prices)
        internal
        view
        returns (Health memory health)
    {
        (health.equity, health.initial, health.maintenance, health.stale) =
            IMarginEngine(_engine).requirement(portfolio);
        health.deviating = prices.deviating;
        health.debt = _debtOf(portfolio);
    }

    function _portfolioOf(Words memory words, Prices memory prices)
        internal
        view
        returns (IMarginEngine.Portfolio memory portfolio)
    {
        portfolio.model = words.model;
        portfolio.quoteUsdWad = prices.usd[0];
        if (words.tokens & 1 != 0) {
            int256 units = _amountIn(words, QUOTE, Interest.hotWord(_banks[QUOTE]));
            portfolio.cashWad = units * int256(QUOTE_UNIT);
        }
        uint256 tokens = words.tokens >> 1;
        portfolio.tokens = new IMarginEngine.TokenLeg[](_countBits(tokens));
        for (uint256 i; tokens != 0; ++i) {
            uint8 token = _lowestToken(tokens) + 1;
            uint256 bank = Interest.hotWord(_banks[token]);
            int256 value = _valueIn(bank, _amountIn(words, token, bank), prices);
            IMarginEngine.TokenLeg memory leg = portfolio.tokens[i];
            (leg.id, leg.valueWad) = ((uint16(Interest.assetOf(bank)) << 8) | token, value);
            tokens &= tokens - 1;
        }
        portfolio.linears = new IMarginEngine.LinearLeg[](words.linears);
        for (uint256 i; i < words.linears; ++i) {
            _fillLinear(portfolio.linears[i], words, i, prices);
        }
        if (words.options != 0) portfolio.options = _optionLegs(words, prices);
    }

    /// @dev As `OptionBook` lays them out.
    function _optionLegs(Words memory words, Prices memory prices) internal pure returns (uint256[] memory legs) {
        legs = new uint256[](OptionBook.ENTRIES_AT + words.entries.length);
        (legs[OptionBook.SERIES_AT], legs[OptionBook.COUNT_AT]) = (words.series, words.options);
        // Safe: there are eight slots.
        unchecked {
            uint256 place = OptionBook.INDICES_AT;
            for (uint256 series = words.series; series != 0; series >>= 32) {
                legs[place++] = _indexOf(prices, Instrument.assetOfSeries(OptionBook.seriesAt(series, 0)));
            }
        }
        uint256[] memory entries = words.entries;
        uint256 to = OptionBook.ENTRIES_AT + 1; // behind the length
        assembly ("memory-safe") {
            mcopy(add(legs, shl(5, to)), add(entries, 32), shl(5, mload(entries)))
        }
    }

    /// @param bank The bank's first slot.
    function _amountIn(Words memory words, uint8 token, uint256 bank) private view returns (int256) {
        (uint256 depositIndex, uint256 borrowIndex) = Interest.indicesOf(bank);
        return Interest.amountOf(_decodeShares(words.balances[token >> 1], token), depositIndex, borrowIndex);
    }

    /// @dev USDC 1e18, floored: a debt away from zero.
    function _tokenValue(uint8 token, int256 amount, Prices memory prices) internal view returns (int256) {
        return _valueIn(Interest.hotWord(_banks[token]), amount, prices);
    }

    function _valueIn(uint256 bank, int256 amount, Prices memory prices) private pure returns (int256) {
        return Rounding.mulDivFloor(amount, _indexOf(prices, Interest.assetOf(bank)), 10 ** Interest.decimalsOf(bank));
    }

    function _fillLinear(IMarginEngine.LinearLeg memory leg, Words memory words, uint256 i, Prices memory prices)
        private
        view
    {
        int96 size;
        (leg.instrument, size) = LinearBook.decode(words.sizes[i >> 1], i);
        int256 quote = LinearBook.decodeQuote(words.quotes[i >> 1], i);
        if (Instrument.isClaim(leg.instrument)) {
            Claims memory claims = _markets[Instrument.market(leg.instrument)].claims;
            leg.pnlWad = int256(Perpetual.claimOf(claims, size, quote));
        } else {
            (MarketHot memory hot, uint256 markWad) = _hotOf(leg.instrument, prices);
            leg.notionalWad = Perpetual.product(size, int256(markWad));
            leg.pnlWad = Perpetual.profit(hot, size, quote, markWad);
        }
    }

    /// @dev Negative balances and unsettled losses, USDC 1e18.
    function _debtOf(IMarginEngine.Portfolio memory portfolio) internal pure returns (uint256 debt) {
        if (portfolio.cashWad < 0) debt = uint256(-portfolio.cashWad);
        for (uint256 i; i < portfolio.tokens.length; ++i) {
            if (portfolio.tokens[i].valueWad < 0) debt += uint256(-portfolio.tokens[i].valueWad);
        }
        for (uint256 i; i < portfolio.linears.length; ++i) {
            if (portfolio.linears[i].pnlWad < 0) debt += uint256(-portfolio.linears[i].pnlWad);
        }
    }
}
