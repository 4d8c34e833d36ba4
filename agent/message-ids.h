/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * MESSAGE_ID of each event that an operator may want to filter for (journalctl MESSAGE_ID=...).
 * They never change their meaning.
 */

/* the daemon is ready */
#define ROAM_MESSAGE_STARTED "aedcc0923ef746deb1004b3747f53ab7"
/* the daemon stops in good order */
#define ROAM_MESSAGE_STOPPED "07d19a06659a499e9a1d3b86d7f1b3f2"
/* an interface changed its state */
#define ROAM_MESSAGE_STATE "82b5a3c71d6a495cbdf4b4f41871c51c"
/* the data path moved */
#define ROAM_MESSAGE_HANDOVER "d9ce432ecd2c4270b073faafa5f696e2"
/* something a person should know */
#define ROAM_MESSAGE_ALARM "97e10d1dcb62401fa864ff42330eb9fa"
/* the alarm is over */
#define ROAM_MESSAGE_CLEARED "e3cce78121474d8781b633704b6f7d78"
/* a link came, went or changed */
#define ROAM_MESSAGE_LINK "02e9ed9b29f54061a8c9139160886769"
/* the IKE session changed */
#define ROAM_MESSAGE_IKE "509c5cb356f54dc4b78f81bb7ec6a7f8"
/* a registration was accepted or denied */
#define ROAM_MESSAGE_MIP4 "07748081bafb47fcbde0ec3a22fa6a0f"
/* the data plane or the gate could not be changed */
#define ROAM_MESSAGE_DATA_PLANE "0f5714da119c49f2bb0240a7b0d706a7"
/* a datagram could not be sent (once per episode) */
#define ROAM_MESSAGE_SEND_FAILED "a3266a92411d48a8b3bffcb4394bf12f"
/* the VPN wants a secret of a person, or got it */
#define ROAM_MESSAGE_SECRET "09ad1ed8e7f14240988f9cd918ad44bb"
/* someone asked over D-Bus */
#define ROAM_MESSAGE_REQUEST "916b5cd787cf4765907d061bd016ae7f"
