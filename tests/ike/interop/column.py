# SPDX-License-Identifier: LGPL-2.1-or-later
"""The rows against one gateway after the other, as JSON lines; run by main.py here or in the emulated machine."""
import json
import pathlib
import re
import threading
import time

from interop import packages, rows  # noqa: F401
from interop.base import run
from interop.cell import ROWS, Cell
from interop.libreswan import Libreswan
from interop.network import Network
from interop.openiked import OpenIked
from interop.pki import Pki
from interop.strongswan import StrongSwan

COLUMNS = {kind.name: kind for kind in (StrongSwan, Libreswan, OpenIked)}
for kind in COLUMNS.values():
    assert {*kind.LACKS, *kind.NOTES} <= {*ROWS}, {*kind.LACKS, *kind.NOTES} - {*ROWS}
printing = threading.Lock()


def say(**line):
    with printing:
        print(json.dumps(line), flush=True)


def run_cell(cell, name):
    """"" or what went wrong."""
    try:
        cell.gateway.mark()
        ROWS[name](cell)
        return ""
    except Exception as trouble:  # every row is tried
        words = f"{type(trouble).__name__}: {trouble} {getattr(trouble, 'stderr', '') or ''}"
        return words.strip() + "\n" + cell.gateway.text()[-3000:]
    finally:
        cell.close()


def run_column(name, wanted, program, pki, work, prefix):
    network = Network(f"{prefix}{name[0]}")
    gateway = COLUMNS[name](work / name, pki, network)
    try:
        network.build()
        for row in ROWS:
            why = gateway.LACKS.get(row)
            if (why and why.document) or (wanted and row not in wanted):
                continue
            begin = time.monotonic()
            problem = run_cell(Cell(program, pki, network, gateway), row)
            words, _, log = problem.partition("\n")
            say(gateway=name, row=row, result="failed" if problem else "ok", why=words, log=log,
                seconds=round(time.monotonic() - begin, 1))
    except Exception as trouble:  # of the network, not of a row
        say(gateway=name, broken=f"{type(trouble).__name__}: {trouble} {getattr(trouble, 'stderr', '')}")
    finally:
        gateway.stop()
        network.delete()


def prepare_guest(roots):
    for root in roots:
        packages.install(pathlib.Path(root))
    run("modprobe", "-a", "esp4", "esp6", "af_key", "xfrm_user")
    if not re.search("^_iked:", pathlib.Path("/etc/passwd").read_text(), re.M):
        run("groupadd", "--system", "_iked")
        run("useradd", "--system", "-g", "_iked", "-d", "/var/empty", "-s", "/usr/sbin/nologin", "_iked")
    pathlib.Path("/var/empty").mkdir(exist_ok=True)


def main(arguments):
    """COLUMNS WANTED(json) PROBE PKI WORK [PACKAGE DIRECTORY]...; WORK's name is the prefix of the namespaces."""
    columns, wanted, program, pki, work, *roots = arguments
    prefix = pathlib.Path(work).name
    if roots:
        prepare_guest(roots)
        work = "/run/ikm"  # sockets cannot stand on the root file system there
    jobs = [threading.Thread(target=run_column,
                             args=(name, json.loads(wanted), program, Pki(pki), pathlib.Path(work), prefix))
            for name in columns.split(",")]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join()
    return 0

