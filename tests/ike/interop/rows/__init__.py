# SPDX-License-Identifier: LGPL-2.1-or-later
"""The rows, in the order of the table."""
import importlib

for name in ("identity", "signatures", "chains", "ocsp", "eap", "ppk", "suites", "transport", "life", "elsewhere",
             "mobility"):
    importlib.import_module("interop.rows." + name)
