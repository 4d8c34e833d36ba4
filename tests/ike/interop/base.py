# SPDX-License-Identifier: LGPL-2.1-or-later
"""Small words that every part uses."""
import os
import subprocess
import time

# An emulated machine is slower than the real one by more than this; patience only, nothing sleeps longer for it.
SLOWNESS = 3 if os.environ.get("ROAM_VM") else 1


class Wrong(Exception):
    """A cell that did not come out as it should."""


class Skipped(Exception):
    """A column that cannot run here; says why."""


def run(*args, check=True, **kwargs):
    return subprocess.run([str(a) for a in args], check=check, capture_output=True, text=True, **kwargs)


def wait_until(condition, what, patience=5.0, interval=0.02):
    """Until @condition() is true; its value."""
    end = time.monotonic() + patience * SLOWNESS
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(interval)
    raise Wrong(what)
