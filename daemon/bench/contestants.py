"""The product's search, and what else a user might have taken for it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from daemon.bench.crowds import BLOCK
from daemon.identity.search import Precision, VectorTable

Faces = NDArray[np.float32]
Search = Callable[[Faces, int], NDArray[np.int64]]
"""Of (B, D) probes and a count, gives the ids of the nearest, (B, count), best first. An id is a row's number."""

BYTES: Mapping[Precision, int] = {"fp32": 4, "fp16": 2, "int8": 1}


@dataclass(frozen=True, slots=True)
class Contestant:
    library: str
    """Name of the distribution."""
    precision: Precision
    build: Callable[[Faces], Search]
    """Of (N, D) float32, L2 norm 1."""
    module: str
    batches: tuple[int, ...] = (1, 32)
    """Probes at once; one only where the library takes no more."""

    @property
    def is_installed(self) -> bool:
        return find_spec(self.module) is not None


def own_table(blocks: Iterable[Faces], dimension: int, precision: Precision) -> VectorTable:
    table = VectorTable(dimension, precision)
    for block in blocks:
        table.put(range(len(table), len(table) + len(block)), block)
    return table


def own(faces: Faces, precision: Precision) -> Search:
    """As the gallery uses it: among what is rounded to 8 bits the faces as they were decide."""
    blocks = (faces[start : start + BLOCK] for start in range(0, len(faces), BLOCK))
    table = own_table(blocks, faces.shape[1], precision)

    def search(probes: Faces, count: int) -> NDArray[np.int64]:
        found = [near.ids for near in table.nearest(probes, count)]
        if precision == "int8":
            scores = [(faces[ids] * probe).sum(1) for ids, probe in zip(found, probes, strict=True)]
            found = [ids[np.lexsort((ids, -score))] for ids, score in zip(found, scores, strict=True)]
        return np.stack([ids[:count] for ids in found])

    return search


def by_numpy(faces: Faces) -> Search:
    def search(probes: Faces, count: int) -> NDArray[np.int64]:
        scores = probes @ faces.T  # (B, N)
        some = np.argpartition(scores, -count, axis=1)[:, -count:]
        order = np.argsort(-np.take_along_axis(scores, some, 1), axis=1)
        return np.take_along_axis(some, order, 1).astype(np.int64)

    return search


def by_faiss(faces: Faces, precision: Precision) -> Search:
    import faiss

    dimension = faces.shape[1]
    kinds = {"fp16": faiss.ScalarQuantizer.QT_fp16, "int8": faiss.ScalarQuantizer.QT_8bit}
    if precision == "fp32":
        index: Any = faiss.IndexFlatIP(dimension)
    else:
        index = faiss.IndexScalarQuantizer(dimension, kinds[precision], faiss.METRIC_INNER_PRODUCT)
    index.train(faces[:BLOCK])
    index.add(faces)
    return lambda probes, count: np.asarray(index.search(probes, count)[1], np.int64)


def by_usearch(faces: Faces, precision: Precision) -> Search:
    from usearch.index import search

    def coded(vectors: Faces) -> NDArray[Any]:
        if precision == "int8":
            vectors = vectors * (127 / np.abs(vectors).max(1, keepdims=True))
            return np.asarray(np.rint(vectors), np.int8)
        return np.asarray(vectors, np.float16 if precision == "fp16" else np.float32)

    rows = np.concatenate([coded(faces[start : start + BLOCK]) for start in range(0, len(faces), BLOCK)])

    def found(probes: Faces, count: int) -> NDArray[np.int64]:
        keys = search(rows, coded(probes), count, "cos", exact=True).keys
        return np.asarray(keys, np.int64).reshape(len(probes), count)

    return found


def by_sqlite_vec(faces: Faces) -> Search:
    import apsw
    import sqlite_vec

    database = apsw.Connection(":memory:")
    database.enable_load_extension(True)
    database.load_extension(sqlite_vec.loadable_path())
    database.execute(f"CREATE VIRTUAL TABLE people USING vec0(face float[{faces.shape[1]}] distance_metric=cosine)")
    with database:
        rows = ((row, face.tobytes()) for row, face in enumerate(faces))
        database.executemany("INSERT INTO people (rowid, face) VALUES (?, ?)", rows)
    query = "SELECT rowid FROM people WHERE face MATCH ? AND k = ? ORDER BY distance"

    def search(probes: Faces, count: int) -> NDArray[np.int64]:
        return np.array([[row for (row,) in database.execute(query, (probe.tobytes(), count))] for probe in probes])

    return search


def _all(library: str, build: Callable[..., Search], module: str) -> list[Contestant]:
    return [Contestant(library, precision, partial(build, precision=precision), module) for precision in BYTES]


CONTESTANTS = (
    *_all("deconvid", own, "numkong"),
    Contestant("numpy", "fp32", by_numpy, "numpy"),
    *_all("faiss-cpu", by_faiss, "faiss"),
    *_all("usearch", by_usearch, "usearch"),
    Contestant("sqlite-vec", "fp32", by_sqlite_vec, "sqlite_vec", batches=(1,)),
)
