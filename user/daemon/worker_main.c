// SPDX-License-Identifier: Apache-2.0
#include "daemon/worker_main.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/log.h"
#include "daemon/worker_broker.h"
#include "daemon/worker_tokens.h"
#include "net/loop.h"
#include "worker/channel.h"
#include "worker/isolate.h"

#define COUNTED_MS 5000

struct worker_process {
	struct loop *loop;
	struct channel *channel;
	struct loop_event *tick;
	struct worker_tokens *tokens; /* after the configuration has come */
	struct worker_broker *broker;
	int grant_fd; /* while an answer is read: what came with it; -1 */
	bool locked;
};

static void fetch(void *ctx, const struct broker_request *q, const struct worker_answer *grant,
		  broker_fetched done, void *arg)
{
	struct worker_process *p = ctx;

	worker_tokens_fetch(p->tokens, grant, p->grant_fd, q, done, arg);
}

static void listen_on(struct worker_process *p, int fd)
{
	int r;

	if (fd < 0 || p->broker || !p->tokens) {
		if (fd >= 0)
			(void)close(fd); /* one is enough */
		return;
	}
	r = worker_broker_new(p->loop, p->channel, fd, fetch, p, &p->broker);
	if (r < 0)
		log_err("worker: the broker cannot listen, workloads get no tokens: %s",
			strerror(-r));
}

static void configure(struct worker_process *p, const struct worker_config *c, int ca_fd)
{
	const struct worker_head ready = { .type = WORKER_READY };
	struct diag d = { 0 };
	int r;

	r = worker_tokens_new(p->loop, p->channel, c, ca_fd, &p->tokens, &d);
	if (r < 0) {
		log_err("worker: tokens cannot be had: %s", strerror(-r));
		loop_quit(p->loop);
		return;
	}
	if (*d.text)
		log_warn("worker: no source of tokens, ignoring that until one is asked for: %s",
			 d.text);
	if (channel_send(p->channel, &ready, -1) < 0)
		loop_quit(p->loop);
}

static void on_message(union worker_message *m, int fd, void *ctx)
{
	struct worker_process *p = ctx;

	switch (m->head.type) {
	case WORKER_CONFIG:
		if (!p->tokens)
			configure(p, &m->config, fd);
		if (fd >= 0)
			(void)close(fd); /* read */
		break;
	case WORKER_LISTEN:
		listen_on(p, fd);
		break;
	case WORKER_ANSWER:
		p->grant_fd = fd;
		if (p->broker)
			worker_broker_answer(p->broker, &m->answer);
		p->grant_fd = -1;
		if (fd >= 0)
			(void)close(fd); /* copied, if it was needed */
		break;
	case WORKER_OPENED:
		if (p->tokens)
			worker_tokens_opened(p->tokens, &m->opened, fd);
		break;
	case WORKER_LIST:
		if (p->tokens)
			worker_tokens_list(p->tokens, m->head.id);
		break;
	case WORKER_TEST:
		if (p->tokens)
			worker_tokens_test(p->tokens, &m->test);
		break;
	case WORKER_WHY:
		if (p->broker)
			worker_broker_why(p->broker, &m->why);
		break;
	default:
		break;
	}
}

/* Without the monitor there is nobody to vouch for callers. */
static void on_closed(int error, void *ctx)
{
	loop_quit(((struct worker_process *)ctx)->loop);
}

/* Also the sign of life. */
static void tick(void *ctx)
{
	struct worker_process *p = ctx;

	if (p->tokens)
		worker_tokens_count(p->tokens);
}

static int up(struct worker_process *p, struct diag *d)
{
	const struct channel_opts o = { .message = on_message, .closed = on_closed, .ctx = p };
	int r;

	(void)prctl(PR_SET_NAME, "ztad: worker"); /* for people */
	r = isolate_in_worker(&p->locked, d);
	if (r < 0)
		return r;
	if (!p->locked)
		log_warn("worker: the limit on locked memory is low, ignoring that: only tokens "
			 "themselves are kept from swap");
	r = loop_new(&p->loop);
	if (r == 0)
		r = channel_new(p->loop, WORKER_FD, &o, &p->channel);
	if (r == 0) {
		p->tick = loop_add_timer(p->loop, COUNTED_MS, true, tick, p);
		r = p->tick ? 0 : -ENOMEM;
	}
	return r < 0 ? diag_set(d, r, "cannot start:") : 0;
}

static void down(struct worker_process *p)
{
	loop_event_free(p->tick);
	worker_tokens_free(p->tokens);
	worker_broker_free(p->broker);
	channel_free(p->channel);
	loop_free(p->loop);
}

int worker_main(void)
{
	struct worker_process p = { .grant_fd = -1 };
	struct diag d = { 0 };
	int r = up(&p, &d);

	if (r < 0)
		log_err("worker: %s", d.text);
	else
		r = loop_run(p.loop);
	down(&p);
	return r < 0 ? 1 : 0;
}
