#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""test-library.py LIBRARY SOURCE HEADER...   (CC and CFLAGS from the environment)

Builds SOURCE against the library and a copy of the public headers alone, and runs it; the names that
the library exports are those that the headers declare. TAP on stdout.
"""
import os, pathlib, re, shutil, subprocess, sys, tempfile

LIBRARY, SOURCE, *HEADERS = sys.argv[1:]


def run(*command, **kw):
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120, **kw).stdout


def build_and_run():
    with tempfile.TemporaryDirectory(prefix="roam-leasequery-") as directory:
        for header in map(pathlib.Path, HEADERS):
            folder = pathlib.Path(directory, header.parent.name)
            folder.mkdir(exist_ok=True)
            shutil.copy(header, folder)
        glib = run("pkg-config", "--cflags", "--libs", "glib-2.0").split()
        program = os.path.join(directory, "program")
        run(*os.environ.get("CC", "cc").split(), *os.environ.get("CFLAGS", "").split(), "-Wall", "-Werror", "-I" + directory, SOURCE,
            "-o", program, LIBRARY, *glib)
        # Port 1 of the loopback: nobody listens.
        out = run(program, "1", env=dict(os.environ, LD_LIBRARY_PATH=os.path.dirname(LIBRARY)))
        return [] if out == "no connection\n" else [out]


def compare_names():
    headers = "".join(pathlib.Path(h).read_text(encoding="utf-8") for h in HEADERS)
    declared = set(re.findall(r"\b((?:dhcp6|leasequery|roam|wire)_[a-z0-9_]+) \(", headers))
    symbols = (line.split() for line in run("nm", "-D", "--defined-only", LIBRARY).splitlines())
    exported = {s[-1].split("@")[0] for s in symbols if s[-2] == "T"}
    return [f"exported, in no header: {n}" for n in sorted(exported - declared)] + \
           [f"declared, not exported: {n}" for n in sorted(declared - exported)] + ([] if exported else ["nothing is exported"])


def main():
    checks, failed = (build_and_run, compare_names), 0
    print(f"1..{len(checks)}")
    for number, check in enumerate(checks, 1):
        try:
            problems = check()
        except subprocess.CalledProcessError as e:
            problems = [str(e), *e.stderr.splitlines()]
        print(("not ok" if problems else "ok"), number, check.__name__)
        for line in problems:
            print("#", line)
        failed += bool(problems)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
