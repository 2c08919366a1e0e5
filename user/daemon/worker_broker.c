// SPDX-License-Identifier: Apache-2.0
#include "daemon/worker_broker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "worker/channel.h"

struct worker_broker {
	struct broker *broker;
	struct channel *channel;
	worker_fetch fetch;
	void *ctx;
};

static int on_ask(void *ctx, uint32_t id, const struct broker_conn *c,
		  const struct broker_request *q)
{
	struct worker_broker *w = ctx;
	struct worker_ask m = {
		.head = { WORKER_ASK, id | WORKER_ID_ASK },
		.conn = c->id,
		.nonce = c->nonce,
		.has_nonce = c->vouched,
		.what = q->what,
		.selector = q->selector,
		.refusal = q->refusal.status,
	};

	_Static_assert(sizeof(m.audience) >= sizeof(q->audience), "it fits");
	_Static_assert(sizeof(m.selected) >= sizeof(q->selected), "it fits");
	memcpy(m.audience, q->audience, sizeof(q->audience));
	memcpy(m.selected, q->selected, sizeof(q->selected));
	if (q->refusal.reason)
		(void)snprintf(m.reason, sizeof(m.reason), "%s", q->refusal.reason); /* it fits */
	return channel_send(w->channel, &m, -1);
}

static void put(char *to, size_t size, const char *from)
{
	(void)snprintf(to, size, "%s", from ? from : ""); /* what is too long is cut: for people */
}

static void on_told(void *ctx, uint32_t id, enum broker_reason reason, const struct broker_token *t,
		    const char *text)
{
	struct worker_broker *w = ctx;
	struct worker_told m = { .head = { WORKER_TOLD, id | WORKER_ID_ASK } };

	if (reason != BROKER_GRANTED)
		m.error = reason == BROKER_OTHER_IDENTITY ? -EACCES : -EAGAIN;
	if (t) {
		m.cached = t->cached;
		m.expires = t->expires;
		put(m.source, sizeof(m.source), t->source);
		put(m.client_id, sizeof(m.client_id), t->client_id);
		put(m.object_id, sizeof(m.object_id), t->object_id);
	}
	put(m.text, sizeof(m.text), text);
	(void)channel_send(w->channel, &m, -1); /* without a monitor this process ends */
}

static void on_gone(void *ctx, const struct broker_conn *c)
{
	struct worker_broker *w = ctx;
	const struct worker_gone m = { .head = { WORKER_GONE, 0 }, .conn = c->id };

	(void)channel_send(w->channel, &m, -1); /* as above */
}

static void on_fetch(void *ctx, const struct broker_request *q, const void *grant,
		     broker_fetched done, void *arg)
{
	struct worker_broker *w = ctx;

	w->fetch(w->ctx, q, grant, done, arg);
}

int worker_broker_new(struct loop *l, struct channel *c, int fd, worker_fetch fetch, void *ctx,
		      struct worker_broker **ret)
{
	struct worker_broker *w = calloc(1, sizeof(*w));
	const struct broker_ops ops = { on_ask, on_fetch, on_told, on_gone, w };
	int r;

	if (!w) {
		(void)close(fd);
		return -ENOMEM;
	}
	w->channel = c;
	w->fetch = fetch;
	w->ctx = ctx;
	r = broker_new(l, fd, &ops, &w->broker);
	if (r < 0) {
		free(w);
		return r;
	}
	*ret = w;
	return 0;
}

void worker_broker_free(struct worker_broker *w)
{
	if (!w)
		return;
	broker_free(w->broker);
	free(w);
}

void worker_broker_answer(struct worker_broker *w, const struct worker_answer *m)
{
	broker_verdict(w->broker, m->head.id & ~WORKER_ID_ASK, m->reason, m->retry_s, m);
}

void worker_broker_why(struct worker_broker *w, const struct worker_why *m)
{
	if (m->len <= sizeof(m->json))
		broker_why(w->broker, m->head.id & ~WORKER_ID_ASK, m->json, m->len);
}
