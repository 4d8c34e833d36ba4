#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""foreign_agent.py INTERFACE ADDRESS HOME_AGENT FLAGS PREFIX

With HOME_AGENT "-" it only advertises, as a home agent does on its home link.

A foreign agent (RFC 5944 3.7) as small as one can be, for one mobile node, in the network namespace it is
started in: advertises every half second, relays registrations, tunnels both ways (RFC 3024 direct
delivery). PREFIX names a file: PREFIX.requests counts what was relayed. Ends with SIGTERM.
"""
import select
import socket
import struct
import sys
import time

ETH_P_IP, ROUTER_ADVERTISEMENT = 0x0800, 9
FOREIGN = 0x1000
INTERFACE, ADDRESS, HOME_AGENT, FLAGS, PREFIX = sys.argv[1:6]


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def ipv4(source, destination, protocol, payload, ttl=64):
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 0, 0, ttl, protocol, 0,
                         socket.inet_aton(source), socket.inet_aton(destination))
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + payload


def advertisement(sequence):
    """RFC 1256 with no router addresses, and extension 16 (RFC 5944 2.1.1) with a care-of address if F is set."""
    care_of = socket.inet_aton(ADDRESS) if int(FLAGS, 16) & FOREIGN else b""
    mobility = struct.pack("!BBHHH", 16, 6 + len(care_of), sequence, 1800, int(FLAGS, 16)) + care_of
    message = struct.pack("!BBHBBH", ROUTER_ADVERTISEMENT, 16, 0, 0, 2, 30) + mobility
    return message[:2] + struct.pack("!H", checksum(message)) + message[4:]


class ForeignAgent:
    def __init__(self):
        self.frames = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_IP))
        self.frames.bind((INTERFACE, ETH_P_IP))
        self.signalling = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        if HOME_AGENT != "-":
            self.signalling.bind(("0.0.0.0", 434))
        self.tunnel = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_IPIP)
        self.sequence = self.relayed = 0
        self.node = self.link_layer = None

    def advertise(self):
        self.frames.sendto(ipv4(ADDRESS, "224.0.0.1", socket.IPPROTO_ICMP, advertisement(self.sequence), ttl=1),
                           (INTERFACE, ETH_P_IP, 0, 0, bytes.fromhex("01005e000001")))
        self.sequence += 1

    def to_node(self, packet):
        self.frames.sendto(packet, (INTERFACE, ETH_P_IP, 0, 0, self.link_layer))

    def frame(self):
        packet, source = self.frames.recvfrom(65535)
        if HOME_AGENT == "-" or source[2] == socket.PACKET_OUTGOING or len(packet) < 28:
            return
        header = (packet[0] & 15) * 4
        destination, from_node = socket.inet_ntoa(packet[16:20]), socket.inet_ntoa(packet[12:16])
        is_request = packet[9] == socket.IPPROTO_UDP and packet[header + 8] == 1 and destination == ADDRESS
        if is_request:
            # Registration Request: home address and home agent stand at 4 and 8 (RFC 5944 3.3).
            request = packet[header + 8:]
            self.node, self.link_layer = socket.inet_ntoa(request[4:8]), source[4]
            self.relayed += 1
            with open(PREFIX + ".requests", "w", encoding="utf-8") as f:
                f.write(f"{self.relayed} {from_node} {packet[8]}")
            self.signalling.sendto(request, (HOME_AGENT, 434))
        elif from_node == self.node and destination != ADDRESS and source[2] == socket.PACKET_HOST:
            self.tunnel.sendto(packet, (HOME_AGENT, 0))

    def reply(self):
        payload, source = self.signalling.recvfrom(65535)
        if self.node is None or source[0] != HOME_AGENT or payload[0] != 3:
            return
        udp = struct.pack("!HHHH", 434, 434, 8 + len(payload), 0) + payload
        # To the home address, wherever the request came from (RFC 5944 3.7.2.3).
        self.to_node(ipv4(ADDRESS, self.node, socket.IPPROTO_UDP, udp))

    def tunnelled(self):
        packet, _ = self.tunnel.recvfrom(65535)
        inner = packet[(packet[0] & 15) * 4:]
        if self.node is not None and socket.inet_ntoa(inner[16:20]) == self.node:
            self.to_node(inner)

    def run(self):
        due = time.monotonic()
        while True:
            readable, _, _ = select.select([self.frames, self.signalling, self.tunnel], [], [],
                                           max(due - time.monotonic(), 0))
            if self.frames in readable:
                self.frame()
            if self.signalling in readable:
                self.reply()
            if self.tunnel in readable:
                self.tunnelled()
            if time.monotonic() >= due:
                self.advertise()
                due += 0.5


ForeignAgent().run()
