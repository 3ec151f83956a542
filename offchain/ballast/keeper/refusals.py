"""Why a node refused a transaction, and what follows from it.

======== ========================================================================================
retry    the node did not take it and may later: no connection, busy, fee below the base fee
replace  the nonce or its fee is spoken for: take the next nonce and send again
drop     this transaction can not work: it would revert, or is too large
halt     no transaction can work: no coin for gas, wrong chain, a key the node refuses
======== ========================================================================================
"""

from __future__ import annotations

from enum import Enum

from ballast.keeper.rpc import Fault

__all__ = ["Verdict", "classify"]


class Verdict(Enum):
    """What to do after a node refused a transaction."""

    KNOWN = "known"
    RETRY = "retry"
    REPLACE = "replace"
    DROP = "drop"
    HALT = "halt"


_WORDS: tuple[tuple[Verdict, tuple[str, ...]], ...] = (
    (Verdict.KNOWN, ("already known", "already imported", "known transaction", "alreadyknown")),
    (
        Verdict.REPLACE,
        (
            "nonce too low",
            "replacement transaction underpriced",
            "transaction underpriced to replace",
            "oldnonce",
            "invalid nonce",
            "nonce is too low",
            "could not replace existing",
        ),
    ),
    (
        Verdict.HALT,
        (
            "insufficient funds",
            "insufficientfunds",
            "invalid chain id",
            "invalid signer",
            "invalid sender",
            "chainid",
            "sender is not an eoa",
            "upfront cost exceeds",
        ),
    ),
    (
        Verdict.RETRY,
        (
            "base fee",
            "feetoolow",
            "underpriced",
            "too many requests",
            "rate limit",
            "limit exceeded",
            "timeout",
            "timed out",
            "txpool is full",
            "nonce too high",
            "nonce gap",
            "try again",
            "header not found",
        ),
    ),
    (
        Verdict.DROP,
        (
            "revert",
            "intrinsic gas",
            "exceeds block gas limit",
            "gas limit too high",
            "oversized",
            "fee cap",
        ),
    ),
)


def classify(fault: Fault) -> Verdict:
    """The class of a node's refusal, by its words: nodes agree on no codes. What nobody knows is
    dropped."""
    words = fault.message.lower()
    for verdict, phrases in _WORDS:
        if any(phrase in words for phrase in phrases):
            return verdict
    return Verdict.DROP
