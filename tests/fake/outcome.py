# SPDX-License-Identifier: LGPL-2.1-or-later
"""unittest's outcome as meson counts it: a program of which something was skipped must not look as if all had passed."""
import sys
import unittest


def main(*arguments):
    """Runs the tests of __main__ that @arguments name (none: all); ends with 1 after a failure, 77 after a skip."""
    result = unittest.main(argv=[sys.argv[0], *arguments], verbosity=2, exit=False).result
    for test, reason in result.skipped:
        print(f"skipped: {test}: {reason}", file=sys.stderr)
    sys.exit(1 if not result.wasSuccessful() else 77 if result.skipped else 0)
