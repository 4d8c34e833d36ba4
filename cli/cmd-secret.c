/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gunixfdlist.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* What roamd reads of a secret at most; a pipe takes so many octets without waiting (pipe(7)). */
#define MAX_SECRET 1024

/* Overwritten in a way that the compiler cannot leave out. */
static void
wipe (char *buffer, gsize length)
{
  explicit_bzero (buffer, length);
}

/* What ends the program while the terminal shows nothing; it is shown what is typed again first. */
static const int signals[] = { SIGINT, SIGQUIT, SIGTERM, SIGHUP };
static volatile sig_atomic_t caught; /* 0: none */

static void
on_signal (int number)
{
  caught = number;
}

/* One line, or what there is of it. -1: an error, or too long. */
static gssize
read_line (int fd, char *buffer, gsize size)
{
  gsize length = 0;

  while (length < size)
    {
      gssize n = read (fd, buffer + length, 1);

      if (n < 0 && errno == EINTR && caught == 0)
        continue;
      if (n < 0)
        return -1;
      if (n == 0 || buffer[length] == '\n')
        return (gssize)length;
      length++;
    }
  errno = E2BIG;
  return -1;
}

/* With what is typed not shown. */
static gssize
ask_quietly (const struct termios *before, const char *question, char *buffer, gsize size)
{
  const struct sigaction action = { .sa_handler = on_signal }; /* without SA_RESTART: the reading ends */
  struct sigaction old[G_N_ELEMENTS (signals)];
  struct termios quiet = *before;
  gssize length;

  for (guint i = 0; i < G_N_ELEMENTS (signals); i++)
    sigaction (signals[i], &action, &old[i]);
  quiet.c_lflag &= ~(tcflag_t)ECHO;
  /* Before the question: whoever answers it at once is heard, and not seen. */
  tcsetattr (STDIN_FILENO, TCSAFLUSH, &quiet);
  g_printerr ("%s", question);
  length = read_line (STDIN_FILENO, buffer, size);
  tcsetattr (STDIN_FILENO, TCSAFLUSH, before);
  g_printerr ("\n");
  for (guint i = 0; i < G_N_ELEMENTS (signals); i++)
    sigaction (signals[i], &old[i], NULL);
  if (caught == 0)
    return length;
  wipe (buffer, size);
  raise (caught);
  errno = EINTR;
  return -1;
}

/* From the terminal; else from standard input. */
static gssize
ask (const char *question, char *buffer, gsize size)
{
  struct termios before;

  if (tcgetattr (STDIN_FILENO, &before) < 0)
    return read_line (STDIN_FILENO, buffer, size);
  return ask_quietly (&before, question, buffer, size);
}

static const char *
kind_in_words (const char *kind)
{
  if (g_str_equal (kind, "password"))
    return "Password";
  return g_str_equal (kind, "pin") ? "PIN of the token" : "Shared secret";
}

/* "Password of alice at 203.0.113.2: "; caller frees. */
static char *
make_question (GVariant *request)
{
  const char *kind = cli_dict_text (request, "kind"), *identity = cli_dict_text (request, "identity");
  const char *refusal = cli_dict_text (request, "refusal");

  return g_strdup_printf ("%s%s%s%s%s%s at %s: ", refusal[0] == '\0' ? "" : "The last one was refused: ", refusal,
                          refusal[0] == '\0' ? "" : ".\n", kind_in_words (kind), identity[0] == '\0' ? "" : " of ",
                          identity, cli_dict_text (request, "gateway"));
}

/* The end for reading of a pipe that holds the octets; -1: errno. */
static int
make_pipe (const char *data, gsize length)
{
  int fds[2];
  gboolean good;

  if (pipe2 (fds, O_CLOEXEC) < 0)
    return -1;
  good = write (fds[1], data, length) == (gssize)length;
  close (fds[1]);
  if (good)
    return fds[0];
  close (fds[0]);
  return -1;
}

static CliExit
hand_over (RoamdAgent1 *agent, guint32 handle, const char *secret, gsize length)
{
  g_autoptr (GUnixFDList) fds = g_unix_fd_list_new ();
  g_autoptr (GError) error = NULL;
  int fd = make_pipe (secret, length), index = -1;

  if (fd >= 0)
    {
      index = g_unix_fd_list_append (fds, fd, &error);
      close (fd);
    }
  if (index < 0)
    {
      g_printerr ("roamctl secret: %s\n", error == NULL ? g_strerror (errno) : error->message);
      return CLI_FAILED;
    }
  if (!roamd_agent1_call_provide_secret_sync (agent, handle, g_variant_new_handle (index), fds, NULL, NULL, &error))
    return cli_report (error);
  return CLI_OK;
}

static CliExit
answer (RoamdAgent1 *agent, GVariant *request, const CliOutput *output)
{
  g_autofree char *question = make_question (request);
  char secret[MAX_SECRET];
  gssize length = ask (question, secret, sizeof secret);
  CliExit exit_code = CLI_FAILED;

  if (length > 0)
    exit_code = hand_over (agent, cli_dict_unsigned (request, "handle"), secret, (gsize)length);
  else
    g_printerr ("roamctl secret: %s\n", length == 0 ? "nothing was given" : g_strerror (errno));
  wipe (secret, sizeof secret);
  if (exit_code != CLI_OK)
    return exit_code;
  if (output->json)
    cli_print_json (g_variant_new_parsed ("{'done': <'secret'>}"));
  else
    g_print ("Handed over. \"roamctl status\" shows how it goes.\n");
  return CLI_OK;
}

CliExit
cli_secret (int argc, char **argv)
{
  CliOutput output = { FALSE, FALSE };
  CliExit exit_code;
  gboolean list = FALSE;
  const GOptionEntry entries[] = {
    { "list", 'l', 0, G_OPTION_ARG_NONE, &list, "Say what is asked for, and give nothing", NULL },
    { NULL },
  };
  g_autoptr (RoamdAgent1) agent = NULL;
  g_autoptr (GVariant) request = NULL;
  GVariant *pending;

  if (!cli_options_parse (cli_command_find ("secret"), &argc, &argv, entries, 0, &output, &exit_code))
    return exit_code;
  agent = cli_client_new (&exit_code);
  if (agent == NULL)
    return exit_code;
  pending = roamd_agent1_get_pending_secrets (agent);
  if (pending == NULL || g_variant_n_children (pending) == 0)
    {
      g_printerr ("Nothing is asked for.\n");
      return CLI_OK;
    }
  request = g_variant_get_child_value (pending, 0);
  if (!list)
    return answer (agent, request, &output);
  if (output.json)
    cli_print_json (request);
  else
    {
      g_autofree char *question = make_question (request);

      g_print ("%.*s\n", (int)strlen (question) - 2, question);
    }
  return CLI_OK;
}
