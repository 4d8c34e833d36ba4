# SPDX-License-Identifier: LGPL-2.1-or-later
"""Cables and addresses of the MN: what a DHCP client and a hand would do, with the exact times."""
import dataclasses
import json
import time

from . import names, system, topology
from .names import INTERFACES, NETWORKS, namespace
from .system import LabError

PLUGGED = names.RUN / "plugged.json"   # {"eth0": "int1"}
EVENTS = names.RUN / "events.jsonl"    # one move a line


@dataclasses.dataclass
class Step:
    """One netlink request and the wall clock (ns) before it was sent and after its answer."""
    operation: str
    arguments: tuple
    ns: int
    done_ns: int


def plugged():
    """{interface: network name} of now."""
    return json.loads(PLUGGED.read_text()) if PLUGGED.exists() else {}


def _interface(name):
    if name not in INTERFACES:
        raise LabError(f"interface: found '{name}', allowed: {', '.join(INTERFACES)}")
    return INTERFACES[name]


def _network(name):
    if name not in NETWORKS:
        raise LabError(f"network: found '{name}', allowed: {', '.join(NETWORKS)}")
    return NETWORKS[name]


def plug_steps(interface, network, metric=None):
    """Requests that join @network: cable in, address, default route."""
    i, net = _interface(interface), _network(network)
    mn, sw, router = namespace("mn"), namespace("sw"), namespace(net.router_node)
    metric = i.metric if metric is None else metric
    steps = [f"{sw}:master:{i.port},{net.bridge}", f"{sw}:up:{i.port}", f"{sw}:carrier:{i.port}",
             f"{mn}:carrier:{i.name}"]
    if topology.static_neighbours() and net.kind != "home":
        # Both ends know each other's MAC, so that no handover waits for ARP. Not at home: there the home
        # agent's proxy ARP and the gratuitous ARP of RFC 5944 4.6 have to do their work.
        steps.append(f"{router}:neigh:{net.router_interface},{net.mn},{i.mac}")
        steps.append(f"{mn}:neigh:{i.name},{net.router},{net.router_mac}")
    # A DHCP exchange has shown that frames pass before there is an address.
    steps.append(f"{mn}:reach:{i.name},{net.router}")
    return steps + [f"{mn}:addaddr:{i.name},{net.mn}/{net.prefix}", f"{mn}:addroute:{i.name},{net.router},{metric}"]


def unplug_steps(interface, network, order="address-first"):
    """Requests that leave @network. @order: address-first (as when Wi-Fi is left on purpose), carrier-first (a cable
    torn out; the DHCP client drops the address after it) or carrier-only (nobody drops the address)."""
    i, net = _interface(interface), _network(network)
    mn, sw = namespace("mn"), namespace("sw")
    address, carrier = f"{mn}:deladdr:{i.name},{net.mn}/{net.prefix}", f"{sw}:down:{i.port}"
    detach = f"{sw}:nomaster:{i.port}"
    orders = {"address-first": [address, carrier, detach], "carrier-first": [carrier, address, detach],
              "carrier-only": [carrier, detach]}
    if order not in orders:
        raise LabError(f"order: found '{order}', allowed: {', '.join(orders)}")
    return orders[order]


def perform(steps):
    """Runs @steps by lab-plug in one go; a list of Step."""
    output = json.loads(system.run(system.tool("lab-plug"), *steps))
    done = []
    for item in output["steps"]:
        _, operation, arguments = item["step"].split(":", 2)
        done.append(Step(operation, tuple(arguments.split(",")), item["ns"], item["done_ns"]))
    return done


def _record(kind, text, steps, now):
    PLUGGED.write_text(json.dumps(now))
    event = {"kind": kind, "text": text, "steps": [dataclasses.asdict(s) for s in steps]}
    with EVENTS.open("a") as log:
        log.write(json.dumps(event) + "\n")


def move(leave=(), join=(), order="address-first", metric=None, pause_us=0):
    """Leaves by the interfaces @leave, then joins [(interface, network)] @join; without a pause, from one process.

    Returns the list of Step."""
    now, steps = plugged(), []
    for interface in leave:
        if interface not in now:
            raise LabError(f"{_interface(interface).name} is not plugged in")
        steps += unplug_steps(interface, now.pop(interface), order)
    if pause_us:
        steps.append(f"{namespace('mn')}:sleep:{pause_us}")
    for interface, network in join:
        if interface in now:
            raise LabError(f"{interface} is plugged into {now[interface]}: unplug it first")
        if network in now.values():
            raise LabError(f"{network}: another interface is plugged in there")
        steps += plug_steps(interface, network, metric)
        now[interface] = network
    done = perform(steps)
    text = "; ".join([f"unplug {i}" for i in leave] + [f"plug {i} {n}" for i, n in join])
    _record("move", text, done, now)
    return done


def moment(steps, operation, interface):
    """Wall clock (ns) right before the @operation of @interface was sent."""
    for step in steps:
        if step.operation == operation and step.arguments[0] == interface:
            return step.ns
    raise LabError(f"no step {operation} of {interface}")


def forget():
    for path in (PLUGGED, EVENTS):
        path.unlink(missing_ok=True)


def now_ns():
    return time.time_ns()
