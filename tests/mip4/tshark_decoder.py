# SPDX-License-Identifier: LGPL-2.1-or-later
"""Messages as tshark dissects them: dissect() gives one Dissection for each message."""
import dataclasses, pathlib, struct, subprocess, tempfile
import xml.etree.ElementTree as ElementTree

HEADERS = {"u": 28, "i": 20}  # octets of IP, and UDP, before the message
PROTOCOL = {"u": "mip", "i": "icmp"}


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
        for kind, data in messages:
            number, header = (17, struct.pack("!HHHH", 434, 434, 8 + len(data), 0)) if kind == "u" else (1, b"")
            length = 20 + len(header) + len(data)
            ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, length, 1, 0, 1, number, 0, b"\x0a\1\0\2", b"\x0a\2\0\x32")
            f.write(struct.pack("!IIII", 0, 0, length, length) + ip + header + data)


def fields_of(node):
    """Of several of one name all, as one."""
    found = {}
    for field in node.iter("field"):
        if field.get("name") and field.get("value") is not None:
            found[field.get("name")] = found.get(field.get("name"), "") + field.get("value")
    return found


def extension_nodes(kind, proto):
    if kind == "i":
        return [node for node in proto.findall("field") if node.get("show", "").startswith("Ext: ")]
    return proto.findall("field[@show='Extensions']/field")


def extensions_of(kind, proto):
    for node in extension_nodes(kind, proto):
        at, fields = int(node.get("pos")) - HEADERS[kind], fields_of(node)
        number = fields.get("mip.ext.type", fields.get("icmp.mip.type", "-1"))
        yield Extension(at, int(number, 16), at + int(node.get("size")), fields)


def dissection(kind, packet):
    proto = packet.find(f"proto[@name='{PROTOCOL[kind]}']")
    if proto is None:
        return Dissection({}, [], True)
    extensions = list(extensions_of(kind, proto))
    for node in [field for field in proto.findall("field") if not field.get("name")]:
        proto.remove(node)  # the extensions
    return Dissection(fields_of(proto), extensions, packet.find("proto[@name='_ws.malformed']") is not None)


def dissect(messages):
    """@messages: (kind, octets) each."""
    with tempfile.TemporaryDirectory() as directory:
        capture, report = pathlib.Path(directory) / "messages.pcap", pathlib.Path(directory) / "messages.xml"
        write_capture(capture, messages)
        with open(report, "wb") as f:
            subprocess.run(["tshark", "-n", "-r", str(capture), "-T", "pdml", "-J", "mip icmp _ws.malformed"],
                           check=True, stdout=f, stderr=subprocess.DEVNULL)
        found = []
        for _, node in ElementTree.iterparse(report):
            if node.tag == "packet":
                found.append(dissection(messages[len(found)][0], node))
                node.clear()
    return found
