# SPDX-License-Identifier: LGPL-2.1-or-later
"""Starts and ends the TCP streams of stream.py between the MN and the correspondent."""
import json
import signal

from . import names
from .system import LabError, Process, in_namespace, run, wait_until

PROGRAM = names.TREE / "lab" / "roamlab" / "stream.py"


class Streams:
    """One long transfer each way and one interactive stream, over the home address."""

    def __init__(self, local=names.HOME_ADDRESS, rate=1_000_000):
        self.local, self.rate = local, rate
        self.ends = {"cn": Process("stream-cn"), "mn": Process("stream-mn")}
        self.reports = {end: names.RUN / f"stream-{end}.json" for end in self.ends}

    def start(self):
        for report in self.reports.values():
            report.unlink(missing_ok=True)
        self.ends["cn"].start(in_namespace("cn", "/usr/bin/python3", PROGRAM, "server", names.CORRESPONDENT,
                                           self.reports["cn"], "--rate", self.rate))
        wait_until(lambda: ":1B62" in _listening("cn"), 5)  # port 7010
        self.ends["mn"].log.unlink(missing_ok=True)
        self.ends["mn"].start(in_namespace("mn", "/usr/bin/python3", PROGRAM, "client", names.CORRESPONDENT,
                                           self.reports["mn"], "--local", self.local, "--rate", self.rate))
        if not wait_until(lambda: "ready" in self.ends["mn"].tail(), 10):
            raise LabError("no TCP connection to the correspondent:\n" + self.ends["mn"].tail())

    def finish(self, patience=40.0):
        """Ends the streams; {"bytes", "sha256_ok", "error", "interactive": {...}}."""
        self.ends["mn"].stop(signal.SIGTERM, patience)
        wait_until(self.reports["cn"].exists, patience)
        self.ends["cn"].stop()
        try:
            mn, cn = (json.loads(self.reports[end].read_text()) for end in ("mn", "cn"))
        except (OSError, ValueError):
            return {"bytes": 0, "sha256_ok": False, "error": "the transfer did not finish", "interactive": {}}
        up, down = mn["transfer"], cn["transfer"]
        error = up["error"] or down["error"] or mn["interactive"]["error"]
        same = (up["sent_sha256"], up["sent"]) == (down["received_sha256"], down["received"]) \
            and (down["sent_sha256"], down["sent"]) == (up["received_sha256"], up["received"])
        return {"bytes": up["received"] + down["received"], "sha256_ok": same and not up["error"] and not down["error"],
                "error": error, "longest_silence_s": max(up["longest_silence_s"], down["longest_silence_s"]),
                "interactive": mn["interactive"]}


def _listening(end):
    return run(*in_namespace(end, "cat", "/proc/net/tcp"))
