# SPDX-License-Identifier: LGPL-2.1-or-later
"""Revocation by OCSP, with openssl's responder on the client's side of the router."""
import contextlib
import subprocess

from interop.base import Wrong, wait_until
from interop.cell import row
from interop.network import OCSP_PORT
from interop.plan import Plan

CA = "ca-ecdsa256"


@contextlib.contextmanager
def responder(cell):
    """openssl's, which knows what is in Pki.index."""
    command = ["ip", "netns", "exec", cell.network.router, "openssl", "ocsp", "-port", OCSP_PORT, "-index",
               cell.pki.index, "-CA", cell.pki.path(CA), "-rsigner", cell.pki.path(CA), "-rkey",
               cell.pki.path(CA + "-key"), "-nmin", "5"]
    process = subprocess.Popen([str(c) for c in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: cell.network.within(cell.network.router, "ss", "-Hltn", f"sport = {OCSP_PORT}").stdout,
                   "the OCSP responder does not listen")
        yield
    finally:
        process.kill()
        process.wait()


def asked(cell, name, *args):
    cell.gateway.apply(Plan().with_certificate(name, authorities=(CA,)))
    return cell.run(*cell.credentials("ecdsa256"), "--ocsp", *args, psk=None)


def was_answered(probe):
    if not any(line["answer"] for line in probe.having("fetch")):
        raise Wrong("the responder was not asked")


@row("ocsp, good")
def good(cell):
    with responder(cell):
        was_answered(asked(cell, "ocsp", "--require-revocation").done())


@row("ocsp, gateway revoked")
def revoked(cell):
    with responder(cell):
        probe = asked(cell, "ocsp-revoked").refused("revoked")
        was_answered(probe)


@row("ocsp, responder dead, status required")
def dead(cell):
    asked(cell, "ocsp", "--require-revocation").refused("gave no answer")


@row("ocsp, responder dead, status not required")
def dead_but_optional(cell):
    asked(cell, "ocsp").done()
