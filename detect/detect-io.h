/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "detect/detect.h"

/* The edge of detect/: owns the rtnetlink socket (libnl) and feeds a DetectTracker. */

typedef struct _DetectLinkIo DetectLinkIo;

/* Opens the sockets and reads the present state; the first events are waiting afterwards. */
DetectLinkIo *detect_link_io_new (DetectTracker *tracker, GError **error);
void detect_link_io_free (DetectLinkIo *io);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (DetectLinkIo, detect_link_io_free)
/* Poll for reading. */
int detect_link_io_get_fd (const DetectLinkIo *io);
/* Drains the socket into the tracker and settles it; never blocks. Boot time of the kernel wake-up is the caller's affair. */
void detect_link_io_dispatch (DetectLinkIo *io);
/* Reads the whole state again (after ENOBUFS, resume, or on request). */
gboolean detect_link_io_resync (DetectLinkIo *io, GError **error);
