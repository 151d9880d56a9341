import signal
import subprocess
import sys

import pytest

WORKER = """
import sys
from daemon.workers.task import stop_on_sigterm
stop = stop_on_sigterm()
print("up", flush=True)
stop.wait()
print("asked to stop", flush=True)
"""


@pytest.mark.parametrize("of_the_terminal", [signal.SIGINT, signal.SIGHUP])
def test_what_ends_a_terminal_ends_no_worker_but_sigterm_does(of_the_terminal):
    with subprocess.Popen([sys.executable, "-c", WORKER], stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout.readline() == "up\n"
        worker.send_signal(of_the_terminal)
        worker.send_signal(signal.SIGTERM)
        assert worker.stdout.readline() == "asked to stop\n"
        assert worker.wait(5) == 0
