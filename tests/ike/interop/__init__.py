# SPDX-License-Identifier: LGPL-2.1-or-later
"""The interoperability matrix of roamd's IKE engine: scenarios against real gateways."""
