#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""test_vm.py RUN: the emulated machine passes output and status on, has ESP, and leaves nothing behind. TAP."""
import pathlib
import subprocess
import sys
import tempfile

MISSING, TIMED_OUT = 77, 124
ESP = """
ip netns add a && ip netns add b && ip link add va netns a type veth peer name vb netns b || exit 1
ip -n a addr add 192.0.2.1/24 dev va; ip -n b addr add 192.0.2.2/24 dev vb
ip -n a link set va up; ip -n b link set vb up
for ns in a b; do
	ip -n $ns xfrm state add src 192.0.2.1 dst 192.0.2.2 proto esp spi 0x1001 mode transport \\
		aead 'rfc4106(gcm(aes))' 0x000102030405060708090a0b0c0d0e0f10111213 128 || exit 1
	ip -n $ns xfrm state add src 192.0.2.2 dst 192.0.2.1 proto esp spi 0x1002 mode transport \\
		aead 'rfc4106(gcm(aes))' 0x000102030405060708090a0b0c0d0e0f10111213 128 || exit 1
done
ip -n a xfrm policy add src 192.0.2.1 dst 192.0.2.2 dir out tmpl proto esp mode transport
ip -n a xfrm policy add src 192.0.2.2 dst 192.0.2.1 dir in tmpl proto esp mode transport
ip -n b xfrm policy add src 192.0.2.2 dst 192.0.2.1 dir out tmpl proto esp mode transport
ip -n b xfrm policy add src 192.0.2.1 dst 192.0.2.2 dir in tmpl proto esp mode transport
ip netns exec a ping -c 2 -W 10 -q 192.0.2.2 >/dev/null && echo esp passes
"""


def main():
    run = sys.argv[1]
    ready = subprocess.run([run, "--check"], capture_output=True, text=True)
    if ready.returncode == MISSING:
        print(f"1..0 # SKIP {ready.stderr.strip()}")
        return 0
    results = []
    with tempfile.TemporaryDirectory(prefix="roam-vm-test-") as work:
        mark, shared = pathlib.Path("/etc/roam-vm-test"), pathlib.Path(work) / "shared"
        script = f"echo hello; uname -r; touch {mark}; echo there >{shared}; {ESP} exit 3"
        done = subprocess.run([run, "--share", work, "--timeout", "240", "bash", "-c", script], capture_output=True,
                              text=True)
        results += [("output comes through", done.stdout.startswith("hello\n")),
                    ("the exit status too", done.returncode == 3),
                    ("ESP works there", "esp passes" in done.stdout),
                    ("its root file system is not this machine's", not mark.exists()),
                    ("a shared directory is", shared.exists() and shared.read_text() == "there\n")]
        if not all(good for _, good in results):
            print("# " + (done.stdout + done.stderr).replace("\n", "\n# "))
    late = subprocess.run([run, "--timeout", "5", "sleep", "600"], capture_output=True, text=True)
    results.append(("its time can be limited", late.returncode == TIMED_OUT))
    for number, (name, good) in enumerate(results, 1):
        print(f"{'ok' if good else 'not ok'} {number} - {name}")
    print(f"1..{len(results)}")
    return 0 if all(good for _, good in results) else 1


if __name__ == "__main__":
    sys.exit(main())
