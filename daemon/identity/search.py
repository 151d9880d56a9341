"""Nearest neighbours among unit vectors in memory, exactly: every vector is compared, by NumKong's SIMD kernels.

Vectors may be rounded to half precision or to 8 bits to save memory and time. What that can change is bounded: for a
probe p and a vector x that is kept as y, |p.x - p.y| <= |p| |x - y| (Cauchy-Schwarz), and the largest |x - y| is
known. So a search returns every vector that may be among the nearest; whoever has them unrounded can tell which are.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import numkong as nk
import numpy as np
from numpy.typing import NDArray

Precision = Literal["fp32", "fp16", "int8"]

TYPES: dict[Precision, type[np.floating | np.signedinteger]] = {"fp32": np.float32, "fp16": np.float16, "int8": np.int8}
LARGEST_CODE = 127
ROOM = 4096
"""Rows by which a full table grows: little, for adding one person must not wait for much memory to be cleared."""
THREADED_BYTES = 64 << 20
"""Size from which a scan is spread over the processors: below, it takes one of them a few milliseconds, and does not
wait for the other ones, which work on pictures."""
CHUNK = 1 << 15
"""Rows that are scanned at once: their products are still in the cache when they are put in order."""
STRIDE = 64
FEW = 4096
"""Scores up to so many are sorted out directly."""
ROUNDING = 1e-6
"""Bounds the rounding of sums of products of unit vectors in float32."""


@dataclass(frozen=True, slots=True)
class Nearest:
    """The vectors that may be the nearest ones of a probe, best first; equal scores by id."""

    ids: NDArray[np.int64]
    """(K,)."""
    scores: NDArray[np.float32]
    """(K,) cosines with the vectors as they are kept; off by at most the table's `error`."""


class VectorTable:
    """Unit vectors under ids of the caller's, in no order. Not thread-safe."""

    def __init__(self, dimension: int, precision: Precision = "fp16") -> None:
        self._rows = np.empty((0, dimension), TYPES[precision])
        self._scales = np.empty(0, np.float32)
        self._ids = np.empty(0, np.int64)
        self._count = 0
        self.error = 0.0
        """How far a cosine with a vector as it is kept may be from the one with the vector itself."""

    def __len__(self) -> int:
        return self._count

    @property
    def dimension(self) -> int:
        return int(self._rows.shape[1])

    @property
    def nbytes(self) -> int:
        """Memory of everything that is kept."""
        return self._rows.nbytes + self._scales.nbytes + self._ids.nbytes

    def put(self, ids: Sequence[int], vectors: NDArray[np.float32]) -> None:
        """Adds vectors, or replaces those of the same ids.

        Args:
            ids: n, each once.
            vectors: (n, D) float32, L2 norm 1.
        """
        self.remove(ids)
        start, self._count = self._count, self._count + len(ids)
        self._make_room()
        new = slice(start, self._count)
        self._ids[new], (self._rows[new], self._scales[new]) = ids, _encode(vectors, self._rows.dtype)
        if len(ids):
            off = np.linalg.norm(_decode(self._rows[new], self._scales[new]) - vectors, axis=1)
            self.error = max(self.error, float(off.max()) + ROUNDING)

    def remove(self, ids: Collection[int]) -> None:
        """Removes the vectors of these ids; ids without one do no harm."""
        for slot in reversed(self._slots(ids)):
            self._count -= 1
            for column in (self._rows, self._scales, self._ids):
                column[slot] = column[self._count]

    def score(self, id: int, probe: NDArray[np.float32]) -> float:
        """Returns the cosine of a probe, (D,) float32, with the vector of an id that is here, as it is kept."""
        slots = self._slots([id])
        return float((_decode(self._rows[slots], self._scales[slots]) * probe).sum())

    def nearest(self, probes: NDArray[np.float32], count: int) -> list[Nearest]:
        """Returns, for each probe, every vector that may be among its `count` nearest by cosine.

        Args:
            probes: (B, D) float32, L2 norm 1.
            count: at least 1; fewer come if the table has no more.
        """
        if not self._count:
            return [Nearest(np.empty(0, np.int64), np.empty(0, np.float32)) for _ in probes]
        coded, scales = _encode(probes, self._rows.dtype)
        off = np.linalg.norm(_decode(coded, scales) - probes, axis=1) + ROUNDING
        scores = self._scan(coded, scales)
        return [self._nearest(probe, scores[b], count, float(off[b])) for b, probe in enumerate(probes)]

    def _nearest(self, probe: NDArray[np.float32], scores: NDArray[np.float32], count: int, off: float) -> Nearest:
        slots = np.flatnonzero(scores >= _floor(scores, count) - 2 * (self.error + off))
        # Once more with the probe as it is, in an order of sums that depends on no other row: equal rows stay equal.
        exact = (_decode(self._rows[slots], self._scales[slots]) * probe).sum(1)
        ids = self._ids[slots]
        order = np.lexsort((ids, -exact))
        ids, exact = ids[order], exact[order]
        kept = exact >= exact[min(count, len(exact)) - 1] - 2 * self.error
        return Nearest(ids[kept], exact[kept])

    def _scan(self, coded: NDArray[np.generic], scales: NDArray[np.float32]) -> NDArray[np.float32]:
        """Returns the cosines of every row with probes that are coded like the rows, (B, N) float32."""
        rows, scores = self._rows[: self._count], np.empty((len(coded), self._count), np.float32)
        packed = nk.dots_pack(coded) if len(coded) > 1 else None  # a single probe is faster without
        threads = 0 if rows.nbytes >= THREADED_BYTES else 1
        for start in range(0, self._count, CHUNK):
            part = slice(start, start + CHUNK)
            if packed is None:
                products = nk.cdist(rows[part], coded, "dot", threads=threads)
            else:
                # The stub knows of no threads.
                products = nk.dots_packed(rows[part], packed, threads=threads)  # type: ignore[call-arg]
            scores[:, part] = np.asarray(products).T
        if rows.dtype == np.int8:
            scores *= self._scales[: self._count]
            scores *= scales[:, None]
        return scores

    def _slots(self, ids: Collection[int]) -> NDArray[np.intp]:
        """Returns where the vectors of these ids are, ascending."""
        return np.flatnonzero(np.isin(self._ids[: self._count], np.fromiter(ids, np.int64, len(ids))))

    def _make_room(self) -> None:
        if self._count > len(self._ids):
            for column in (self._rows, self._scales, self._ids):
                # In place: a copy would need the memory twice. Nothing that this class returns is a view of a column.
                column.resize((self._count + ROOM, *column.shape[1:]), refcheck=False)


def _encode(
    vectors: NDArray[np.float32], type: "np.dtype[np.generic]"
) -> tuple[NDArray[np.generic], NDArray[np.float32]]:
    """Returns (n, D) as they are kept, and (n,) by what to multiply them."""
    if type != np.int8:
        return vectors.astype(type), np.ones(len(vectors), np.float32)
    scales = np.maximum(np.abs(vectors).max(1), np.finfo(np.float32).tiny) / LARGEST_CODE
    return np.rint(vectors / scales[:, None]).astype(np.int8), scales.astype(np.float32)


def _decode(rows: NDArray[np.generic], scales: NDArray[np.float32]) -> NDArray[np.float32]:
    decoded: NDArray[np.float32] = rows.astype(np.float32) * scales[:, None]
    return decoded


def _floor(scores: NDArray[np.float32], count: int) -> np.float32:
    """Returns a score that at least `count` reach, close to the best such one; the least if there are not so many.

    Of many, the best of every 64 are looked at only: a full partition would take longer than the scan.
    """
    if len(scores) > max(FEW, count * STRIDE):
        scores = scores[: len(scores) // STRIDE * STRIDE].reshape(STRIDE, -1).max(0)
    count = min(count, len(scores))
    best: np.float32 = np.partition(scores, -count)[-count]
    return best
