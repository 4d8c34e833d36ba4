# SPDX-License-Identifier: LGPL-2.1-or-later
"""Gateways that are not installed: their Debian packages, unpacked into a cache, and what they say about themselves."""
import gzip
import os
import pathlib
import re
import shutil
import tempfile

from interop.base import Skipped, run

CACHE = pathlib.Path(os.environ.get("ROAM_INTEROP_CACHE", "/var/cache/roamd-interop"))


def version(package):
    """Of the installed or the downloadable package, as Debian writes it."""
    found = re.search(r"(?:Candidate|Installed): (\d\S+)", run("apt-cache", "policy", package).stdout)
    return found.group(1) if found else "?"


def unpack(package):
    """The directory that holds the files of @package; it and strongSwan exclude each other as installed packages."""
    target = CACHE / f"{package}_{version(package)}"
    if target.is_dir():
        return target
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as work:
        done = run("apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", package, cwd=work, check=False)
        files = list(pathlib.Path(work).glob("*.deb"))
        if not files:
            raise Skipped(f"{package} cannot be downloaded: {done.stderr.strip()[-200:]}")
        run("dpkg-deb", "-x", files[0], pathlib.Path(work) / "root")
        (pathlib.Path(work) / "root").rename(target)
    return target


def install(root):
    """Copies an unpacked package over the root file system: in the emulated machine only, where that is forgotten."""
    assert os.environ.get("ROAM_VM"), "not on a real machine"
    for folder in ("usr", "etc"):
        if (root / folder).is_dir():
            shutil.copytree(root / folder, "/" + folder, symlinks=True, dirs_exist_ok=True)


def plain(path):
    """Text of a document: manual pages without their macros, blanks and line ends as one blank."""
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    text = data.decode(errors="replace")
    if ".man" in "".join(path.suffixes) or re.search(r"\.\d(\.gz)?$", path.name):
        text = re.sub(r"^\.\S+ ?", "", text, flags=re.M)
        text = re.sub(r"\\f.|\\&|\\-", lambda m: "-" if m.group() == "\\-" else "", text)
    return re.sub(r"\s+", " ", text)


def check(why, root):
    """None when the package says what @why quotes, else a sentence."""
    name = re.compile("/" + re.escape(why.document) + r"(\.gz)?$")
    path = next((p for p in sorted(root.rglob("*")) if p.is_file() and name.search(str(p))), None)
    if path is None:
        return f"there is no {why.document} in {root.name}"
    found = why.quote.lower() in plain(path).lower()
    if found == why.absent:
        return f"{why.document} {'has' if found else 'has not'} '{why.quote}'"
    return None
