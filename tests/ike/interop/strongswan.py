# SPDX-License-Identifier: LGPL-2.1-or-later
"""strongSwan's charon, with ESP in user space (kernel-libipsec), in a namespace of this machine."""
import os
import pathlib
import shutil
import subprocess

from interop.base import run, wait_until
from interop.gateway import Gateway, Why, by_row
from interop.network import GATEWAY, GATEWAY_2, GATEWAY_6
from interop.plan import PASSWORD, PSK, USER

CHARON = "/usr/lib/ipsec/charon"

SETTINGS = """
charon {{
  load = random nonce aesni aes sha1 sha2 md5 hmac kdf openssl curve25519 pem pkcs1 pkcs8 x509 revocation pubkey constraints gcm mgf1 kernel-libipsec kernel-netlink socket-default vici updown eap-identity eap-tls eap-mschapv2
  install_routes = no
  cookie_threshold = {cookie_threshold}
  retransmit_tries = 2
  tls {{
    version_min = {tls}
    version_max = {tls}
  }}
  plugins {{
    vici {{
      socket = unix://{dir}/run/charon.vici
    }}
    eap-tls {{
      fragment_size = 512
    }}
  }}
  filelog {{
    log {{
      path = {dir}/log
      default = 1
      ike = 2
      tls = 2
      enc = 1
      flush_line = yes
    }}
  }}
}}
swanctl {{
  load = pem pkcs1 x509 openssl random pkcs8 pubkey
}}
"""

CONNECTION = """
connections {{
  rw {{
    local_addrs = {addresses}
    version = 2
    mobike = {mobike}
    pools = {pools}
    proposals = {ike}
    dpd_delay = 0
    rekey_time = 0
    send_cert = always
    send_certreq = yes
    fragmentation = yes
    {connection}
    local {{
      id = {gateway_id}
      {local}
    }}
    remote {{
      {remote}
    }}
    {second}
    children {{
      c {{
        local_ts = 0.0.0.0/0{ts6}
        esp_proposals = {esp}
        rekey_time = 0
        life_time = 0
        dpd_action = clear
      }}
    }}
  }}
}}
pools {{
  p4 {{
    addrs = 10.8.0.0/24
    dns = 10.4.0.53
  }}
  p6 {{
    addrs = fd00:8::/120
  }}
}}
secrets {{
  ike-1 {{
    secret = "{psk}"
  }}
  eap-1 {{
    id = {user}
    secret = "{password}"
  }}
  {secrets}
}}
"""

BY_IDENTITY = Why("it looks for the client's certificate under the EAP identity", "",
                  "the TLS handshake of EAP-TLS failed")
CONNECTED_ONLY = Why("it redirects those that are connected, and others only by a plugin of one's own", "swanctl.8",
                     "redirect an IKE_SA")
SCHEMES = {"rsa-pkcs1": "rsa-sha256", "rsa-pss": "rsa/pss-sha256"}
CLIENT_AUTH = {"psk": "auth = psk", "cert": "auth = pubkey", "eap-tls": "auth = eap-tls\n eap_id = %any",
               "eap-mschapv2": "auth = eap-mschapv2\n eap_id = %any"}


class StrongSwan(Gateway):
    name = "strongswan"
    package = "strongswan-libcharon"
    documents = "strongswan-swanctl"
    SAYS = {
        "client-id": r"IDi? '{id}'|'{id}'",
        "gateway-signed": r"\(myself\) with {scheme}",
        "client-signed": r"authentication of '\S+' with {scheme}",
        "gateway-signed-at-all": r"\(myself\) with (RSA|ECDSA|ED25519)",
        "eap": r"EAP method EAP_{method} succeeded, MSK established",
        "eap-nak": "EAP_NAK",
        "eap-refused": "EAP method EAP_MSCHAPV2 failed",
        "tls": "negotiated TLS {version}",
        "auth-failed": r"N\(AUTH_FAILED\)",
        "ppk-used": "using PPK for PPK_ID '{name}'",
        "ppk-not-used": r"N\(NO_PPK\)",
        "other-group": "INVAL_KE",
        "fragments": "splitting IKE message",
        "cookie": r"N\(COOKIE\)",
        "rekeyed": "rekeyed",
        "moved-to": "{address}",
        "childless": "CHDLESS_SUP",
    }
    LACKS = by_row((BY_IDENTITY, "eap-tls, anonymous identity"),
                   (CONNECTED_ONLY, "redirected in ike_sa_init", "redirected on and on"))
    SIGNATURES = {"rsa-pkcs1": "RSA_EMSA_PKCS1_SHA2_256", "rsa-pss": "RSA_EMSA_PSS_SHA2_256",
                  "ecdsa256": "ECDSA_WITH_SHA256_DER", "ecdsa384": "ECDSA_WITH_SHA384_DER",
                  "ecdsa521": "ECDSA_WITH_SHA512_DER", "ed25519": "ED25519"}

    def __init__(self, *args):
        super().__init__(*args)
        for name in ("run", "x509", "x509ca", "private"):
            (self.dir / name).mkdir()
        self.env = dict(os.environ, STRONGSWAN_CONF=str(self.dir / "strongswan.conf"))
        self.settings = None

    def apply(self, plan):
        self.start(SETTINGS.format(dir=self.dir, cookie_threshold=int(plan.cookies), tls=plan.tls))
        self.copy_credentials(plan)
        path = self.dir / "swanctl.conf"
        path.write_text(self.connection(plan))
        self.swanctl("--terminate", "--ike", "rw", "--force", check=False)
        self.swanctl("--load-all", "--clear", "--noprompt", "--file", path)

    def start(self, settings):
        if self.process and self.settings == settings:
            return
        self.stop()
        self.settings = settings
        (self.dir / "strongswan.conf").write_text(settings)
        for name in ("charon.pid", "charon.vici"):
            (self.dir / "run" / name).unlink(missing_ok=True)
        self.launch("unshare", "-m", "sh", "-c", f"mount --bind {self.dir}/run /run && exec {CHARON}", env=self.env,
                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until((self.dir / "run" / "charon.vici").exists, "charon does not start")
        run("ip", "-n", self.network.gateway, "route", "replace", "10.8.0.0/24", "dev", "ipsec0")

    def copy_credentials(self, plan):
        names = {"x509": (plan.certificate,), "x509ca": plan.authorities, "private": (plan.certificate + "-key",)}
        for folder, wanted in names.items():
            for old in (self.dir / folder).iterdir():
                old.unlink()
            for name in wanted if plan.certificate else ():
                shutil.copy(self.pki.path(name), self.dir / folder / (name + ".pem"))

    def connection(self, plan):
        if plan.gateway_auth == "psk":
            local = "auth = psk"
        elif plan.gateway_auth == "cert":
            local = f"auth = {SCHEMES.get(plan.scheme, 'pubkey')}"
        else:
            local = f"auth = {plan.gateway_auth}"
        if plan.certificate:
            local += f"\n certs = {plan.certificate}.pem"
        remote = CLIENT_AUTH[plan.client_auth]
        if plan.client_id and not plan.client_auth.startswith("eap"):
            remote += f"\n id = {plan.client_id}"
        second = f"remote-2 {{\n round = 2\n {CLIENT_AUTH[plan.then_eap]}\n }}" if plan.then_eap else ""
        more, secrets = "childless = force" if plan.childless else "", ""
        if plan.ppk:
            more = f"ppk_id = {plan.ppk.name}\n ppk_required = yes" if plan.ppk.required else ""
            secrets = f'ppk-1 {{\n id = {plan.ppk.name}\n secret = "{plan.ppk.secret}"\n }}'
        return CONNECTION.format(
            mobike="yes" if plan.mobike else "no", addresses=",".join((GATEWAY, GATEWAY_2, GATEWAY_6)),
            ike=",".join(plan.ike), esp=",".join(plan.esp), pools="p4,p6" if plan.inner6 else "p4",
            ts6=",::/0" if plan.inner6 else "", connection=more, gateway_id=plan.gateway_id, local=local, remote=remote,
            second=second, psk=PSK, user=USER, password=PASSWORD, secrets=secrets)

    def swanctl(self, *args, check=True):
        return run("swanctl", *args, "--uri", f"unix://{self.dir}/run/charon.vici", check=check, env=self.env)

    def rekey_child(self):
        self.swanctl("--rekey", "--child", "c")

    def rekey_ike(self):
        self.swanctl("--rekey", "--ike", "rw")

    def redirect(self, address):
        self.swanctl("--redirect", "--ike", "rw", "--gateway", address)

    def kill(self):
        super().kill()
        self.settings = None

    def client_address(self):
        return self.swanctl("--list-sas").stdout


def missing():
    plugins = pathlib.Path("/usr/lib/ipsec/plugins")
    found = [t for t in ("swanctl", "pki", CHARON) if not shutil.which(t)]
    return found + [p for p in ("eap-mschapv2", "eap-tls", "kernel-libipsec")
                    if not (plugins / f"libstrongswan-{p}.so").exists()]
