"""Exact products of a sparse and a dense matrix of integers beyond 64 bits, in 64-bit arithmetic.

Both are split into limbs of 21 bits; the upper one carries the sign. A product of two limbs is below 2^42 in magnitude,
and at most three of them fall on one power of two for each entry of a row: with fewer than 2^19 entries a sum stays
below 3 * 2^61 < 2^63, so nothing wraps, whatever the numbers are. The sums of each power are put together as Python's
integers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

__all__ = ["MAX_ENTRIES", "Integers", "Limbs", "exact_sums", "integers"]

Integers: TypeAlias = NDArray[Any]

_BITS = 21
#: An int64 has three limbs.
_SPARSE_LIMBS = 3
#: Entries of a row, exclusive.
MAX_ENTRIES = 2**19


class Limbs:
    """A dense matrix of Python integers of any size, ``shape`` (records, columns)."""

    def __init__(self, rows: Sequence[Sequence[int]], columns: int) -> None:
        self.shape = len(rows), columns
        whole = np.array([list(row) for row in rows], dtype=object).reshape(self.shape)
        widest = max((abs(value).bit_length() for row in rows for value in row), default=0)
        #: From the lowest; all but the last are in 0 to 2^21 - 1.
        self.parts = _split(whole, max(1, -(-widest // _BITS)))


def exact_sums(indptr: Integers, indices: Integers, data: Integers, matrix: Limbs) -> Integers:
    """Sparse times dense. ``data`` (int64) and ``indices`` are the entries of rows that ``indptr`` delimits, as in CSR.

    Returns Python's integers, shape (rows, columns). ``OverflowError`` where a row has ``MAX_ENTRIES`` or more.
    """
    rows = len(indptr) - 1
    if rows and int(np.diff(indptr).max()) >= MAX_ENTRIES:
        raise OverflowError(f"a row has more than {MAX_ENTRIES - 1} entries")
    powers: dict[int, Integers] = {}
    for i, part in enumerate(_split(data, _SPARSE_LIMBS)):
        if not part.any():
            continue
        sparse = csr_matrix((part, indices, indptr), shape=(rows, matrix.shape[0]))
        for j, dense in enumerate(matrix.parts):
            product = sparse @ dense
            powers[i + j] = powers[i + j] + product if i + j in powers else product
    total = np.zeros((rows, matrix.shape[1]), dtype=object)
    for power, sums in powers.items():
        total += sums.astype(object) << (_BITS * power)
    return total


def _split(values: Integers, limbs: int) -> list[Integers]:
    parts = []
    for _ in range(limbs - 1):
        parts.append((values & (2**_BITS - 1)).astype(np.int64))
        values = values >> _BITS
    return [*parts, values.astype(np.int64)]


def integers(values: Sequence[int]) -> Integers:
    """One dimension of Python's integers."""
    return np.array([*values, None], dtype=object)[:-1]
