/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Do the names that matter lead where they should? Looked up when a policy is applied and from time
 * to time, so that a broken zone is told before a workload trips over it; and where the daemon's
 * own sockets are judged, its answers are learnt as anybody's.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct daemon;
struct diag;

/* State of a name; in the order of enum metrics_resolve. */
enum resolve_state {
	RESOLVE_OK,	/* inside the fence of its service; of a name of no service: answered */
	RESOLVE_PUBLIC, /* some address is outside */
	RESOLVE_ABSENT, /* there is no such name, or no address of it */
	RESOLVE_FAILED, /* no resolver answers, or they fail */
	RESOLVE_STATE_COUNT
};

int resolve_check_up(struct daemon *d, struct diag *diag);
void resolve_check_down(struct daemon *d);

/* How many names are in which state; those not looked up yet are in none. */
void resolve_check_count(const struct daemon *d, uint64_t ret[RESOLVE_STATE_COUNT]);
