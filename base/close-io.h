/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Closes @fd, which must be out of every main loop, without waiting for it: closing a packet socket takes the
 * kernel 5 to 20 ms (it waits until no CPU can still see the socket), time that a handover has not got. Where no
 * thread can be had it is closed at once. @fd < 0: nothing.
 */
void roam_close_aside (int fd);
