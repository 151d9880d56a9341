import subprocess
import sys

PROGRAM = """
import sys, time

def watch(event, arguments):
    if event.startswith("socket.getaddrinfo") or event == "socket.connect":
        print("calls", arguments)

sys.addaudithook(watch)
from config import Settings
from engine import FaceEngine
FaceEngine.load(Settings())
time.sleep(1)
"""


def test_loading_the_networks_calls_nobody_and_leaves_nothing(tmp_path):
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True, env={"HOME": str(tmp_path), "PATH": "/usr/bin"})
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert list(tmp_path.iterdir()) == []
