#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""test-differential.py DECODE_MESSAGES DUMP_MESSAGES VECTORS

Our decoder against one on scapy (rfc_decoder.py) over 100 000 mutated messages, and what both agree on against
tshark. Every disagreement belongs to a class that is explained below, and is accounted for to the last field; one
that belongs to none fails the test, and so does a class that no longer occurs.

TAP on stdout; exit status 77 (skipped) without scapy or tshark. MIP4_DIFFERENTIAL_SEED and MIP4_DIFFERENTIAL_COUNT
choose other messages; a message is the same for the same seed and number.
"""
import collections, importlib.util, itertools, json, multiprocessing, os, pathlib, shutil, struct, subprocess, sys, time

sys.dont_write_bytecode = True
import message_mutator

SEED = int(os.environ.get("MIP4_DIFFERENTIAL_SEED", "5944"))
FULL_COUNT = 100000
COUNT = int(os.environ.get("MIP4_DIFFERENTIAL_COUNT", str(FULL_COUNT)))
CHUNK = 2500  # messages of one job
TSHARK_SHARE = 8  # of the messages that both decoders agree on and decode, every eighth is tshark's, too
EXAMPLES = 10  # unexplained disagreements that are shown

# ---------------------------------------------------------------- explained disagreements ----

# Where our decoder and scapy, or the bare text, differ on purpose. The name is that of a reading of rfc_decoder.py:
# a disagreement belongs to a class when that decoder says exactly what ours says as soon as it reads so.
CLASSES = {
    "whole-fixed-part":
        "scapy takes the defaults for the fields that a message cut between two fields lacks; the fixed part is 24 "
        "octets of a Registration Request (RFC 5944 3.3), 20 of a Reply (3.4), 4 of tunnel data (RFC 3519 3.3): we "
        "discard a shorter message",
    "payload-to-the-end":
        "scapy cuts octets behind the inner packet's own total length off a tunnel data message as padding; RFC 3519 "
        "3.3 gives the message no length of its own, so we hand all of it to the tunnel, and the inner IPv4 header "
        "says (mip4_ipv4_parse) what belongs to the packet: both are right",
    "empty-authenticator":
        "Length 4 in an authentication extension leaves no Authenticator; RFC 5944 3.5.2 draws it with a variable "
        "length and does not forbid zero, but no authentication algorithm (5.1) makes a digest of no octets: to us it "
        "is an impossible Length (D-08), and the message is discarded before anybody computes",
    "empty-challenge":
        "Length 0 in a Mobile-Foreign Challenge extension; RFC 4721 4 sets no bound, but the value is copied from an "
        "advertisement, where it SHOULD have four octets (2): to us an impossible Length of a skippable extension, "
        "which is ignored (D-08), so that an agent that wants a challenge finds none",
    "empty-advertised-challenge":
        "Length 0 in the Challenge extension of an advertisement (RFC 4721 2: SHOULD be at least 4); no request could "
        "answer it: to us an impossible Length of an extension that may not be skipped, which ends the message (D-08)",
    "sixteen-routers":
        "an advertisement may list 255 router addresses (RFC 1256 3); ours keeps the first 16, a limit on what a "
        "stranger on the link can make it store (MIP4_ADVERTISEMENT_MAX_ROUTERS)",
}

# The same for tshark: a class applies when the first extension that tshark sees in another way, or the last before
# it gives up, is of that sort.
TSHARK_CLASSES = {
    "padding": "tshark 4.0 reads a Length octet behind extension type 0; RFC 5944 1.8: neither Length nor Data",
    "dynamic-ha-layout":
        "tshark 4.0 knows extension 139 in the layout of the short format only; RFC 4433 3.4 draws the long format, "
        "and we take both (D-15)",
    "ignored-length":
        "tshark 4.0 reads the fields of a known extension without looking at its Length, and gives up where they pass "
        "the end of the message; we ignore a skippable extension of an impossible Length (D-08) and need no octet "
        "of it",
    "unknown-to-us":
        "tshark 4.0 knows three skippable extensions that no RFC we implement has, and gives up, or shows nothing "
        "further, where their Length has no room for its fields; we skip an unknown extension by its Length (RFC 5944 "
        "1.8) and go on",
    "advertisement-unknown":
        "tshark 4.0 gives up at an unknown skippable extension of an advertisement; we skip it by its Length (RFC 5944 "
        "1.8); what it shows before is the same",
    "entry-size":
        "tshark 4.0 shows nothing behind the Lifetime unless Addr Entry Size is 2; it may exceed 2, what is further in "
        "an entry is ignored (RFC 1256 3, 5.2), and without router addresses it says nothing (D-14)",
}
TSHARK_ONLY = (133, 147, 148)


# ---------------------------------------------------------------- ours against scapy ----

def difference(ours, theirs):
    return {k: (ours.get(k), theirs.get(k)) for k in sorted(ours.keys() | theirs.keys())
            if ours.get(k) != theirs.get(k)}


def classes_of(kind, data, ours):
    """The fewest readings that together make the other decoder say what ours says; None when nothing does."""
    import rfc_decoder
    readings = rfc_decoder.READINGS[kind]
    for size in range(1, len(readings) + 1):
        for chosen in itertools.combinations(readings, size):
            if rfc_decoder.decode(kind, data, frozenset(chosen)) == ours:
                return chosen
    return None


def corpus(dump, vectors):
    found = {"u": [], "i": []}
    for vector in json.loads(pathlib.Path(vectors).read_text()):
        found["i" if vector["kind"] in ("adv", "sol") else "u"].append(bytes.fromhex(vector["message_hex"]))
    lines = subprocess.run([dump], check=True, capture_output=True, text=True).stdout.splitlines()
    found["u"] += [bytes.fromhex(line.split()[5]) for line in lines]
    return found


def decode_ours(decoder, messages):
    stream = b"".join(kind.encode() + struct.pack("!H", len(data)) + data for kind, data in messages)
    out = subprocess.run([decoder], input=stream, check=True, capture_output=True, text=False).stdout.decode()
    found = [dict(pair.split("=", 1) for pair in line.split()) for line in out.splitlines()]
    assert len(found) == len(messages), (len(found), len(messages))
    return found


class Tally:
    """What a job found; jobs add up."""

    def __init__(self):
        self.counts = collections.Counter()
        self.unexplained = []
        self.agreed = []  # for tshark: (kind, octets, what both say)

    def add(self, other):
        self.counts += other.counts
        self.unexplained += other.unexplained
        self.agreed += other.agreed


def judge(tally, number, kind, data, ours):
    import rfc_decoder
    theirs = rfc_decoder.decode(kind, data)
    tally.counts[f"discard {kind} {ours['discard']}" if "discard" in ours else f"decoded {kind}"] += 1
    for name in ours:
        tally.counts[f"field {kind} {name}"] += 1
    if ours == theirs:
        tally.counts["agree"] += 1
        if ours and "discard" not in ours and number % TSHARK_SHARE == 0:
            tally.agreed.append((kind, data, ours))
        return
    chosen = classes_of(kind, data, ours)
    if chosen is None:
        tally.unexplained.append((number, kind, data.hex(), difference(ours, theirs)))
    for name in chosen or ():
        tally.counts[f"class {name}"] += 1


def run_job(job):
    decoder, seeds, first, last = job
    messages = [message_mutator.message(SEED, number, seeds) for number in range(first, last)]
    tally = Tally()
    for number, ((kind, data), ours) in enumerate(zip(messages, decode_ours(decoder, messages)), first):
        judge(tally, number, kind, data, ours)
    return tally


# ---------------------------------------------------------------- both against tshark ----

# name of ours: name of tshark's, by message type
REGISTRATION = {"lifetime": "mip.life", "home-address": "mip.homeaddr", "home-agent": "mip.haaddr",
                "identification": "mip.ident"}
FIXED = {
    1: REGISTRATION | {"flags": "mip.flags", "care-of-address": "mip.coa"},
    3: REGISTRATION | {"code": "mip.code"},
    4: {"next-header": "mip.nattt.nexthdr"},
    7: {"agent": "mip.rev.a", "inform": "mip.rev.i", "home-address": "mip.homeaddr", "home-domain": "mip.rev.hda",
        "foreign-domain": "mip.rev.fda", "revocation-id": "mip.revid"},
    15: {"inform": "mip.ack.i", "home-address": "mip.homeaddr", "revocation-id": "mip.revid"},
}
SIZES = {1: 24, 3: 20, 4: 4, 7: 20, 15: 12}
ADDRESSES = ("home-address", "home-agent", "care-of-address", "home-domain", "foreign-domain")
# tshark's field: field of the packet class in rfc_decoder.py, by extension type
AUTHENTICATION = {"mip.auth.spi": "spi", "mip.auth.auth": "authenticator"}
EXTENSIONS = {
    32: AUTHENTICATION, 33: AUTHENTICATION, 34: AUTHENTICATION, 36: AUTHENTICATION,
    38: {"mip.ext.cvse.vendor_id": "vendor"},
    44: {"mip.ext.utrp.code": "code", "mip.ext.utrp.f": "forced", "mip.ext.utrp.keepalive": "keepalive"},
    131: {"mip.nai": "nai"},
    132: {"mip.extension": "challenge"},
    134: {"mip.ext.nvse.vendor_id": "vendor"},
    137: {"mip.ext.rev.i": "inform", "mip.ext.rev.tstamp": "timestamp"},
    139: {"mip.ext.dynha.subtype": "subtype"},
    144: {"mip.ext.utrq.f": "forced", "mip.ext.utrq.r": "via_foreign_agent", "mip.ext.utrq.encaptype": "encapsulation",
          "mip.ext.utrq.reserved3": "reserved3"},
    145: {"mip.ext.msgstr.subtype": "subtype", "mip.ext.msgstr.text": "text"},
    151: {"mip.extension": "identifier"},
}


def same_value(theirs, value):
    if isinstance(value, bytes):
        return (theirs or "") == value.hex()
    return theirs is not None and int(theirs, 16) == value


def same_extension(expected, seen):
    at, number, packet, _, end = expected
    if (at, number, end) != (seen.at, seen.number, seen.end):
        return False
    if packet is None:
        return True
    return all(same_value(seen.fields.get(theirs), packet.getfieldval(ours))
               for theirs, ours in EXTENSIONS.get(number, {}).items())


def tshark_class(data, mine, seen, previous, gave_up):
    """@mine: the first extension that tshark has not (@seen is None), or not so; None at the end. @previous: the one
    before it, where tshark stopped."""
    import rfc_decoder
    if mine is not None:
        at, number, _, _, end = mine
        if number == 0:
            return "padding"
        if number == 139 and data[at + 2:at + 4] == b"\0\4" and end == at + 8:
            return "dynamic-ha-layout"
    if seen is not None or previous is None or previous[2] is not None:
        return None
    if previous[1] in rfc_decoder.MESSAGE_EXTENSIONS:
        return "ignored-length" if gave_up else None
    return "unknown-to-us" if previous[1] in TSHARK_ONLY else None


def judge_extensions(data, expected, dissection):
    """"" when tshark has the same extensions, the name of a class, or a list of what is different."""
    previous = None
    for mine, seen in itertools.zip_longest(expected, dissection.extensions):
        if mine is None or seen is None or not same_extension(mine, seen):
            return tshark_class(data, mine, seen, previous, dissection.malformed) or [(mine, seen)]
        previous = mine
    if not dissection.malformed:
        return ""
    return tshark_class(data, None, None, previous, True) or [("malformed", expected)]


def judge_dissection(data, ours, dissection):
    """"" when tshark says the same, the name of a class, or a list of what is different."""
    import rfc_decoder
    number = int(ours["type"])
    different = [(name, ours[name], dissection.fields.get(theirs)) for name, theirs in FIXED[number].items()
                 if not same_value(dissection.fields.get(theirs), int(ours[name], 16 if name in ADDRESSES else 10))]
    if different or number == 4:  # what a tunnel data message carries is not our decoder's matter
        return different or ""
    return judge_extensions(data, rfc_decoder.list_extensions("u", data, SIZES[number]), dissection)


def advertisement_of(dissection):
    """The names that decode-messages.c prints; the first of several extensions of one type."""
    fields, found = dissection.fields, {}
    if fields["icmp.type"] == "0a":
        return {"solicitation": "1"}
    found = {"code": str(int(fields["icmp.code"], 16)), "lifetime": str(int(fields["icmp.lifetime"], 16))}
    pairs = zip(words(fields.get("icmp.router_address", "")), words(fields.get("icmp.pref_level", "")))
    for i, (address, preference) in enumerate(pairs):
        found[f"router{i}"] = f"{address}/{int.from_bytes(bytes.fromhex(preference), 'big', signed=True)}"
    for extension in dissection.extensions:
        fields = extension.fields
        if extension.number == 16 and "flags" not in found:
            found |= {"sequence": str(int(fields["icmp.mip.seq"], 16)), "flags": str(int(fields["icmp.mip.flags"], 16)),
                      "registration-lifetime": str(int(fields["icmp.mip.life"], 16))}
            found |= {f"care-of{i}": address for i, address in enumerate(words(fields.get("icmp.mip.coa", "")))}
        elif extension.number == 24:
            found.setdefault("challenge", fields["icmp.mip.challenge"])
    return found


def words(octets):
    return [octets[i:i + 8] for i in range(0, len(octets), 8)]


def judge_advertisement(data, ours, dissection):
    """As judge_dissection(); tshark judges neither prefix lengths nor whether the agent is usable."""
    import rfc_decoder
    theirs = advertisement_of(dissection)
    mine = {name: value.rsplit("/", 1)[0] for name, value in ours.items() if name != "usable"}
    if mine == theirs and not dissection.malformed:
        return ""
    if data[5] != 2 and theirs == {name: mine[name] for name in ("code", "lifetime")}:
        return "entry-size"
    listed = rfc_decoder.list_extensions("i", data, 8 + 4 * data[4] * data[5])
    if dissection.malformed and theirs.items() <= mine.items() and any(e[1] and e[2] is None for e in listed):
        return "advertisement-unknown"
    return [difference(mine, theirs), dissection.malformed]


def compare_with_tshark(agreed):
    import tshark_decoder
    dissections = tshark_decoder.dissect([(kind, data) for kind, data, _ in agreed])
    assert len(dissections) == len(agreed), (len(dissections), len(agreed))
    counts, unexplained = collections.Counter(), []
    for (kind, data, ours), dissection in zip(agreed, dissections):
        verdict = (judge_advertisement if kind == "i" else judge_dissection)(data, ours, dissection)
        if isinstance(verdict, list):
            unexplained.append((kind, data.hex(), verdict))
        else:
            counts[verdict or "agree"] += 1
    return counts, unexplained


# ---------------------------------------------------------------- the report ----

# What the mutations must reach, for the comparison to mean something.
REASONS = {
    "u": ("short", "unknown-message", "extension-overrun", "unknown-extension", "malformed-extension"),
    "i": ("checksum", "malformed", "unknown-extension", "not-an-agent"),
}
FIELDS = [f"{where}.{name}" for where in "cu" for name in (
    "tnc", "udp-request", "udp-reply", "nai", "service", "challenge", "message", "delivery", "revocation", "dynamic-ha",
    "nvse", "cvse", "fa-error")] + ["mhae.spi", "mfae.spi", "fhae.spi", "mn-aaa.spi", "payload", "revocation-id"]


class Report:
    def __init__(self):
        self.points = []

    def point(self, good, name, *notes):
        self.points.append(good)
        print("ok" if good else "not ok", len(self.points), name)
        for note in notes:
            print("#", str(note)[:1500])

    def finish(self):
        print(f"1..{len(self.points)}")
        return 0 if all(self.points) else 1


def report_scapy(report, tally, seconds):
    counts = tally.counts
    explained = sum(1 for name in counts if name.startswith("class "))
    report.point(not tally.unexplained,
                 f"every disagreement with scapy is explained ({len(tally.unexplained)} are not)",
                 f"seed {SEED}: {COUNT} messages in {seconds:.1f} s, {counts['agree']} the same, "
                 f"{explained} classes of disagreement, {len(tally.unexplained)} unexplained",
                 *tally.unexplained[:EXAMPLES])
    for name, why in CLASSES.items():
        seen = counts[f"class {name}"]
        report.point(seen > 0 or COUNT < FULL_COUNT, f"{name}: {seen} messages", why)
    missing = [f"{kind} {reason}" for kind, reasons in REASONS.items() for reason in reasons
               if counts[f"discard {kind} {reason}"] == 0]
    missing += [name for name in FIELDS if counts[f"field u {name}"] == 0]
    missing += [name for name in ("solicitation", "care-of0", "challenge", "router0") if counts[f"field i {name}"] == 0]
    report.point(not missing or COUNT < FULL_COUNT, "the mutations reach every discard reason and every extension",
                 *missing, {name: count for name, count in sorted(counts.items()) if name.startswith(("disc", "deco"))})


def report_tshark(report, agreed):
    counts, unexplained = compare_with_tshark(agreed)
    report.point(not unexplained, f"every disagreement with tshark is explained ({len(unexplained)} are not)",
                 f"{len(agreed)} messages, {counts['agree']} the same", *unexplained[:EXAMPLES])
    for name, why in TSHARK_CLASSES.items():
        report.point(counts[name] > 0 or COUNT < FULL_COUNT, f"tshark {name}: {counts[name]} messages", why)


# covers: MIP-EXT-001, MIP-EXT-002, MIP-EXT-003, MIP-EXT-004, MIP-EXT-005, MIP-EXT-006, MIP-EXT-008, MIP-EXT-010
def main():
    if importlib.util.find_spec("scapy") is None or shutil.which("tshark") is None:
        print("1..0 # SKIP needs scapy and tshark")
        return 77
    decoder, dump, vectors = sys.argv[1:4]
    started = time.monotonic()
    seeds = corpus(dump, vectors)
    jobs = [(decoder, seeds, first, min(first + CHUNK, COUNT)) for first in range(0, COUNT, CHUNK)]
    tally = Tally()
    with multiprocessing.Pool(min(2, len(os.sched_getaffinity(0)))) as pool:
        for part in pool.imap(run_job, jobs):
            tally.add(part)
    report = Report()
    report_scapy(report, tally, time.monotonic() - started)
    report_tshark(report, tally.agreed)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
