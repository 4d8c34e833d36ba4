# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fragments, cookies, inner addresses."""
from interop.base import Wrong
from interop.cell import row
from interop.network import GATEWAY_6
from interop.plan import Plan
from interop.probe import ALIVE


@row("fragments, no ip fragment above 1280")
def fragments(cell):
    """Whatever would need IP fragments is dropped in both directions: only RFC 7383 gets through."""
    cell.gateway.apply(Plan(scheme="rsa-pss").with_certificate("rsa"))
    with cell.network.drop((cell.network.client, cell.network.gateway), "udp dport { 500, 4500 } ip length > 1280",
                           "ip frag-off & 0x3fff != 0"):
        cell.connect(*cell.credentials("rsa"), psk=None)
    cell.gateway.logged("fragments")


@row("cookies")
def cookies(cell):
    """First one half-open IKE SA, since that is from where some gateways ask."""
    cell.gateway.apply(Plan(cookies=True))
    with cell.network.drop((cell.network.client,), "udp dport 4500"):
        cell.run(script=("pause=300",))
    cell.connect()
    cell.gateway.logged("cookie")


@row("inner ipv4 and ipv6 address")
def both_inner(cell):
    cell.gateway.apply(Plan(inner6=True))
    probe = cell.connect("--tia6")
    event = probe.events("established")[0]
    if not event["tia4"].startswith("10.8.0.") or not event["tia6"].startswith("fd00:8::"):
        raise Wrong(f"inner addresses {event['tia4']} and {event['tia6']}")


@row("over ipv6")
def over_ipv6(cell):
    """Some gateways give an inner address of the outer one's family only."""
    cell.gateway.apply(Plan(inner6=True))
    probe = cell.connect("--tia6", path="a6", to=GATEWAY_6, script=ALIVE[:3])
    if not probe.events("established")[0]["tia6"].startswith("fd00:8::"):
        raise Wrong("no inner IPv6 address")
