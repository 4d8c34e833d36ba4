# SPDX-License-Identifier: LGPL-2.1-or-later
"""The rows, in the order of the table."""
from interop.rows import identity, signatures, chains, ocsp, eap, ppk, suites, transport, life, elsewhere, mobility  # noqa: F401
