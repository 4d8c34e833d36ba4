/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "agent/coordinator-private.h"
#include "test-coordinator-world.h"

#include <string.h>

/*
 * Section 16.4, row by row: the machine of eth0 is put into the state by hand, with the records that
 * such a machine keeps, the event is fired, and row, next state and everything that was sent are
 * compared with the table below.
 */

/* What the guard of a row looks at, or what its event brings. */
enum
{
  AT_HOME = 1 << 0,   /* the address is of the home link */
  HOME_FORM = 1 << 1, /* R is the deregistration form */
  STALE = 1 << 2,     /* the reply is to a closed record */
  RETRY = 1 << 3,     /* the engine repairs what was denied */
  CODE_133 = 1 << 4,
  BOUND = 1 << 5, /* from mc: TIA unchanged, binding valid, not dirty */
  R_IDLE = 1 << 6,
  NEWER_B = 1 << 7, /* a request went over the VPN since */
  V_DEAD_AGAIN = 1 << 8,
  ALIVE = 1 << 9,      /* the gateway answered the dead-peer check */
  VIA_AGENT = 1 << 10, /* the reply is to the request through the agent */
  OTHER_FA = 1 << 11,  /* the event is about another agent than the one in use */
  BUSY = 1 << 12,      /* ... with B */
  WANTED = 1 << 13,    /* an agent is known, A-18 is met */
};

typedef struct
{
  const char *row;
  CoordinatorState state;
  CoordinatorEvent event;
  CoordinatorState next;
  guint setup;
  const char *words;
} Case;

#define ROW(number, from, what, to, with, said)                                                                        \
  {                                                                                                                    \
#number, COORDINATOR_##from, COORDINATOR_EVENT_##what, COORDINATOR_##to, with, said                                \
  }

/* clang-format off */
static const Case cases[] = {
  /* covers: R5266-ST-001 */
  ROW (001, OFF, START, OFFLINE, 0, "plan:hold ST-001>OFFLINE"),
  /* covers: R5266-ST-002, R5266-ST-003 */
  ROW (002, OFFLINE, STOP, OFF, 0, "plan:drop delete ST-002>OFF"),
  ROW (003, OFFLINE, LINK_UP, ACQUIRE, 0, "ST-003>ACQUIRE"),
  /* covers: R5266-ST-004, R5266-ST-005, R5266-ST-006, R5266-ST-007, R5266-ST-008, R5266-ST-009, R5266-ST-011 */
  ROW (004, ACQUIRE, STOP, OFF, 0, "plan:drop delete ST-004>OFF"),
  ROW (005, ACQUIRE, LINK_UP, ACQUIRE, 0, "ST-005>ACQUIRE"),
  ROW (006, ACQUIRE, LINK_DOWN, OFFLINE, 0, "forget ST-006>OFFLINE"),
  ROW (007, ACQUIRE, ADDR, DET_0, 0, "move rrq ST-007>DET.0"),
  ROW (008, ACQUIRE, ADDR_LOST, ACQUIRE, 0, "ST-008>ACQUIRE"),
  ROW (009, ACQUIRE, HOME_LINK, DET_0, AT_HOME, "move home-rrq ST-009>DET.0"),
  ROW (010, ACQUIRE, FA_NEW, ACQUIRE, WANTED, ""), /* covers: R5266-ST-010 */
  ROW (011, ACQUIRE, V_DEAD, ACQUIRE, 0, "ST-011>ACQUIRE"),
  /* covers: R5266-ST-012, R5266-ST-013, R5266-ST-014, R5266-ST-015, R5266-ST-016, R5266-ST-017, R5266-ST-018 */
  /* covers: R5266-ST-020, R5266-ST-021, R5266-ST-022, R5266-ST-023, R5266-ST-024, R5266-ST-025, R5266-ST-026 */
  /* covers: R5266-ST-027, R5266-ST-028, R5266-ST-029, R5266-ST-030, R5266-ST-031, R5266-ST-032, R5266-ST-033 */
  ROW (012, DET_0, STOP, OFF, 0, "plan:drop cancel delete ST-012>OFF"),
  ROW (013, DET_0, LINK_UP, DET_0, 0, "move rrq ST-013>DET.0"),
  ROW (014, DET_0, LINK_DOWN, OFFLINE, 0, "forget ST-014>OFFLINE"),
  ROW (015, DET_0, ADDR, DET_0, 0, "move rrq ST-015>DET.0"),
  ROW (016, DET_0, ADDR_LOST, ACQUIRE, 0, "cancel ST-016>ACQUIRE"),
  ROW (017, DET_0, HINT, DET_0, 0, "move rrq ST-017>DET.0"),
  ROW (018, DET_0, HOME_LINK, DET_0, AT_HOME, "move home-rrq ST-018>DET.0"),
  ROW (019, DET_0, FA_NEW, DET_0, WANTED, ""), /* covers: R5266-ST-019 */
  ROW (020, DET_0, R_IN, C, 0, "plan:c ST-020>C handover:offline>c"),
  ROW (021, DET_0, R_IN, HOME, HOME_FORM, "plan:home ST-021>HOME handover:offline>home"),
  ROW (022, DET_0, R_NOTNC, DET_V, 0, "ST-022>DET.V alarm:no-tnc"),
  ROW (023, DET_0, R_DENY, DET_0, RETRY | CODE_133, "ST-023>DET.0"),
  ROW (024, DET_0, R_DENY, DET_0, RETRY, "ST-024>DET.0"),
  ROW (025, DET_0, R_DENY, DET_V, 0, "ST-025>DET.V"),
  ROW (026, DET_0, R_BAD, DET_0, 0, ""),
  ROW (027, DET_0, R_EXH, DET_V, 0, "ST-027>DET.V"),
  ROW (028, DET_0, R_LATE, DET_0, 0, "ST-028>DET.0"),
  ROW (029, DET_0, V_OK, DET_G, 0, "ST-029>DET.G"),
  ROW (030, DET_0, V_FAIL, DET_R, 0, "abandon start ST-030>DET.R"),
  ROW (031, DET_0, V_DEAD, DET_0, 0, "start ST-031>DET.0"),
  ROW (032, DET_0, V_AUTH, DET_R, 0, "ST-032>DET.R"),
  ROW (033, DET_0, REVOKED, DET_0, 0, "ST-033>DET.0"),
  /* covers: R5266-ST-034, R5266-ST-035, R5266-ST-036, R5266-ST-037, R5266-ST-038, R5266-ST-039, R5266-ST-040 */
  /* covers: R5266-ST-042, R5266-ST-043, R5266-ST-044, R5266-ST-045, R5266-ST-046, R5266-ST-047, R5266-ST-048 */
  /* covers: R5266-ST-049, R5266-ST-050, R5266-ST-051, R5266-ST-052, R5266-ST-053, R5266-ST-054, R5266-ST-055 */
  /* covers: R5266-ST-056, R5266-ST-057, R5266-ST-058, R5266-ST-059 */
  ROW (034, DET_G, STOP, OFF, 0, "plan:drop cancel delete ST-034>OFF"),
  ROW (035, DET_G, LINK_UP, DET_0, 0, "move rrq ST-035>DET.0"),
  ROW (036, DET_G, LINK_DOWN, OFFLINE, 0, "forget ST-036>OFFLINE"),
  ROW (037, DET_G, ADDR, DET_0, 0, "move rrq ST-037>DET.0"),
  ROW (038, DET_G, ADDR_LOST, ACQUIRE, 0, "cancel ST-038>ACQUIRE"),
  ROW (039, DET_G, HINT, DET_0, 0, "move rrq ST-039>DET.0"),
  ROW (040, DET_G, HOME_LINK, DET_0, AT_HOME, "move home-rrq ST-040>DET.0"),
  ROW (041, DET_G, FA_NEW, DET_G, WANTED, ""), /* covers: R5266-ST-041 */
  ROW (042, DET_G, R_IN, C, 0, "plan:c ST-042>C handover:offline>c"),
  ROW (043, DET_G, R_IN, HOME, HOME_FORM, "plan:home ST-043>HOME handover:offline>home"),
  ROW (044, DET_G, R_NOTNC, MCREG, 0, "vpn-rrq ST-044>MCREG alarm:no-tnc"),
  ROW (045, DET_G, R_DENY, DET_G, RETRY | CODE_133, "ST-045>DET.G"),
  ROW (046, DET_G, R_DENY, DET_G, RETRY, "ST-046>DET.G"),
  ROW (047, DET_G, R_DENY, MC, BOUND, "plan:mc vpn-rrq ST-047>MC handover:offline>mc"),
  ROW (048, DET_G, R_DENY, MCREG, 0, "vpn-rrq ST-048>MCREG"),
  ROW (049, DET_G, R_BAD, DET_G, 0, ""),
  ROW (050, DET_G, R_EXH, MC, BOUND, "plan:mc vpn-rrq ST-050>MC handover:offline>mc"),
  ROW (051, DET_G, R_EXH, MCREG, 0, "vpn-rrq ST-051>MCREG"),
  ROW (052, DET_G, R_LATE, DET_G, 0, "ST-052>DET.G"),
  ROW (053, DET_G, V_FAIL, DET_R, 0, "abandon start ST-053>DET.R"),
  ROW (054, DET_G, V_DEAD, DET_0, 0, "start ST-054>DET.0"),
  ROW (055, DET_G, V_AUTH, DET_R, 0, "ST-055>DET.R"),
  ROW (056, DET_G, V_TIA, DET_G, 0, "ST-056>DET.G"),
  ROW (057, DET_G, GRACE, MC_BG, BOUND, "plan:mc ST-057>MC.BG handover:offline>mc"),
  ROW (058, DET_G, GRACE, MCREG, 0, "vpn-rrq ST-058>MCREG"),
  ROW (059, DET_G, REVOKED, DET_G, 0, "ST-059>DET.G"),
  /* covers: R5266-ST-060, R5266-ST-061, R5266-ST-062, R5266-ST-063, R5266-ST-064, R5266-ST-065, R5266-ST-066 */
  /* covers: R5266-ST-068, R5266-ST-069, R5266-ST-070, R5266-ST-071, R5266-ST-072, R5266-ST-073, R5266-ST-074 */
  /* covers: R5266-ST-075, R5266-ST-076, R5266-ST-077, R5266-ST-078, R5266-ST-079, R5266-ST-080 */
  ROW (060, DET_R, STOP, OFF, 0, "plan:drop cancel ST-060>OFF"),
  ROW (061, DET_R, LINK_UP, DET_0, 0, "start rrq ST-061>DET.0"),
  ROW (062, DET_R, LINK_DOWN, OFFLINE, 0, "forget ST-062>OFFLINE"),
  ROW (063, DET_R, ADDR, DET_0, 0, "start rrq ST-063>DET.0"),
  ROW (064, DET_R, ADDR_LOST, ACQUIRE, 0, "cancel ST-064>ACQUIRE"),
  ROW (065, DET_R, HINT, DET_0, 0, "start rrq ST-065>DET.0"),
  ROW (066, DET_R, HOME_LINK, DET_0, AT_HOME, "start home-rrq ST-066>DET.0"),
  ROW (067, DET_R, FA_NEW, DET_R, WANTED, ""), /* covers: R5266-ST-067 */
  ROW (068, DET_R, R_IN, C, 0, "plan:c ST-068>C handover:offline>c"),
  ROW (069, DET_R, R_IN, HOME, HOME_FORM, "plan:home ST-069>HOME handover:offline>home"),
  ROW (070, DET_R, R_NOTNC, BLOCKED, 0, "plan:drop dereg ST-070>BLOCKED alarm:no-tnc alarm:no-path"),
  ROW (071, DET_R, R_DENY, DET_R, RETRY | CODE_133, "ST-071>DET.R"),
  ROW (072, DET_R, R_DENY, DET_R, RETRY, "ST-072>DET.R"),
  ROW (073, DET_R, R_DENY, BLOCKED, 0, "plan:drop ST-073>BLOCKED alarm:no-path"),
  ROW (074, DET_R, R_BAD, DET_R, 0, ""),
  ROW (075, DET_R, R_EXH, BLOCKED, 0, "plan:drop ST-075>BLOCKED alarm:no-path"),
  ROW (076, DET_R, R_LATE, DET_R, 0, "ST-076>DET.R"),
  ROW (077, DET_R, V_OK, DET_G, 0, "ST-077>DET.G"),
  ROW (078, DET_R, V_FAIL, DET_R, 0, "ST-078>DET.R"),
  ROW (079, DET_R, V_DEAD, DET_R, 0, "ST-079>DET.R"),
  ROW (080, DET_R, V_AUTH, DET_R, 0, "ST-080>DET.R"),
  /* covers: R5266-ST-081, R5266-ST-082, R5266-ST-083, R5266-ST-084, R5266-ST-085, R5266-ST-086, R5266-ST-087 */
  /* covers: R5266-ST-089, R5266-ST-090, R5266-ST-091, R5266-ST-092, R5266-ST-093, R5266-ST-094, R5266-ST-095 */
  /* covers: R5266-ST-096, R5266-ST-097, R5266-ST-098 */
  ROW (081, DET_V, STOP, OFF, 0, "plan:drop delete ST-081>OFF"),
  ROW (082, DET_V, LINK_UP, DET_0, 0, "move rrq ST-082>DET.0"),
  ROW (083, DET_V, LINK_DOWN, OFFLINE, 0, "forget ST-083>OFFLINE"),
  ROW (084, DET_V, ADDR, DET_0, 0, "move rrq ST-084>DET.0"),
  ROW (085, DET_V, ADDR_LOST, ACQUIRE, 0, "ST-085>ACQUIRE"),
  ROW (086, DET_V, HINT, DET_0, 0, "move rrq ST-086>DET.0"),
  ROW (087, DET_V, HOME_LINK, DET_0, AT_HOME, "move home-rrq ST-087>DET.0"),
  ROW (088, DET_V, FA_NEW, DET_V, WANTED, ""), /* covers: R5266-ST-088 */
  ROW (089, DET_V, R_NOTNC, DET_V, STALE, "ST-089>DET.V alarm:no-tnc"),
  ROW (090, DET_V, R_BAD, DET_V, 0, ""),
  ROW (091, DET_V, R_LATE, DET_0, 0, "rrq ST-091>DET.0"),
  ROW (092, DET_V, V_OK, MC, BOUND, "plan:mc vpn-rrq ST-092>MC handover:offline>mc"),
  ROW (093, DET_V, V_OK, MCREG, 0, "vpn-rrq ST-093>MCREG"),
  ROW (094, DET_V, V_FAIL, BLOCKED, 0, "plan:drop ST-094>BLOCKED alarm:no-path"),
  ROW (095, DET_V, V_DEAD, DET_V, 0, "start ST-095>DET.V"),
  ROW (096, DET_V, V_DEAD, BLOCKED, V_DEAD_AGAIN, "plan:drop ST-096>BLOCKED alarm:no-path"),
  ROW (097, DET_V, V_AUTH, BLOCKED, 0, "plan:drop ST-097>BLOCKED alarm:no-path"),
  ROW (098, DET_V, REVOKED, DET_V, 0, "ST-098>DET.V"),
  /* covers: R5266-ST-099, R5266-ST-100, R5266-ST-101, R5266-ST-102, R5266-ST-103, R5266-ST-104, R5266-ST-105 */
  /* covers: R5266-ST-107, R5266-ST-108, R5266-ST-109, R5266-ST-110, R5266-ST-111, R5266-ST-112, R5266-ST-113 */
  /* covers: R5266-ST-114, R5266-ST-115, R5266-ST-116, R5266-ST-117, R5266-ST-118, R5266-ST-119, R5266-ST-120 */
  ROW (099, HOME, STOP, OFF, 0, "plan:drop delete ST-099>OFF"),
  ROW (100, HOME, LINK_UP, DET_0, 0, "plan:hold move rrq ST-100>DET.0"),
  ROW (101, HOME, LINK_DOWN, OFFLINE, 0, "plan:hold forget ST-101>OFFLINE"),
  ROW (102, HOME, ADDR, DET_0, 0, "plan:hold move rrq ST-102>DET.0"),
  ROW (103, HOME, ADDR_LOST, ACQUIRE, 0, "plan:hold ST-103>ACQUIRE"),
  ROW (104, HOME, HINT, DET_0, 0, "plan:hold move rrq ST-104>DET.0"),
  ROW (105, HOME, HOME_LINK, HOME, AT_HOME | HOME_FORM, "ST-105>HOME"),
  ROW (106, HOME, FA_NEW, HOME, WANTED, ""), /* covers: R5266-ST-106 */
  ROW (107, HOME, R_IN, HOME, HOME_FORM, "ST-107>HOME"),
  ROW (108, HOME, R_NOTNC, DET_0, 0, "plan:hold move rrq ST-108>DET.0 alarm:no-tnc"),
  ROW (109, HOME, R_DENY, HOME, RETRY, "ST-109>HOME"),
  ROW (110, HOME, R_DENY, DET_0, 0, "plan:hold move rrq ST-110>DET.0"),
  ROW (111, HOME, R_BAD, HOME, 0, ""),
  ROW (112, HOME, R_EXH, DET_0, 0, "plan:hold move rrq ST-112>DET.0"),
  ROW (113, HOME, R_LATE, HOME, 0, "ST-113>HOME"),
  ROW (114, HOME, V_OK, HOME, 0, "ST-114>HOME"),
  ROW (115, HOME, V_FAIL, HOME, 0, "abandon ST-115>HOME"),
  ROW (116, HOME, V_DEAD, HOME, 0, "ST-116>HOME"),
  ROW (117, HOME, V_AUTH, HOME, 0, "ST-117>HOME"),
  ROW (118, HOME, V_TIA, HOME, 0, "ST-118>HOME"),
  ROW (119, HOME, MON, HOME, HOME_FORM, "home-rrq ST-119>HOME"),
  ROW (120, HOME, MON_EXP, DET_0, 0, "plan:hold move rrq ST-120>DET.0"),
  /* covers: R5266-ST-121, R5266-ST-122, R5266-ST-123, R5266-ST-124, R5266-ST-125, R5266-ST-126, R5266-ST-127 */
  /* covers: R5266-ST-131, R5266-ST-132, R5266-ST-133, R5266-ST-134, R5266-ST-135, R5266-ST-136, R5266-ST-137 */
  /* covers: R5266-ST-138, R5266-ST-139, R5266-ST-140, R5266-ST-141, R5266-ST-142, R5266-ST-143, R5266-ST-144 */
  /* covers: R5266-ST-145 */
  ROW (121, C, STOP, OFF, 0, "plan:drop dereg delete ST-121>OFF"),
  ROW (122, C, LINK_UP, DET_0, 0, "plan:hold move rrq ST-122>DET.0"),
  ROW (123, C, LINK_DOWN, OFFLINE, 0, "plan:hold forget ST-123>OFFLINE"),
  ROW (124, C, ADDR, DET_0, 0, "plan:hold move rrq ST-124>DET.0"),
  ROW (125, C, ADDR_LOST, ACQUIRE, 0, "plan:hold ST-125>ACQUIRE"),
  ROW (126, C, HINT, DET_0, 0, "plan:hold move rrq ST-126>DET.0"),
  ROW (127, C, HOME_LINK, DET_0, AT_HOME, "plan:hold move home-rrq ST-127>DET.0"),
  /* covers: R5266-ST-128, R5266-ST-129, R5266-ST-130 */
  ROW (128, C, FA_NEW, C_FA, WANTED, "fa-rrq ST-128>C.FA"),
  ROW (129, C, FA_NEW, C, 0, ""),
  ROW (130, C, FA_LOST, C, 0, ""),
  ROW (131, C, R_IN, C, 0, "ST-131>C"),
  ROW (132, C, R_NOTNC, DET_0, 0, "plan:hold move rrq ST-132>DET.0 alarm:no-tnc"),
  ROW (133, C, R_DENY, C, RETRY, "ST-133>C"),
  ROW (134, C, R_DENY, DET_0, 0, "plan:hold move rrq ST-134>DET.0"),
  ROW (135, C, R_BAD, C, 0, ""),
  ROW (136, C, R_EXH, DET_0, 0, "plan:hold move rrq ST-136>DET.0"),
  ROW (137, C, R_LATE, C, 0, "ST-137>C"),
  ROW (138, C, V_OK, C, 0, "ST-138>C"),
  ROW (139, C, V_FAIL, C, 0, "abandon ST-139>C"),
  ROW (140, C, V_DEAD, C, 0, "ST-140>C"),
  ROW (141, C, V_AUTH, C, 0, "ST-141>C"),
  ROW (142, C, V_TIA, C, 0, "ST-142>C"),
  ROW (143, C, MON, C, 0, "rrq ST-143>C"),
  ROW (144, C, MON_EXP, DET_0, 0, "plan:hold move rrq ST-144>DET.0"),
  ROW (145, C, REVOKED, DET_0, 0, "plan:hold move rrq ST-145>DET.0"),
  /* covers: R5266-ST-146, R5266-ST-147, R5266-ST-148, R5266-ST-149, R5266-ST-150, R5266-ST-151, R5266-ST-152 */
  /* covers: R5266-ST-153, R5266-ST-154, R5266-ST-155, R5266-ST-156, R5266-ST-157, R5266-ST-158, R5266-ST-159 */
  /* covers: R5266-ST-160, R5266-ST-161, R5266-ST-162, R5266-ST-163, R5266-ST-164, R5266-ST-165, R5266-ST-166 */
  /* covers: R5266-ST-167, R5266-ST-168, R5266-ST-169, R5266-ST-170, R5266-ST-171 */
  ROW (146, C_FA, STOP, OFF, 0, "plan:drop dereg delete ST-146>OFF"),
  ROW (147, C_FA, LINK_UP, DET_0, 0, "plan:hold move rrq ST-147>DET.0"),
  ROW (148, C_FA, LINK_DOWN, OFFLINE, 0, "plan:hold forget ST-148>OFFLINE"),
  ROW (149, C_FA, ADDR, DET_0, 0, "plan:hold move rrq ST-149>DET.0"),
  ROW (150, C_FA, ADDR_LOST, ACQUIRE, 0, "plan:hold cancel ST-150>ACQUIRE"),
  ROW (151, C_FA, HINT, DET_0, 0, "plan:hold move rrq ST-151>DET.0"),
  ROW (152, C_FA, HOME_LINK, DET_0, AT_HOME, "plan:hold move home-rrq ST-152>DET.0"),
  ROW (153, C_FA, FA_NEW, C_FA, OTHER_FA, ""),
  ROW (154, C_FA, FA_LOST, C, 0, "rrq ST-154>C"),
  ROW (155, C_FA, FA_RESET, C_FA, 0, "fa-rrq"),
  ROW (156, C_FA, R_IN, F, VIA_AGENT, "plan:f ST-156>F handover:c>f"),
  ROW (157, C_FA, R_IN, C_FA, 0, "fa-rrq ST-157>C.FA"),
  ROW (158, C_FA, R_NOTNC, DET_0, 0, "plan:hold move rrq ST-158>DET.0 alarm:no-tnc"),
  ROW (159, C_FA, R_DENY, C_FA, RETRY, "ST-159>C.FA"),
  ROW (160, C_FA, R_DENY, C, 0, "rrq ST-160>C"),
  ROW (161, C_FA, R_BAD, C_FA, 0, ""),
  ROW (162, C_FA, R_EXH, C, 0, "rrq ST-162>C"),
  ROW (163, C_FA, R_LATE, C_FA, 0, "ST-163>C.FA"),
  ROW (164, C_FA, V_OK, C_FA, 0, "ST-164>C.FA"),
  ROW (165, C_FA, V_FAIL, C_FA, 0, "abandon ST-165>C.FA"),
  ROW (166, C_FA, V_DEAD, C_FA, 0, "ST-166>C.FA"),
  ROW (167, C_FA, V_AUTH, C_FA, 0, "ST-167>C.FA"),
  ROW (168, C_FA, V_TIA, C_FA, 0, "ST-168>C.FA"),
  ROW (169, C_FA, MON, C_FA, 0, "rrq ST-169>C.FA"),
  ROW (170, C_FA, MON_EXP, DET_0, 0, "plan:hold move rrq ST-170>DET.0"),
  ROW (171, C_FA, REVOKED, DET_0, 0, "plan:hold move rrq ST-171>DET.0"),
  /* covers: R5266-ST-172, R5266-ST-173, R5266-ST-174, R5266-ST-175, R5266-ST-176, R5266-ST-177, R5266-ST-178 */
  /* covers: R5266-ST-179, R5266-ST-180, R5266-ST-181, R5266-ST-182, R5266-ST-183, R5266-ST-184, R5266-ST-185 */
  /* covers: R5266-ST-186, R5266-ST-187, R5266-ST-188, R5266-ST-189, R5266-ST-190, R5266-ST-191, R5266-ST-192 */
  /* covers: R5266-ST-193, R5266-ST-194, R5266-ST-195, R5266-ST-196 */
  ROW (172, F, STOP, OFF, 0, "plan:drop fa-dereg delete ST-172>OFF"),
  ROW (173, F, LINK_UP, DET_0, 0, "plan:hold move rrq ST-173>DET.0"),
  ROW (174, F, LINK_DOWN, OFFLINE, 0, "plan:hold forget ST-174>OFFLINE"),
  ROW (175, F, ADDR, DET_0, 0, "plan:hold move rrq ST-175>DET.0"),
  ROW (176, F, ADDR_LOST, ACQUIRE, 0, "plan:hold ST-176>ACQUIRE"),
  ROW (177, F, HINT, DET_0, 0, "plan:hold move rrq ST-177>DET.0"),
  ROW (178, F, HOME_LINK, DET_0, AT_HOME, "plan:hold move home-rrq ST-178>DET.0"),
  ROW (179, F, FA_NEW, F, OTHER_FA, ""),
  ROW (180, F, FA_LOST, DET_0, 0, "plan:hold move rrq ST-180>DET.0"),
  ROW (181, F, FA_RESET, F, 0, "fa-rrq"),
  ROW (182, F, FA_RESET, DET_0, BUSY, "plan:hold move rrq ST-182>DET.0"),
  ROW (183, F, R_IN, F, VIA_AGENT, "ST-183>F"),
  ROW (184, F, R_NOTNC, DET_0, 0, "plan:hold move rrq ST-184>DET.0 alarm:no-tnc"),
  ROW (185, F, R_DENY, F, RETRY, "ST-185>F"),
  ROW (186, F, R_DENY, DET_0, 0, "plan:hold move rrq ST-186>DET.0"),
  ROW (187, F, R_BAD, F, 0, ""),
  ROW (188, F, R_EXH, DET_0, 0, "plan:hold move rrq ST-188>DET.0"),
  ROW (189, F, R_LATE, F, 0, "ST-189>F"),
  ROW (190, F, V_OK, F, 0, "ST-190>F"),
  ROW (191, F, V_FAIL, F, 0, "abandon ST-191>F"),
  ROW (192, F, V_DEAD, F, 0, "ST-192>F"),
  ROW (193, F, V_AUTH, F, 0, "ST-193>F"),
  ROW (194, F, V_TIA, F, 0, "ST-194>F"),
  ROW (195, F, MON, F, 0, "fa-rrq ST-195>F"),
  ROW (196, F, MON_EXP, DET_0, 0, "plan:hold move rrq ST-196>DET.0"),
  /* covers: R5266-ST-197, R5266-ST-198, R5266-ST-199, R5266-ST-200, R5266-ST-201, R5266-ST-202, R5266-ST-203 */
  /* covers: R5266-ST-205, R5266-ST-206, R5266-ST-207, R5266-ST-208, R5266-ST-209, R5266-ST-210, R5266-ST-211 */
  /* covers: R5266-ST-212, R5266-ST-213, R5266-ST-214, R5266-ST-215, R5266-ST-216, R5266-ST-217, R5266-ST-218 */
  /* covers: R5266-ST-219, R5266-ST-220, R5266-ST-221, R5266-ST-222, R5266-ST-223 */
  ROW (197, MCREG, STOP, OFF, 0, "plan:drop cancel vpn-cancel delete ST-197>OFF"),
  ROW (198, MCREG, LINK_UP, DET_0, 0, "move vpn-cancel rrq ST-198>DET.0"),
  ROW (199, MCREG, LINK_DOWN, OFFLINE, 0, "vpn-cancel forget ST-199>OFFLINE"),
  ROW (200, MCREG, ADDR, DET_0, 0, "move vpn-cancel rrq ST-200>DET.0"),
  ROW (201, MCREG, ADDR_LOST, ACQUIRE, 0, "cancel vpn-cancel ST-201>ACQUIRE"),
  ROW (202, MCREG, HINT, DET_0, 0, "move vpn-cancel rrq ST-202>DET.0"),
  ROW (203, MCREG, HOME_LINK, DET_0, AT_HOME, "move vpn-cancel home-rrq ST-203>DET.0"),
  ROW (204, MCREG, FA_NEW, MCREG, WANTED, ""), /* covers: R5266-ST-204 */
  ROW (205, MCREG, R_IN, DET_G, 0, "vpn-cancel rrq ST-205>DET.G"),
  ROW (206, MCREG, R_NOTNC, MCREG, 0, "vpn-rrq ST-206>MCREG alarm:no-tnc"),
  ROW (207, MCREG, R_DENY, MCREG, 0, "ST-207>MCREG"),
  ROW (208, MCREG, R_BAD, MCREG, 0, ""),
  ROW (209, MCREG, R_EXH, MCREG, 0, "ST-209>MCREG"),
  ROW (210, MCREG, R_LATE, DET_G, 0, "vpn-cancel rrq ST-210>DET.G"),
  ROW (211, MCREG, V_FAIL, DET_0, 0, "abandon start vpn-cancel rrq ST-211>DET.0 alarm:vpn-unreachable"),
  ROW (212, MCREG, V_DEAD, DET_0, 0, "start vpn-cancel rrq ST-212>DET.0 alarm:vpn-unreachable"),
  ROW (213, MCREG, V_AUTH, BLOCKED, 0, "plan:drop cancel vpn-cancel ST-213>BLOCKED alarm:no-path"),
  ROW (214, MCREG, V_TIA, MCREG, 0, "vpn-rrq ST-214>MCREG"),
  ROW (215, MCREG, B_OK, MC, R_IDLE, "plan:mc ST-215>MC handover:offline>mc"),
  ROW (216, MCREG, B_OK, MC_BG, 0, "plan:mc ST-216>MC.BG handover:offline>mc"),
  ROW (217, MCREG, B_DENY, MCREG, RETRY | CODE_133, "ST-217>MCREG"),
  ROW (218, MCREG, B_DENY, MCREG, RETRY, "ST-218>MCREG"),
  ROW (219, MCREG, B_DENY, BLOCKED, 0, "plan:drop cancel ST-219>BLOCKED alarm:no-path"),
  ROW (220, MCREG, B_EXH, MCREG, ALIVE, "vpn-rrq+F ST-220>MCREG"),
  ROW (221, MCREG, B_EXH, DET_0, 0, "start rrq ST-221>DET.0 alarm:vpn-unreachable"),
  ROW (222, MCREG, EXPIRE, MCREG, 0, "ST-222>MCREG"),
  ROW (223, MCREG, REVOKED, MCREG, 0, "vpn-cancel ST-223>MCREG"),
  /* covers: R5266-ST-224, R5266-ST-225, R5266-ST-226, R5266-ST-227, R5266-ST-228, R5266-ST-229, R5266-ST-230 */
  /* covers: R5266-ST-232, R5266-ST-233, R5266-ST-234, R5266-ST-235, R5266-ST-236, R5266-ST-237, R5266-ST-238 */
  /* covers: R5266-ST-239, R5266-ST-240, R5266-ST-241, R5266-ST-242, R5266-ST-243, R5266-ST-244, R5266-ST-245 */
  /* covers: R5266-ST-246, R5266-ST-247, R5266-ST-248, R5266-ST-249, R5266-ST-250, R5266-ST-251 */
  ROW (224, MC_BG, STOP, OFF, 0, "plan:drop cancel vpn-dereg delete ST-224>OFF"),
  ROW (225, MC_BG, LINK_UP, DET_0, 0, "plan:hold move rrq ST-225>DET.0"),
  ROW (226, MC_BG, LINK_DOWN, OFFLINE, 0, "plan:hold forget ST-226>OFFLINE"),
  ROW (227, MC_BG, ADDR, DET_0, 0, "plan:hold move rrq ST-227>DET.0"),
  ROW (228, MC_BG, ADDR_LOST, ACQUIRE, 0, "plan:hold cancel ST-228>ACQUIRE"),
  ROW (229, MC_BG, HINT, DET_0, 0, "plan:hold move rrq ST-229>DET.0"),
  ROW (230, MC_BG, HOME_LINK, DET_0, AT_HOME, "plan:hold move home-rrq ST-230>DET.0"),
  ROW (231, MC_BG, FA_NEW, MC_BG, WANTED, ""), /* covers: R5266-ST-231 */
  ROW (232, MC_BG, R_IN, C, 0, "plan:c ST-232>C handover:mc>c"),
  ROW (233, MC_BG, R_IN, MC_CHK, NEWER_B, "rrq ST-233>MC.CHK"),
  ROW (234, MC_BG, R_NOTNC, MCREG, 0, "plan:hold vpn-rrq ST-234>MCREG alarm:no-tnc"),
  ROW (235, MC_BG, R_DENY, MC_BG, RETRY, "ST-235>MC.BG"),
  ROW (236, MC_BG, R_DENY, MC, 0, "ST-236>MC"),
  ROW (237, MC_BG, R_BAD, MC_BG, 0, ""),
  ROW (238, MC_BG, R_EXH, MC, 0, "vpn-rrq ST-238>MC"),
  ROW (239, MC_BG, R_LATE, MC_CHK, 0, "rrq ST-239>MC.CHK"),
  ROW (240, MC_BG, V_OK, MC_BG, 0, "ST-240>MC.BG"),
  ROW (241, MC_BG, V_FAIL, DET_0, 0, "plan:hold abandon start rrq ST-241>DET.0 alarm:vpn-unreachable"),
  ROW (242, MC_BG, V_DEAD, DET_0, 0, "plan:hold start rrq ST-242>DET.0 alarm:vpn-unreachable"),
  ROW (243, MC_BG, V_AUTH, DET_R, 0, "plan:hold rrq ST-243>DET.R"),
  ROW (244, MC_BG, V_TIA, MCREG, 0, "plan:hold vpn-rrq ST-244>MCREG"),
  ROW (245, MC_BG, B_OK, MC_BG, 0, "ST-245>MC.BG"),
  ROW (246, MC_BG, B_DENY, MC_BG, RETRY, "ST-246>MC.BG"),
  ROW (247, MC_BG, B_DENY, MC_BG, 0, "ST-247>MC.BG"),
  ROW (248, MC_BG, B_EXH, MC_BG, 0, "check ST-248>MC.BG"),
  ROW (249, MC_BG, RENEW, MC_BG, 0, "vpn-rrq ST-249>MC.BG"),
  ROW (250, MC_BG, EXPIRE, MCREG, 0, "plan:hold vpn-rrq ST-250>MCREG"),
  ROW (251, MC_BG, REVOKED, MCREG, 0, "plan:hold ST-251>MCREG"),
  /* covers: R5266-ST-252, R5266-ST-253, R5266-ST-254, R5266-ST-255, R5266-ST-256, R5266-ST-257, R5266-ST-258 */
  /* covers: R5266-ST-260, R5266-ST-261, R5266-ST-262, R5266-ST-263, R5266-ST-264, R5266-ST-265, R5266-ST-266 */
  /* covers: R5266-ST-267, R5266-ST-268, R5266-ST-269, R5266-ST-270, R5266-ST-271, R5266-ST-272, R5266-ST-273 */
  /* covers: R5266-ST-274 */
  ROW (252, MC, STOP, OFF, 0, "plan:drop vpn-dereg delete ST-252>OFF"),
  ROW (253, MC, LINK_UP, DET_0, 0, "plan:hold move rrq ST-253>DET.0"),
  ROW (254, MC, LINK_DOWN, OFFLINE, 0, "plan:hold forget ST-254>OFFLINE"),
  ROW (255, MC, ADDR, DET_0, 0, "plan:hold move rrq ST-255>DET.0"),
  ROW (256, MC, ADDR_LOST, ACQUIRE, 0, "plan:hold ST-256>ACQUIRE"),
  ROW (257, MC, HINT, DET_0, 0, "plan:hold move rrq ST-257>DET.0"),
  ROW (258, MC, HOME_LINK, DET_0, AT_HOME, "plan:hold move home-rrq ST-258>DET.0"),
  ROW (259, MC, FA_NEW, MC, WANTED, ""), /* covers: R5266-ST-259 */
  ROW (260, MC, R_NOTNC, MCREG, STALE, "plan:hold vpn-rrq ST-260>MCREG alarm:no-tnc"),
  ROW (261, MC, R_BAD, MC, 0, ""),
  ROW (262, MC, R_LATE, MC_CHK, 0, "rrq ST-262>MC.CHK"),
  ROW (263, MC, V_OK, MC, 0, "ST-263>MC"),
  ROW (264, MC, V_FAIL, DET_0, 0, "plan:hold abandon start rrq ST-264>DET.0 alarm:vpn-unreachable"),
  ROW (265, MC, V_DEAD, DET_0, 0, "plan:hold start rrq ST-265>DET.0 alarm:vpn-unreachable"),
  ROW (266, MC, V_AUTH, DET_R, 0, "plan:hold rrq ST-266>DET.R"),
  ROW (267, MC, V_TIA, MCREG, 0, "plan:hold vpn-rrq ST-267>MCREG"),
  ROW (268, MC, B_OK, MC, 0, "ST-268>MC"),
  ROW (269, MC, B_DENY, MC, RETRY, "ST-269>MC"),
  ROW (270, MC, B_DENY, MC, 0, "ST-270>MC"),
  ROW (271, MC, B_EXH, MC, 0, "check ST-271>MC"),
  ROW (272, MC, RENEW, MC, 0, "vpn-rrq ST-272>MC"),
  ROW (273, MC, EXPIRE, MCREG, 0, "plan:hold vpn-rrq ST-273>MCREG"),
  ROW (274, MC, REVOKED, MCREG, 0, "plan:hold ST-274>MCREG"),
  /* covers: R5266-ST-275, R5266-ST-276, R5266-ST-277, R5266-ST-278, R5266-ST-279, R5266-ST-280, R5266-ST-281 */
  /* covers: R5266-ST-283, R5266-ST-284, R5266-ST-285, R5266-ST-286, R5266-ST-287, R5266-ST-288, R5266-ST-289 */
  /* covers: R5266-ST-290, R5266-ST-291, R5266-ST-292, R5266-ST-293, R5266-ST-294, R5266-ST-295, R5266-ST-296 */
  /* covers: R5266-ST-297, R5266-ST-298, R5266-ST-299, R5266-ST-300, R5266-ST-301, R5266-ST-302 */
  ROW (275, MC_CHK, STOP, OFF, 0, "plan:drop cancel vpn-dereg delete ST-275>OFF"),
  ROW (276, MC_CHK, LINK_UP, DET_0, 0, "plan:hold move rrq ST-276>DET.0"),
  ROW (277, MC_CHK, LINK_DOWN, OFFLINE, 0, "plan:hold forget ST-277>OFFLINE"),
  ROW (278, MC_CHK, ADDR, DET_0, 0, "plan:hold move rrq ST-278>DET.0"),
  ROW (279, MC_CHK, ADDR_LOST, ACQUIRE, 0, "plan:hold cancel ST-279>ACQUIRE"),
  ROW (280, MC_CHK, HINT, DET_0, 0, "plan:hold move rrq ST-280>DET.0"),
  ROW (281, MC_CHK, HOME_LINK, DET_0, AT_HOME, "plan:hold move home-rrq ST-281>DET.0"),
  ROW (282, MC_CHK, FA_NEW, MC_CHK, WANTED, ""), /* covers: R5266-ST-282 */
  ROW (283, MC_CHK, R_IN, C, 0, "plan:c ST-283>C handover:mc>c"),
  ROW (284, MC_CHK, R_IN, MC_CHK, NEWER_B, "rrq ST-284>MC.CHK"),
  ROW (285, MC_CHK, R_NOTNC, MCREG, 0, "plan:hold vpn-rrq ST-285>MCREG alarm:no-tnc"),
  ROW (286, MC_CHK, R_DENY, MC_CHK, RETRY, "ST-286>MC.CHK"),
  ROW (287, MC_CHK, R_DENY, MC, 0, "ST-287>MC"),
  ROW (288, MC_CHK, R_BAD, MC_CHK, 0, ""),
  ROW (289, MC_CHK, R_EXH, MC, 0, "vpn-rrq ST-289>MC"),
  ROW (290, MC_CHK, R_LATE, MC_CHK, 0, "ST-290>MC.CHK"),
  ROW (291, MC_CHK, V_OK, MC_CHK, 0, "ST-291>MC.CHK"),
  ROW (292, MC_CHK, V_FAIL, DET_0, 0, "plan:hold abandon start rrq ST-292>DET.0 alarm:vpn-unreachable"),
  ROW (293, MC_CHK, V_DEAD, DET_0, 0, "plan:hold start rrq ST-293>DET.0 alarm:vpn-unreachable"),
  ROW (294, MC_CHK, V_AUTH, DET_R, 0, "plan:hold rrq ST-294>DET.R"),
  ROW (295, MC_CHK, V_TIA, MCREG, 0, "plan:hold vpn-rrq ST-295>MCREG"),
  ROW (296, MC_CHK, B_OK, MC_CHK, 0, "ST-296>MC.CHK"),
  ROW (297, MC_CHK, B_DENY, MC_CHK, RETRY, "ST-297>MC.CHK"),
  ROW (298, MC_CHK, B_DENY, MC_CHK, 0, "ST-298>MC.CHK"),
  ROW (299, MC_CHK, B_EXH, MC_CHK, 0, "check ST-299>MC.CHK"),
  ROW (300, MC_CHK, RENEW, MC_CHK, 0, "vpn-rrq ST-300>MC.CHK"),
  ROW (301, MC_CHK, EXPIRE, MCREG, 0, "plan:hold vpn-rrq ST-301>MCREG"),
  ROW (302, MC_CHK, REVOKED, MCREG, 0, "plan:hold ST-302>MCREG"),
  /* covers: R5266-ST-303, R5266-ST-304, R5266-ST-305, R5266-ST-306, R5266-ST-307, R5266-ST-308, R5266-ST-309 */
  /* covers: R5266-ST-311, R5266-ST-312, R5266-ST-313, R5266-ST-314, R5266-ST-315, R5266-ST-316 */
  ROW (303, BLOCKED, STOP, OFF, 0, "plan:drop ST-303>OFF"),
  ROW (304, BLOCKED, LINK_UP, DET_0, 0, "plan:hold start rrq ST-304>DET.0"),
  ROW (305, BLOCKED, LINK_DOWN, OFFLINE, 0, "plan:hold forget ST-305>OFFLINE"),
  ROW (306, BLOCKED, ADDR, DET_0, 0, "plan:hold start rrq ST-306>DET.0"),
  ROW (307, BLOCKED, ADDR_LOST, ACQUIRE, 0, "plan:hold ST-307>ACQUIRE"),
  ROW (308, BLOCKED, HINT, DET_0, 0, "plan:hold start rrq ST-308>DET.0"),
  ROW (309, BLOCKED, HOME_LINK, DET_0, AT_HOME, "plan:hold start home-rrq ST-309>DET.0"),
  ROW (310, BLOCKED, FA_NEW, BLOCKED, WANTED, ""), /* covers: R5266-ST-310 */
  ROW (311, BLOCKED, R_NOTNC, BLOCKED, STALE, "dereg ST-311>BLOCKED alarm:no-tnc"),
  ROW (312, BLOCKED, R_BAD, BLOCKED, 0, ""),
  ROW (313, BLOCKED, R_LATE, DET_0, 0, "plan:hold start rrq ST-313>DET.0"),
  ROW (314, BLOCKED, V_OK, MCREG, 0, "plan:hold vpn-rrq ST-314>MCREG"),
  ROW (315, BLOCKED, V_DEAD, BLOCKED, 0, "ST-315>BLOCKED"),
  ROW (316, BLOCKED, RETRY, DET_0, 0, "plan:hold start rrq ST-316>DET.0"),
};
/* clang-format on */

/* ------------------------------------------------------------------- set-up ---- */

static gboolean
direct_runs_in (CoordinatorState state)
{
  return state == COORDINATOR_DET_0 || state == COORDINATOR_DET_G || state == COORDINATOR_DET_R ||
         state == COORDINATOR_MCREG || state == COORDINATOR_MC_BG || state == COORDINATOR_MC_CHK ||
         state == COORDINATOR_C_FA;
}

/* The answers that end R, or B, have ended it before the table is asked. */
static gboolean
event_ends_request (const Case *test)
{
  CoordinatorEvent event = test->event;

  if (event == COORDINATOR_EVENT_R_DENY || event == COORDINATOR_EVENT_B_DENY)
    return (test->setup & RETRY) == 0;
  return event == COORDINATOR_EVENT_R_IN || event == COORDINATOR_EVENT_R_NOTNC || event == COORDINATOR_EVENT_R_EXH ||
         event == COORDINATOR_EVENT_B_OK || event == COORDINATOR_EVENT_B_EXH;
}

static gboolean
is_direct (CoordinatorEvent event)
{
  return event >= COORDINATOR_EVENT_R_IN && event <= COORDINATOR_EVENT_R_LATE;
}

static void
set_requests (World *w, const Case *test, CoordinatorLink *link)
{
  gint64 now_us = w->now.boot_us;
  gboolean direct = is_direct (test->event);

  link->home_form = (test->setup & HOME_FORM) != 0;
  link->r_serial = 1;
  link->r_began_us = now_us - WORLD_SEC;
  link->r_running =
    direct_runs_in (test->state) && (test->setup & R_IDLE) == 0 && !(direct && event_ends_request (test));
  link->v_dead_once = (test->setup & V_DEAD_AGAIN) != 0;
  if (test->state != COORDINATOR_MCREG && (test->setup & NEWER_B) == 0)
    return;
  w->c->b.serial = 2;
  w->c->b.began_us = now_us - WORLD_SEC / 2;
  w->c->b.running = direct || !event_ends_request (test);
}

static gboolean
has_agent (const Case *test)
{
  return test->state == COORDINATOR_C_FA || test->state == COORDINATOR_F;
}

static void
set_agents (World *w, const Case *test, CoordinatorLink *link)
{
  const Mip4Agent agent = world_agent (WORLD_AGENT, WORLD_AGENT_FLAGS);

  link->agents[link->n_agents++].agent = agent;
  link->r_sent_us = w->now.boot_us - COORDINATOR_AGENT_DISTANCE_US;
  if (!has_agent (test))
    return;
  link->fa = agent;
  link->fa_form = MIP4_FORM_FOREIGN_AGENT;
}

static void
set_binding (World *w, const Case *test)
{
  CoordinatorBinding *binding = &w->c->binding;

  binding->expiry_us = ROAM_NEVER;
  if (test->state == COORDINATOR_C || test->state == COORDINATOR_C_FA)
    {
      binding->valid = TRUE;
      binding->care_of_address = world_address (WORLD_INSIDE);
    }
  if (test->state == COORDINATOR_F)
    {
      binding->valid = TRUE;
      binding->form = MIP4_FORM_FOREIGN_AGENT;
      binding->care_of_address = world_address (WORLD_AGENT);
    }
  if (coordinator_state_is_mc (test->state) || (test->setup & BOUND) != 0)
    {
      binding->valid = binding->over_vpn = TRUE;
      binding->care_of_address = world_address (WORLD_TIA);
    }
}

static CoordinatorVpnState
vpn_state_of (const Case *test)
{
  /* What the event says of the VPN is known before the table is asked. */
  if (test->event == COORDINATOR_EVENT_V_OK)
    return COORDINATOR_VPN_UP;
  if (test->event == COORDINATOR_EVENT_V_FAIL)
    return COORDINATOR_VPN_FAILED;
  if (test->event == COORDINATOR_EVENT_V_DEAD || test->event == COORDINATOR_EVENT_V_AUTH ||
      (test->event == COORDINATOR_EVENT_B_EXH && test->state == COORDINATOR_MCREG && (test->setup & ALIVE) == 0))
    return COORDINATOR_VPN_NONE;
  if (test->state == COORDINATOR_DET_0 || test->state == COORDINATOR_DET_V)
    return COORDINATOR_VPN_UPDATING;
  if (test->state == COORDINATOR_DET_R || test->state == COORDINATOR_BLOCKED)
    return COORDINATOR_VPN_NONE;
  return COORDINATOR_VPN_UP;
}

static CoordinatorLink *
set_up (World *w, const Case *test)
{
  Coordinator *c = w->c;
  CoordinatorLink *link;

  if (test->state == COORDINATOR_OFF)
    {
      DetectLink down = world_link (1, NULL);

      down.up = FALSE;
      world_link_event (w, DETECT_EVENT_LINK_DOWN, &down);
      return coordinator_find_link (c, 1);
    }
  world_enable (w);
  world_address_event (w, 1, (test->setup & AT_HOME) != 0 ? WORLD_HOME_ADDRESS : WORLD_INSIDE);
  link = coordinator_find_link (c, 1);
  link->state = test->state;
  c->vpn.ifindex = 1;
  c->vpn.session = 0;
  c->vpn.state = vpn_state_of (test);
  if (coordinator_vpn_has_sa (c))
    {
      c->vpn.mobike = TRUE;
      c->vpn.serial = 3;
      c->vpn.configuration.tia4 = world_address (WORLD_TIA);
    }
  set_requests (w, test, link);
  if (has_agent (test))
    set_agents (w, test, link);
  set_binding (w, test);
  c->vpn.start_us = ROAM_NEVER;
  coordinator_finish_pass (c, &w->now);
  /* Not before: the pass would have seen to it. */
  if ((test->setup & WANTED) != 0)
    set_agents (w, test, link);
  return link;
}

/* -------------------------------------------------------------------- firing ---- */

typedef struct
{
  Mip4MnEvent reply;
  Mip4Agent agent;
  CoordinatorEvidence evidence;
} Firing;

static void
load (const World *w, const Case *test, Firing *ret_firing)
{
  guint16 flags = WORLD_AGENT_FLAGS;

  if ((test->setup & BUSY) != 0)
    flags |= MIP4_AGENT_BUSY;
  ret_firing->reply = (Mip4MnEvent){
    .code = (test->setup & CODE_133) != 0 ? 133 : 134,
    .will_retry = (test->setup & RETRY) != 0,
    .form = (test->setup & VIA_AGENT) != 0 ? MIP4_FORM_FOREIGN_AGENT : MIP4_FORM_CO_LOCATED,
    .sent_us = w->now.boot_us - WORLD_SEC,
  };
  ret_firing->agent = world_agent ((test->setup & OTHER_FA) != 0 ? WORLD_AGENT_2 : WORLD_AGENT, flags);
  ret_firing->evidence = (CoordinatorEvidence){
    .now = &w->now,
    .mip4 = &ret_firing->reply,
    .agent = &ret_firing->agent,
    .gateway_alive = (test->setup & ALIVE) != 0,
    .stale = (test->setup & STALE) != 0,
  };
}

static void
fire (World *w, const Case *test, CoordinatorLink *link, const Firing *firing)
{
  if (test->event == COORDINATOR_EVENT_STOP)
    {
      world_disable (w);
      return;
    }
  if (test->event == COORDINATOR_EVENT_START)
    {
      world_enable (w);
      return;
    }
  coordinator_dispatch (w->c, link, test->event, &firing->evidence);
  coordinator_finish_pass (w->c, &w->now);
  world_collect (w);
}

static void
test_row (gconstpointer data)
{
  const Case *test = data;
  CoordinatorConfig config;
  g_autofree char *id = g_strdup_printf ("R5266-ST-%s", test->row);

  world_config (&config);
  config.agents = COORDINATOR_AGENTS_PREFER;
  /* A grace of 0 would end in the same input. */
  config.grace_us = WORLD_SEC;
  {
    g_autoptr (World) w = world_new (&config);
    CoordinatorLink *link = set_up (w, test);
    const CoordinatorRow *row;
    Firing firing;

    load (w, test, &firing);
    row = coordinator_table_find (w->c, link, test->event, &firing.evidence);

    world_forget (w);
    g_assert_nonnull (row);
    g_assert_cmpstr (row->id, ==, id);
    g_assert_cmpint (row->next, ==, test->next);
    fire (w, test, link, &firing);
    g_assert_cmpint (link->state, ==, test->next);
    world_expect (w, test->words);
    if (test->event == COORDINATOR_EVENT_REVOKED)
      g_assert_false (w->c->binding.valid);
  }
}

/* Each row of the code stands in the table above, and the other way round. */
static void
test_complete (void)
{
  guint n_rows;
  const CoordinatorRow *rows = coordinator_table_rows (&n_rows);

  for (guint i = 0; i < n_rows; i++)
    {
      gboolean found = FALSE;

      for (guint k = 0; k < G_N_ELEMENTS (cases) && !found; k++)
        found = g_str_has_suffix (rows[i].id, cases[k].row) && rows[i].state == cases[k].state &&
                rows[i].event == cases[k].event;
      if (!found)
        g_error ("%s has no case", rows[i].id);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/coordinator-table/complete", test_complete);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree char *path =
        g_strdup_printf ("/coordinator-table/R5266-ST-%s/%s-%s", cases[i].row,
                         coordinator_state_to_string (cases[i].state), coordinator_event_to_string (cases[i].event));

      g_test_add_data_func (path, &cases[i], test_row);
    }
  return g_test_run ();
}
