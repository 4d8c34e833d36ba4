# SPDX-License-Identifier: LGPL-2.1-or-later
"""One run of ike-probe."""
import json
import queue
import signal
import subprocess
import threading

from interop.base import SLOWNESS, Wrong
from interop.network import INSIDE

ALIVE = ("wait=established", "check", "wait=path-ok", f"echo={INSIDE}", "wait=echo")


class Probe:
    """Its lines arrive while it runs; it ends with its script, or when @patience seconds are over."""

    def __init__(self, namespace, program, *args, script=ALIVE, patience=8):
        command = ["ip", "netns", "exec", namespace, program, "--duration", int(patience * SLOWNESS * 1000), *args]
        for item in script:
            command += ["--do", item]
        self.process = subprocess.Popen([str(a) for a in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True)
        self.lines, self.errors, self.fresh, self.patience = [], "", queue.Queue(), patience
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            if line.startswith("{"):
                line = json.loads(line)
                self.lines.append(line)
                self.fresh.put(line)
        self.fresh.put(None)

    def until(self, key, value=None):
        """Until a line has @key (with @value)."""
        while True:
            line = self.fresh.get(timeout=(self.patience + 5) * SLOWNESS)
            if line is None:
                self.wait()
                raise Wrong(f"the probe ended before '{value or key}'; {self.story()}")
            if key in line and value in (None, line[key]):
                return self

    def go(self):
        """`wait=go` is over."""
        self.process.send_signal(signal.SIGUSR1)

    def wait(self):
        self.errors = self.process.stderr.read()
        self.process.wait((self.patience + 5) * SLOWNESS)
        self.reader.join()
        return self

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def events(self, name):
        return [line for line in self.lines if line.get("event") == name]

    def having(self, key):
        return [line for line in self.lines if key in line]

    def status(self):
        return self.having("status")[-1]

    def story(self):
        words = [f'{l["event"]}: {l["reason"]}' for l in self.lines if "event" in l]
        words += [f'did not come to {l["undone"]}' for l in self.having("undone")]
        return "; ".join(words) + self.errors.strip()[-300:] or "nothing happened"

    def done(self):
        """The whole script was done, and the SA is up."""
        if not self.events("established") or self.having("undone") or self.events("dead") or not self.lines:
            raise Wrong("not as planned; " + self.story())
        return self

    def refused(self, *choices, event="auth-failed"):
        """Ended with @event, for a reason that has one of @choices in it, and with advice for the user."""
        found = self.events(event)
        if self.events("established") or not found or not any(words in found[0]["reason"] for words in choices):
            raise Wrong(f"expected {event} with '{' or '.join(choices)}'; " + self.story())
        if event == "auth-failed" and not found[0]["advice"]:
            raise Wrong("no advice for the user")
        return self
