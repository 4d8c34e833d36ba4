# SPDX-License-Identifier: LGPL-2.1-or-later
"""Certificate chains, and what may be wrong with the gateway's certificate."""
from interop.cell import row
from interop.plan import Plan


def chain(cell, *args):
    cell.gateway.apply(Plan().with_certificate("sub", authorities=("ca-ecdsa256", "sub")))
    return cell.run(*cell.credentials("ecdsa256"), *args, psk=None)


@row("chain with an intermediate")
def chain_intermediate(cell):
    chain(cell).done()


@row("chain, crl without the gateway")
def chain_crl(cell):
    chain(cell, "--crl", cell.pki.path("crl-clean")).done()


@row("chain, gateway revoked by crl")
def chain_revoked(cell):
    chain(cell, "--crl", cell.pki.path("crl-revoked")).refused("has been revoked")
    cell.gateway.logged("auth-failed")


def bad_certificate(cell, name, words):
    cell.gateway.apply(Plan().with_certificate(name, authorities=("ca-ecdsa256",)))
    cell.run(*cell.credentials("ecdsa256"), psk=None).refused(words)


@row("certificate expired")
def expired(cell):
    bad_certificate(cell, "expired", "has expired")


@row("gateway certificate of another name")
def other_name(cell):
    bad_certificate(cell, "other", "is for another name")


@row("certificate of a foreign ca")
def foreign_ca(cell):
    cell.gateway.apply(Plan().with_certificate("ecdsa256"))
    cell.run(*cell.credentials("ecdsa256", "ca-ecdsa384"), psk=None).refused("not issued by a trusted CA")
