# SPDX-License-Identifier: LGPL-2.1-or-later
"""CAs, gateways and a client of each kind of key, and what may be wrong with them."""
import pathlib
import subprocess

from interop.base import run
from interop.network import OCSP_URL

KINDS = {"rsa": ("rsa", "2048"), "ecdsa256": ("ecdsa", "256"), "ecdsa384": ("ecdsa", "384"),
         "ecdsa521": ("ecdsa", "521"), "ed25519": ("ed25519", None)}
NSS_PASSWORD = "x"


class Pki:
    def __init__(self, directory):
        self.dir = pathlib.Path(directory)
        self.nss, self.index = self.dir / "nss", self.dir / "index.txt"

    def path(self, name):
        return self.dir / (name + ".pem")

    def make(self):
        self.dir.mkdir()
        for name, (kind, size) in KINDS.items():
            self.make_kind(name, kind, size)
        self.make_special()
        return self

    def save(self, name, *args):
        done = subprocess.run(["pki", *[str(a) for a in args], "--outform", "pem"], check=True, capture_output=True)
        self.path(name).write_bytes(done.stdout)
        return self.path(name)

    def key(self, name, kind="ecdsa", size="256"):
        return self.save(name + "-key", "--gen", "--type", kind, *(("--size", size) if size else ()))

    def issue(self, name, ca, dn, san, *more):
        return self.save(name, "--issue", "--in", self.path(name + "-key"), "--type", "priv", "--cacert",
                         self.path(ca), "--cakey", self.path(ca + "-key"), "--dn", dn,
                         *(("--san", san) if san else ()), *more)

    def make_kind(self, name, kind, size):
        self.key("ca-" + name, kind, size)
        self.save("ca-" + name, "--self", "--ca", "--in", self.path(f"ca-{name}-key"), "--type", kind, "--dn",
                  "C=XX, O=roamd, CN=CA " + name)
        self.key("gateway-" + name, kind, size)
        self.issue("gateway-" + name, "ca-" + name, "C=XX, O=roamd, CN=gateway " + name, "vpn.example.com", "--flag",
                   "serverAuth")
        self.key("client-" + name, kind, size)
        self.issue("client-" + name, "ca-" + name, "C=XX, O=roamd, CN=alice " + name, "alice@example.com", "--flag",
                   "clientAuth")

    def make_special(self):
        """Intermediate and its gateway, an expired one, one of another name, and revocation lists."""
        self.key("sub")
        self.issue("sub", "ca-ecdsa256", "C=XX, O=roamd, CN=intermediate", None, "--ca")
        self.key("gateway-sub")
        self.issue("gateway-sub", "sub", "C=XX, O=roamd, CN=gateway sub", "vpn.example.com", "--serial", "77")
        self.key("gateway-expired")
        self.issue("gateway-expired", "ca-ecdsa256", "C=XX, O=roamd, CN=gateway expired", "vpn.example.com",
                   "--not-before", "01.01.20 00:00:00", "--not-after", "01.01.21 00:00:00")
        self.key("gateway-other")
        self.issue("gateway-other", "ca-ecdsa256", "C=XX, O=roamd, CN=gateway other", "www.example.com")
        self.make_ocsp()
        crl = ("--signcrl", "--cacert", self.path("sub"), "--cakey", self.path("sub-key"))
        self.save("crl-clean", *crl)
        self.save("crl-revoked", *crl, "--serial", "77")

    def make_ocsp(self):
        """Two gateways whose certificates name a responder, and openssl's list of what it knows of them."""
        lines = []
        for name, serial, state in (("ocsp", "88", "V\t491231235959Z\t"), ("ocsp-revoked", "89",
                                                                          "R\t491231235959Z\t200101000000Z")):
            self.key("gateway-" + name)
            self.issue("gateway-" + name, "ca-ecdsa256", "C=XX, O=roamd, CN=gateway " + name, "vpn.example.com",
                       "--serial", serial, "--ocsp", OCSP_URL)
            lines.append(f"{state}\t{serial}\tunknown\t/C=XX/O=roamd/CN=gateway {name}\n")
        self.index.write_text("".join(lines))

    def make_nss(self):
        """The gateways' keys and all CAs as an NSS database, nicknames as here. NSS has no Ed25519."""
        database = f"sql:{self.nss}"
        self.nss.mkdir()
        run("certutil", "-N", "-d", database, "--empty-password")
        kinds = [kind for kind in KINDS if kind != "ed25519"]
        for name in ["ca-" + kind for kind in kinds] + ["sub"]:
            trust = ",," if name == "sub" else "CT,,"
            run("certutil", "-A", "-d", database, "-n", name, "-t", trust, "-i", self.path(name))
        for name in [*kinds, "sub", "expired", "other", "ocsp", "ocsp-revoked"]:
            self.import_key("gateway-" + name, database)

    def import_key(self, name, database):
        bundle = self.dir / (name + ".p12")
        run("openssl", "pkcs12", "-export", "-name", name, "-inkey", self.path(name + "-key"), "-in", self.path(name),
            "-passout", "pass:" + NSS_PASSWORD, "-out", bundle)
        run("pk12util", "-i", bundle, "-d", database, "-W", NSS_PASSWORD, "-K", "")
