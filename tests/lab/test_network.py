#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The lab's network by itself, with strongSwan at both ends and without roamd: is it what it claims to be, and would
the measurement see what must not happen? Needs root."""
import pathlib
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "lab"))
from roamlab import analysis, capture, moves, names, pcap, probe, streams  # noqa: E402
from roamlab import strongswan, subjects, system, topology  # noqa: E402
from roamlab.system import in_namespace, run  # noqa: E402

SEND = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IP, 15, 1)  # IP_FREEBIND
s.bind((sys.argv[1], 0))
s.sendto(b"x" * 32, (sys.argv[2], int(sys.argv[3])))
"""


def send(node, source, target, port):
    run(*in_namespace(node, "/usr/bin/python3", "-c", SEND, source, target, port))


def grows(counter, action):
    before = topology.counters()[counter]
    action()
    return bool(system.wait_until(lambda: topology.counters()[counter] > before, 1))


class Network(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        topology.up()
        strongswan.Gateway().start()

    @classmethod
    def tearDownClass(cls):
        topology.down()

    def setUp(self):
        self.leave()

    def leave(self):
        if moves.plugged():
            moves.move(leave=list(moves.plugged()))

    def test_plugging_takes_less_than_two_milliseconds_of_netlink(self):
        steps = moves.move(join=[("eth0", "int1")])
        self.assertEqual([s.operation for s in steps][-2:], ["addaddr", "addroute"])
        carrier = next(s for s in steps if s.operation == "carrier")
        self.assertLess(carrier.done_ns - carrier.ns, 500_000_000, "the carrier comes late: equal interface indexes?")
        self.assertEqual(moves.plugged(), {"eth0": "int1"})

    def test_wrong_moves_are_refused(self):
        moves.move(join=[("eth0", "int1")])
        for wrong in ({"join": [("eth0", "ext1")]}, {"join": [("wlan0", "int1")]}, {"join": [("wlan9", "ext1")]},
                      {"join": [("wlan0", "mars")]}, {"leave": ["wlan0"]}, {"leave": ["eth0"], "order": "backwards"}):
            with self.assertRaises(system.LabError):
                moves.move(**wrong)
        self.assertEqual(moves.plugged(), {"eth0": "int1"})

    def test_access_routers_drop_foreign_sources(self):
        moves.move(join=[("eth0", "ext1")])
        self.assertTrue(grows("isp.foreign_source", lambda: send_raw("10.1.0.100", "203.0.113.2")))
        self.leave()
        moves.move(join=[("eth0", "nat")])
        self.assertTrue(grows("nat.foreign_source", lambda: send_raw("198.51.100.50", "203.0.113.2")))
        self.leave()
        moves.move(join=[("eth0", "int2")])
        self.assertTrue(grows("core.foreign_source", lambda: send_raw("10.2.0.50", "10.4.0.10")))

    # covers: R5266-HAG-004
    def test_home_agent_is_out_of_reach_from_outside(self):
        moves.move(join=[("eth0", "ext1")])
        self.assertTrue(grows("fw.home_agent_from_outside", lambda: send("mn", "198.51.100.50", names.HOME_AGENT, 434)))
        self.assertTrue(grows("fw.stopped_from_outside", lambda: send("mn", "198.51.100.50", names.CORRESPONDENT, 80)))

    def test_gateway_is_in_reach_from_inside_for_ike_only(self):
        moves.move(join=[("eth0", "int1")])
        self.assertFalse(grows("fw.stopped_from_inside", lambda: send("mn", "10.2.0.50", names.GATEWAY, 4500)))
        self.assertTrue(grows("fw.stopped_from_inside", lambda: send("mn", "10.2.0.50", names.GATEWAY, 80)))

    def test_leaks_are_seen(self):
        watch = capture.Capture()
        watch.start()
        begin = time.time_ns()
        moves.move(join=[("eth0", "ext1"), ("wlan0", "nat")])
        for _ in range(3):
            send("mn", "198.51.100.50", names.CORRESPONDENT, 80)
        time.sleep(0.3)
        watch.stop()
        seen = analysis.packets(pcap.read(watch.files["sw"]))
        stays = [analysis.Stay(name, begin, time.time_ns()) for name in ("ext1", "nat")]
        bad = [p for p in analysis.violations(seen, stays) if p.from_mn]
        self.assertEqual([(p.network, p.kind, p.length) for p in bad], [("ext1", "clear", 60)] * 3)

    def test_strongswan_client_survives_a_move_behind_nat(self):
        moves.move(join=[("eth0", "ext1"), ("wlan0", "nat")])
        client = subjects.StrongswanClient()
        client.start()
        self.addCleanup(client.stop)
        watch, tester = capture.Capture(), probe.Probe(client.inner_address)
        flows = streams.Streams(client.inner_address)
        watch.start()
        flows.start()
        tester.start()
        time.sleep(1)
        self.assertEqual(client.active_interface(), "eth0")
        steps = moves.move(leave=["eth0"])
        event = moves.moment(steps, "deladdr", "eth0")
        time.sleep(1.5)
        self.assertEqual(client.active_interface(), "wlan0")
        figures = flows.finish()
        tester.stop()
        watch.stop()
        seen = analysis.packets(f for file in watch.files.values() for f in pcap.read(file))
        end = time.time_ns()
        update = analysis.update_at_gateway(seen, event, end)
        self.assertEqual(update.source, analysis._packed(names.NAT_PUBLIC))
        window = tester.directions()["down"].window(event - 300_000_000, event + 1_200_000_000)
        # It waits 100 ms of its own before it does anything.
        self.assertGreater(window.gap_ms, 95)
        self.assertAlmostEqual(window.lost, window.gap_ms, delta=15)
        self.assertTrue(figures["sha256_ok"], figures)
        self.assertEqual(figures["interactive"]["typed"], figures["interactive"]["echoed"])
        self.assertEqual(analysis.violations(seen, [analysis.Stay(n, event, end) for n in ("ext1", "nat")]), [])

    def test_certificates(self):
        gateway, client = strongswan.Gateway(), strongswan.Client()
        gateway.stop()
        gateway.start(certificates=True)
        moves.move(join=[("eth0", "ext2")])
        try:
            client.start(certificates=True)
            self.assertTrue(client.connect().startswith("10.8.0."))
        finally:
            client.stop()
            gateway.stop()
            gateway.start()


RAW = """
import socket, struct, sys
source, target = (socket.inet_aton(a) for a in sys.argv[1:3])
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28, 1, 0, 64, 17, 0, source, target)
s.sendto(header + bytes([1, 1, 1, 1, 0, 8, 0, 0]), (sys.argv[2], 0))
"""


def send_raw(source, target):
    """A datagram with a source address that the MN does not have here."""
    run(*in_namespace("mn", "/usr/bin/python3", "-c", RAW, source, target))


class Cleaning(unittest.TestCase):
    def test_down_removes_what_a_crash_left(self):
        topology.up()
        stray = subprocess.Popen(in_namespace("cn", "sleep", "600"))
        gateway = strongswan.Gateway()
        gateway.start()
        pid = gateway.process.pid()
        (names.RUN / "pids" / "gateway").unlink()  # as if the lab had died before it wrote this
        topology.down()
        self.assertIsNotNone(stray.wait(5))
        self.assertFalse(pathlib.Path(f"/proc/{pid}/status").exists() and "State:\tZ" not in
                         pathlib.Path(f"/proc/{pid}/status").read_text())
        self.assertFalse(names.RUN.exists() or any(system.namespace_exists(n) for n in names.NODES))
        topology.down()

    def test_a_recycled_pid_is_left_alone(self):
        topology.up()
        bystander = subprocess.Popen(["sleep", "600"])
        try:
            (names.RUN / "pids" / "old").write_text(f"{bystander.pid} 1\n")
            topology.down()
            self.assertIsNone(bystander.poll())
        finally:
            bystander.kill()
            bystander.wait()


if __name__ == "__main__":
    unittest.main()
