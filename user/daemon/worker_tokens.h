/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens in the worker process: between token/ and the monitor's messages. */
#pragma once

#include "broker/broker.h"
#include "worker/protocol.h"

struct channel;
struct diag;
struct loop;
struct worker_tokens;

/**
 * worker_tokens_new() - Set up the source that the monitor's configuration and our environment name
 *
 * @ca_fd: config's ca_file, -1 = none; stays the caller's
 *
 * A source that cannot be is no failure: @d says why, and whoever asks for a token is told so.
 * Return: 0, or -ENOMEM, -EIO.
 */
int worker_tokens_new(struct loop *l, struct channel *c, const struct worker_config *config,
		      int ca_fd, struct worker_tokens **ret, struct diag *d);
void worker_tokens_free(struct worker_tokens *w); /* before the broker: whoever waits is told */

/* broker_ops.fetch; @subject_fd: what came with the grant, stays the caller's. */
void worker_tokens_fetch(struct worker_tokens *w, const struct worker_answer *grant, int subject_fd,
			 const struct broker_request *q, broker_fetched done, void *arg);

void worker_tokens_opened(struct worker_tokens *w, const struct worker_opened *m, int fd);
void worker_tokens_test(struct worker_tokens *w, const struct worker_test *m);
void worker_tokens_list(struct worker_tokens *w, uint32_t id);

/* Say what sources were asked for since the last time; also the sign of life. */
void worker_tokens_count(struct worker_tokens *w);
