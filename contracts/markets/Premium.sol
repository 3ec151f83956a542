// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

import {IListing} from "../interfaces/IListing.sol";
import {ITrading, ITradingTypes} from "../interfaces/ITrading.sol";
import {E6, E9} from "../libraries/Constants.sol";
import {Rounding} from "../libraries/Rounding.sol";
import {OrderHash} from "./OrderHash.sol";
import {PerpBook} from "./PerpBook.sol";

/// @title The premium of a perpetual over its index, averaged from signed two-sided quotes
/// @dev A quote's sample is max(0, bid - index) - max(0, index - ask): zero while the index lies between bid and ask. The samples of one call are
///      averaged, clamped, and move the stored average by elapsed / window, a fifth at the most, so that no single call sets it.
abstract contract Premium is PerpBook {
    /// @dev The largest weight of one sample is 1 / MAX_WEIGHT_DIVISOR.
    uint256 private constant MAX_WEIGHT_DIVISOR = 5;

    /// @param index USDC 1e18. @param book Its hot state is accrued to now.
    function _sample(
        Book memory book,
        ITrading.Quote[] calldata quotes,
        bytes[] calldata signatures,
        uint256 index
    ) internal {
        IListing.PremiumConfig memory config = _premium;
        if (quotes.length < config.minQuotes || quotes.length != signatures.length) {
            revert ITradingTypes.Trade_NoQuotes(signatures.length, config.minQuotes);
        }
        uint40 sampledAt = _markets[book.instrument].sampledAt;
        int256 sum;
        address previous;
        bytes32 domain = OrderHash.domainSeparator();
        for (uint256 i; i < quotes.length; ++i) {
            _requireQuote(quotes[i], book.instrument, sampledAt, config);
            address signer = ECDSA.recoverCalldata(OrderHash.ofQuote(quotes[i], domain), signatures[i]);
            if (!_quoters[signer]) revert ITradingTypes.Trade_NotQuoter(signer);
            if (signer <= previous) revert ITradingTypes.Trade_QuotersNotAscending(previous, signer);
            previous = signer;
            sum += _sampleOf(quotes[i], index);
        }
        int256 sample = _clamp(sum / int256(quotes.length), int256(uint256(config.premiumCap)));
        uint256 window = config.sampleWindow;
        uint256 weight = Rounding.min(block.timestamp - sampledAt, window / MAX_WEIGHT_DIVISOR);
        int256 step = Rounding.mulDivTrunc(sample - book.hot.premium, weight, window);
        book.hot.premium = int32(int256(book.hot.premium) + step); // between two numbers within the cap
        _markets[book.instrument].sampledAt = uint40(block.timestamp);
        emit ITradingTypes.Sampled(book.instrument, sample, quotes.length, block.timestamp);
    }

    function _requireQuote(
        ITrading.Quote calldata quote,
        uint32 instrument,
        uint40 sampledAt,
        IListing.PremiumConfig memory config
    ) private view {
        if (quote.instrument != instrument) revert ITradingTypes.Trade_InstrumentMismatch(instrument, quote.instrument);
        uint256 earliest = block.timestamp - config.maxQuoteAge;
        if (earliest <= sampledAt) earliest = uint256(sampledAt) + 1;
        if (quote.time < earliest || quote.time > block.timestamp) {
            revert ITradingTypes.Trade_QuoteTime(quote.time, earliest, block.timestamp);
        }
        bool crossed = quote.bidPrice == 0 || quote.bidPrice >= quote.askPrice;
        if (crossed || (quote.askPrice - quote.bidPrice) * E6 > quote.bidPrice * config.maxSpread) {
            revert ITradingTypes.Trade_QuoteSpread(quote.bidPrice, quote.askPrice, config.maxSpread);
        }
    }

    /// @dev Parts of the index, 1e9, towards zero; a price beyond twice the index counts as twice.
    function _sampleOf(ITrading.Quote calldata quote, uint256 index) private pure returns (int256) {
        if (quote.bidPrice > index) {
            return int256(Rounding.mulDivDown(Rounding.min(quote.bidPrice - index, index), E9, index));
        }
        if (quote.askPrice < index) return -int256(Rounding.mulDivDown(index - quote.askPrice, E9, index));
        return 0;
    }

    function _clamp(int256 value, int256 bound) private pure returns (int256) {
        return value > bound ? bound : value < -bound ? -bound : value;
    }
}
