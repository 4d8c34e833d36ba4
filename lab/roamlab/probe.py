# SPDX-License-Identifier: LGPL-2.1-or-later
"""The 1000 packets/s probe: starts both ends, and reads loss and gaps out of their two logs."""
import bisect
import dataclasses
import pathlib
import struct
import time

from . import names, system
from .system import LabError, Process, in_namespace, wait_until

RECORD = struct.Struct("=HHIqq")  # kind, errno, sequence, sent ns, noted ns: lab/tools/lab-probe.c
SENT, RECEIVED, REFUSED = 1, 2, 3
PORT = 7007


@dataclasses.dataclass
class Window:
    """What one direction did with the packets sent in a window of time."""
    sent: int
    lost: int
    refused: int          # of the lost: the kernel did not take them
    gap_ms: float         # longest silence at the receiver, less the period of sending
    first_ms: float       # window's begin .. first arrival of a packet sent in it; -1: none arrived

    def as_dict(self):
        return dataclasses.asdict(self)


def read_log(path):
    """[(kind, sequence, sent ns, noted ns)]; a record that is being written is left out."""
    data = pathlib.Path(path).read_bytes()
    usable = len(data) - len(data) % RECORD.size
    return [(kind, sequence, sent, noted) for kind, _, sequence, sent, noted in RECORD.iter_unpack(data[:usable])]


class Direction:
    """One way of the probe, from the sender's and the receiver's log."""

    def __init__(self, sender, receiver, period_ns):
        self.period_ns = period_ns
        self.sent = [(sent, sequence, kind) for kind, sequence, sent, _ in sender if kind in (SENT, REFUSED)]
        self.sent_times = [s[0] for s in self.sent]
        self.arrival = {}
        for kind, sequence, _, noted in receiver:
            if kind == RECEIVED:
                self.arrival.setdefault(sequence, noted)  # a duplicate is no second arrival
        self.arrivals = sorted(self.arrival.values())

    def window(self, begin_ns, end_ns):
        """Packets sent in [begin, end) and silences that overlap it."""
        items = self.sent[bisect.bisect_left(self.sent_times, begin_ns):bisect.bisect_left(self.sent_times, end_ns)]
        lost = sum(1 for _, sequence, _ in items if sequence not in self.arrival)
        refused = sum(1 for _, _, kind in items if kind == REFUSED)
        arrived = [self.arrival[sequence] for _, sequence, _ in items if sequence in self.arrival]
        first = (min(arrived) - begin_ns) / 1e6 if arrived else -1.0
        return Window(len(items), lost, refused, self._gap(begin_ns, end_ns) / 1e6, first)

    def _gap(self, begin_ns, end_ns):
        low = max(bisect.bisect_left(self.arrivals, begin_ns) - 1, 0)
        high = bisect.bisect_right(self.arrivals, end_ns) + 1
        times = self.arrivals[low:high]
        if not times:
            return end_ns - begin_ns
        if times[-1] < end_ns:
            times = times + [end_ns]  # silence that the window cuts off
        longest = max((b - a for a, b in zip(times, times[1:])), default=0)
        return max(longest - self.period_ns, 0)


class Probe:
    """Both ends; @local is the MN's address: the home address, or an inner address of a plain VPN."""

    def __init__(self, local, rate=1000):
        self.local, self.rate = local, rate
        self.logs = {end: names.RUN / f"probe-{end}.log" for end in ("mn", "cn")}
        self.ends = {end: Process("probe-" + end) for end in self.logs}

    def start(self):
        there = {"mn": f"{self.local}:{PORT}", "cn": f"{names.CORRESPONDENT}:{PORT}"}
        for end, other in (("mn", "cn"), ("cn", "mn")):
            self.logs[end].unlink(missing_ok=True)
            self.ends[end].start(in_namespace(end, system.tool("lab-probe"), there[end], there[other], self.rate,
                                              self.logs[end]))
        if not wait_until(lambda: all(log.exists() for log in self.logs.values()), 3):
            raise LabError("the probe does not start: " + self.ends["mn"].tail())

    def directions(self):
        """{"up": Direction, "down": Direction} of what the logs say by now."""
        mn, cn = read_log(self.logs["mn"]), read_log(self.logs["cn"])
        period = 1_000_000_000 // self.rate
        return {"up": Direction(mn, cn, period), "down": Direction(cn, mn, period)}

    def flows(self, seconds=0.2):
        """True when packets arrived both ways during the last @seconds."""
        since = time.time_ns() - int((seconds + 0.1) * 1e9)  # the logs are flushed ten times a second
        return all(d.arrivals and d.arrivals[-1] > since for d in self.directions().values())

    def stop(self):
        for end in self.ends.values():
            end.stop()
