# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reads the pcapng files of lab-capture: the block types that it writes, in the byte order of this machine."""
import dataclasses
import struct

SECTION, INTERFACE, ENHANCED = 0x0A0D0D0A, 1, 6


@dataclasses.dataclass
class Frame:
    interface: str
    ns: int          # since 1970
    data: bytes      # first octets
    length: int      # on the wire


class CaptureError(Exception):
    pass


def _interface_name(body):
    offset = 8
    while offset + 4 <= len(body):
        code, length = struct.unpack_from("=HH", body, offset)
        if code == 0:
            break
        if code == 2:
            return body[offset + 4:offset + 4 + length].rstrip(b"\0").decode()
        offset += 4 + length + (-length & 3)
    raise CaptureError("an interface without a name")


def read(path):
    """The frames of @path in the order of the file (of one interface: in order of time)."""
    with open(path, "rb") as file:
        data = file.read()
    interfaces, offset, end = [], 0, len(data)
    while offset + 12 <= end:
        kind, total = struct.unpack_from("=II", data, offset)
        if total < 12 or total % 4:
            raise CaptureError(f"{path}: block of {total} octets at {offset}")
        if offset + total > end:
            break  # still being written
        body = offset + 8
        if kind == SECTION and struct.unpack_from("=I", data, body)[0] != 0x1A2B3C4D:
            raise CaptureError(f"{path}: other byte order")
        if kind == INTERFACE:
            interfaces.append(_interface_name(data[body:offset + total - 4]))
        elif kind == ENHANCED:
            number, high, low, captured, original = struct.unpack_from("=IIIII", data, body)
            if number >= len(interfaces) or captured > total - 32:
                raise CaptureError(f"{path}: bad packet block at {offset}")
            yield Frame(interfaces[number], high << 32 | low, data[body + 20:body + 20 + captured], original)
        offset += total


class Writer:
    """Writes such a file, for the tests of what reads it."""

    def __init__(self, path, interfaces):
        self.file = open(path, "wb")
        self.numbers = {name: i for i, name in enumerate(interfaces)}
        self._block(SECTION, struct.pack("=IHHq", 0x1A2B3C4D, 1, 0, -1))
        for name in interfaces:
            text = name.encode()
            self._block(INTERFACE, struct.pack("=HHI", 1, 0, 192) + struct.pack("=HH", 2, len(text)) + text
                        + bytes(-len(text) & 3) + struct.pack("=HHIHH", 9, 1, 9, 0, 0))

    def _block(self, kind, body):
        body += bytes(-len(body) & 3)
        total = 12 + len(body)
        self.file.write(struct.pack("=II", kind, total) + body + struct.pack("=I", total))

    def write(self, interface, ns, data, length=None):
        self._block(ENHANCED, struct.pack("=IIIII", self.numbers[interface], ns >> 32, ns & 0xFFFFFFFF, len(data),
                                          length or len(data)) + data)

    def close(self):
        self.file.close()
