// SPDX-License-Identifier: Apache-2.0
#include "audit/loss.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

#define TEXT_LEN 42 /* two numbers of 20 digits */

static void write_text(struct loss *l)
{
	char text[TEXT_LEN + 1];

	(void)snprintf(text, sizeof(text), "%020" PRIu64 " %020" PRIu64 "\n", l->events,
		       l->records);
	if (pwrite(l->fd, text, TEXT_LEN, 0) != TEXT_LEN) {
		(void)close(l->fd);
		l->fd = -1;
	}
}

void loss_open(int dir_fd, struct loss *ret)
{
	char text[TEXT_LEN + 1] = "";
	ssize_t n;

	*ret = (struct loss){ .fd = openat(dir_fd, "lost", O_RDWR | O_CREAT | O_CLOEXEC, 0600) };
	if (ret->fd < 0)
		return;
	n = pread(ret->fd, text, TEXT_LEN, 0);
	if (n == TEXT_LEN &&
	    sscanf(text, "%20" SCNu64 " %20" SCNu64, &ret->events, &ret->records) == 2)
		return;
	ret->events = ret->records = 0;
	write_text(ret); /* now, while there may be room for it */
}

void loss_set(struct loss *l, uint64_t events, uint64_t records)
{
	if (l->events == events && l->records == records)
		return;
	l->events = events;
	l->records = records;
	if (l->fd >= 0)
		write_text(l);
}

void loss_close(struct loss *l)
{
	cleanup_close(&l->fd);
}
