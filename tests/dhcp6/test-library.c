/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dhcp6/leasequery-client-io.h>

/* Uses the installed headers and the shared library alone, as another program would; see test-library.py. */

static guint n_ends;
static LeasequeryOutcome outcome;

static void
on_event (LeasequeryClient *client, const LeasequeryClientEvent *told, gpointer loop)
{
  if (told->event->type == LEASEQUERY_EVENT_BINDING)
    {
      char text[ROAM_ADDR_STRLEN];

      g_print ("%s\n", roam_addr_to_string (&told->event->binding.address, text));
    }
  if (told->event->type != LEASEQUERY_EVENT_COMPLETE)
    return;
  n_ends++;
  outcome = told->event->outcome;
  g_main_loop_quit (loop);
}

int
main (int argc, char **argv)
{
  static const guint8 duid[] = { 0, 2, 0, 0, 0x7e, 0xd9, 1 };
  LeasequeryServerAddress server = { .endpoint.port = (guint16)g_ascii_strtoull (argv[1], NULL, 10) };
  LeasequeryClientConfig config = { .servers = &server, .n_servers = 1 };
  LeasequeryQuery query = { .type = DHCP6_QUERY_BY_ADDRESS };
  g_autoptr (LeasequeryClient) client = NULL;
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);

  roam_addr_parse ("::1", &server.endpoint.addr);
  roam_addr_parse ("2001:db8::1", &query.address);
  leasequery_requestor_config_init (&config.requestor, LEASEQUERY_PROFILE_RFC5460);
  config.requestor.duid = (Dhcp6Slice){ duid, sizeof duid };
  g_assert_null (leasequery_query_check (&config.requestor, &query));
  client = leasequery_client_new (&config, NULL, on_event, loop);
  leasequery_client_ask (client, 1, &query);
  if (n_ends == 0)
    g_main_loop_run (loop);
  g_print ("%s\n", leasequery_outcome_to_string (outcome));
  return 0;
}
