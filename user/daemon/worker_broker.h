/* SPDX-License-Identifier: Apache-2.0 */
/* The broker in the worker process: between its callbacks and the monitor's messages. */
#pragma once

#include "broker/broker.h"
#include "worker/protocol.h"

struct channel;
struct loop;
struct worker_broker;

/* As broker_ops.fetch, for an identity that the monitor has named. */
typedef void (*worker_fetch)(void *ctx, const struct broker_request *q,
			     const struct worker_answer *grant, broker_fetched done, void *arg);

/* @fd: bound; taken, also on failure. 0 or -errno. */
int worker_broker_new(struct loop *l, struct channel *c, int fd, worker_fetch fetch, void *ctx,
		      struct worker_broker **ret);
void worker_broker_free(struct worker_broker *w);

void worker_broker_answer(struct worker_broker *w, const struct worker_answer *m);
void worker_broker_why(struct worker_broker *w, const struct worker_why *m);
