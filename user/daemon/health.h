/* SPDX-License-Identifier: Apache-2.0 */
/* Whether it works: hooks, self-test, journal, policy file, capacity; and telling the manager. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

struct buf;
struct daemon;

/* Every hook attached and the self-test passed; else @why (may be NULL) gets one line. */
bool health_ready(struct daemon *d, struct buf *why);

/* Is every hook attached? */
bool health_hooks_attached(struct daemon *d);

/**
 * health_problems() - What is wrong, as `status` tells it
 * @ret_healthy: nothing of it makes the daemon unhealthy ("partial" does not)
 *
 * Return: new array of {"id","detail"}; NULL without memory.
 */
json_t *health_problems(struct daemon *d, bool *ret_healthy);

/* "enforce" or "audit": the weakest of document and pause, and whose word that is. */
const char *health_mode(const struct daemon *d, const char **ret_source);

/* Something changed: the manager hears READY=1 once the self-test has passed, and a status. */
void health_changed(struct daemon *d);

/* Around a reload. Before READY=1 they say nothing: RELOADING would have to be followed by it. */
void health_reloading(struct daemon *d);
void health_reloaded(struct daemon *d);
