/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process that looks names up for the daemon: resolvers may be silent, and what they say is
 * foreign bytes. It has no capabilities, writes no files and ends when it is done.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "inspect/lookup.h"

struct resolve_plan;

struct resolve_report {
	uint32_t index;	 /* of the plan's name */
	uint32_t family; /* ZTA_V4, ZTA_V6 */
	int32_t error;	 /* of lookup_ask(); 0: lookup counts */
	uint32_t pad;
	struct lookup lookup;
};

/**
 * resolve_child_start() - Look up A and AAAA of every name
 * @ret_fd: one struct resolve_report a message, then the end; close-on-exec, not blocking
 *
 * Return: its pid (the caller's to end and to wait for), or -errno.
 */
pid_t resolve_child_start(const struct resolve_plan *plan, int *ret_fd);

/* One report, checked: 1, 0 at the end, -EAGAIN, or -EBADMSG for what no child of ours says. */
int resolve_child_read(int fd, const struct resolve_plan *plan, struct resolve_report *ret);
