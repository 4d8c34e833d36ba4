# SPDX-License-Identifier: LGPL-2.1-or-later
"""The demonstration: one journey through every kind of place of RFC 5266, measured, with every promise checked."""
import argparse
import json
import pathlib
import sys
import time

if __package__ in (None, ""):
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from roamlab import gateway, system, topology
from roamlab.pcap import CaptureError
from roamlab.story import Journey, Leg
from roamlab.system import LabError

# Inside no data go through the VPN, outside all do; a NAT inside does not spoil the proof; the gateway's pool is
# trusted and its policy lets registrations and the tunnel through.
# covers: R5266-GEN-005, R5266-NAT-008, R5266-HAG-002, R5266-HAG-005, R5266-OP-002
LEGS = (
    Leg("wlan0", "int1", "home", "c", "undocked, office Wi-Fi on another floor", "ip-ip"),
    Leg("eth0", "int3", "c", "f", "a branch office with a foreign agent", "plain"),
    Leg("wlan0", "ext1", "f", "mc", "out of the door, a provider's network", "esp"),
    Leg("eth0", "ext2", "mc", "mc", "a hotel's cable, another provider", "esp"),
    Leg("wlan0", "nat", "mc", "mc", "a café behind NAT", "esp"),
    Leg("eth0", "int2", "mc", "c", "back in the office, second floor", "ip-ip"),
    Leg("wlan0", "int4", "c", "c", "a laboratory behind a NAT inside the enterprise", "udp"),
    Leg("eth0", "int3", "c", "f", "the branch office again", "plain"),
    Leg("wlan0", "home", "f", "home", "docked on the home link", "plain"),
)
# The promises, milliseconds.
SIGNALLING = 5.0       # event to first MOBIKE packet, and to first Registration Request
TOGETHER = 1.0         # between the two
GAP = 1000.0           # never longer than this
SILENCE = 1.0          # seconds: TCP's own timers make something of each gap, but no more than this
GAP_OUTSIDE = 11.0     # outside to outside: one round trip (< 1 ms here) and 10 ms, after the new link is there


def quick(row, key):
    return row[key] is not None and row[key] <= SIGNALLING


def sound(row, timed=True):
    """What one handover has to fulfil by itself."""
    calm = row["cleartext"] == 0 and row["carried"] == row["expected"]
    return calm and (not timed or (quick(row, "event_to_mobike_ms") and quick(row, "event_to_rrq_ms")
                                   and row["gap_ms"] <= GAP))


def promises(results, transfer, bad, timed=True):
    """[(text, held)] of everything that was promised; not @timed: without what a busy machine may break."""
    def each(text, holds, chosen=results):
        broken = [f"{r['from']}->{r['to']} ({r['network']})" for r in chosen if not holds(r)]
        return (text + (": not in " + ", ".join(broken) if broken else ""), not broken)

    both = [r for r in results if r["event_to_mobike_ms"] is not None and r["event_to_rrq_ms"] is not None]
    outside = [r for r in results if r["from"] == r["to"] == "mc"]
    echoed = transfer.get("interactive", {})
    times = [
        each(f"MOBIKE update within {SIGNALLING:g} ms of the event", lambda r: quick(r, "event_to_mobike_ms")),
        each(f"Registration Request within {SIGNALLING:g} ms of the event", lambda r: quick(r, "event_to_rrq_ms")),
        each(f"both within {TOGETHER:g} ms of each other",
             lambda r: abs(r["event_to_mobike_ms"] - r["event_to_rrq_ms"]) <= TOGETHER, both),
        each(f"data gap at most {GAP / 1000:g} s", lambda r: r["gap_ms"] <= GAP),
        each(f"outside to outside: data gap at most {GAP_OUTSIDE:g} ms longer than the cable was out",
             lambda r: r["gap_ms"] - r["unplugged_ms"] <= GAP_OUTSIDE, outside),
        (f"the transfer never silent for more than {SILENCE:g} s, either way: {transfer.get('longest_silence_s')} s",
         transfer.get("longest_silence_s", SILENCE + 1) <= SILENCE),
    ]
    return (times if timed else []) + [
        each("data carried as they have to be: tunnelled inside, in UDP behind a NAT there, plain to a foreign agent and "
             "at home, ESP outside", lambda r: r["carried"] == r["expected"]),
        (f"nothing in clear on an unproven network ({len(bad)} packets seen)", not bad),
        (f"one TCP transfer through all of it, {transfer['bytes'] / 1e6:.1f} MB, SHA-256 the same at both ends"
         + (f": {transfer['error']}" if transfer.get("error") else ""), transfer["sha256_ok"]),
        (f"interactive stream: {echoed.get('echoed', 0)} of {echoed.get('typed', 0)} keystrokes echoed, median "
         f"{echoed.get('median_ms')} ms, worst {echoed.get('worst_ms')} ms",
         bool(echoed.get("typed")) and echoed["typed"] == echoed["echoed"] and not echoed["error"]),
    ]


def table(results):
    def ms(value):
        return "-" if value is None else f"{value:.2f}"
    rows = [("handover", "onto", "MOBIKE", "RRQ", "gap up", "gap down", "lost up", "lost down", "clear", "carried")]
    for r in results:
        rows.append((f"{r['from']} -> {r['to']}", r["network"], ms(r["event_to_mobike_ms"]), ms(r["event_to_rrq_ms"]),
                     f"{r['gap_up_ms']:.1f}", f"{r['gap_down_ms']:.1f}", str(r["lost_up"]), str(r["lost_down"]),
                     str(r["cleartext"]), r["carried"]))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(w) if i < 2 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths)))
             for row in rows]
    lines.insert(1, "-" * len(lines[0]))
    return "\n".join(lines)


def travel(arguments, say, document):
    """The whole journey; fills @document; True when every promise held."""
    settings, extra = gateway.dialect_only(arguments.dialect)
    journey = Journey(say, certificates=arguments.cert, log_level="debug" if arguments.verbose else "info",
                      gateway_name=arguments.gateway, gateway_settings=settings, extra=extra)
    journey.begin()
    dialects = []
    for leg in LEGS:
        journey.make(leg, dwell=arguments.dwell, pause_ms=arguments.pause)
        if leg.new_mode == "mc" and arguments.gateway != "strongswan":
            dialects += [client["dialect"] for client in journey.gateway.clients()]
    transfer = journey.end()
    results, bad = journey.results()
    document["handovers"] = [{**row, "ok": sound(row, not arguments.untimed)} for row in results]
    document["tcp"] = {key: transfer.get(key) for key in ("bytes", "sha256_ok", "longest_silence_s")}
    document["interactive"], document["counters"] = transfer["interactive"], topology.counters()
    kept = promises(results, transfer, bad, not arguments.untimed)
    if arguments.gateway != "strongswan":
        document["dialects"] = dialects
        kept.append((f"outside the gateway has one client, and speaks {arguments.dialect} with it: "
                     + " ".join(dialects), dialects == [arguments.dialect] * len(
                         [leg for leg in LEGS if leg.new_mode == "mc"])))
    document["promises"] = [{"text": text, "held": held} for text, held in kept]
    print("\nTimes in ms: event (address on the new link) to the first MOBIKE packet and to the first Registration\n"
          "Request, from captures; longest silence of the data (1000 packets/s each way) and packets lost, the time\n"
          "between the links included; packets in clear on a network that was not proved; how the data went.\n")
    print(table(results) + "\n")
    for text, held in kept:
        print(("held    " if held else "BROKEN  ") + text)
    for packet in bad[:10]:
        print(f"  in clear: {packet}")
    print(f"the firewall stopped {document['counters']['fw.home_agent_from_outside']} packets from outside to the home "
          "agent")
    return all(held for _, held in kept)


def options():
    parser = argparse.ArgumentParser(prog="lab/demo", description=__doc__)
    parser.add_argument("--json", metavar="FILE", type=pathlib.Path, help="write the figures there")
    parser.add_argument("--dwell", type=float, default=3.0, help="seconds in each place (3)")
    parser.add_argument("--untimed", action="store_true",
                        help="show the times, but do not judge them: for tests on a busy machine")
    parser.add_argument("--pause", type=float, default=20.0, metavar="MS",
                        help="between two networks (20); 0: harsher than life")
    parser.add_argument("--cert", action="store_true", help="VPN with certificates instead of a pre-shared key")
    parser.add_argument("--gateway", choices=gateway.NAMES, default="strongswan", help="VPN gateway (strongswan)")
    parser.add_argument("--dialect", choices=gateway.DIALECTS, default="mobike",
                        help="how a move is told to it (mobike); mopo: to roam-gw only")
    parser.add_argument("--keep", action="store_true", help="leave the lab up afterwards (lab/lab down ends it)")
    parser.add_argument("--verbose", action="store_true", help="roamd's debug log; captures and logs: with --keep")
    arguments = parser.parse_args()
    if arguments.gateway == "strongswan" and arguments.dialect != "mobike":
        parser.error("strongSwan speaks MOBIKE only: --dialect mopo wants --gateway roam-gw")
    return arguments


def main():
    arguments, begun = options(), time.monotonic()
    system.need_root()
    document = {"handovers": [], "tcp": {"bytes": 0, "sha256_ok": False}, "ok": False}

    def say(text):
        print(f"[{time.monotonic() - begun:5.1f} s] {text}", file=sys.stderr, flush=True)
    try:
        document["ok"] = travel(arguments, say, document)
    except (LabError, CaptureError) as error:
        document["error"] = str(error)
        print(f"demo: {error}", file=sys.stderr)
    finally:
        if arguments.json:
            arguments.json.write_text(json.dumps(document, indent=1) + "\n")
        if not arguments.keep:
            topology.down()
    print("\nevery promise held" if document["ok"] else "\nnot every promise held")
    return 0 if document["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
