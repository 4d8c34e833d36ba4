/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * Big-endian octets in place. The data path rewrites packets where they lie, a million times a
 * second, and base/wire.h writes to a buffer of its own only; so these four stand beside it. Every
 * caller has compared the offset with the length of the packet before.
 */
static inline guint16
tunnel_get_u16 (const guint8 *at)
{
  return (guint16)(at[0] << 8 | at[1]);
}

static inline guint32
tunnel_get_u32 (const guint8 *at)
{
  return (guint32)at[0] << 24 | (guint32)at[1] << 16 | (guint32)at[2] << 8 | at[3];
}

static inline void
tunnel_put_u16 (guint8 *at, guint16 value)
{
  at[0] = (guint8)(value >> 8);
  at[1] = (guint8)value;
}

static inline void
tunnel_put_u32 (guint8 *at, guint32 value)
{
  at[0] = (guint8)(value >> 24);
  at[1] = (guint8)(value >> 16);
  at[2] = (guint8)(value >> 8);
  at[3] = (guint8)value;
}
