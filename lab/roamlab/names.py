# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who is who: namespaces, networks, addresses. Everything else takes them from here."""
import dataclasses
import os
import pathlib
import re

TREE = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("ROAM_BUILD") or TREE / "build").absolute()

# Suffix of this instance: two labs with different ROAM_LAB stand side by side.
INSTANCE = os.environ.get("ROAM_LAB", "")
if not re.fullmatch(r"[A-Za-z0-9_]{0,12}", INSTANCE):
    raise SystemExit(f"ROAM_LAB: found '{INSTANCE}', allowed: up to 12 letters, digits and _")
SUFFIX = "-" + INSTANCE if INSTANCE else ""
RUN = pathlib.Path("/run/roam-lab" + SUFFIX)

NODES = ("mn", "sw", "core", "ha", "fa", "inat", "cn", "fw", "isp", "gw", "nat")


def namespace(node):
    return f"roam-{node}{SUFFIX}"


HOME_ADDRESS = "10.1.0.100"
HOME_AGENT = "10.1.0.2"
CORRESPONDENT = "10.4.0.10"
GATEWAY = "203.0.113.2"
GATEWAY_INSIDE = "10.9.0.2"
NAT_PUBLIC = "192.0.2.2"
FOREIGN_AGENT = "10.5.0.1"      # on its visited link
FOREIGN_AGENT_CARE_OF = "10.9.1.2"
NAT_INSIDE = "10.6.0.2"          # what the inside NAT's hosts look like to the rest of the enterprise
POOL = "10.8.0.0/24"
CLIENT_ID = "alice@example.com"
GATEWAY_ID = "vpn.example.com"


@dataclasses.dataclass(frozen=True)
class Network:
    """One access network: a bridge in roam-sw that an access router and any of the MN's ports join."""
    name: str
    kind: str         # "home", "trusted", "untrusted"
    router_node: str
    router: str       # the access router's address, next hop of the MN
    prefix: int
    mn: str           # what the network's DHCP server would give to the MN
    index: int        # for MAC addresses and interface indexes
    text: str
    agent: str = ""   # address of a foreign agent there

    @property
    def bridge(self):
        return "br-" + self.name

    @property
    def router_mac(self):
        return f"02:00:00:00:{0x10 + self.index:02x}:01"

    @property
    def subnet(self):
        return self.router.rsplit(".", 1)[0] + ".0/" + str(self.prefix)

    @property
    def router_interface(self):
        return "in" if self.router_node in ("nat", "inat") else self.name


NETWORKS = {n.name: n for n in (
    Network("home", "home", "core", "10.1.0.1", 24, HOME_ADDRESS, 1, "home link, with the home agent"),
    Network("int1", "trusted", "core", "10.2.0.1", 24, "10.2.0.50", 2, "inside, first floor"),
    Network("int2", "trusted", "core", "10.3.0.1", 24, "10.3.0.50", 3, "inside, second floor"),
    Network("ext1", "untrusted", "isp", "198.51.100.1", 24, "198.51.100.50", 4, "outside, a provider"),
    Network("ext2", "untrusted", "isp", "198.18.2.1", 24, "198.18.2.50", 5, "outside, another provider"),
    Network("nat", "untrusted", "nat", "192.168.77.1", 24, "192.168.77.50", 6, "outside, behind NAT"),
    Network("int3", "trusted", "fa", FOREIGN_AGENT, 24, "10.5.0.50", 7, "inside, with a foreign agent", FOREIGN_AGENT),
    Network("int4", "trusted", "inat", "192.168.88.1", 24, "192.168.88.50", 8, "inside, behind NAT"),
)}


@dataclasses.dataclass(frozen=True)
class Interface:
    """One interface of the MN; the other end of its cable is a port of roam-sw."""
    name: str
    mac: str
    metric: int       # of its default route, as NetworkManager orders Ethernet before Wi-Fi
    index: int        # in roam-mn; the port has 100 more: see topology.py

    @property
    def port(self):
        return "p-" + self.name


INTERFACES = {i.name: i for i in (
    Interface("eth0", "02:00:00:00:01:00", 100, 10),
    Interface("wlan0", "02:00:00:00:02:00", 600, 11),
)}
MN_MACS = tuple(i.mac for i in INTERFACES.values())
