#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The lab's judgement on made-up captures and probe logs: what it must count, and what it must not."""
import pathlib
import struct
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "lab"))
from roamlab import analysis, names, pcap, probe  # noqa: E402
from roamlab.analysis import Stay  # noqa: E402

MN = bytes.fromhex(names.MN_MACS[0].replace(":", ""))
WLAN = bytes.fromhex(names.MN_MACS[1].replace(":", ""))
ROUTER = bytes.fromhex("020000001401")
OUTSIDE, INSIDE = "198.51.100.50", "10.2.0.50"


def ip(source, target, protocol, payload, fragment=0):
    return struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 1, fragment, 64, protocol, 0,
                       analysis._packed(source), analysis._packed(target)) + payload


def udp(source, sport, target, dport, payload):
    return ip(source, target, 17, struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload)


def out(packet, ethertype=0x0800, mac=MN):
    return ROUTER + mac + struct.pack("!H", ethertype) + packet


def back(packet, ethertype=0x0800):
    return MN + ROUTER + struct.pack("!H", ethertype) + packet


def ike(exchange, length=80):
    return bytes(16) + struct.pack("!BBBBII", 46, 0x20, exchange, 8, 0, length) + bytes(length - 28)


def nat_t(source, target, message):
    """IKE on port 4500, behind the non-ESP marker."""
    return udp(source, 4500, target, 4500, bytes(4) + message)


RRQ = bytes([1]) + bytes(23)
INFORMATIONAL = 37


def answer(code, to=INSIDE):
    """A Registration Reply of the home agent as a frame to the MN."""
    return back(udp(names.HOME_AGENT, 434, to, 434, bytes([3, code]) + bytes(18)))


class Scene:
    """Frames written to a file by the test's own writer and read back."""

    def __init__(self):
        self.file = tempfile.NamedTemporaryFile(suffix=".pcapng")
        self.writer = pcap.Writer(self.file.name, ["br-home", "br-int1", "br-int3", "br-ext1", "br-nat", "out"])

    def add(self, bridge, ns, data, length=None):
        self.writer.write(bridge, ns, data, length)
        return self

    def packets(self):
        self.writer.close()
        return analysis.packets(pcap.read(self.file.name))


def kind_of(frame, network="ext1"):
    packet = analysis.packet_of(pcap.Frame("x", 1, frame, len(frame)), network)
    return packet and packet.kind


class ForeignAgent(unittest.TestCase):
    """Mode f: plain packets, once the home agent's acceptance came through the network's agent, not before."""

    def judged(self, source):
        scene = Scene()
        plain = out(ip(names.HOME_ADDRESS, names.CORRESPONDENT, 17, bytes(60)))
        scene.add("br-int3", 10, plain)
        scene.add("br-int3", 20, back(udp(source, 434, names.HOME_ADDRESS, 434, bytes([3, 0]) + bytes(18))))
        scene.add("br-int3", 30, plain)
        scene.add("br-int3", 40, out(ip("10.5.0.50", names.CORRESPONDENT, 17, bytes(60))))
        return [p.ns for p in analysis.violations(scene.packets(), [Stay("int3", 0, 100)])]

    def test_through_the_agent(self):
        self.assertEqual(self.judged(names.FOREIGN_AGENT), [10, 40])

    def test_by_the_home_agent_alone(self):
        self.assertEqual(self.judged(names.HOME_AGENT), [10, 30, 40])

    def test_how_data_went(self):
        scene = Scene()
        for ns in (10, 20, 30):
            scene.add("br-int3", ns, out(udp("10.5.0.50", 434, names.HOME_AGENT, 434, bytes([4]) + bytes(40))))
        scene.add("br-int3", 40, out(ip(names.HOME_ADDRESS, names.CORRESPONDENT, 17, bytes(60))))
        packets = scene.packets()
        self.assertEqual(analysis.carried(packets, "int3", 0, 50), "udp")
        self.assertEqual(analysis.carried(packets, "int3", 40, 50), "plain")
        self.assertEqual(analysis.carried(packets, "ext1", 0, 50), "none")


class Kinds(unittest.TestCase):
    def test_what_belongs_to_the_link(self):
        self.assertEqual(kind_of(out(bytes(28), 0x0806)), "link")
        self.assertEqual(kind_of(out(udp("0.0.0.0", 68, "255.255.255.255", 67, bytes(240)))), "link")
        solicitation = bytes([0x60, 0, 0, 0, 0, 16, 58, 255]) + bytes(32) + bytes([133]) + bytes(15)
        self.assertEqual(kind_of(out(solicitation, 0x86DD)), "link")

    def test_other_ipv6_is_clear(self):
        echo = bytes([0x60, 0, 0, 0, 0, 16, 58, 64]) + bytes(32) + bytes([128]) + bytes(15)
        self.assertEqual(kind_of(out(echo, 0x86DD)), "clear")

    def test_ike_and_esp(self):
        at = names.GATEWAY
        self.assertEqual(kind_of(out(udp(OUTSIDE, 500, at, 500, ike(34)))), "ike")
        self.assertEqual(kind_of(out(udp(OUTSIDE, 4500, at, 4500, bytes(4) + ike(37)))), "ike")
        self.assertEqual(kind_of(out(udp(OUTSIDE, 4500, at, 4500, b"\1\2\3\4" + bytes(60)))), "esp")
        self.assertEqual(kind_of(out(udp(OUTSIDE, 4500, at, 4500, b"\xff"))), "keepalive")
        self.assertEqual(kind_of(back(udp(at, 4500, OUTSIDE, 4500, b"\1\2\3\4" + bytes(60)))), "esp")
        self.assertEqual(kind_of(out(ip(OUTSIDE, at, 50, bytes(60)))), "esp")

    def test_the_same_ports_elsewhere_are_clear(self):
        self.assertEqual(kind_of(out(udp(OUTSIDE, 4500, "203.0.113.9", 4500, b"\1\2\3\4" + bytes(60)))), "clear")
        self.assertEqual(kind_of(out(udp(OUTSIDE, 434, "203.0.113.9", 434, RRQ))), "clear")
        self.assertEqual(kind_of(out(ip(OUTSIDE, "203.0.113.9", 4, bytes(40)))), "clear")

    def test_mobile_ip(self):
        self.assertEqual(kind_of(out(udp(OUTSIDE, 434, names.HOME_AGENT, 434, RRQ))), "rrq")
        self.assertEqual(kind_of(answer(0)), "rrp")
        self.assertEqual(kind_of(out(ip(INSIDE, names.HOME_AGENT, 4, bytes(40)))), "ipip")
        tunnelled = bytes([4, 4, 0, 0]) + bytes(40)
        self.assertEqual(kind_of(out(udp(INSIDE, 434, names.HOME_AGENT, 434, tunnelled))), "mip-udp")

    def test_user_data_and_fragments_are_clear(self):
        self.assertEqual(kind_of(out(ip(names.HOME_ADDRESS, names.CORRESPONDENT, 6, bytes(40)))), "clear")
        self.assertEqual(kind_of(out(ip(OUTSIDE, names.GATEWAY, 17, bytes(40), fragment=0x00B9))), "clear")
        self.assertEqual(kind_of(out(b"\x45")), "clear")

    def test_an_icmp_error_is_what_it_quotes(self):
        def error(about):
            return back(ip("198.51.100.1", OUTSIDE, 1, bytes([3, 1]) + bytes(6) + about))
        self.assertEqual(kind_of(error(udp(OUTSIDE, 434, names.HOME_AGENT, 434, RRQ))), "link")
        self.assertEqual(kind_of(error(udp(OUTSIDE, 500, names.GATEWAY, 500, ike(34)))), "link")
        self.assertEqual(kind_of(error(ip(names.HOME_ADDRESS, names.CORRESPONDENT, 6, bytes(40)))), "clear")

    def test_frames_of_others_are_nothing(self):
        self.assertIsNone(kind_of(ROUTER + ROUTER + b"\x08\0" + ip("10.4.0.10", "10.1.0.2", 6, bytes(40))))
        self.assertIsNone(kind_of(b"short"))


class IkeMessages(unittest.TestCase):
    def test_what_is_one(self):
        request, reply = ike(250), bytearray(ike(INFORMATIONAL))
        reply[19] |= 0x20
        reply[20:24] = (7).to_bytes(4, "big")
        frames = [out(udp(OUTSIDE, 500, names.GATEWAY, 500, request)), out(nat_t(OUTSIDE, names.GATEWAY, request)),
                  back(nat_t(names.GATEWAY, OUTSIDE, bytes(reply))),
                  out(udp(OUTSIDE, 4500, names.GATEWAY, 4500, b"\0\0\1\0" + bytes(60))),   # ESP
                  out(udp(OUTSIDE, 4500, names.GATEWAY, 4500, b"\xff")),
                  out(nat_t(OUTSIDE, names.GATEWAY, request[:27])),
                  out(nat_t(OUTSIDE, names.HOME_AGENT, request)),
                  out(ip(OUTSIDE, names.GATEWAY, 6, bytes(60)))]
        found = analysis.ike_messages([pcap.Frame("br-ext1", n, f, len(f)) for n, f in enumerate(frames)], "ext1")
        self.assertEqual([(m.from_mn, m.port, m.exchange, m.response, m.message_id) for m in found],
                         [(True, 500, 250, False, 0), (True, 4500, 250, False, 0), (False, 4500, INFORMATIONAL, True, 7)])
        self.assertEqual(found[1].octets, request)
        self.assertEqual(analysis.ike_messages([pcap.Frame("br-nat", 1, frames[1], len(frames[1]))], "ext1"), [])


class Times(unittest.TestCase):
    def test_first_of_each_after_the_event(self):
        scene = Scene()
        scene.add("br-ext1", 900, out(udp(OUTSIDE, 434, names.HOME_AGENT, 434, RRQ)))
        scene.add("br-nat", 1200, out(udp(OUTSIDE, 434, names.HOME_AGENT, 434, RRQ)))
        scene.add("br-ext1", 2_001_000, out(udp(OUTSIDE, 434, names.HOME_AGENT, 434, RRQ)))
        scene.add("br-ext1", 1_001_000, out(nat_t(OUTSIDE, names.GATEWAY, ike(INFORMATIONAL, 150))))
        scene.add("br-ext1", 950_000, back(nat_t(names.GATEWAY, OUTSIDE, ike(INFORMATIONAL))))
        seen = scene.packets()
        self.assertEqual(analysis.after_ms(analysis.first(seen, "rrq", 1000, 10**9, "ext1"), 1000), 2.0)
        self.assertEqual(analysis.after_ms(analysis.first(seen, "ike", 1000, 10**9, "ext1"), 1000), 1.0)
        self.assertIsNone(analysis.first(seen, "ike", 2_000_000, 10**9))
        self.assertIsNone(analysis.after_ms(None, 1000))

    def test_update_is_told_from_a_probe_by_its_size(self):
        scene, at, ethernet = Scene(), names.GATEWAY, ROUTER + ROUTER + b"\x08\0"
        scene.add("out", 1000, ethernet + nat_t(OUTSIDE, at, ike(INFORMATIONAL, 80)))
        scene.add("out", 1500, ethernet + nat_t(at, OUTSIDE, ike(INFORMATIONAL, 150)))
        scene.add("out", 1800, ethernet + nat_t(OUTSIDE, at, ike(36, 250)))
        scene.add("out", 2000, ethernet + nat_t(OUTSIDE, at, ike(INFORMATIONAL, 150)))
        self.assertEqual(analysis.update_at_gateway(scene.packets(), 500, 9000).ns, 2000)

    def test_a_file_still_being_written_is_read_as_far_as_it_goes(self):
        scene = Scene()
        scene.add("br-ext1", 5, out(bytes(28), 0x0806)).add("br-ext1", 6, out(bytes(28), 0x0806))
        scene.writer.close()
        data = pathlib.Path(scene.file.name).read_bytes()
        pathlib.Path(scene.file.name).write_bytes(data[:-7])
        self.assertEqual([f.ns for f in pcap.read(scene.file.name)], [5])

    def test_length_is_that_of_the_wire(self):
        scene = Scene()
        scene.add("br-ext1", 5, out(ip(OUTSIDE, names.GATEWAY, 50, bytes(60))), length=1514)
        self.assertEqual(scene.packets()[0].length, 1500)


class Violations(unittest.TestCase):
    DATA = out(ip(names.HOME_ADDRESS, names.CORRESPONDENT, 6, bytes(40)))
    TUNNEL = out(ip(INSIDE, names.HOME_AGENT, 4, bytes(40)))

    def count(self, scene, network):
        return len(analysis.violations(scene.packets(), [Stay(network, 100, 1000)]))

    def test_untrusted_network(self):
        scene = Scene()
        for ns, frame in enumerate((out(bytes(28), 0x0806), out(udp(OUTSIDE, 434, names.HOME_AGENT, 434, RRQ)),
                                    out(udp(OUTSIDE, 4500, names.GATEWAY, 4500, b"\1\2\3\4" + bytes(60)))), 200):
            scene.add("br-ext1", ns, frame)
        scene.add("br-ext1", 300, self.DATA).add("br-ext1", 301, self.TUNNEL)
        scene.add("br-ext1", 302, out(ip(names.HOME_ADDRESS, names.CORRESPONDENT, 6, bytes(40)), mac=WLAN))
        scene.add("br-ext1", 303, back(ip(names.CORRESPONDENT, names.HOME_ADDRESS, 6, bytes(40))))
        scene.add("br-ext1", 2000, self.DATA)  # after the stay
        scene.add("br-nat", 300, self.DATA)    # another network
        self.assertEqual(self.count(scene, "ext1"), 4)

    def test_an_answer_proves_no_untrusted_network(self):
        scene = Scene()
        scene.add("br-ext1", 200, answer(0, OUTSIDE)).add("br-ext1", 300, self.TUNNEL)
        self.assertEqual(self.count(scene, "ext1"), 1)

    def test_trusted_network_after_the_proof(self):
        scene = Scene()
        scene.add("br-int1", 200, answer(0)).add("br-int1", 300, self.TUNNEL)
        self.assertEqual(self.count(scene, "int1"), 0)

    def test_trusted_network_before_the_proof(self):
        scene = Scene()
        scene.add("br-int1", 150, self.TUNNEL)
        scene.add("br-int1", 200, answer(136)).add("br-int1", 300, self.TUNNEL)
        self.assertEqual(self.count(scene, "int1"), 2)

    def test_plain_data_on_a_trusted_network_is_never_right(self):
        scene = Scene()
        scene.add("br-int1", 200, answer(0)).add("br-int1", 300, self.DATA)
        self.assertEqual(self.count(scene, "int1"), 1)

    def test_home_link(self):
        scene = Scene()
        scene.add("br-home", 150, self.DATA)
        scene.add("br-home", 200, answer(0, names.HOME_ADDRESS))
        scene.add("br-home", 300, self.DATA)
        self.assertEqual(self.count(scene, "home"), 1)


class Probe(unittest.TestCase):
    PERIOD = 1_000_000

    def direction(self, missing=(), refused=(), late=0, count=100):
        sender = [(probe.REFUSED if n in refused else probe.SENT, n, n * self.PERIOD, n * self.PERIOD)
                  for n in range(count)]
        receiver = [(probe.RECEIVED, n, n * self.PERIOD, n * self.PERIOD + 300_000 + late) for n in range(count)
                    if n not in missing and n not in refused]
        return probe.Direction(sender, receiver, self.PERIOD)

    def test_nothing_lost(self):
        window = self.direction().window(0, 100 * self.PERIOD)
        self.assertEqual((window.sent, window.lost, window.refused), (100, 0, 0))
        self.assertLess(window.gap_ms, 0.001)
        self.assertAlmostEqual(window.first_ms, 0.3)

    def test_loss_and_gap(self):
        window = self.direction(missing=range(10, 30), refused=range(30, 35)).window(5 * self.PERIOD, 90 * self.PERIOD)
        self.assertEqual((window.sent, window.lost, window.refused), (85, 25, 5))
        self.assertAlmostEqual(window.gap_ms, 25.0)
        window = self.direction(missing=range(10, 30)).window(10 * self.PERIOD, 90 * self.PERIOD)
        self.assertAlmostEqual(window.first_ms, 20.3)

    def test_gap_that_began_before_the_window_counts(self):
        window = self.direction(missing=range(10, 30)).window(20 * self.PERIOD, 90 * self.PERIOD)
        self.assertAlmostEqual(window.gap_ms, 20.0)

    def test_silence_up_to_the_end(self):
        direction = self.direction(missing=range(40, 100))
        window = direction.window(0, 100 * self.PERIOD)
        self.assertEqual(window.lost, 60)
        self.assertGreater(window.gap_ms, 58.0)

    def test_nothing_ever_arrives(self):
        window = self.direction(missing=range(100)).window(0, 50 * self.PERIOD)
        self.assertEqual((window.lost, window.gap_ms, window.first_ms), (50, 50.0, -1.0))

    def test_a_duplicate_is_no_second_arrival(self):
        sender = [(probe.SENT, 0, 0, 0), (probe.SENT, 1, 1_000_000, 1_000_000)]
        receiver = [(probe.RECEIVED, 0, 0, 100), (probe.RECEIVED, 0, 0, 200)]
        self.assertEqual(probe.Direction(sender, receiver, self.PERIOD).window(0, 2_000_000).lost, 1)

    def test_half_a_record_is_left_out(self):
        with tempfile.NamedTemporaryFile() as file:
            file.write(probe.RECORD.pack(1, 0, 7, 5, 6) + b"half")
            file.flush()
            self.assertEqual(probe.read_log(file.name), [(1, 7, 5, 6)])


if __name__ == "__main__":
    unittest.main()
