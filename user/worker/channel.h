/* SPDX-License-Identifier: Apache-2.0 */
/* One end of the pair between monitor and worker, on the loop. */
#pragma once

#include <stdbool.h>

#include "worker/protocol.h"

struct channel;
struct loop;

struct channel_opts {
	/* A whole message of a known type, strings NUL-terminated. @fd: -1 or the handler's. */
	void (*message)(union worker_message *m, int fd, void *ctx);
	/* The other end has gone, or said what no end of ours says. Called once. */
	void (*closed)(int error, void *ctx);
	void *ctx;
	bool monitor; /* this end is the monitor's: believes less */
};

/**
 * channel_new() - Speak over a descriptor
 * @fd: of a SOCK_SEQPACKET pair; taken, also on failure
 *
 * Return: 0 or -ENOMEM. Handlers may not free the channel.
 */
int channel_new(struct loop *l, int fd, const struct channel_opts *o, struct channel **ret);
void channel_free(struct channel *c);

/**
 * channel_send() - Send a message
 * @m:	its head names the type; the size follows
 * @fd:	-1, or a descriptor to pass on; stays the caller's
 *
 * Never waits; what the other end is too slow for is queued, up to a bound.
 * Return: 0, -ENOBUFS (the queue is full), -ENOMEM, -EPIPE (closed), -EINVAL.
 */
int channel_send(struct channel *c, const void *m, int fd);

/* A pair; both close-on-exec, not blocking. 0 or -errno. */
int channel_pair(int ret_fds[2]);
