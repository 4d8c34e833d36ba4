# SPDX-License-Identifier: LGPL-2.1-or-later
"""Key exchange groups and suites."""
from interop.base import Wrong
from interop.cell import row
from interop.plan import CLASSIC, MODERN, Plan

CURVE = "aes256gcm16-prfsha384-x25519"


def suite(cell, proposal, words):
    cell.gateway.apply(Plan(ike=(proposal,)))
    probe = cell.connect("--ike", proposal)
    if words not in probe.status()["ike"]:
        raise Wrong(f"expected {words}, got {probe.status()['ike']}")


@row("modp2048")
def modp2048(cell):
    suite(cell, CLASSIC, "MODP_2048")


@row("curve25519")
def curve25519(cell):
    suite(cell, CURVE, "CURVE_25519")


@row("ecp384")
def ecp384(cell):
    suite(cell, MODERN, "ECP_384")


@row("group mismatch, second one fits")
def group_mismatch(cell):
    cell.gateway.apply(Plan(ike=(MODERN,)))
    probe = cell.connect("--ike", CURVE + "-ecp384")
    if "ECP_384" not in probe.status()["ike"]:
        raise Wrong("not the gateway's group")
    cell.gateway.logged("other-group")


@row("no group in common")
def no_group(cell):
    """The refusal is not authenticated, so it counts only after a while without a better answer."""
    cell.gateway.apply(Plan(ike=(MODERN,)))
    cell.run("--ike", CURVE).refused("NO_PROPOSAL_CHOSEN", "INVALID_KE_PAYLOAD", event="failed")


@row("aes-cbc and hmac-sha-2 for esp")
def cbc(cell):
    cell.gateway.apply(Plan(esp=("aes256-sha512",)))
    probe = cell.connect("--esp", "aes256-sha512")
    if "AES_CBC" not in probe.status()["esp"]:
        raise Wrong(f"expected AES_CBC, got {probe.status()['esp']}")
