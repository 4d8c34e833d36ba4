# SPDX-License-Identifier: LGPL-2.1-or-later
"""The network of RFC 5266 figure 1 in namespaces of one machine, its peers, moves and measurements."""
