# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the cases share: options, the words of the outcome, and the end of a journey under load."""
import argparse
import pathlib
import sys

from . import analysis, system, topology
from .pcap import CaptureError
from .story import Journey
from .system import LabError


def say(text):
    print(text, file=sys.stderr, flush=True)


def journey(arguments, **options):
    return Journey(say, log_level="debug" if arguments.verbose else "info", **options)


def captured(ended):
    """All packets of the captures of a journey that is over."""
    return analysis.packets(ended.frames())


def finish(running):
    """Ends the load; [(text, held)] of what every case promises, the packets, and what of them was in clear."""
    figures = running.end()
    seen = captured(running)
    bad = analysis.violations(seen, running.stays)
    for packet in bad[:10]:
        print(f"  in clear: {packet}")
    return [(f"nothing in clear on an unproven network ({len(bad)} packets seen)", not bad),
            (f"the transfer completed, {figures['bytes'] / 1e6:.1f} MB, SHA-256 the same at both ends"
             + (f": {figures['error']}" if figures.get("error") else ""), figures["sha256_ok"])], seen


def flows(running, seconds=20):
    return bool(system.wait_until(running.probe.flows, seconds, step=0.1))


def gap_ms(running, begin_ns, end_ns):
    """The longest silence of either direction."""
    return max(way.window(begin_ns, end_ns).gap_ms for way in running.probe.directions().values())


def main(name, description, case, json=False, untimed=False):
    """Runs @case(arguments), which returns [(text, held)]; exit status 0 when all of it held. @json: the case writes
    its figures to the file arguments.json. @untimed: it judges times, unless arguments.untimed."""
    parser = argparse.ArgumentParser(prog=name, description=description,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", action="store_true", help="leave the lab up afterwards")
    parser.add_argument("--verbose", action="store_true", help="roamd's debug log")
    if json:
        parser.add_argument("--json", metavar="FILE", type=pathlib.Path, help="write the figures there")
    if untimed:
        parser.add_argument("--untimed", action="store_true",
                            help="show the times, but do not judge them: for tests on a busy machine")
    arguments = parser.parse_args()
    try:
        system.need_root()
        found = case(arguments)
    except (LabError, CaptureError) as error:
        sys.exit(f"{name}: {error}")
    finally:
        if not arguments.keep:
            topology.down()
    for text, held in found:
        print(("held    " if held else "BROKEN  ") + text)
    sys.exit(0 if all(held for _, held in found) else 1)
