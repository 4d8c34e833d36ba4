# SPDX-License-Identifier: LGPL-2.1-or-later
"""The matrix as text: for a terminal, for a log, as Markdown, as TAP."""
import dataclasses

MARKS = {"ok": ("ok", "32"), "failed": ("FAILED", "1;31"), "lacks": ("-", "2"), "skipped": ("skipped", "33")}


HEAD = """# What roamd's IKE engine was tried with

Every cell is a scenario played by roamd's engine against a real gateway, and where it ends with an SA, a packet went
through the gateway's ESP and came back. `sudo ./tests/run --suite interop` prints the same table, and fails when a cell
does. strongSwan runs in a network namespace with ESP in user space, libreswan and OpenIKED below Debian's kernel in an
emulated machine (`lab/vm/run`) with the kernel's ESP. A dash is what the gateway does not have; the note says where it
says so, or what came out when it was tried; the test looks whether that still is so. In the row "over ipv6" no packet
is sent, since two of the gateways have no IPv4 there.

""".split("\n")


@dataclasses.dataclass
class Matrix:
    """@cells[row][gateway] is a dict with result and why; @versions says what the gateways are."""
    versions: dict
    cells: dict
    seconds: float = 0

    def count(self, result):
        return sum(cell["result"] == result for row in self.cells.values() for cell in row.values())

    def notes(self):
        """Numbers of the reasons below the table: {(gateway, words): number}."""
        numbers = {}
        for row in self.cells.values():
            for gateway, cell in row.items():
                if cell["why"]:
                    numbers.setdefault((gateway, cell["why"]), len(numbers) + 1)
        return numbers

    def summary(self):
        words = [f"{self.count('ok')} cells ok", f"{self.count('failed')} failed", f"{self.count('skipped')} skipped",
                 f"{self.count('lacks')} that the gateway does not have"]
        return ", ".join(words)


def text(matrix, colours=False):
    notes, width = matrix.notes(), max(len(row) for row in matrix.cells) + 2
    lines = [" " * width + "".join(f"{name:14}" for name in matrix.versions)]
    for row, cells in matrix.cells.items():
        line = f"{row:{width}}"
        for gateway in matrix.versions:
            cell = cells[gateway]
            word, colour = MARKS[cell["result"]]
            if cell["why"]:
                word += f" ({notes[(gateway, cell['why'])]})"
            line += f"\033[{colour}m{word:14}\033[0m" if colours else f"{word:14}"
        lines.append(line.rstrip())
    lines.append("")
    lines += [f"({number}) {gateway} {matrix.versions[gateway]}: {why}" for (gateway, why), number in notes.items()]
    return "\n".join([*lines, matrix.summary()])


def markdown(matrix):
    """Without dates and durations, so that it changes when something did."""
    notes = matrix.notes()
    head = " | ".join(f"{name} {version}" for name, version in matrix.versions.items())
    lines = [*HEAD[:-1], f"| | {head} |", "| --- |" + " --- |" * len(matrix.versions)]
    for row, cells in matrix.cells.items():
        words = []
        for gateway in matrix.versions:
            cell = cells[gateway]
            mark = MARKS[cell["result"]][0]
            words.append(f"{mark} [{notes[(gateway, cell['why'])]}]" if cell["why"] else mark)
        lines.append(f"| {row} | " + " | ".join(words) + " |")
    lines += [""] + [f"{number}. {gateway}: {why}" for (gateway, why), number in notes.items()]
    return "\n".join([*lines, "", matrix.summary() + ".", ""])


def tap(matrix):
    lines, number = [], 0
    for row, cells in matrix.cells.items():
        for gateway, cell in cells.items():
            number += 1
            word = "not ok" if cell["result"] == "failed" else "ok"
            end = {"skipped": f" # SKIP {cell['why']}", "lacks": " (not there)"}.get(cell["result"], "")
            lines.append(f"{word} {number} - {gateway}: {row}{end}")
            if cell["result"] == "failed":
                lines += ["# " + part for part in (cell["why"] + "\n" + cell.get("log", "")).splitlines()]
    return "\n".join([f"1..{number}", *lines, *("# " + line for line in text(matrix).splitlines())])
