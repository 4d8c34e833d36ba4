/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Settings of the agents' TUN devices. */

/* Up, with @mtu and a queue for the moments in which the process does not run. FALSE: errno. */
gboolean mip4_tun_bring_up (const char *name, guint mtu);
/* /proc/sys/net/@family/conf/@name/@key; what cannot be set is left as it is, with a line in the debug log. */
void mip4_tun_write_setting (const char *family, const char *name, const char *key, const char *value);
