# SPDX-License-Identifier: LGPL-2.1-or-later
"""Commands, namespaces and the lab's own processes."""
import os
import pathlib
import signal
import subprocess
import time

from . import names


class LabError(Exception):
    """Something a person can act on; printed without a trace."""


def run(*argv, input=None, check=True, env=None):
    """Output of a command; LabError with its words when it fails."""
    argv = [str(a) for a in argv]
    try:
        done = subprocess.run(argv, input=input, text=True, capture_output=True, env=env)
    except FileNotFoundError:
        raise LabError(f"{argv[0]}: not installed (sudo ./lab/install-deps build lab)") from None
    if check and done.returncode:
        raise LabError(f"{' '.join(argv)}: exit {done.returncode}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def in_namespace(node, *argv):
    return ["ip", "netns", "exec", names.namespace(node), *map(str, argv)]


def ip_batch(node, commands):
    run("ip", "-n", names.namespace(node), "-batch", "-", input="\n".join(commands) + "\n")


def sysctl(node, **settings):
    """sysctl(node, **{"net/ipv4/ip_forward": 1}): written from within the namespace."""
    script = "".join(f"echo {value} > /proc/sys/{key}\n" for key, value in settings.items())
    run(*in_namespace(node, "sh", "-e"), input=script)


def namespace_exists(node):
    return pathlib.Path("/run/netns", names.namespace(node)).exists()


def _start_time(pid):
    """Clock ticks since boot at which @pid started: with it a pid names one process for ever."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = text.rsplit(")", 1)[1].split()
    return None if fields[0] in "ZX" else fields[19]


_children = {}  # pid: Popen, of those that this program started, for whoever ends them to reap


class Process:
    """One process of the lab, recorded in RUN/pids/NAME so that any later command can end it."""

    def __init__(self, name):
        self.name = name
        self.record = names.RUN / "pids" / name
        self.log = names.RUN / "log" / (name + ".log")

    def start(self, argv, env=None, stdout=None):
        if self.pid():
            raise LabError(f"{self.name} runs already (pid {self.pid()})")
        self.record.parent.mkdir(parents=True, exist_ok=True)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with open(self.log, "ab") as log:
            child = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=stdout or log, stderr=log,
                                     env={**os.environ, **(env or {})}, start_new_session=True)
        _children[child.pid] = child
        self.record.write_text(f"{child.pid} {_start_time(child.pid)}\n")
        return child

    def pid(self):
        """The pid while the recorded process lives, else None."""
        try:
            pid, start = self.record.read_text().split()
        except (OSError, ValueError):
            return None
        return int(pid) if start == _start_time(pid) else None

    def stop(self, sig=signal.SIGTERM, patience=5.0):
        """Ends the process and forgets it; SIGKILL when it does not go in @patience seconds."""
        pid = self.pid()
        if pid:
            os.kill(pid, sig)
            if not wait_until(lambda: not self.pid(), patience, step=0.01):
                os.kill(pid, signal.SIGKILL)
                wait_until(lambda: not self.pid(), 2.0, step=0.01)
            if pid in _children:
                _children.pop(pid).wait()
        self.record.unlink(missing_ok=True)

    def tail(self, lines=15):
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except OSError:
            return ""


def recorded_processes():
    """Newest first, so that clients end before what they lean on."""
    records = (names.RUN / "pids").glob("*") if (names.RUN / "pids").is_dir() else ()
    return [Process(p.name) for p in sorted(records, key=lambda p: p.stat().st_mtime, reverse=True)]


def wait_until(condition, seconds, step=0.02):
    """What @condition returned once it is true, or a false value after @seconds."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() >= end:
            return value
        time.sleep(step)


def tool(name):
    """Path of a program of lab/tools."""
    path = names.BUILD / "lab" / "tools" / name
    if not path.exists():
        raise LabError(f"{path}: not built (meson setup {names.BUILD.name} && ninja -C {names.BUILD.name})")
    return path


def need_root():
    if os.geteuid() != 0:
        raise LabError("network namespaces need root: use sudo")
