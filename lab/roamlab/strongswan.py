# SPDX-License-Identifier: LGPL-2.1-or-later
"""strongSwan: the VPN gateway, and its own client on the MN to compare with."""
import os
import secrets
import shutil

from . import names, system
from .names import namespace
from .system import LabError, Process, in_namespace, run, wait_until

# Everything is named, and conf.d is not read: Debian's switches kernel-libipsec off there, and with kernel-netlink
# first the kernel's XFRM would be used, which may be unable to do ESP.
PLUGINS = ("random nonce x509 revocation constraints pubkey pkcs1 pkcs8 pkcs12 pem openssl aesni aes sha2 hmac kdf gcm "
           "{backend} socket-default vici updown")

DAEMON = """\
charon-systemd {{
  load = {plugins}
  install_routes = {install_routes}
  install_virtual_ip = yes
  install_virtual_ip_on = lo
  prefer_best_path = {prefer_best_path}
  plugins {{
    vici {{
      socket = unix://{directory}/vici
    }}
  }}
  filelog {{
    charon {{
      path = {directory}/charon.log
      time_format = %s
      time_add_ms = yes
      flush_line = yes
      default = 1
      ike = 1
      knl = 1
    }}
  }}
}}
swanctl {{
  load = pem pkcs1 pkcs8 pkcs12 x509 pubkey openssl random
}}
"""

GATEWAY_CONNECTION = """\
connections {{
  mobile {{
    version = 2
    local_addrs = %any
    proposals = aes256gcm16-aes128gcm16-prfsha256-ecp256-x25519,default
    pools = tia
    mobike = yes
    dpd_delay = 30s
    unique = replace
    local {{
      auth = {auth}
      id = {gateway_id}
      {gateway_cert}
    }}
    remote {{
      auth = {auth}
      {client_ca}
    }}
    children {{
      mobile {{
        local_ts = 0.0.0.0/0
        esp_proposals = aes256gcm16-aes128gcm16,default
        rekey_time = 1h
        dpd_action = clear
      }}
    }}
  }}
}}
pools {{
  tia {{
    addrs = {pool}
  }}
}}
{psk}
"""

CLIENT_CONNECTION = """\
connections {{
  office {{
    version = 2
    remote_addrs = {gateway}
    vips = 0.0.0.0
    proposals = aes128gcm16-prfsha256-ecp256
    mobike = yes
    local {{
      auth = {auth}
      id = {client_id}
      {client_cert}
    }}
    remote {{
      auth = {auth}
      id = {gateway_id}
      {gateway_ca}
    }}
    children {{
      office {{
        # must not contain the gateway's outer address: its IKE would go into its own tunnel
        remote_ts = 10.0.0.0/8
        esp_proposals = aes128gcm16
      }}
    }}
  }}
}}
{psk}
"""

PSK = """\
secrets {{
  ike-lab {{
    id-1 = {client_id}
    id-2 = {gateway_id}
    secret = {secret}
  }}
}}"""


def kernel_has_esp():
    """True when this kernel takes an ESP SA; tried in the gateway's namespace."""
    choice = os.environ.get("ROAM_LAB_ESP", "")
    if choice:
        if choice not in ("kernel", "libipsec"):
            raise LabError(f"ROAM_LAB_ESP: found '{choice}', allowed: kernel, libipsec")
        return choice == "kernel"
    state = ["src", "192.0.2.254", "dst", "192.0.2.253", "proto", "esp", "spi", "0x9999"]
    ip = ["ip", "-n", namespace("gw"), "xfrm", "state"]
    try:
        run(*ip, "add", *state, "mode", "tunnel", "aead", "rfc4106(gcm(aes))", "0x" + "00" * 20, "128")
    except LabError:
        return False
    run(*ip, "delete", *state)
    return True


def psk():
    """The shared secret of this lab, made once."""
    path = names.RUN / "vpn.psk"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(24) + "\n")
    return path.read_text().strip()


def make_certificates():
    """A CA, a gateway and a client certificate (ECDSA P-256) under RUN/pki."""
    directory = names.RUN / "pki"
    if directory.exists():
        return directory
    directory.mkdir(mode=0o700)

    def save(name, text):
        (directory / name).touch(mode=0o600)
        (directory / name).write_text(text)
    for who in ("ca", "gateway", "client"):
        save(who + ".key", run("pki", "--gen", "--type", "ecdsa", "--size", "256", "--outform", "pem"))
    save("ca.pem", run("pki", "--self", "--ca", "--in", directory / "ca.key", "--type", "ecdsa", "--lifetime", "30",
                       "--dn", "C=AU, O=Example, CN=Example CA", "--outform", "pem"))
    for who, san in (("gateway", names.GATEWAY_ID), ("client", names.CLIENT_ID)):
        save(who + ".pub", run("pki", "--pub", "--in", directory / (who + ".key"), "--type", "ecdsa",
                               "--outform", "pem"))
        save(who + ".pem", run("pki", "--issue", "--cacert", directory / "ca.pem", "--cakey", directory / "ca.key",
                               "--in", directory / (who + ".pub"), "--type", "pub", "--lifetime", "30",
                               "--dn", f"C=AU, O=Example, CN={san}", "--san", san, "--outform", "pem",
                               *(("--flag", "serverAuth") if who == "gateway" else ())))
    return directory


def _private_copy(program, directory):
    """Debian confines charon and swanctl by AppArmor profiles bound to their paths, which forbid files of the lab."""
    source = shutil.which(program, path="/usr/sbin:/usr/bin")
    if not source:
        raise LabError(f"{program}: not installed (sudo ./lab/install-deps lab)")
    target = directory / program
    if not target.exists():
        shutil.copy2(source, target)
    return target


class Charon:
    """One strongSwan daemon with its own configuration, vici socket and log."""

    def __init__(self, node, role):
        self.node = node
        self.directory = names.RUN / role
        self.process = Process(role)

    def _write(self, name, text):
        path = self.directory / name
        path.touch(mode=0o600)
        path.write_text(text)
        return path

    def _keep_key(self, key):
        """swanctl loads every private key that lies there."""
        private = self.directory / "private"
        shutil.rmtree(private, ignore_errors=True)
        private.mkdir(parents=True, mode=0o700)
        if key:
            shutil.copy(key, private)

    def start(self, backend, connection, prefer_best_path=False):
        self._write("strongswan.conf", DAEMON.format(
            plugins=PLUGINS.format(backend=backend), directory=self.directory,
            # the client's routes come from charon; the gateway's are the lab's
            install_routes="no" if self.node == "gw" else "yes", prefer_best_path="yes" if prefer_best_path else "no"))
        self._write("swanctl.conf", connection)
        program = _private_copy("charon-systemd", self.directory)
        _private_copy("swanctl", self.directory)
        (self.directory / "vici").unlink(missing_ok=True)
        self.process.start(in_namespace(self.node, program), env=self._environment())
        if not wait_until(lambda: (self.directory / "vici").exists() and self._answers(), 10):
            raise LabError(f"strongSwan on {self.node} does not start; see {self.log}\n" + self.process.tail())
        self.swanctl("--load-all", "--file", self.directory / "swanctl.conf", "--noprompt")

    @property
    def log(self):
        return self.directory / "charon.log"

    def _environment(self):
        return {"STRONGSWAN_CONF": str(self.directory / "strongswan.conf"), "SWANCTL_DIR": str(self.directory)}

    def _answers(self):
        try:
            self.swanctl("--stats")
        except LabError:
            return False
        return True

    def swanctl(self, command, *argv):
        return run(self.directory / "swanctl", command, "--uri", f"unix://{self.directory}/vici", *argv,
                   env={**os.environ, **self._environment()})

    def stop(self):
        self.process.stop()


def _psk_text():
    return PSK.format(client_id=names.CLIENT_ID, gateway_id=names.GATEWAY_ID, secret=psk())


class Gateway(Charon):
    def __init__(self):
        super().__init__("gw", "gateway")

    def start(self, certificates=False):
        pki = make_certificates() if certificates else None
        connection = GATEWAY_CONNECTION.format(
            auth="pubkey" if certificates else "psk", gateway_id=names.GATEWAY_ID, pool=names.POOL,
            gateway_cert=f"certs = {pki}/gateway.pem" if certificates else "",
            client_ca=f"cacerts = {pki}/ca.pem" if certificates else "",
            psk="" if certificates else _psk_text())
        self._keep_key(pki and pki / "gateway.key")
        kernel = kernel_has_esp()
        super().start("kernel-netlink" if kernel else "kernel-libipsec kernel-netlink", connection)
        if not kernel:
            # libipsec hands what it decrypted to this TUN, and encrypts what is routed there.
            if not wait_until(lambda: run(*in_namespace("gw", "ls", "/sys/class/net")).find("ipsec0") >= 0, 5):
                raise LabError(f"strongSwan made no ipsec0; see {self.log}")
            system.ip_batch("gw", [f"route replace {names.POOL} dev ipsec0"])


class Client(Charon):
    """strongSwan as the mobile node's client: the peer that roamd is measured against."""

    def __init__(self):
        super().__init__("mn", "client")

    def start(self, certificates=False, prefer_best_path=False):
        pki = make_certificates() if certificates else None
        connection = CLIENT_CONNECTION.format(
            auth="pubkey" if certificates else "psk", gateway_id=names.GATEWAY_ID, client_id=names.CLIENT_ID,
            gateway=names.GATEWAY,
            client_cert=f"certs = {pki}/client.pem" if certificates else "",
            gateway_ca=f"cacerts = {pki}/ca.pem" if certificates else "",
            psk="" if certificates else _psk_text())
        self._keep_key(pki and pki / "client.key")
        kernel = kernel_has_esp()
        super().start("kernel-netlink" if kernel else "kernel-libipsec kernel-netlink", connection, prefer_best_path)

    def connect(self):
        """Brings the tunnel up; returns the inner address."""
        self.swanctl("--initiate", "--child", "office", "--timeout", "10")
        for line in self.swanctl("--list-sas", "--ike", "office").splitlines():
            if "[" in line and line.strip().startswith("local "):
                return line.rsplit("[", 1)[1].rstrip("]") if "/" not in line else None
        raise LabError("strongSwan's client has no SA")
