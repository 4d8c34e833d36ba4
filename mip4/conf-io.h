/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "mip4/mip4.h"

#include <glib.h>

/*
 * Reading the configuration of an agent's program: strict (unknown groups and keys are faults), and every
 * fault is reported, not only the first.
 */

typedef struct
{
  const char *path, *credentials_dir; /* credentials_dir: NULL for none */
  GKeyFile *file;
  GPtrArray *errors; /* char *: one line for each fault */
} Mip4Conf;

/* Adds "PATH: [GROUP] KEY: WHAT"; @group or @key may be NULL. */
G_GNUC_PRINTF (4, 5)
void mip4_conf_fault (const Mip4Conf *conf, const char *group, const char *key, const char *format, ...);
/* Without white space around it; NULL when missing, which is a fault when @allowed is not NULL. Caller frees. */
char *mip4_conf_get (const Mip4Conf *conf, const char *group, const char *key, const char *allowed);
/* The value in @minimum..@maximum; @value when missing or wrong. */
guint64 mip4_conf_number (const Mip4Conf *conf, const char *group, const char *key, guint64 minimum, guint64 maximum,
                          guint64 value);
gboolean mip4_conf_boolean (const Mip4Conf *conf, const char *group, const char *key, gboolean value);
/* Index of the value in @words (NULL-terminated); @value when missing or wrong. */
guint mip4_conf_word (const Mip4Conf *conf, const char *group, const char *key, const char *const *words, guint value);
/* An interface name, or NULL; a missing one is a fault when @required. Caller frees. */
char *mip4_conf_interface (const Mip4Conf *conf, const char *group, const char *key, gboolean required);
/* A unicast or unspecified-free IPv4 address in numbers. */
gboolean mip4_conf_parse_ipv4 (const char *text, RoamAddr *ret);
/* spi, algorithm, key-file of @group. The key is the caller's; NULL after a fault. */
Mip4SecurityAssociation mip4_conf_association (const Mip4Conf *conf, const char *group);
/* Keys of @group that are not in @known (NULL-terminated) are faults. */
void mip4_conf_check_keys (const Mip4Conf *conf, const char *group, const char *const *known);
