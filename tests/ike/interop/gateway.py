# SPDX-License-Identifier: LGPL-2.1-or-later
"""What every gateway can be asked to do."""
import dataclasses
import pathlib
import re
import signal
import subprocess

from interop.base import Wrong, wait_until


@dataclasses.dataclass(frozen=True)
class Why:
    """Why a cell is empty: a sentence, and what the gateway's own package says about it.

    @quote stands in @document (a manual page, or a path in the package); with @absent it does not, in any case.
    Without a document the row is tried, and has to fail with @quote in what is said then.
    """
    sentence: str
    document: str
    quote: str
    absent: bool = False

    def __str__(self):
        if not self.document:
            return f'{self.sentence} (tried: "{self.quote}")'
        return f"{self.sentence}: {self.document}" + (f" has nothing of '{self.quote}'" if self.absent
                                                      else f': "{self.quote}"')


def by_row(*reasons):
    """{row: reason} of tuples (reason, row...)."""
    return {row: why for why, *rows in reasons for row in rows}


class Gateway:
    """A daemon in the namespace network.gateway; its files below @directory."""

    name = package = ""
    documents = None  # the package with its manual; None: package
    SAYS = {}  # what its log says (regular expressions), by what the rows ask for; "": it says nothing of it
    LACKS = {}  # row: Why
    NOTES = {}  # row: what is to be known about a cell that is good; the row's function asks for it
    silent_about_eap = False  # it ends an IKE SA without EAP Failure or any other word
    rekeys_by_time = False  # there is no command for it
    esp_stays = False  # after a move its ESP follows with the next Child SA only

    def __init__(self, directory, pki, network):
        self.dir, self.pki, self.network = pathlib.Path(directory), pki, network
        self.dir.mkdir(parents=True, exist_ok=True)
        self.log, self.process, self.seen = self.dir / "log", None, 0

    def apply(self, plan):
        """The daemon runs with @plan and nothing is left of the one before."""
        raise NotImplementedError

    def launch(self, *command, **kwargs):
        self.process = subprocess.Popen(["ip", "netns", "exec", self.network.gateway, *[str(c) for c in command]],
                                        stdin=subprocess.DEVNULL, **kwargs)

    def stop(self, sign=signal.SIGTERM):
        if not self.process:
            return
        self.process.send_signal(sign)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def kill(self):
        self.stop(signal.SIGKILL)

    def rekey_child(self):
        raise NotImplementedError

    def rekey_ike(self):
        raise NotImplementedError

    def redirect(self, address):
        """Sends the client that is connected to @address."""
        raise NotImplementedError

    def mark(self):
        """A new row begins."""
        self.seen = len(self.whole_log())

    def whole_log(self):
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def text(self):
        """What the gateway logged in this row."""
        return self.whole_log()[self.seen:]

    def says(self, what, **values):
        pattern = self.SAYS[what].format(**{k: re.escape(str(v)) for k, v in values.items()})
        return not pattern or re.search(pattern, self.text()) is not None

    def logged(self, what, **values):
        """The gateway's own log says so too (it may be a moment late)."""
        wait_until(lambda: self.says(what, **values), f"the gateway did not log '{self.SAYS[what]}' ({values})", 1)

    def not_logged(self, what, **values):
        if self.SAYS[what] and self.says(what, **values):
            raise Wrong(f"the gateway logged '{self.SAYS[what]}'")
