# SPDX-License-Identifier: LGPL-2.1-or-later
"""Offloads of veth devices off, as on a plain network card: every packet alone and with its checksum."""
import ctypes
import fcntl
import os
import socket
import struct

from . import names
from .system import LabError

SIOCETHTOOL = 0x8946
COMMANDS = (0x17, 0x1F, 0x24, 0x2C)  # ETHTOOL_STXCSUM, _STSO, _SGSO, _SGRO
CLONE_NEWNET = 0x40000000


def _enter(fd):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(fd, CLONE_NEWNET):
        raise LabError("setns: " + os.strerror(ctypes.get_errno()))


def _switch_off(sock, device):
    for command in COMMANDS:
        value = ctypes.create_string_buffer(struct.pack("II", command, 0))
        request = struct.pack("16sP", device.encode(), ctypes.addressof(value)).ljust(40, b"\0")
        fcntl.ioctl(sock, SIOCETHTOOL, request)


def off(node):
    """All veths of the namespace of @node."""
    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    try:
        with open("/run/netns/" + names.namespace(node)) as there:
            _enter(there.fileno())
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            for _, device in socket.if_nameindex():
                if device != "lo" and not device.startswith("br-"):
                    _switch_off(sock, device)
    finally:
        _enter(home)
        os.close(home)
