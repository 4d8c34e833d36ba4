# SPDX-License-Identifier: LGPL-2.1-or-later
"""Shared keys, by kind of identity."""
from interop.cell import row
from interop.network import GATEWAY, LOCAL
from interop.plan import Plan

REFUSED = "AUTHENTICATION_FAILED"


def psk(cell, client_id, gateway_id):
    cell.gateway.apply(Plan(client_id=client_id, gateway_id=gateway_id))
    cell.connect(local_id=client_id, remote_id=gateway_id)
    cell.gateway.logged("client-id", id=client_id)


@row("psk, address ids")
def psk_address(cell):
    psk(cell, LOCAL, GATEWAY)


# covers: IKE-IDN-005
@row("psk, address id of another host")
def psk_other_address(cell):
    psk(cell, "192.0.2.77", GATEWAY)


@row("psk, fqdn ids")
def psk_fqdn(cell):
    psk(cell, "laptop.example.com", "vpn.example.com")


@row("psk, email id")
def psk_email(cell):
    psk(cell, "alice@example.com", "vpn.example.com")


@row("psk, wrong secret")
def psk_wrong(cell):
    cell.gateway.apply(Plan())
    cell.run(psk="closesesame").refused(REFUSED)


@row("psk, other gateway id")
def psk_other_id(cell):
    """Refused by whichever side sees it first: the gateway is asked for by name, and it names itself."""
    cell.gateway.apply(Plan(gateway_id="other.example.com"))
    cell.run(remote_id="vpn.example.com").refused(REFUSED, "identity")
