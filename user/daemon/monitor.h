/* SPDX-License-Identifier: Apache-2.0 */
/* What is done again and again: heartbeat, folded rows, own addresses, cgroups, expiry. */
#pragma once

#include <stdint.h>

struct daemon;
struct diag;

int monitor_up(struct daemon *d, struct diag *diag);
void monitor_down(struct daemon *d);

/* A cgroup appeared: look at the tree soon (many at once are one look). */
void monitor_rescan_soon(struct daemon *d);

/* Walk the tree now. */
void monitor_rescan(struct daemon *d);

/* An event of this workload came: rescan soon when it is not known. */
void monitor_seen(struct daemon *d, uint64_t workload);

/* The list of quarantines or pauses has changed: hear of cgroups that appear at their paths. */
void monitor_watch_targets(struct daemon *d);

/* The sign of life that keeps the programs from thinking us gone. 0 or -errno. */
int monitor_heartbeat(struct daemon *d);

/* Seconds of this boot in which nobody, or nobody new, was judged, as far as known. */
double monitor_unguarded_s(const struct daemon *d);
