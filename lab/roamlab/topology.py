# SPDX-License-Identifier: LGPL-2.1-or-later
"""RFC 5266 figure 1: namespaces, cables, routers, filters."""
import json
import os
import shutil
import signal

from . import names, offload, system
from .names import NETWORKS, INTERFACES, namespace
from .system import ip_batch, run

# Cables between routers: (node, interface, address, node, interface, address).
CABLES = (
    ("core", "cn", "10.4.0.1/24", "cn", "eth0", f"{names.CORRESPONDENT}/24"),
    ("core", "dmz", "10.9.0.1/24", "gw", "in", f"{names.GATEWAY_INSIDE}/24"),
    ("core", "fanet", "10.9.1.1/24", "fa", "core", f"{names.FOREIGN_AGENT_CARE_OF}/24"),
    ("core", "inatnet", "10.6.0.1/24", "inat", "out", f"{names.NAT_INSIDE}/24"),
    ("core", "border", "172.31.0.1/30", "fw", "core", "172.31.0.2/30"),
    ("fw", "isp", "172.31.1.1/30", "isp", "border", "172.31.1.2/30"),
    ("isp", "gwnet", "203.0.113.1/24", "gw", "out", f"{names.GATEWAY}/24"),
    ("isp", "natnet", "192.0.2.1/24", "nat", "out", f"{names.NAT_PUBLIC}/24"),
)
LONG = ("isp", "gwnet")  # this cable can be given a delay
ROUTES = {
    "ha": ("default via 10.1.0.1",),
    "cn": ("default via 10.4.0.1",),
    "fa": ("default via 10.9.1.1",),
    "inat": ("default via 10.6.0.1",),
    "core": ("10.8.0.0/24 via 10.9.0.2", "10.5.0.0/24 via 10.9.1.2", "default via 172.31.0.2"),
    "fw": ("10.0.0.0/8 via 172.31.0.1", "default via 172.31.1.2"),
    # A real provider has no route to 10/8. This one has, so that what leaks reaches the firewall's counter.
    "isp": ("10.0.0.0/8 via 172.31.1.1",),
    "gw": ("10.0.0.0/8 via 10.9.0.1", "default via 203.0.113.1",
           # Answers from the outer address leave by the outer interface, also to clients inside.
           "default via 203.0.113.1 table 100"),
    "nat": ("default via 192.0.2.1",),
}
ROUTERS = ("core", "fa", "inat", "fw", "isp", "gw", "nat")

# Access routers drop foreign sources (BCP 38), as real ones do; without it packets that leave a new link with
# the old source arrive and hide half of a handover. The counters are shown by `lab status`.
NAT = """
table inet access {{
  counter foreign_source {{ }}
  chain forward {{
    type filter hook forward priority 0;
    iifname "in" ip saddr != {inside} counter name foreign_source drop
  }}
}}
table ip nat {{
  chain postrouting {{
    type nat hook postrouting priority 100;
    oifname "out" masquerade
  }}
}}"""
FILTERS = {
    "core": """
table inet access {
  counter foreign_source { }
  chain forward {
    type filter hook forward priority 0;
    iifname "home" ip saddr != 10.1.0.0/24 counter name foreign_source drop
    iifname "int1" ip saddr != 10.2.0.0/24 counter name foreign_source drop
    iifname "int2" ip saddr != 10.3.0.0/24 counter name foreign_source drop
    iifname "cn" ip saddr != 10.4.0.0/24 counter name foreign_source drop
    iifname "fanet" ip saddr != { 10.5.0.0/24, 10.9.1.0/24 } counter name foreign_source drop
    iifname "inatnet" ip saddr != 10.6.0.0/24 counter name foreign_source drop
    iifname "dmz" ip saddr != { 10.8.0.0/24, 10.9.0.0/24 } counter name foreign_source drop
  }
}""",
    "isp": """
table inet access {
  counter foreign_source { }
  chain forward {
    type filter hook forward priority 0;
    iifname "ext1" ip saddr != 198.51.100.0/24 counter name foreign_source drop
    iifname "ext2" ip saddr != 198.18.2.0/24 counter name foreign_source drop
    iifname "natnet" ip saddr != 192.0.2.0/24 counter name foreign_source drop
    iifname "gwnet" ip saddr != 203.0.113.0/24 counter name foreign_source drop
  }
}""",
    "nat": NAT.format(inside="192.168.77.0/24"),
    "inat": NAT.format(inside="192.168.88.0/24"),
    # The border: from outside nothing comes in but the VPN gateway's outer side answering IKE and ESP-in-UDP, so
    # that the SA can be kept alive inside (RFC 5266 3.2). The home agent is unreachable, and counted.
    "fw": """
table inet border {
  counter home_agent_from_outside { }
  counter stopped_from_outside { }
  counter stopped_from_inside { }
  chain forward {
    type filter hook forward priority 0; policy drop;
    iifname "isp" ip daddr 10.1.0.2 counter name home_agent_from_outside drop
    iifname "isp" ip saddr 203.0.113.2 udp sport { 500, 4500 } accept
    iifname "core" ip daddr 203.0.113.2 udp dport { 500, 4500 } accept
    iifname "isp" counter name stopped_from_outside drop
    iifname "core" counter name stopped_from_inside drop
  }
}""",
}


def _veth(node, interface, mac, peer_node, peer, peer_mac=None):
    """A cable: @interface of @node to @peer of @peer_node."""
    run("ip", "link", "add", interface, "netns", namespace(node), "address", mac, "type", "veth",
        "peer", "name", peer, "netns", namespace(peer_node), *(("address", peer_mac) if peer_mac else ()))


def _cables(rtt_ms):
    # Made directly between namespaces: the machine's own namespace never sees them. MACs are locally administered.
    for number, (a, a_if, a_addr, b, b_if, b_addr) in enumerate(CABLES):
        a_mac, b_mac = (f"02:00:00:01:{number:02x}:{end:02x}" for end in (1, 2))
        if rtt_ms and (a, a_if) == LONG:
            _veth(a, a_if, a_mac, "sw", "d-near")
            _veth(b, b_if, b_mac, "sw", "d-far")
        else:
            _veth(a, a_if, a_mac, b, b_if, b_mac)
        ip_batch(a, [f"addr add {a_addr} dev {a_if}", f"link set {a_if} up"])
        ip_batch(b, [f"addr add {b_addr} dev {b_if}", f"link set {b_if} up"])
    if rtt_ms:
        _delay_line(rtt_ms)


def _delay_line(rtt_ms):
    """Joins the halves of the long cable in roam-sw; half of @rtt_ms each way."""
    ip_batch("sw", ["link set d-near up", "link set d-far up"])
    line = system.Process("delay")
    line.start(system.in_namespace("sw", system.tool("lab-delay"), "d-near", "d-far", int(rtt_ms * 500)))
    if not system.wait_until(lambda: "ready" in line.tail(), 3):
        raise system.LabError("the delay line does not start: " + line.tail())


def _networks():
    for net in NETWORKS.values():
        node = net.router_node
        interface = net.router_interface
        ip_batch("sw", [f"link add {net.bridge} type bridge stp_state 0 forward_delay 0 mcast_snooping 0",
                        f"link set {net.bridge} up"])
        _veth(node, interface, net.router_mac, "sw", "r-" + net.name)
        ip_batch("sw", [f"link set r-{net.name} master {net.bridge}", f"link set r-{net.name} up"])
        ip_batch(node, [f"addr add {net.router}/{net.prefix} dev {interface}", f"link set {interface} up"])
    _veth("ha", "eth0", "02:00:00:00:11:02", "sw", "p-ha")
    ip_batch("sw", ["link set p-ha master br-home", "link set p-ha up"])
    ip_batch("ha", [f"addr add {names.HOME_AGENT}/24 dev eth0", "link set eth0 up"])


def _mobile_node():
    # The two ends get different interface indexes: the kernel reports a lost carrier at once only when a device's
    # index differs from its peer's, otherwise up to a second late.
    for i in INTERFACES.values():
        run("ip", "link", "add", i.name, "netns", namespace("mn"), "index", i.index, "address", i.mac, "type", "veth",
            "peer", "name", i.port, "netns", namespace("sw"), "index", 100 + i.index)
        ip_batch("mn", [f"link set {i.name} up"])


def up(static_neighbours=True, offloads=True, rtt_ms=0):
    """Builds figure 1; what an earlier run left is removed first. The MN is plugged nowhere.

    @rtt_ms: round trip time that the way to the gateway's outer side takes by itself."""
    down()
    (names.RUN / "pids").mkdir(parents=True)
    (names.RUN / "log").mkdir()
    os.chmod(names.RUN, 0o755)
    for node in names.NODES:
        run("ip", "netns", "add", namespace(node))
        loose = 2 if node == "mn" else 0  # the MN as systemd sets a host up; the routers filter by nftables
        system.sysctl(node, **{"net/ipv4/ip_forward": int(node in ROUTERS + ("ha",)),
                               "net/ipv4/conf/all/rp_filter": loose, "net/ipv4/conf/default/rp_filter": loose,
                               "net/ipv4/conf/all/send_redirects": 0, "net/ipv4/conf/default/send_redirects": 0,
                               "net/ipv6/conf/default/accept_dad": 0,
                               # routers and the switch speak IPv4 only; the MN keeps IPv6: its leaks would show
                               "net/ipv6/conf/default/disable_ipv6": int(node != "mn")})
        ip_batch(node, ["link set lo up"])
    _cables(rtt_ms)
    _networks()
    _mobile_node()
    for node, routes in ROUTES.items():
        ip_batch(node, ["route add " + route for route in routes])
    ip_batch("gw", [f"rule add from {names.GATEWAY} lookup 100 priority 100"])
    for node, rules in FILTERS.items():
        run(*system.in_namespace(node, "nft", "-f", "-"), input=rules)
    if not offloads:
        for node in names.NODES:
            offload.off(node)
    (names.RUN / "static-neighbours").write_text("yes\n" if static_neighbours else "no\n")


def static_neighbours():
    path = names.RUN / "static-neighbours"
    return path.exists() and path.read_text().strip() == "yes"


def exists():
    return all(system.namespace_exists(node) for node in names.NODES)


def down():
    """Ends every process of the lab and removes every trace; also after a crash, also twice."""
    for process in system.recorded_processes():
        process.stop()
    for node in names.NODES:
        if not system.namespace_exists(node):
            continue
        _end_strays(node)
        run("ip", "netns", "delete", namespace(node), check=False)
    if names.RUN.exists():
        # The bus and /run of the MN live in a mount namespace that died with its holder; nothing is mounted here.
        shutil.rmtree(names.RUN)


def _end_strays(node):
    """Children of a killed process, shells of a person: whoever still is in a namespace of ours."""
    def pids():
        found = map(int, run("ip", "netns", "pids", namespace(node), check=False).split())
        return [pid for pid in found if pid != os.getpid()]
    for sig in (signal.SIGTERM, signal.SIGKILL):
        for pid in pids():
            try:
                os.kill(pid, sig)
            except ProcessLookupError:
                pass
        if system.wait_until(lambda: not pids(), 2.0):
            return


def counters():
    """{"fw.home_agent_from_outside": packets, ...} of all filters."""
    found = {}
    for node in FILTERS:
        listing = json.loads(run(*system.in_namespace(node, "nft", "-j", "list", "counters")))
        for item in listing["nftables"]:
            if "counter" in item:
                found[f"{node}.{item['counter']['name']}"] = item["counter"]["packets"]
    return found
