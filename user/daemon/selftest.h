/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does a denial happen? A child in a cgroup of its own, under the built-in enforcing profile,
 * connects to 192.0.2.1 (RFC 5737: nobody is there) by a real socket. The kernel must refuse with
 * EPERM, before any packet, and tell it through the ring.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct daemon;
struct diag;
struct zta_event;

#define SELFTEST_CGROUP "zta-selftest" /* below the attach point */

/* Its cgroup; before the first policy is put in force, which gives it its profile. */
int selftest_make_cgroup(struct daemon *d, struct diag *diag);

/* It goes with the programs that it tests, and stays while they do. */
void selftest_drop_cgroup(struct daemon *d);

/* Starts the first test as soon as the loop runs. */
int selftest_up(struct daemon *d, struct diag *diag);
void selftest_down(struct daemon *d);

/* A record with ZTA_EVENT_SELFTEST. */
void selftest_event(struct daemon *d, const struct zta_event *e);

/* Passed, and not longer than 180 s ago. During a pause it rests and the last result stands. */
bool selftest_passed(const struct daemon *d);

/* Why not: static or the daemon's own, until the next test. */
const char *selftest_why(const struct daemon *d);
