/* SPDX-License-Identifier: Apache-2.0 */
/* The kill switch: by the control API or by the file `pause` beside the policy file. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct daemon;
struct diag;
struct json_t;

struct pause_ask {
	uint64_t for_ns;
	const char *reason;
	const char *workload; /* cgroup path below the attach point, NULL = everything */
	struct json_t *actor; /* borrowed */
};

/* Puts what the state file holds into the kernel's reach; before the policy is put in force. */
int pause_up(struct daemon *d, struct diag *diag);
void pause_down(struct daemon *d);

/* Is everything paused now? */
bool pause_active(const struct daemon *d);

/* Is this cgroup, or one above it, paused now (not counting a pause of everything)? */
bool pause_covers(const struct daemon *d, const char *cgroup);

/* When the pause of everything ends, CLOCK_REALTIME ns; 0 = not paused. */
uint64_t pause_until(const struct daemon *d);

/**
 * pause_begin() - Block nothing for a while
 * @ret_until:	CLOCK_REALTIME ns
 *
 * Return: 0, -EINVAL (no such target) or -errno; then nothing is paused.
 */
int pause_begin(struct daemon *d, const struct pause_ask *ask, uint64_t *ret_until,
		struct diag *diag);

/* End one pause, or (workload NULL) all of them. Return: how many, or -errno. */
int pause_end(struct daemon *d, const char *workload, struct json_t *actor);

/* The wall clock was set: pauses last as long as they would have. */
void pause_clock_set(struct daemon *d, int64_t step_ns);

/* The pause file may have changed. */
void pause_file_changed(struct daemon *d);
