# SPDX-License-Identifier: LGPL-2.1-or-later
"""interop-matrix PROBE [OPTION]... [ROW]...
interop-matrix --show FILE [--markdown FILE]

Plays the rows of the matrix, scenarios of IKEv2, with ike-probe against real gateways: strongSwan in a network
namespace of this machine, libreswan and OpenIKED in an emulated machine with a kernel that has ESP (lab/vm/run).
TAP on standard output, one case for each cell, the table at its end.

  --columns A,B     only these gateways: strongswan, libreswan, openiked
  --results FILE    the cells as JSON
  --markdown FILE   the table as Markdown
  --show FILE       the table of a --results FILE, with colours on a terminal
  --list            the names of the rows

A column that cannot run here is skipped, aloud. Exit status 77 when nothing can, 1 when a cell fails.
"""
import argparse
import dataclasses
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time

from interop import column, packages, strongswan, table
from interop.base import Skipped
from interop.cell import ROWS
from interop.column import COLUMNS
from interop.network import Network
from interop.pki import Pki

HERE = pathlib.Path(__file__).resolve().parent
TREE = HERE.parents[2]
VM = TREE / "lab" / "vm" / "run"
EMULATED = ("libreswan", "openiked")
EMULATION_LIMIT = 1500  # seconds for all rows of both gateways; a quiet machine needs a small part of it


class Run:
    """Processes that play columns, and what they said."""

    def __init__(self, options, work):
        self.options, self.work = options, work
        self.cells, self.skipped, self.broken, self.processes = {}, {}, {}, []
        self.pki = Pki(work / "pki")
        self.wanted = [row for row in ROWS if not options.rows or row in options.rows]

    def start(self, columns, *before, roots=()):
        command = [*before, "/usr/bin/python3", HERE.parent / "interop-matrix", "--play", ",".join(columns),
                   json.dumps(self.options.rows), pathlib.Path(self.options.probe).resolve(), self.pki.dir, self.work,
                   *roots]
        process = subprocess.Popen([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        reader = threading.Thread(target=self.read, args=(process, columns))
        reader.start()
        self.processes.append((process, reader))

    def read(self, process, columns):
        other = []
        for line in process.stdout:
            try:
                said = json.loads(line)
            except ValueError:
                other.append(line)
                continue
            if "broken" in said:
                self.broken[said["gateway"]] = said["broken"]
            else:
                self.cells[said["row"], said["gateway"]] = said
                print(f"# {said['gateway']:11} {said['row']:46} {said['result']} ({said['seconds']} s)", flush=True)
        words = (process.stderr.read() + "".join(other)).strip()[-1500:]
        if process.wait() != 0:
            for name in columns:
                self.broken.setdefault(name, f"status {process.returncode}: {words}")

    def start_here(self):
        missing = [*strongswan.missing(), *(tool for tool in ("nft", "openssl") if not shutil.which(tool))]
        if missing:
            self.skipped["strongswan"] = "missing: " + ", ".join(missing)
        else:
            self.start(["strongswan"])

    def start_emulated(self, columns):
        roots = []
        for name in columns:
            try:
                if not shutil.which("pk12util"):
                    raise Skipped("libnss3-tools is not installed")
                roots.append(packages.unpack(COLUMNS[name].package))
            except Skipped as why:
                self.skipped[name] = str(why)
        there = [name for name in columns if name not in self.skipped]
        ready = subprocess.run([VM, "--check"], capture_output=True, text=True)
        if ready.returncode != 0:
            self.skipped.update((name, ready.stderr.strip()) for name in there)
        elif there:
            self.start(there, VM, "--timeout", EMULATION_LIMIT, roots=roots)

    def play(self):
        self.pki.make()
        columns = [name for name in self.options.columns if name in EMULATED]
        if columns:
            if shutil.which("certutil"):
                self.pki.make_nss()
            self.start_emulated(columns)
        if "strongswan" in self.options.columns:
            self.start_here()
        for _, reader in self.processes:
            reader.join()

    def cell(self, row, gateway):
        kind = COLUMNS[gateway]
        if gateway in self.skipped:
            return {"result": "skipped", "why": self.skipped[gateway]}
        if row in kind.LACKS:
            return self.lacking(row, kind, kind.LACKS[row])
        cell = self.cells.get((row, gateway)) or \
            {"result": "failed", "why": "no result: " + self.broken.get(gateway, "the column ended early")}
        if cell["result"] == "ok" and row in kind.NOTES:
            cell["why"] = kind.NOTES[row]
        return cell

    def lacking(self, row, kind, why):
        """The reason, when it is one."""
        if why.document:
            problem = packages.check(why, packages.unpack(kind.documents or kind.package))
        else:
            tried = self.cells.get((row, kind.name), {"result": "no result", "why": ""})
            problem = None if tried["result"] == "failed" and why.quote in tried["why"] else \
                f"{tried['result']} {tried['why']}"
        return {"result": "failed", "why": f"the reason given is wrong: {problem}"} if problem else \
            {"result": "lacks", "why": str(why)}

    def matrix(self):
        versions = {name: packages.version(COLUMNS[name].package) for name in self.options.columns}
        return table.Matrix(versions, {row: {name: self.cell(row, name) for name in versions} for row in self.wanted})

    def close(self):
        for process, reader in self.processes:
            if process.poll() is None:
                process.terminate()
            reader.join()
        Network(self.work.name + "s").delete()


def parse(argv):
    parser = argparse.ArgumentParser(usage=__doc__, add_help=False)
    for name in ("--results", "--markdown", "--show"):
        parser.add_argument(name)
    parser.add_argument("--columns", default=",".join(COLUMNS), type=lambda text: text.split(","))
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--help", action="store_true")
    parser.add_argument("probe", nargs="?")
    parser.add_argument("rows", nargs="*")
    return parser.parse_intermixed_args(argv)


def play(options):
    work = pathlib.Path(tempfile.mkdtemp(prefix="ikm-"))
    begin, ended = time.monotonic(), None
    game = Run(options, work)
    try:
        game.play()
        ended = game.matrix()
        ended.seconds = round(time.monotonic() - begin)
    finally:
        game.close()
        if ended and not ended.count("failed"):
            shutil.rmtree(work, ignore_errors=True)
        else:
            print(f"# left for a look: {work}")
    return ended


def report(options, matrix):
    if options.results:
        pathlib.Path(options.results).write_text(json.dumps(dataclasses.asdict(matrix), indent=1))
    if options.markdown:
        pathlib.Path(options.markdown).write_text(table.markdown(matrix))


def main():
    if sys.argv[1:2] == ["--play"]:  # what Run.start() begins, here or in the emulated machine
        return column.main(sys.argv[2:])
    options = parse(sys.argv[1:])
    if options.list:
        print("\n".join(ROWS))
        return 0
    if options.show:
        matrix = table.Matrix(**json.loads(pathlib.Path(options.show).read_text()))
        report(options, matrix)
        print(table.text(matrix, colours=sys.stdout.isatty()))
        return 0
    if options.help or not options.probe:
        print(__doc__)
        return 0 if options.help else 2
    unknown = [name for name in options.rows if name not in ROWS]
    if unknown:
        sys.exit(f"interop-matrix: no such row: {', '.join(unknown)} (see --list)")
    if os.geteuid() != 0:
        print("1..0 # SKIP needs root for namespaces")
        return 77
    matrix = play(options)
    report(options, matrix)
    print(table.tap(matrix))
    print(f"# {matrix.seconds} s")
    return 1 if matrix.count("failed") else 77 if not matrix.count("ok") else 0
