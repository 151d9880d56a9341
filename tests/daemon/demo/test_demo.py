import json
import subprocess
import sys


def test_the_demo_recognises_its_people():
    command = [sys.executable, "-m", "daemon.cli", "demo", "--seconds", "16", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    *events, last = [json.loads(line) for line in done.stdout.splitlines()]
    summary = last["summary"]
    assert set(summary["identified"]) == {"Eileen Collins", "Tom Hanks"}
    assert summary["wrong"] == []
    assert summary["events_lost"] == 0
    assert any(event["kind"] == "face.unknown" for event in events)
    for count in summary["frames"].values():
        assert count["captured"] == count["analysed"] + count["in_flight"] + sum(count["dropped"].values())
