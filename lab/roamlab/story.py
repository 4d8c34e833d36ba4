# SPDX-License-Identifier: LGPL-2.1-or-later
"""A scripted journey of roamd through figure 1 under load, and what was measured on the way."""
import dataclasses
import time

from . import agent, analysis, capture, gateway, moves, names, pcap, probe, streams, topology
from .system import LabError, wait_until

PROBE_RATE = 1000
TAIL_NS = 150_000_000   # packets under way at the end of a window are given this time to arrive; those under way
                        # when the old link goes are lost with it and belong to the handover


@dataclasses.dataclass
class Leg:
    """One handover: where to, by which interface, and the modes before and after."""
    interface: str
    network: str
    old_mode: str
    new_mode: str
    text: str
    carried: str = ""   # how data have to leave there (analysis.CARRIED); "": not looked at


@dataclasses.dataclass
class Mark:
    """A leg that was made. The old link is gone at @lost_ns, the event (address on the new one) is at @event_ns."""
    leg: Leg
    lost_ns: int
    event_ns: int
    end_ns: int = 0


class Journey:
    """The lab with roamd at home, the streams and the probe running; then leg after leg."""

    def __init__(self, say, certificates=False, log_level="info", restart_seconds=0.1, gateway_name="strongswan",
                 gateway_settings="", extra=""):
        """@gateway_name: of gateway.NAMES; @gateway_settings: more lines of roam-gw's configuration; @extra: more of
        roamd's profile, its group [vpn] first."""
        self.say = say
        self.roamd_options = {"certificates": certificates, "log_level": log_level, "restart_seconds": restart_seconds,
                              "extra": extra}
        self.gateway_name, self.gateway = gateway_name, gateway.new(gateway_name, gateway_settings)
        self.home_agent, self.foreign_agent = agent.HomeAgent(), agent.ForeignAgent()
        self.node = agent.MobileNode()
        self.roamd = agent.Roamd(self.node)
        self.capture, self.streams = capture.Capture(), streams.Streams()
        self.probe = probe.Probe(names.HOME_ADDRESS, PROBE_RATE)
        self.marks, self.stays = [], []

    def begin(self, interface="eth0", network="home", mode="home"):
        """Builds everything; roamd is in @mode on @network, and every packet is captured from its start on."""
        self.say("building RFC 5266 figure 1: eleven namespaces, routers, firewall, NATs")
        topology.up()
        moves.forget()
        self.gateway.start(self.roamd_options["certificates"])
        self.say(f"gateway ({self.gateway_name}) is up; starting captures, home and foreign agent, and roamd")
        self.capture.start()
        self.home_agent.start()
        self.foreign_agent.start()
        self.node.start()
        self.roamd.start(**self.roamd_options)
        steps = moves.move(join=[(interface, network)])
        self.stays.append(analysis.Stay(network, steps[0].ns, 0))
        self.roamd.wait_mode(mode)
        self.say(f"roamd is in mode {mode}; starting TCP transfer, interactive stream and probe")
        self.streams.start()
        self.probe.start()
        if not wait_until(self.probe.flows, 5, step=0.1):
            raise LabError("no data passes in mode " + mode + ":\n" + self.roamd.process.tail())
        time.sleep(1)

    def make(self, leg, dwell=3.0, pause_ms=20.0):
        """One handover: out of the present network and, after @pause_ms on none, into the next.

        Neither a hand nor a radio is faster than some ten milliseconds. Without a pause the cable leads elsewhere
        before any process can have heard that the first network is gone: what is in flight comes out there."""
        self.say(f"{leg.old_mode} -> {leg.new_mode}: {leg.text}")
        self.roamd.wait_mode(leg.old_mode)
        leave = list(moves.plugged())
        steps = moves.move(leave=leave, join=[(leg.interface, leg.network)], pause_us=int(pause_ms * 1000))
        mark = Mark(leg, steps[0].ns, moves.moment(steps, "addaddr", leg.interface))
        self.stays[-1].end_ns = steps[0].ns
        # The stay begins when the cable is in: whatever leaves before the address is there counts too.
        self.stays.append(analysis.Stay(leg.network, moves.moment(steps, "up", "p-" + leg.interface), 0))
        self.marks.append(mark)
        time.sleep(0.5)  # questions to roamd would compete with what they ask about
        self._arrive(leg)
        time.sleep(dwell)
        mark.end_ns = time.time_ns() - TAIL_NS
        return mark

    def _arrive(self, leg):
        def there():
            status = self.roamd.status() or {}
            return status.get("Mode") == leg.new_mode and status.get("Interface") == leg.interface
        if not wait_until(there, 15, step=0.1):
            status = self.roamd.status() or {}
            raise LabError(f"roamd is in mode '{status.get('Mode', 'not running')}' on '{status.get('Interface', '')}' "
                           f"instead of {leg.new_mode} on {leg.interface}: {status.get('Sentence', '')}\n"
                           + self.roamd.process.tail())
        if not wait_until(self.probe.flows, 15, step=0.1):
            raise LabError(f"no data passes in mode {leg.new_mode}:\n" + self.roamd.process.tail())

    def finish_streams(self):
        """Ends transfer and interactive stream and returns their figures; probe and captures go on."""
        self.say("finishing the transfer")
        return self.streams.finish()

    def end(self, figures=None):
        """Ends load and captures; returns the figures of the streams, which are @figures if they are over already."""
        figures = figures or self.finish_streams()
        self.say("reading the captures")
        self.stays[-1].end_ns = time.time_ns()
        self.probe.stop()
        self.capture.stop()
        return figures

    def frames(self):
        """All that was captured, when the journey is over."""
        return (f for file in self.capture.files.values() for f in pcap.read(file))

    def results(self):
        """(one dict for each leg, Packets that nobody should have seen)."""
        seen = analysis.packets(self.frames())
        ways = self.probe.directions()
        bad = analysis.violations(seen, self.stays)
        found = []
        for number, mark in enumerate(self.marks):
            until = self.marks[number + 1].lost_ns if number + 1 < len(self.marks) else self.stays[-1].end_ns
            found.append(self._result(mark, seen, ways, sum(1 for p in bad if mark.lost_ns <= p.ns < until)))
        return found, bad

    @staticmethod
    def _result(mark, seen, ways, cleartext):
        leg = mark.leg
        begin, end = mark.event_ns, mark.end_ns
        mobike, rrq = (analysis.after_ms(analysis.first(seen, kind, begin, end, leg.network), begin)
                       for kind in (analysis.IKE, analysis.RRQ))
        up, down = (ways[way].window(mark.lost_ns - TAIL_NS, mark.end_ns) for way in ("up", "down"))
        # Once settled: the last second in this place.
        carried = analysis.carried(seen, leg.network, max(mark.event_ns, end - 1_000_000_000), end)
        return {"from": leg.old_mode, "to": leg.new_mode, "network": leg.network, "interface": leg.interface,
                "carried": carried, "expected": leg.carried,
                "unplugged_ms": round((mark.event_ns - mark.lost_ns) / 1e6, 3),
                "event_to_mobike_ms": mobike, "event_to_rrq_ms": rrq,
                "gap_ms": round(max(up.gap_ms, down.gap_ms), 3), "gap_up_ms": round(up.gap_ms, 3),
                "gap_down_ms": round(down.gap_ms, 3), "lost": up.lost + down.lost, "lost_up": up.lost,
                "lost_down": down.lost, "cleartext": cleartext}
