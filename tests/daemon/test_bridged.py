"""From a face before a camera to a line in a file and a picture in a folder, through every process."""

import json

from daemon.store import Store

MORE = """
[snapshots]
of = "face"
whose = "known"
draw = true

[rules.known]
faces = "known"
cooldown_s = 600

[bridges.log]
kind = "jsonl"
path = "{path}"
rules = ["known"]
"""


def test_known_person_is_written_down_once_and_pictured_until_erased(start_daemon, corridor_clip, tmp_path):
    path = tmp_path / "events.jsonl"
    daemon = start_daemon({"door": corridor_clip}, "--fast", more=MORE.format(path=path))
    assert daemon.wait() == 0
    [line] = path.read_text().splitlines()
    envelope = json.loads(line)
    event = envelope["event"]
    assert (envelope["rules"], event["person"]["name"]) == (["known"], "Eileen Collins")
    pictures = list((daemon.settings.state / "snapshots").rglob("*.jpg"))
    assert daemon.settings.state / "snapshots" / event["snapshot"] in pictures
    with Store.open(daemon.settings.database) as store:
        store.people.erase("Eileen Collins")
    assert not any(picture.exists() for picture in pictures)
