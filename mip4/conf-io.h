/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "mip4/mip4.h"

#include <glib.h>

/*
 * Reading the configuration of an agent's program: strict (unknown groups and keys are faults), and every
 * fault is reported, not only the first.
 */

/* RFC 5944 1.6: what is below is reserved. */
#define MIP4_CONF_SPI_MIN 256u

typedef struct
{
  const char *path, *credentials_dir; /* credentials_dir: NULL for none */
  GKeyFile *file;
  GPtrArray *errors; /* char *: one line for each fault */
  GHashTable *keys;  /* path -> RoamSecret: groups may share a file, which is read once; NULL: none does */
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
/* An IPv4 prefix, as 10.1.0.0/24. */
gboolean mip4_conf_parse_ipv4_prefix (const char *text, RoamPrefix *ret);
/* "hmac-md5" or "hmac-sha-256", which NULL means too. */
gboolean mip4_conf_parse_algorithm (const char *text, Mip4AuthAlgorithm *ret);
/* Where the file @name is: in the credentials directory, else beside the configuration. Caller frees. */
char *mip4_conf_find_file (const Mip4Conf *conf, const char *name);
/* Contents of a file that nobody else may read; NULL after a fault. Caller wipes and frees. */
char *mip4_conf_read_secret (const Mip4Conf *conf, const char *group, const char *key, const char *path,
                             gsize *ret_length);
/* The key in the file @name; @key tells where that name stands, for faults. Caller unrefs; NULL after a fault. */
RoamSecret *mip4_conf_load_key (const Mip4Conf *conf, const char *group, const char *key, const char *name);
/* spi, algorithm, key-file of @group. The key is the caller's; NULL after a fault. */
Mip4SecurityAssociation mip4_conf_association (const Mip4Conf *conf, const char *group);
/* Keys of @group that are not in @known (NULL-terminated) are faults. */
void mip4_conf_check_keys (const Mip4Conf *conf, const char *group, const char *const *known);
