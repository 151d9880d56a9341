"""Runs a command under the system calls that the unit allows; the others fail with EPERM, as the unit says.

Usage: sandbox.py COMMAND ARGUMENT...

systemd itself cannot run here; its filter can: the sets are systemd's own, libseccomp loads them.
"""

import ctypes
import os
import subprocess
import sys

ALLOW = 0x7FFF0000
FAIL_WITH_EPERM = 0x00050001
NO_NEW_PRIVILEGES = 38


def calls_of(group: str) -> set[str]:
    done = subprocess.run(["systemd-analyze", "syscall-filter", group], capture_output=True, text=True, check=True)
    words = [line.strip() for line in done.stdout.splitlines()[1:] if line.strip() and "#" not in line]
    return {call for word in words for call in (calls_of(word) if word.startswith("@") else {word})}


def deny(calls: set[str]) -> None:
    seccomp = ctypes.CDLL("libseccomp.so.2")
    seccomp.seccomp_init.restype = ctypes.c_void_p
    rules = ctypes.c_void_p(seccomp.seccomp_init(ctypes.c_uint32(ALLOW)))
    for call in calls:
        number = seccomp.seccomp_syscall_resolve_name(call.encode())
        if number >= 0:
            assert seccomp.seccomp_rule_add_array(rules, ctypes.c_uint32(FAIL_WITH_EPERM), number, 0, None) == 0, call
    assert ctypes.CDLL(None).prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0) == 0
    assert seccomp.seccomp_load(rules) == 0


if __name__ == "__main__":
    deny(calls_of("@known") - (calls_of("@system-service") - calls_of("@privileged")))
    os.execvp(sys.argv[1], sys.argv[1:])
