# SPDX-License-Identifier: LGPL-2.1-or-later
"""The rows, in the order of the table."""
from interop.rows import identity, signatures, chains, eap, ppk, suites, transport, life, mobility  # noqa: F401
