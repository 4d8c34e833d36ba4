# SPDX-License-Identifier: LGPL-2.1-or-later
"""Captures of every access network and of the gateway's outer side."""
import json
import signal

from . import names, system
from .names import NETWORKS
from .system import LabError, Process, in_namespace, wait_until

POINTS = {"sw": [net.bridge for net in NETWORKS.values()], "gw": ["out"]}


class Capture:
    """One capture at every point; files RUN/capture-NODE.pcapng."""

    def __init__(self, points=POINTS):
        self.points = points
        self.files = {node: names.RUN / f"capture-{node}.pcapng" for node in points}
        self.processes = {node: Process("capture-" + node) for node in points}

    def start(self):
        for node, process in self.processes.items():
            process.log.unlink(missing_ok=True)
            process.start(in_namespace(node, system.tool("lab-capture"), self.files[node], *self.points[node]))
        for node, process in self.processes.items():
            if not wait_until(lambda: "ready" in process.tail(), 3):
                raise LabError(f"the capture in {node} does not start: {process.tail()}")

    def stop(self):
        """Ends the captures. LabError when the kernel dropped frames: nothing may be concluded from such a file."""
        for node, process in self.processes.items():
            process.stop(signal.SIGTERM)
            try:
                dropped = json.loads(process.tail(1))["dropped"]
            except (ValueError, KeyError):
                raise LabError(f"the capture in {node} ended early: {process.tail()}") from None
            if dropped:
                raise LabError(f"the capture in {node} lost {dropped} frames: the machine is too busy to measure")
