/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was lost and not told yet, in a file that is written in place: it takes no new block, so a
 * full disk does not refuse it, and a daemon that is killed meanwhile leaves the number to the next
 * one.
 */
#pragma once

#include <stdint.h>

struct loss {
	int fd; /* -1: nothing is kept, a crash forgets the number */
	uint64_t events, records;
};

/* Opens or makes the file "lost". Never fails: @ret->fd is -1 then. */
void loss_open(int dir_fd, struct loss *ret);

/* Keep these numbers. Writes only when they changed. */
void loss_set(struct loss *l, uint64_t events, uint64_t records);

void loss_close(struct loss *l);
