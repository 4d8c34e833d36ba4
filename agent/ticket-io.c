/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent/ticket-io.h"

#include "base/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The file: magic, end of validity, whom it is for, the ticket. */
#define MAGIC 0x726f5401u
#define FINGERPRINT_LENGTH 32
#define HEAD_LENGTH (4 + 8 + FINGERPRINT_LENGTH)
/* Tickets hold certificates at most. */
#define MAX_TICKET (64 * 1024)

void
agent_ticket_clear (AgentTicket *ticket)
{
  g_clear_pointer (&ticket->ticket, roam_secret_unref);
  ticket->expires_wall_us = 0;
}

/* A ticket for another gateway, or for who this machine was before, is of no use. */
static void
make_fingerprint (const AgentConfig *config, guint8 ret_fingerprint[FINGERPRINT_LENGTH])
{
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);
  g_autofree char *gateways = g_strjoinv (";", config->gateways);
  const char *parts[] = { gateways, config->local_id, config->remote_id, config->eap_identity };
  gsize length = FINGERPRINT_LENGTH;
  guint8 auth = (guint8)config->auth;

  g_checksum_update (checksum, &auth, 1);
  for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
    if (parts[i] != NULL)
      g_checksum_update (checksum, (const guint8 *)parts[i], (gssize)strlen (parts[i]) + 1);
    else
      g_checksum_update (checksum, (const guint8 *)"\n", 1);
  g_checksum_get_digest (checksum, ret_fingerprint, &length);
}

static char *
file_name (const char *directory)
{
  return g_build_filename (directory, "ticket", NULL);
}

/* -1: none that is ours alone. */
static gssize
read_file (const char *path, guint8 *buffer, gsize size)
{
  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  struct stat status;
  gssize length = -1;

  if (fd < 0)
    return -1;
  if (fstat (fd, &status) == 0 && S_ISREG (status.st_mode) && (status.st_mode & 0077) == 0 &&
      status.st_uid == geteuid ())
    length = read (fd, buffer, size);
  close (fd);
  return length;
}

AgentTicket
agent_ticket_load (const char *directory, const AgentConfig *config, gint64 wall_us)
{
  g_autofree char *path = file_name (directory);
  g_autofree guint8 *buffer = g_malloc (HEAD_LENGTH + MAX_TICKET);
  gssize length = read_file (path, buffer, HEAD_LENGTH + MAX_TICKET);
  guint8 expected[FINGERPRINT_LENGTH], fingerprint[FINGERPRINT_LENGTH];
  AgentTicket ticket = { NULL };
  const guint8 *octets;
  WireReader reader;
  guint64 expires;
  guint32 magic;

  if (length < 0)
    return ticket;
  make_fingerprint (config, expected);
  wire_reader_init (&reader, buffer, (gsize)length);
  if (wire_read_u32 (&reader, &magic) && magic == MAGIC && wire_read_u64 (&reader, &expires) &&
      (gint64)expires > wall_us && wire_read_copy (&reader, fingerprint, sizeof fingerprint) &&
      memcmp (fingerprint, expected, sizeof expected) == 0 && wire_reader_left (&reader) > 0)
    {
      gsize left = wire_reader_left (&reader);

      if (wire_read_data (&reader, left, &octets))
        ticket = (AgentTicket){ roam_secret_new (octets, left), (gint64)expires };
    }
  roam_wipe (buffer, (gsize)length);
  return ticket;
}

/* In two pieces, so that no copy of the secret is made in between. */
static gboolean
write_file (const char *path, const WireWriter *head, const RoamSecret *ticket)
{
  const gssize head_length = (gssize)wire_writer_length (head), length = (gssize)roam_secret_length (ticket);
  int fd = open (path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  gboolean good;

  if (fd < 0)
    return FALSE;
  good = write (fd, wire_writer_peek (head), (gsize)head_length) == head_length &&
         write (fd, roam_secret_peek (ticket), (gsize)length) == length;
  return close (fd) == 0 && good;
}

/* Written beside the old one, then renamed: what is read is one or the other. */
static gboolean
replace_file (const char *path, const WireWriter *head, const RoamSecret *ticket)
{
  g_autofree char *fresh = g_strconcat (path, ".new", NULL);
  int saved;

  if (unlink (fresh) < 0 && errno != ENOENT)
    return FALSE;
  if (write_file (fresh, head, ticket) && rename (fresh, path) == 0)
    return TRUE;
  saved = errno;
  unlink (fresh);
  errno = saved;
  return FALSE;
}

gboolean
agent_ticket_save (const char *directory, const AgentConfig *config, const AgentTicket *ticket)
{
  g_autofree char *path = file_name (directory);
  guint8 fingerprint[FINGERPRINT_LENGTH];
  g_auto (WireWriter) writer = { NULL };

  if (ticket->ticket == NULL || roam_secret_length (ticket->ticket) > MAX_TICKET)
    return unlink (path) == 0 || errno == ENOENT;
  make_fingerprint (config, fingerprint);
  wire_writer_init (&writer, HEAD_LENGTH);
  wire_write_u32 (&writer, MAGIC);
  wire_write_u64 (&writer, (guint64)ticket->expires_wall_us);
  wire_write_data (&writer, fingerprint, sizeof fingerprint);
  return replace_file (path, &writer, ticket->ticket);
}
