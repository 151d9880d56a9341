"""Events name pictures that are there."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import cv2
import msgspec
import numpy as np
import zmq

from config import SnapshotSettings
from daemon.events.writer import EventWriter
from daemon.identity import DecisionRules
from daemon.identity.recogniser import Recogniser
from daemon.messages import FaceObserved, Picture, TrackEnded
from daemon.snapshots.store import SnapshotStore
from daemon.store import Store
from tests.daemon.factories import MODEL, make_face, unit


def seen(shade: int, quality: float, track: str = "t1") -> FaceObserved:
    _, jpeg = cv2.imencode(".jpg", np.full((40, 40, 3), shade, np.uint8))
    picture = Picture(jpeg.tobytes(), (10, 10, 30, 30))
    return msgspec.structs.replace(make_face(track, unit(1)), picture=picture, quality=quality)


def test_every_event_names_the_best_picture_until_then(store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "snapshots"
    with zmq.Context() as context, EventWriter(store, f"ipc://{tmp_path}/stored", context) as writer:
        snapshots = SnapshotStore(folder, SnapshotSettings(of="face"))
        recogniser = Recogniser(store, writer, MODEL, DecisionRules(0.5, 0.05, 0.05, 2), snapshots)
        recogniser.take([seen(10, 0.6), seen(20, 0.5)])
        recogniser.take([seen(200, 0.9), TrackEnded("door", "t1", 1, 2)])
    events = [json.loads(event.payload) for event in store.events.since(0)]
    assert [event["kind"] for event in events] == ["face.appeared", "face.unknown", "face.left"]
    shades = [event["snapshot"] and cv2.imread(str(folder / event["snapshot"]))[0, 0, 0] for event in events]
    assert shades == [None, 10, 200]
    assert recogniser.counts["snapshots_kept"] == 2


def test_no_picture_is_written_while_the_store_rests(store: Store, tmp_path: Path) -> None:
    with zmq.Context() as context, EventWriter(store, f"ipc://{tmp_path}/stored", context) as writer:
        snapshots = SnapshotStore(tmp_path / "snapshots", SnapshotSettings(of="face"))
        recogniser = Recogniser(store, writer, MODEL, DecisionRules(0.5, 0.05, 0.05, 2), snapshots)
        with closing(sqlite3.connect(store.database.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            for track in ("t1", "t2", "t3", "t4"):
                recogniser.take([seen(10, 0.6, track), seen(20, 0.5, track), TrackEnded("door", track, 1, 2)])
            recogniser.do_chores()
            assert recogniser.counts["store_failures"] == 2
            assert recogniser.counts["snapshots_kept"] <= 1
        recogniser.do_chores()
    told = [json.loads(event.payload) for event in store.events.since(0)]
    assert [event["snapshot"] is not None for event in told if event["kind"] == "face.unknown"] == [True] * 4
