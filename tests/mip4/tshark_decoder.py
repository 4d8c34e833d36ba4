# SPDX-License-Identifier: LGPL-2.1-or-later
"""UDP messages as tshark dissects them: dissect() gives one Dissection for each message."""
import dataclasses, pathlib, struct, subprocess, tempfile
import xml.etree.ElementTree as ElementTree

HEADERS = 28  # octets of IP and UDP before the message


@dataclasses.dataclass
class Extension:
    at: int
    number: int
    end: int
    fields: dict  # name: hex


@dataclasses.dataclass
class Dissection:
    fields: dict  # of the fixed part, name: hex
    extensions: list
    malformed: bool  # tshark gave up


def write_capture(path, messages):
    with open(path, "wb") as f:
        f.write(struct.pack("!IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101))  # 101: raw IP
        for data in messages:
            udp = struct.pack("!HHHH", 434, 434, 8 + len(data), 0) + data
            ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, b"\x0a\1\0\2", b"\x0a\2\0\x32")
            f.write(struct.pack("!IIII", 0, 0, len(ip + udp), len(ip + udp)) + ip + udp)


def fields_of(node):
    return {f.get("name"): f.get("value") for f in node.iter("field") if f.get("name") and f.get("value") is not None}


def extensions_of(proto):
    for tree in proto.findall("field"):
        if tree.get("show") != "Extensions":
            continue
        for node in tree.findall("field"):
            at, fields = int(node.get("pos")) - HEADERS, fields_of(node)
            yield Extension(at, int(fields.get("mip.ext.type", "-1"), 16), at + int(node.get("size")), fields)


def dissection(packet):
    proto = packet.find("proto[@name='mip']")
    if proto is None:
        return Dissection({}, [], True)
    fixed = {}
    for field in proto.findall("field"):
        if field.get("show") != "Extensions":
            fixed |= {field.get("name"): field.get("value")} | fields_of(field)
    return Dissection(fixed, list(extensions_of(proto)), packet.find("proto[@name='_ws.malformed']") is not None)


def dissect(messages):
    with tempfile.TemporaryDirectory() as directory:
        capture, report = pathlib.Path(directory) / "messages.pcap", pathlib.Path(directory) / "messages.xml"
        write_capture(capture, messages)
        with open(report, "wb") as f:
            subprocess.run(["tshark", "-n", "-r", str(capture), "-T", "pdml", "-J", "mip _ws.malformed"], check=True,
                           stdout=f, stderr=subprocess.DEVNULL)
        found = []
        for _, node in ElementTree.iterparse(report):
            if node.tag == "packet":
                found.append(dissection(node))
                node.clear()
    return found
