/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Moves cables and addresses: a list of netlink requests, prepared first and then sent one after
 * the other from this one process, each with the wall clock right before it left. So a handover's
 * event is known to the microsecond, and no fork of ip stands between two steps.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_bridge.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>

#define MAX_STEPS 64
#define MAX_NAMESPACES 4
#define MAX_ARGUMENTS 4
#define ARP_FRAME 42
/* The loss of a carrier a millisecond ago may still be under way to the interface when the next one is there: only
   a state that lasts counts. A DHCP client would not be faster. */
#define CARRIER_CALM_US 500
/* Carrier and bridge follow within milliseconds; a second means that the other end is down. */
#define PATIENCE_US 1000000
#define CARRIER_POLL_US 50
#define REACH_POLL_MS 1

static const char USAGE[] =
  "usage: lab-plug NAMESPACE:OPERATION:ARGUMENT,... ...\n"
  "\n"
  "  addaddr:IF,ADDRESS/PREFIX      add an address      deladdr:IF,ADDRESS/PREFIX      remove it\n"
  "  addroute:IF,ROUTER,METRIC      add default route   delroute:IF,ROUTER,METRIC      remove it\n"
  "  neigh:IF,ADDRESS,MAC           permanent neighbour entry\n"
  "  master:PORT,BRIDGE             join a bridge       nomaster:PORT                  leave it\n"
  "  up:IF                          set up              down:IF                        set down\n"
  "  carrier:IF                     wait (up to 1 s) until the interface has a carrier and, as a port of a bridge,\n"
  "                                 forwards\n"
  "  sleep:MICROSECONDS             do nothing\n"
  "\n"
  "Prints one line of JSON: {\"steps\":[{\"step\":TEXT,\"ns\":SENT,\"done_ns\":ANSWERED,\"error\":0}]}, times in\n"
  "nanoseconds since 1970. A step that fails does not keep the others from running; exit status 1 then.\n";

typedef struct Step Step;
struct Step
{
  const char *text;
  char operation[16];
  char argument[MAX_ARGUMENTS][64];
  int n_arguments;
  struct nl_sock *socket;
  struct nl_msg *message; /* NULL: reach, sleep */
  int ifindex, probe_fd;
  unsigned char probe[ARP_FRAME];
  int (*run) (Step *step); /* 0 or an errno */
  long long sent_ns, done_ns;
  int error; /* errno of the kernel's answer */
};

static struct
{
  char name[64];
  struct nl_sock *socket;
} namespaces[MAX_NAMESPACES];
static int n_namespaces;

static void __attribute__ ((noreturn, format (printf, 1, 2))) die (const char *format, ...)
{
  va_list args;
  fputs ("lab-plug: ", stderr);
  va_start (args, format);
  vfprintf (stderr, format, args);
  va_end (args);
  fputc ('\n', stderr);
  exit (2);
}

static long long
wall_ns (void)
{
  struct timespec now;
  clock_gettime (CLOCK_REALTIME, &now);
  return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* Enters the namespace @name and stays there; a socket opened now belongs to it for ever. */
static struct nl_sock *
enter_namespace (const char *name)
{
  char path[96];
  snprintf (path, sizeof path, "/run/netns/%s", name);
  int fd = open (path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || setns (fd, CLONE_NEWNET) < 0)
    die ("%s: %s", path, strerror (errno));
  close (fd);
  for (int i = 0; i < n_namespaces; i++)
    if (strcmp (namespaces[i].name, name) == 0)
      return namespaces[i].socket;
  if (n_namespaces == MAX_NAMESPACES || strlen (name) >= sizeof namespaces[0].name)
    die ("at most %d namespaces with short names", MAX_NAMESPACES);
  struct nl_sock *sock = nl_socket_alloc ();
  int error = sock ? nl_connect (sock, NETLINK_ROUTE) : -NLE_NOMEM;
  if (error < 0)
    die ("netlink: %s", nl_geterror (error));
  strcpy (namespaces[n_namespaces].name, name);
  return namespaces[n_namespaces++].socket = sock;
}

static int
need_ifindex (const char *name)
{
  unsigned index = if_nametoindex (name);
  if (!index)
    die ("%s: no such interface there", name);
  return (int)index;
}

static struct in_addr
need_address (char *text, int *ret_prefix)
{
  struct in_addr address;
  char *slash = ret_prefix ? strchr (text, '/') : NULL;
  if (slash)
    {
      *slash = 0;
      *ret_prefix = atoi (slash + 1);
    }
  if (inet_pton (AF_INET, text, &address) != 1 || (ret_prefix && (!slash || *ret_prefix < 1 || *ret_prefix > 32)))
    die ("'%s' is no IPv4 address%s", text, ret_prefix ? "/prefix" : "");
  return address;
}

static struct nl_msg *
new_message (int type, int flags, void *header, size_t length)
{
  struct nl_msg *message = nlmsg_alloc_simple (type, NLM_F_REQUEST | NLM_F_ACK | flags);
  if (!message || nlmsg_append (message, header, length, NLMSG_ALIGNTO) < 0)
    die ("out of memory");
  return message;
}

static void
prepare_address (Step *step, bool add)
{
  int prefix;
  struct in_addr address = need_address (step->argument[1], &prefix);
  struct ifaddrmsg header = { .ifa_family = AF_INET,
                              .ifa_prefixlen = (unsigned char)prefix,
                              .ifa_index = (unsigned)step->ifindex };
  step->message =
    new_message (add ? RTM_NEWADDR : RTM_DELADDR, add ? NLM_F_CREATE | NLM_F_REPLACE : 0, &header, sizeof header);
  nla_put (step->message, IFA_LOCAL, sizeof address, &address);
  nla_put (step->message, IFA_ADDRESS, sizeof address, &address);
  if (add)
    {
      struct in_addr broadcast = { address.s_addr | htonl (prefix == 32 ? 0 : 0xffffffffu >> prefix) };
      nla_put (step->message, IFA_BROADCAST, sizeof broadcast, &broadcast);
    }
}

static void
prepare_route (Step *step, bool add)
{
  struct in_addr router = need_address (step->argument[1], NULL);
  struct rtmsg header = { .rtm_family = AF_INET,
                          .rtm_table = RT_TABLE_MAIN,
                          .rtm_protocol = RTPROT_DHCP,
                          .rtm_scope = RT_SCOPE_UNIVERSE,
                          .rtm_type = RTN_UNICAST };
  step->message =
    new_message (add ? RTM_NEWROUTE : RTM_DELROUTE, add ? NLM_F_CREATE | NLM_F_REPLACE : 0, &header, sizeof header);
  nla_put (step->message, RTA_GATEWAY, sizeof router, &router);
  nla_put_u32 (step->message, RTA_OIF, (unsigned)step->ifindex);
  nla_put_u32 (step->message, RTA_PRIORITY, (unsigned)atoi (step->argument[2]));
}

static void
prepare_neighbour (Step *step)
{
  struct in_addr address = need_address (step->argument[1], NULL);
  unsigned char mac[6];
  const char *text = step->argument[2];
  if (sscanf (text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", mac, mac + 1, mac + 2, mac + 3, mac + 4, mac + 5) != 6)
    die ("'%s' is no MAC address", text);
  struct ndmsg header = { .ndm_family = AF_INET, .ndm_ifindex = step->ifindex, .ndm_state = NUD_PERMANENT };
  step->message = new_message (RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, &header, sizeof header);
  nla_put (step->message, NDA_DST, sizeof address, &address);
  nla_put (step->message, NDA_LLADDR, sizeof mac, mac);
}

static void
prepare_link (Step *step, unsigned change, unsigned flags)
{
  struct ifinfomsg header = { .ifi_index = step->ifindex, .ifi_flags = flags, .ifi_change = change };
  step->message = new_message (RTM_NEWLINK, 0, &header, sizeof header);
}

static void
prepare_addaddr (Step *step)
{
  prepare_address (step, true);
}

static void
prepare_deladdr (Step *step)
{
  prepare_address (step, false);
}

static void
prepare_addroute (Step *step)
{
  prepare_route (step, true);
}

static void
prepare_delroute (Step *step)
{
  prepare_route (step, false);
}

static void
prepare_master (Step *step)
{
  prepare_link (step, 0, 0);
  nla_put_u32 (step->message, IFLA_MASTER, step->n_arguments == 2 ? (unsigned)need_ifindex (step->argument[1]) : 0);
}

static void
prepare_up (Step *step)
{
  prepare_link (step, IFF_UP, IFF_UP);
}

static void
prepare_down (Step *step)
{
  prepare_link (step, IFF_UP, 0);
}

static void
prepare_carrier (Step *step)
{
  struct ifinfomsg header = { .ifi_index = step->ifindex };
  step->message = nlmsg_alloc_simple (RTM_GETLINK, NLM_F_REQUEST);
  if (!step->message || nlmsg_append (step->message, &header, sizeof header, NLMSG_ALIGNTO) < 0)
    die ("out of memory");
}

/* An ARP probe (RFC 5227 1.1: sender address zero), which changes nobody's table. */
static void
prepare_reach (Step *step)
{
  struct in_addr target = need_address (step->argument[1], NULL);
  struct sockaddr_ll address = { .sll_family = AF_PACKET,
                                 .sll_protocol = htons (ETH_P_ARP),
                                 .sll_ifindex = step->ifindex };
  struct ifreq request = { 0 };
  static const unsigned char arp[] = { 8, 6, 0, 1, 8, 0, 6, 4, 0, 1 };
  step->probe_fd = socket (AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons (ETH_P_ARP));
  /* it is an interface, so the name fits */
  memcpy (request.ifr_name, step->argument[0], IFNAMSIZ - 1);
  if (step->probe_fd < 0 || bind (step->probe_fd, (struct sockaddr *)&address, sizeof address) < 0 ||
      ioctl (step->probe_fd, SIOCGIFHWADDR, &request) < 0)
    die ("%s: %s", step->argument[0], strerror (errno));
  memset (step->probe, 0xff, 6);
  memcpy (step->probe + 6, request.ifr_hwaddr.sa_data, 6);
  memcpy (step->probe + 12, arp, sizeof arp);
  memcpy (step->probe + 22, request.ifr_hwaddr.sa_data, 6);
  memcpy (step->probe + 38, &target, sizeof target);
}

/* A port of a bridge passes packets only in state "forwarding", which follows the carrier a little later. */
static bool
port_is_ready (struct nlattr *link_info)
{
  struct nlattr *info[IFLA_INFO_MAX + 1] = { NULL }, *port[IFLA_BRPORT_MAX + 1] = { NULL };
  if (!link_info || nla_parse_nested (info, IFLA_INFO_MAX, link_info, NULL) < 0 || !info[IFLA_INFO_SLAVE_DATA])
    return true;
  if (nla_parse_nested (port, IFLA_BRPORT_MAX, info[IFLA_INFO_SLAVE_DATA], NULL) < 0 || !port[IFLA_BRPORT_STATE])
    return true;
  return nla_get_u8 (port[IFLA_BRPORT_STATE]) == BR_STATE_FORWARDING;
}

static int
on_link (struct nl_msg *message, void *data)
{
  struct nlmsghdr *header = nlmsg_hdr (message);
  const struct ifinfomsg *info = nlmsg_data (header);
  struct nlattr *attributes[IFLA_MAX + 1] = { NULL };
  bool *ready = data;
  if (nlmsg_parse (header, sizeof *info, attributes, IFLA_MAX, NULL) < 0)
    return NL_STOP;
  /* The kernel takes the queue away ("noop": packets are dropped) while it digests the loss of the carrier. */
  *ready = (info->ifi_flags & IFF_RUNNING) && port_is_ready (attributes[IFLA_LINKINFO]) &&
           !(attributes[IFLA_QDISC] && strcmp (nla_get_string (attributes[IFLA_QDISC]), "noop") == 0);
  return NL_STOP;
}

/* Asks once. 0 and the answer in @ready, or an errno. */
static int
ask_link (Step *step, bool *ready)
{
  int error = 0;
  nlmsg_hdr (step->message)->nlmsg_seq = NL_AUTO_SEQ;
  /* The answer is acknowledgement enough; a second message would lie in the way of the next question. */
  nl_socket_disable_auto_ack (step->socket);
  nl_socket_disable_seq_check (step->socket);
  nl_socket_modify_cb (step->socket, NL_CB_VALID, NL_CB_CUSTOM, on_link, ready);
  if (nl_send_auto (step->socket, step->message) < 0 || nl_recvmsgs_default (step->socket) < 0)
    error = EIO;
  nl_socket_enable_auto_ack (step->socket);
  return error;
}

static int
run_carrier (Step *step)
{
  int calm = 0;
  for (int waited = 0; waited < PATIENCE_US; waited += CARRIER_POLL_US)
    {
      bool ready = false;
      int error = ask_link (step, &ready);
      if (error)
        return error;
      calm = ready ? calm + CARRIER_POLL_US : 0;
      if (calm > CARRIER_CALM_US)
        return 0;
      usleep (CARRIER_POLL_US);
    }
  return ETIMEDOUT;
}

static int
run_reach (Step *step)
{
  unsigned char answer[128];
  struct pollfd poll_fd = { .fd = step->probe_fd, .events = POLLIN };
  for (int waited = 0; waited < PATIENCE_US; waited += REACH_POLL_MS * 1000)
    {
      if (send (step->probe_fd, step->probe, sizeof step->probe, 0) < 0 && errno != ENETDOWN && errno != ENOBUFS)
        return errno;
      while (poll (&poll_fd, 1, REACH_POLL_MS) > 0)
        if (recv (step->probe_fd, answer, sizeof answer, MSG_DONTWAIT) >= ARP_FRAME && answer[21] == 2 &&
            memcmp (answer + 28, step->probe + 38, 4) == 0)
          return 0;
    }
  return ETIMEDOUT;
}

static int
run_sleep (Step *step)
{
  usleep ((useconds_t)atoi (step->argument[0]));
  return 0;
}

static int
on_error (struct sockaddr_nl *from, struct nlmsgerr *answer, void *data)
{
  (void)from;
  *(int *)data = -answer->error;
  return NL_STOP;
}

static int
run_request (Step *step)
{
  int refused = 0;
  nl_complete_msg (step->socket, step->message);
  nl_socket_modify_err_cb (step->socket, NL_CB_CUSTOM, on_error, &refused);
  step->sent_ns = wall_ns ();
  if (nl_send (step->socket, step->message) < 0)
    return EIO;
  int error = nl_wait_for_ack (step->socket);
  return refused ? refused : error < 0 ? EIO : 0;
}

static const struct
{
  const char *name;
  int n_arguments;
  void (*prepare) (Step *step); /* NULL: nothing to prepare, the first argument is no interface */
  int (*run) (Step *step);
} operations[] = {
  { "addaddr", 2, prepare_addaddr, run_request },   { "deladdr", 2, prepare_deladdr, run_request },
  { "addroute", 3, prepare_addroute, run_request }, { "delroute", 3, prepare_delroute, run_request },
  { "neigh", 3, prepare_neighbour, run_request },   { "master", 2, prepare_master, run_request },
  { "nomaster", 1, prepare_master, run_request },   { "up", 1, prepare_up, run_request },
  { "down", 1, prepare_down, run_request },         { "carrier", 1, prepare_carrier, run_carrier },
  { "reach", 2, prepare_reach, run_reach },         { "sleep", 1, NULL, run_sleep },
};

static void
prepare_step (Step *step)
{
  size_t i = 0, n = sizeof operations / sizeof *operations;
  while (i < n && strcmp (operations[i].name, step->operation) != 0)
    i++;
  if (i == n || operations[i].n_arguments != step->n_arguments)
    die ("'%s': unknown operation or wrong number of arguments (see --help)", step->text);
  step->run = operations[i].run;
  if (operations[i].prepare)
    {
      step->ifindex = need_ifindex (step->argument[0]);
      operations[i].prepare (step);
    }
}

/* NAMESPACE:OPERATION:ARGUMENT,... taken apart. */
static void
parse_step (Step *step, const char *text)
{
  char copy[256], *rest = copy, *word;
  if (strlen (text) >= sizeof copy)
    die ("'%s': too long", text);
  strcpy (copy, text);
  step->text = text;
  const char *namespace = strsep (&rest, ":");
  const char *operation = rest ? strsep (&rest, ":") : NULL;
  if (!operation || !rest || strlen (operation) >= sizeof step->operation)
    die ("'%s': want NAMESPACE:OPERATION:ARGUMENT,...", text);
  strcpy (step->operation, operation);
  while ((word = strsep (&rest, ",")))
    {
      if (step->n_arguments == MAX_ARGUMENTS || strlen (word) >= sizeof step->argument[0])
        die ("'%s': too many or too long arguments", text);
      strcpy (step->argument[step->n_arguments++], word);
    }
  step->socket = enter_namespace (namespace);
  prepare_step (step);
}

static void
run_step (Step *step)
{
  step->sent_ns = wall_ns ();
  step->error = step->run (step);
  step->done_ns = wall_ns ();
}

/* True when every step was done. */
static bool
print_steps (const Step *steps, int n_steps)
{
  bool good = true;
  fputs ("{\"steps\":[", stdout);
  for (int i = 0; i < n_steps; i++)
    {
      const Step *step = &steps[i];
      printf ("%s{\"step\":\"%s\",\"ns\":%lld,\"done_ns\":%lld,\"error\":%d}", i ? "," : "", step->text, step->sent_ns,
              step->done_ns, step->error);
      if (step->error)
        fprintf (stderr, "lab-plug: %s: %s\n", step->text, strerror (step->error));
      good = good && !step->error;
    }
  puts ("]}");
  return good;
}

int
main (int argc, char **argv)
{
  static Step steps[MAX_STEPS];
  int n_steps = argc - 1;
  if (argc < 2 || strcmp (argv[1], "--help") == 0)
    {
      fputs (USAGE, argc < 2 ? stderr : stdout);
      return argc < 2 ? 2 : 0;
    }
  if (n_steps > MAX_STEPS)
    die ("at most %d steps", MAX_STEPS);
  for (int i = 0; i < n_steps; i++)
    parse_step (&steps[i], argv[i + 1]);
  for (int i = 0; i < n_steps; i++)
    run_step (&steps[i]);
  bool good = print_steps (steps, n_steps);
  for (int i = 0; i < n_steps; i++)
    nlmsg_free (steps[i].message);
  for (int i = 0; i < n_namespaces; i++)
    nl_socket_free (namespaces[i].socket);
  return good ? 0 : 1;
}
