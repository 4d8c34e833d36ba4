/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent/resolve-io.h"

#include "agent/dns-message.h"

#include <errno.h>
#include <gio/gio.h>
#include <glib-unix.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Both families are waited for as long, once there is an address. */
#define TICK_MS 500
/* Ticks after which the question is sent again, and the one that ends it: 6 s, as long as resolv.conf(5) has it. */
#define FIRST_REPEAT 2
#define SECOND_REPEAT 5
#define LAST_TICK 12

/* Where the servers of the links are; the first file that names one outside this machine counts. */
static const char *const server_files[] = { "/run/systemd/resolve/resolv.conf",
                                            "/run/NetworkManager/no-stub-resolv.conf", "/etc/resolv.conf" };

typedef struct
{
  AgentResolver *resolver;
  char *name;
  GCancellable *cancellable; /* of the system's resolver */
  int fds[AGENT_DNS_MAX_SERVERS];
  GSource *sources[AGENT_DNS_MAX_SERVERS];
  guint n_servers;
  GBytes *queries[2]; /* IPv4, IPv6 */
  guint16 ids[2];
  gboolean answered[2];
  gboolean system_failed;
  RoamAddr addresses[2 * AGENT_DNS_MAX_ADDRESSES];
  guint n_addresses;
  guint tick, tick_source;
} Question;

struct _AgentResolver
{
  RoamRng *rng;
  guint32 mark;
  AgentResolverDone done;
  gpointer user_data;
  GResolver *system;
  GPtrArray *questions; /* of Question */
};

static const RoamFamily families[2] = { ROAM_FAMILY_INET4, ROAM_FAMILY_INET6 };

static void
question_free (Question *question)
{
  g_cancellable_cancel (question->cancellable);
  g_object_unref (question->cancellable);
  g_clear_handle_id (&question->tick_source, g_source_remove);
  for (guint i = 0; i < question->n_servers; i++)
    {
      g_source_destroy (question->sources[i]);
      g_source_unref (question->sources[i]);
      close (question->fds[i]);
    }
  for (guint i = 0; i < G_N_ELEMENTS (families); i++)
    g_clear_pointer (&question->queries[i], g_bytes_unref);
  g_free (question->name);
  g_free (question);
}

/* The one way a question ends; it is gone afterwards. */
static void
finish (Question *question)
{
  AgentResolver *resolver = question->resolver;
  guint index;

  if (!g_ptr_array_find (resolver->questions, question, &index))
    return;
  g_ptr_array_steal_index_fast (resolver->questions, index);
  resolver->done (question->name, question->addresses, question->n_addresses, resolver->user_data);
  question_free (question);
}

/* ---------------------------------------------------------------- plain questions ---- */

static socklen_t
make_address (const RoamAddr *addr, guint16 port, struct sockaddr_storage *ret_address)
{
  *ret_address = (struct sockaddr_storage){ 0 };
  if (addr->family == ROAM_FAMILY_INET4)
    {
      struct sockaddr_in in = { .sin_family = AF_INET };

      in.sin_port = GUINT16_TO_BE (port);
      memcpy (&in.sin_addr, addr->bytes, sizeof in.sin_addr);
      memcpy (ret_address, &in, sizeof in);
      return sizeof in;
    }
  struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };

  in6.sin6_port = GUINT16_TO_BE (port);
  memcpy (&in6.sin6_addr, addr->bytes, sizeof in6.sin6_addr);
  memcpy (ret_address, &in6, sizeof in6);
  return sizeof in6;
}

/* Connected, so that only that server can answer; from a port of the kernel's choice (RFC 5452 9.2). -1: no way. */
static int
open_socket (const RoamAddr *server, guint32 mark)
{
  struct sockaddr_storage address;
  socklen_t length = make_address (server, AGENT_DNS_PORT, &address);
  int fd = socket (address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_UDP);

  if (fd < 0)
    return -1;
  if (setsockopt (fd, SOL_SOCKET, SO_MARK, &mark, sizeof mark) == 0 &&
      connect (fd, (const struct sockaddr *)&address, length) == 0)
    return fd;
  close (fd);
  return -1;
}

static void
send_queries (const Question *question)
{
  for (guint i = 0; i < question->n_servers; i++)
    for (guint j = 0; j < G_N_ELEMENTS (families); j++)
      {
        gsize length;
        const void *data = g_bytes_get_data (question->queries[j], &length);

        /* What does not leave is sent again; what never leaves is the other way's affair. */
        if (!question->answered[j] && send (question->fds[i], data, length, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
          g_debug ("Asking a name server: %s", g_strerror (errno));
      }
}

/* An answer without addresses counts only while nothing better came: another server may know. */
static void
take_response (Question *question, const guint8 *data, gsize length)
{
  for (guint i = 0; i < G_N_ELEMENTS (families); i++)
    {
      RoamAddr addresses[AGENT_DNS_MAX_ADDRESSES];
      guint n;

      if (question->answered[i] ||
          !agent_dns_parse_response (data, length, question->ids[i], question->name, families[i], addresses, &n))
        continue;
      question->answered[i] = n > 0 || question->n_servers == 1;
      memcpy (&question->addresses[question->n_addresses], addresses, n * sizeof addresses[0]);
      question->n_addresses += n;
      return;
    }
}

static gboolean
on_readable (int fd, GIOCondition condition, gpointer user_data)
{
  Question *question = user_data;
  guint8 buffer[AGENT_DNS_MAX_DATAGRAM];
  gssize length = recv (fd, buffer, sizeof buffer, MSG_DONTWAIT);

  if (length > 0)
    take_response (question, buffer, (gsize)length);
  if (question->answered[0] && question->answered[1] && (question->n_addresses > 0 || question->system_failed))
    finish (question);
  return G_SOURCE_CONTINUE;
}

static guint
find_servers (RoamAddr servers[AGENT_DNS_MAX_SERVERS])
{
  for (guint i = 0; i < G_N_ELEMENTS (server_files); i++)
    {
      g_autofree char *text = NULL;
      guint n = 0;

      if (g_file_get_contents (server_files[i], &text, NULL, NULL))
        n = agent_dns_parse_servers (text, servers);
      if (n > 0)
        return n;
    }
  return 0;
}

static void
ask_servers (Question *question)
{
  RoamAddr servers[AGENT_DNS_MAX_SERVERS];
  guint n = find_servers (servers);

  for (guint i = 0; i < G_N_ELEMENTS (families); i++)
    {
      question->ids[i] = (guint16)roam_rng_u32 (question->resolver->rng);
      question->queries[i] = agent_dns_build_query (question->ids[i], question->name, families[i]);
      if (question->queries[i] == NULL)
        return;
    }
  for (guint i = 0; i < n; i++)
    {
      int fd = open_socket (&servers[i], question->resolver->mark);
      GSource *source = fd < 0 ? NULL : g_unix_fd_source_new (fd, G_IO_IN);

      if (source == NULL)
        continue;
      g_source_set_callback (source, G_SOURCE_FUNC (on_readable), question, NULL);
      g_source_attach (source, NULL);
      question->fds[question->n_servers] = fd;
      question->sources[question->n_servers++] = source;
    }
  send_queries (question);
}

static gboolean
on_tick (gpointer user_data)
{
  Question *question = user_data;

  question->tick++;
  if (question->tick == FIRST_REPEAT || question->tick == SECOND_REPEAT)
    send_queries (question);
  if (question->n_addresses == 0 && question->tick < LAST_TICK)
    return G_SOURCE_CONTINUE;
  question->tick_source = 0;
  finish (question);
  return G_SOURCE_REMOVE;
}

/* ----------------------------------------------------------------- system's resolver ---- */

static void
take_system_answer (Question *question, GList *found)
{
  for (const GList *l = found; l != NULL && question->n_addresses < G_N_ELEMENTS (question->addresses); l = l->next)
    {
      RoamAddr addr =
        roam_addr_from_bytes (g_inet_address_to_bytes (l->data), g_inet_address_get_native_size (l->data));

      if (roam_addr_is_specified (&addr))
        question->addresses[question->n_addresses++] = addr;
    }
}

static void
on_looked_up (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  GList *found = g_resolver_lookup_by_name_finish (G_RESOLVER (source), result, &error);
  Question *question = user_data;

  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return; /* the question is gone */
  question->system_failed = found == NULL;
  /* Its order is the administrator's (gai.conf), and complete. */
  if (found != NULL)
    {
      question->n_addresses = 0;
      take_system_answer (question, found);
      finish (question);
    }
  g_resolver_free_addresses (found);
}

/* ------------------------------------------------------------------------- verbs ---- */

AgentResolver *
agent_resolver_new (RoamRng *rng, guint32 mark, AgentResolverDone done, gpointer user_data)
{
  AgentResolver *resolver = g_new0 (AgentResolver, 1);

  resolver->rng = rng;
  resolver->mark = mark;
  resolver->done = done;
  resolver->user_data = user_data;
  resolver->system = g_resolver_get_default ();
  resolver->questions = g_ptr_array_new_with_free_func ((GDestroyNotify)question_free);
  return resolver;
}

void
agent_resolver_free (AgentResolver *resolver)
{
  if (resolver == NULL)
    return;
  g_ptr_array_unref (resolver->questions);
  g_object_unref (resolver->system);
  g_free (resolver);
}

void
agent_resolver_ask (AgentResolver *resolver, const char *name)
{
  Question *question = g_new0 (Question, 1);

  question->resolver = resolver;
  question->name = g_strdup (name);
  question->cancellable = g_cancellable_new ();
  g_ptr_array_add (resolver->questions, question);
  question->tick_source = g_timeout_add (TICK_MS, on_tick, question);
  ask_servers (question);
  g_resolver_lookup_by_name_async (resolver->system, name, question->cancellable, on_looked_up, question);
}
