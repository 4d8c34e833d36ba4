# SPDX-License-Identifier: LGPL-2.1-or-later
"""Both sides by certificate, by kind of key."""
import dataclasses

from interop.cell import row
from interop.plan import Plan


def signed(cell, kind, scheme=""):
    cell.gateway.apply(Plan(scheme=scheme).with_certificate(kind))
    cell.connect(*cell.credentials(kind), psk=None)
    signature = cell.gateway.SIGNATURES[scheme or kind]
    cell.gateway.logged("gateway-signed", scheme=signature)
    if scheme != "rsa-pkcs1":  # that is what the gateway was told; the client's is its own choice
        cell.gateway.logged("client-signed", scheme=signature)


@row("rsa, pkcs#1 of the gateway")
def rsa(cell):
    signed(cell, "rsa", "rsa-pkcs1")


@row("rsa-pss, both")
def rsa_pss(cell):
    signed(cell, "rsa", "rsa-pss")


@row("ecdsa p-256, both")
def ecdsa256(cell):
    signed(cell, "ecdsa256")


@row("ecdsa p-384, both")
def ecdsa384(cell):
    signed(cell, "ecdsa384")


@row("ecdsa p-521, both")
def ecdsa521(cell):
    signed(cell, "ecdsa521")


@row("ed25519, both")
def ed25519(cell):
    signed(cell, "ed25519")


# covers: IKE-AUTH-007
@row("gateway certificate, our psk")
def mixed(cell):
    cell.gateway.apply(dataclasses.replace(Plan().with_certificate("ecdsa256"), client_auth="psk"))
    cell.connect("--ca", cell.pki.path("ca-ecdsa256"))
