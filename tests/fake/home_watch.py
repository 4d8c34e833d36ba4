#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""home_watch.py INTERFACE

Prints what concerns the mobile node's coming and going on a link, one line a frame, in order:
"arp OPERATION FRAME-DESTINATION SENDER-MAC SENDER TARGET", "rrq SOURCE LIFETIME". Ends with SIGTERM.
"""
import socket
import struct
import sys

ETH_P_ALL, ETH_P_IP, ETH_P_ARP = 3, 0x0800, 0x0806

sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
sock.bind((sys.argv[1], ETH_P_ALL))
print("ready", flush=True)
while True:
    try:
        frame = sock.recv(65535)
    except OSError:  # ENETDOWN, once, when the link goes down
        continue
    kind, = struct.unpack_from("!H", frame, 12)
    if kind == ETH_P_ARP:
        operation, = struct.unpack_from("!H", frame, 20)
        print("arp", operation, frame[0:6].hex(":"), frame[22:28].hex(":"), socket.inet_ntoa(frame[28:32]),
              socket.inet_ntoa(frame[38:42]), flush=True)
    elif kind == ETH_P_IP and frame[23] == socket.IPPROTO_UDP:
        payload = 14 + (frame[14] & 15) * 4 + 8
        port, = struct.unpack_from("!H", frame, payload - 6)
        if port == 434 and frame[payload] == 1:
            print("rrq", socket.inet_ntoa(frame[26:30]), struct.unpack_from("!H", frame, payload + 2)[0], flush=True)
