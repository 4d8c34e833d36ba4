# SPDX-License-Identifier: LGPL-2.1-or-later
"""A client with two plain links and one behind a NAT, a router, and a gateway with two addresses.

    (c) v0 198.51.100.50   --- (r) --- eth0 203.0.113.2, 203.0.113.3, 2001:db8:9::2 (g)
    (c) v1 198.18.2.50     ---  |
    (c) v2 192.168.77.50 --- (n) 192.0.2.2

All links but the one behind the NAT have IPv6 too. Namespaces PREFIX-c, -r, -n and -g, of this run alone.
"""
from interop.base import run

GATEWAY, GATEWAY_2, GATEWAY_6 = "203.0.113.2", "203.0.113.3", "2001:db8:9::2"
LOCAL, OTHER, BEHIND_NAT, NAT = "198.51.100.50", "198.18.2.50", "192.168.77.50", "192.0.2.2"
NOBODY = "203.0.113.9"  # an address that nobody has
OCSP_PORT = 8888
OCSP_URL = f"http://198.51.100.1:{OCSP_PORT}/"  # at the client's router
LOCAL_6, OTHER_6 = "2001:db8:1::50", "2001:db8:2::50"
INSIDE = "10.4.0.53"  # of the gateway, for those with an inner address
PATH = {"a": LOCAL + "%v0", "b": OTHER + "%v1", "nat": BEHIND_NAT + "%v2", "a6": LOCAL_6 + "%v0", "b6": OTHER_6 + "%v1"}

LINKS = (("c", "v0", "r", "c0"), ("c", "v1", "r", "c1"), ("c", "v2", "n", "in"), ("n", "out", "r", "n0"),
         ("g", "eth0", "r", "g0"))
ADDRESSES = (("c", "v0", LOCAL + "/24", LOCAL_6 + "/64"), ("r", "c0", "198.51.100.1/24", "2001:db8:1::1/64"),
             ("c", "v1", OTHER + "/24", OTHER_6 + "/64"), ("r", "c1", "198.18.2.1/24", "2001:db8:2::1/64"),
             ("c", "v2", BEHIND_NAT + "/24"), ("n", "in", "192.168.77.1/24"), ("n", "out", NAT + "/24"),
             ("r", "n0", "192.0.2.1/24"), ("g", "eth0", GATEWAY + "/24", GATEWAY_2 + "/24", GATEWAY_6 + "/64"),
             ("r", "g0", "203.0.113.1/24", "2001:db8:9::1/64"))
ROUTES = (("c", "198.51.100.1", "v0"), ("c", "198.18.2.1", "v1"), ("c", "192.168.77.1", "v2"),
          ("c", "2001:db8:1::1", "v0"), ("c", "2001:db8:2::1", "v1"), ("n", "192.0.2.1", "out"),
          ("g", "203.0.113.1", "eth0"), ("g", "2001:db8:9::1", "eth0"))


class Network:
    def __init__(self, prefix):
        self.prefix = prefix
        self.client, self.gateway, self.nat, self.router = (self.name(role) for role in "cgnr")

    def name(self, role):
        return f"{self.prefix}-{role}"

    def within(self, name, *args, **kwargs):
        return run("ip", "netns", "exec", name, *args, **kwargs)

    def delete(self):
        for name in (self.client, self.gateway, self.nat, self.router):
            run("ip", "netns", "del", name, check=False)

    def build(self):
        self.delete()
        for name in (self.client, self.gateway, self.nat, self.router):
            run("ip", "netns", "add", name)
            run("ip", "-n", name, "link", "set", "lo", "up")
            self.within(name, "sysctl", "-qw", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0",
                        "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
        for left, left_dev, right, right_dev in LINKS:
            run("ip", "link", "add", left_dev, "netns", self.name(left), "type", "veth", "peer", "name", right_dev,
                "netns", self.name(right))
        for role, dev, *addresses in ADDRESSES:
            for address in addresses:
                run("ip", "-n", self.name(role), "addr", "add", address, "dev", dev,
                    *(("nodad",) if ":" in address else ()))
            run("ip", "-n", self.name(role), "link", "set", dev, "up")
        run("ip", "-n", self.gateway, "addr", "add", INSIDE + "/32", "dev", "lo")
        for metric, (role, via, dev) in enumerate(ROUTES, 10):
            run("ip", "-n", self.name(role), "route", "add", "default", "via", via, "dev", dev, "metric", metric)
        self.within(self.nat, "nft", "add table ip nat;"
                    "add chain ip nat post { type nat hook postrouting priority 100; };"
                    'add rule ip nat post oifname "out" masquerade')

    def drop(self, names, *rules):
        """Outgoing packets that any of @rules matches are lost, until the context ends."""
        return Losses(self, names, rules)


class Losses:
    def __init__(self, network, names, rules):
        self.network, self.names, self.rules = network, names, rules

    def __enter__(self):
        text = "add table inet f; add chain inet f o { type filter hook output priority 0; };" + \
            ";".join(f"add rule inet f o {rule} drop" for rule in self.rules)
        for name in self.names:
            self.network.within(name, "nft", text)

    def __exit__(self, *_):
        for name in self.names:
            self.network.within(name, "nft", "delete table inet f")
