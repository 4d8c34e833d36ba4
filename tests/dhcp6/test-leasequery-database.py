#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""test-leasequery-database.py ROAM_LEASEQUERYD ROAM_LEASEQUERY postgresql|mysql

Kea's leases in a database: a server of its own in a temporary directory, on a Unix socket, run by an unprivileged
user; Kea's own schema (kea-admin db-init) when its scripts are there, and that of Kea 2.4 and later on top of it.
TAP on stdout; exit status 77 (skipped) without root, namespaces or the database server. Nothing is left behind.
"""
import contextlib, ctypes, glob, json, os, pathlib, pwd, shutil, signal, socket, subprocess, sys, tempfile, threading, time
import traceback

NS = f"rd-{os.getpid()}"
SERVER = "2001:db8:f::547"
CONFIG = """[server]
listen={server}
duid=0003000102005e100001
active=yes
active-insecure=yes
[leases]
source={source}
connection={connection}
[link one]
subnets=1 2001:db8:0:1::/64
[link two]
subnets=2 2001:db8:0:2::/64
[requestor 2001:db8:f::/48]
"""
RELAYS = json.dumps({"ISC": {"relay-info": [{"hop": 0, "link": "2001:db8:0:1::1", "peer": "fe80::2",
                                             "remote-id": "00007ed9706f7274", "relay-id": "000300010200000000aa"}]}})
SCRIPTS = "/usr/share/kea/scripts"
libc = ctypes.CDLL(None, use_errno=True)


def sh(*args, check=True, **more):
    return subprocess.run(args, check=check, capture_output=True, text=True, **more)


def wait_for(condition, what, seconds=30.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError("timed out: " + what)


def demote(user):
    entry = pwd.getpwnam(user)

    def change():
        os.setgroups([])
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)
    return change


# ------------------------------------------------------------------- servers ----

class PostgreSQL:
    source = "postgresql"

    @staticmethod
    def find():
        found = sorted(glob.glob("/usr/lib/postgresql/*/bin/postgres"))
        return os.path.dirname(found[-1]) if found else None

    def __init__(self, directory):
        self.bin, self.directory = self.find(), directory
        self.data = os.path.join(directory, "data")
        self.as_user("initdb", "-D", self.data, "-A", "trust", "-U", "kea", "--no-sync", "-E", "UTF8", "--locale=C")
        self.connection = f"host={directory} user=kea dbname=kea"
        self.start()
        self.sql("CREATE DATABASE kea", database="postgres")
        if os.path.isdir(SCRIPTS):  # kea-admin wants an empty database and a psql that it can call
            sh("psql", "-h", self.directory, "-U", "kea", "-d", "kea", "-q", "-v", "ON_ERROR_STOP=1", "-f",
               SCRIPTS + "/pgsql/dhcpdb_create.pgsql")
        else:
            self.sql("CREATE TABLE lease6 (address VARCHAR(39) PRIMARY KEY NOT NULL, duid BYTEA, valid_lifetime BIGINT,"
                     " expire TIMESTAMP WITH TIME ZONE, subnet_id BIGINT, pref_lifetime BIGINT, lease_type SMALLINT, iaid INT,"
                     " prefix_len SMALLINT, fqdn_fwd BOOLEAN, fqdn_rev BOOLEAN, hostname VARCHAR(255), hwaddr BYTEA,"
                     " hwtype SMALLINT, hwaddr_source SMALLINT, state INT8 DEFAULT 0, user_context TEXT)")

    def as_user(self, program, *args):
        return sh(os.path.join(self.bin, program), *args, preexec_fn=demote(USER), cwd=self.directory)

    def start(self):
        self.process = subprocess.Popen([os.path.join(self.bin, "postgres"), "-D", self.data, "-k", self.directory, "-c",
                                         "listen_addresses=", "-c", "fsync=off", "-c", "autovacuum=off"],
                                        preexec_fn=demote(USER), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        cwd=self.directory)
        wait_for(lambda: sh(os.path.join(self.bin, "pg_isready"), "-h", self.directory, check=False).returncode == 0, "it starts")

    def stop(self):
        self.process.send_signal(signal.SIGQUIT)
        self.process.wait(20)

    def client(self, database):
        return ["psql", "-h", self.directory, "-U", "kea", "-d", database, "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1"]

    lock = "BEGIN;\nLOCK TABLE lease6 IN ACCESS EXCLUSIVE MODE;\nSELECT 'locked';\n"

    def sql(self, *statements, database="kea"):
        return sh(*self.client(database), input="".join(s + ";\n" for s in statements)).stdout

    @staticmethod
    def duid(hexes):
        return rf"'\x{hexes}'"

    @staticmethod
    def time(unix):
        return f"to_timestamp({unix})"

    def modern(self):
        """Kea 2.4 and later."""
        self.sql("ALTER TABLE lease6 ALTER COLUMN address TYPE INET USING address::inet", "ALTER TABLE lease6 ADD COLUMN pool_id"
                 " BIGINT NOT NULL DEFAULT 0")


class MySQL:
    source = "mysql"

    @staticmethod
    def find():
        return shutil.which("mariadbd", path="/usr/sbin:/usr/bin:/usr/libexec")

    def __init__(self, directory):
        self.directory, self.data, self.socket = directory, os.path.join(directory, "data"), os.path.join(directory, "s")
        sh("mariadb-install-db", "--no-defaults", f"--datadir={self.data}", "--auth-root-authentication-method=normal",
           "--skip-test-db", preexec_fn=demote(USER), cwd=directory)
        pathlib.Path(directory, "client.cnf").write_text(f"[client]\nuser=kea\npassword=secret\nsocket={self.socket}\n")
        self.connection = f"defaults-file={directory}/client.cnf database=kea"
        self.start()
        self.sql("CREATE DATABASE kea", "CREATE USER kea@localhost IDENTIFIED BY 'secret'", "GRANT SELECT ON kea.* TO kea@localhost",
                 database="mysql")
        if os.path.isdir(SCRIPTS):
            with open(SCRIPTS + "/mysql/dhcpdb_create.mysql", encoding="utf-8") as script:
                subprocess.run(self.client("kea"), stdin=script, check=True, capture_output=True)
        else:
            self.sql("CREATE TABLE lease6 (address VARCHAR(39) PRIMARY KEY NOT NULL, duid VARBINARY(130),"
                     " valid_lifetime INT UNSIGNED, expire TIMESTAMP, subnet_id INT UNSIGNED, pref_lifetime INT UNSIGNED,"
                     " lease_type TINYINT, iaid INT UNSIGNED, prefix_len TINYINT UNSIGNED, fqdn_fwd BOOL, fqdn_rev BOOL,"
                     " hostname VARCHAR(255), hwaddr VARBINARY(20), hwtype SMALLINT UNSIGNED, hwaddr_source INT UNSIGNED,"
                     " state INT UNSIGNED DEFAULT 0, user_context TEXT)")

    lock = "LOCK TABLES lease6 WRITE;\nSELECT 'locked';\n"

    def client(self, database):
        return ["mariadb", "--no-defaults", "--unbuffered", f"--socket={self.socket}", "-u", "root", "-N", "-B", database]

    def start(self):
        self.process = subprocess.Popen([self.find(), "--no-defaults", f"--datadir={self.data}", f"--socket={self.socket}",
                                         "--skip-networking", f"--pid-file={self.directory}/pid"],
                                        preexec_fn=demote(USER), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        cwd=self.directory)
        wait_for(lambda: sh(*self.client("mysql"), input="SELECT 1;", check=False).returncode == 0, "it starts", 60)

    def stop(self):
        self.process.kill()
        self.process.wait(20)

    def sql(self, *statements, database="kea"):
        return sh(*self.client(database), input="".join(s + ";\n" for s in statements)).stdout

    @staticmethod
    def duid(hexes):
        return f"X'{hexes}'"

    @staticmethod
    def time(unix):
        return f"FROM_UNIXTIME({unix})"

    def modern(self):
        self.sql("ALTER TABLE lease6 ADD COLUMN binary_address BINARY(16)", "UPDATE lease6 SET binary_address = INET6_ATON(address)",
                 "ALTER TABLE lease6 DROP PRIMARY KEY, DROP COLUMN address",
                 "ALTER TABLE lease6 CHANGE COLUMN binary_address address BINARY(16) PRIMARY KEY",
                 "ALTER TABLE lease6 MODIFY COLUMN duid VARBINARY(130)")


def lease(db, address, duid="000300010200000000" + "01", valid=7200, subnet=1, kind=0, prefix=128, iaid=1, state=0, context=None,
          age=0, modern=False):
    expire = int(time.time()) - age + (0 if valid == 4294967295 else valid)
    name = f"INET6_ATON('{address}')" if modern and db.source == "mysql" else f"'{address}'"
    text = "NULL" if context is None else "'" + context + "'"
    return (f"INSERT INTO lease6 (address, duid, valid_lifetime, expire, subnet_id, pref_lifetime, lease_type, iaid, prefix_len,"
            f" state, user_context) VALUES ({name}, {db.duid(duid)}, {valid}, {db.time(expire)}, {subnet}, {min(valid, 3600)},"
            f" {kind}, {iaid}, {prefix}, {state}, {text})")


# ------------------------------------------------------------------- programs ----

class Daemon:
    def __init__(self, db, connection=None):
        self.config = pathlib.Path(db.directory, "leasequery.conf")
        self.config.write_text(CONFIG.format(server=SERVER, source=db.source, connection=connection or db.connection))
        self.status_path = pathlib.Path(db.directory, "status.json")
        self.log_path = pathlib.Path(db.directory, "log")
        self.log = open(self.log_path, "w")
        self.process = subprocess.Popen([PROGRAM, "--config", str(self.config), "--status-file", str(self.status_path)],
                                        stderr=self.log)
        wait_for(lambda: self.process.poll() is not None or self.status_path.exists(), "it listens")
        assert self.process.poll() is None, self.log_path.read_text()

    def status(self):
        with contextlib.suppress(FileNotFoundError, ValueError):
            return json.loads(self.status_path.read_text())["leases"]
        return {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        self.status_path.unlink(missing_ok=True)
        assert self.process.returncode == 0, self.log_path.read_text()


def ask(*args):
    return sh(TOOL, SERVER, *args, check=False, timeout=60)


def bindings(*args):
    reply = ask("--json", *args)
    assert reply.returncode == 0, reply
    return {e.get("address") or e["prefix"]: e for e in map(json.loads, reply.stdout.splitlines()) if e["event"] == "binding"}


# ---------------------------------------------------------------------- tests ----

def test_rows(db):
    """Every kind of row of Kea's table: addresses, prefixes, infinite leases, relays, and those that are no leases"""
    # covers: LQ-KEA-004, LQ-KEA-005, LQ-KEA-006, LQ-KEA-007
    db.sql("DELETE FROM lease6",
           lease(db, "2001:db8:0:1::1", age=100, context=RELAYS), lease(db, "2001:db8:8000::", kind=2, prefix=56, iaid=7, age=200),
           lease(db, "2001:db8:0:1::2", valid=4294967295, age=50, duid="0003000102000000000203"),
           lease(db, "2001:db8:0:2::3", subnet=2, context='{"a": "b, & \xe9"}'),
           lease(db, "2001:db8:0:1::4", state=1), lease(db, "2001:db8:0:1::5", state=2), lease(db, "2001:db8:0:1::6", age=8000))
    with Daemon(db) as daemon:
        found = bindings("link", "2001:db8:0:1::", "--relays")
        assert set(found) == {"2001:db8:0:1::1", "2001:db8:0:1::2", "2001:db8:8000::/56"}, found
        first = found["2001:db8:0:1::1"]
        assert 7090 <= first["valid"] <= 7100 and 100 <= first["last-contact"] <= 110, first
        assert first["relays"][0]["remote-id"] == "00:00:7e:d9:70:6f:72:74", first
        assert found["2001:db8:0:1::2"]["valid"] == "infinity" and 50 <= found["2001:db8:0:1::2"]["last-contact"] < 60
        assert found["2001:db8:0:1::2"]["client"] == "00:03:00:01:02:00:00:00:00:02:03"
        assert set(bindings("relay-id", "000300010200000000aa")) == {"2001:db8:0:1::1"}
        assert set(bindings("link", "2001:db8:0:2::")) == {"2001:db8:0:2::3"}
        assert daemon.status()["bad_rows"] == 0, daemon.log_path.read_text()


def test_changes(db):
    """What is committed is answered a moment later, and told to an active query"""
    db.sql("DELETE FROM lease6", lease(db, "2001:db8:0:1::1"))
    with Daemon(db) as daemon:
        follower = subprocess.Popen([TOOL, SERVER, "--active"], stdout=subprocess.PIPE, text=True)
        events = []
        thread = threading.Thread(target=lambda: events.extend(map(json.loads, follower.stdout)))
        try:
            wait_for(lambda: json.loads(pathlib.Path(daemon.status_path).read_text()).get("active") == 1, "the active query")
            db.sql(lease(db, "2001:db8:0:1::2"), "DELETE FROM lease6 WHERE address = '2001:db8:0:1::1'")
            wait_for(lambda: set(bindings("link", "2001:db8:0:1::")) == {"2001:db8:0:1::2"}, "the change")
            time.sleep(0.5)
        finally:
            follower.send_signal(signal.SIGTERM)
            thread.start()
            follower.wait()
            thread.join()
        told = [(e["address"], e["gone"]) for e in events if e["event"] == "binding"]
        assert sorted(told) == [("2001:db8:0:1::1", True), ("2001:db8:0:1::2", False)], told
        # The last second of a change is looked at again, and the status lags behind; then there is rest.
        def at_rest():
            loads = daemon.status()["loads"]
            time.sleep(2.5)
            return daemon.status()["loads"] == loads
        wait_for(at_rest, "a table at rest is read again and again")


def test_server_goes_away(db):
    """The database goes: errors; it comes back: answers. Nothing hangs meanwhile"""
    db.sql("DELETE FROM lease6", lease(db, "2001:db8:0:1::1"))
    with Daemon(db) as daemon:
        db.stop()
        wait_for(lambda: daemon.status().get("readable") is False, "it is noticed")
        began = time.monotonic()
        reply = ask("link", "2001:db8:0:1::")
        assert reply.returncode == 1 and "UnspecFail" in reply.stderr, reply
        assert time.monotonic() - began < 5
        db.start()
        wait_for(lambda: ask("link", "2001:db8:0:1::").returncode == 0, "it is read again")
        assert set(bindings("link", "2001:db8:0:1::")) == {"2001:db8:0:1::1"}


def test_locked_table(db):
    """A table that is locked for long, by a backup or a change of its form, holds up neither answers nor the end"""
    db.sql("DELETE FROM lease6", lease(db, "2001:db8:0:1::1"))
    with Daemon(db) as daemon:
        holder = subprocess.Popen(db.client("kea"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            holder.stdin.write(db.lock)
            holder.stdin.flush()
            assert "locked" in holder.stdout.readline()
            daemon.process.send_signal(signal.SIGHUP)
            time.sleep(2)  # the thread looks once a second
            assert set(bindings("link", "2001:db8:0:1::")) == {"2001:db8:0:1::1"}
            daemon.process.send_signal(signal.SIGTERM)
            assert daemon.process.wait(8) == 0
        finally:
            holder.kill()
            holder.communicate()


def test_wrong_connection(db):
    """A connection that is none is told, and the server starts and answers UnspecFail"""
    wrong = f"host={db.directory} user=nobody dbname=nothing" if db.source == "postgresql" else "socket=/nowhere database=kea"
    with Daemon(db, connection=wrong) as daemon:
        reply = ask("link", "2001:db8:0:1::")
        assert reply.returncode == 1 and "UnspecFail" in reply.stderr, reply
        assert "cannot be read" in daemon.log_path.read_text()


def test_many(db):
    """100 000 rows: all there, and a query meanwhile is not held up"""
    if db.source == "postgresql":
        db.sql("ALTER TABLE lease6 DISABLE TRIGGER USER")  # Kea's statistics, row by row
        rows = ("INSERT INTO lease6 (address, duid, valid_lifetime, expire, subnet_id, pref_lifetime, lease_type, iaid, prefix_len, state)"
                " SELECT '2001:db8:0:2::' || to_hex(n / 65536) || ':' || to_hex(n % 65536), decode(lpad(to_hex(n), 20, '0'), 'hex'), 7200,"
                " now() + interval '7200 s', 2, 3600, 0, n, 128, 0 FROM generate_series(1, 100000) n")
    else:
        rows = ("INSERT INTO lease6 (address, duid, valid_lifetime, expire, subnet_id, pref_lifetime, lease_type, iaid, prefix_len, state)"
                " SELECT LOWER(CONCAT('2001:db8:0:2::', HEX(seq DIV 65536), ':', HEX(seq MOD 65536))), UNHEX(LPAD(HEX(seq), 20, '0')),"
                " 7200, NOW() + INTERVAL 7200 SECOND, 2, 3600, 0, seq, 128, 0 FROM seq_1_to_100000")
    db.sql("DELETE FROM lease6", lease(db, "2001:db8:0:1::1"), rows)
    with Daemon(db) as daemon:
        assert len(ask("--csv", "link", "2001:db8:0:2::").stdout.splitlines()) == 100001
        assert daemon.status()["bad_rows"] == 0
        db.sql(lease(db, "2001:db8:0:1::9"))
        wait_for(lambda: "2001:db8:0:1::9" in bindings("link", "2001:db8:0:1::"), "one more row")


def test_modern(db):
    """The schema of Kea 2.4 and later: addresses are no texts"""
    db.sql("DELETE FROM lease6", lease(db, "2001:db8:0:1::1"))
    db.modern()
    db.sql(lease(db, "2001:db8:0:1::2", modern=True), lease(db, "2001:db8:8000::", kind=2, prefix=56, modern=True),
           lease(db, "2001:db8:3a3a:3a3a::", kind=2, prefix=64, modern=True))
    with Daemon(db) as daemon:
        found = bindings("link", "2001:db8:0:1::")
        assert set(found) == {"2001:db8:0:1::1", "2001:db8:0:1::2", "2001:db8:8000::/56", "2001:db8:3a3a:3a3a::/64"}, found
        assert daemon.status()["bad_rows"] == 0


def run(db, tests):
    failed = 0
    for number, test in enumerate(tests, 1):
        try:
            test(db)
            verdict = "ok"
        except Exception:
            verdict, failed = "not ok", failed + 1
            print("".join("# " + line + "\n" for line in traceback.format_exc().splitlines()), end="")
        print(f"{verdict} {number} - {test.__doc__.splitlines()[0]}", flush=True)
    return failed


def main():
    global USER, PROGRAM, TOOL
    kind = {"postgresql": PostgreSQL, "mysql": MySQL}[sys.argv[3]]
    if os.geteuid() != 0 or not kind.find() or sh("ip", "netns", "add", NS, check=False).returncode != 0:
        sys.exit(77)
    PROGRAM, TOOL = (os.path.abspath(name) for name in sys.argv[1:3])
    USER = "postgres" if kind is PostgreSQL and any(e.pw_name == "postgres" for e in pwd.getpwall()) else "nobody"
    directory = tempfile.mkdtemp(prefix="rd-")
    entry, db, failed = pwd.getpwnam(USER), None, 1
    os.chown(directory, entry.pw_uid, entry.pw_gid)
    try:
        sh("ip", "-n", NS, "link", "set", "lo", "up")
        sh("ip", "-n", NS, "addr", "add", SERVER + "/128", "dev", "lo", "nodad")
        with open(f"/run/netns/{NS}") as f:
            if libc.setns(f.fileno(), 0x40000000) != 0:
                raise OSError(ctypes.get_errno(), "setns")
        db = kind(directory)
        tests = [test_rows, test_changes, test_server_goes_away, test_locked_table, test_wrong_connection, test_many, test_modern]
        print(f"1..{len(tests)}", flush=True)
        failed = run(db, tests)
    finally:
        if db is not None:
            db.stop()
        subprocess.run(["rm", "-rf", directory], check=False)
        sh("ip", "netns", "del", NS, check=False)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
