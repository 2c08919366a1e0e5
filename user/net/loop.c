// SPDX-License-Identifier: Apache-2.0
#include "net/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>

#include <event2/event.h>

#include "base/cleanup.h"

struct loop {
	struct event_base *base;
};

struct loop_event {
	struct event *event;
	loop_fn fn;
	void *ctx;
};

int loop_new(struct loop **ret)
{
	_cleanup_free_ struct loop *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return -errno;
	l->base = event_base_new();
	if (!l->base)
		return -ENOMEM;
	*ret = take_ptr(l);
	return 0;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	event_base_free(l->base);
	free(l);
}

int loop_run(struct loop *l)
{
	return event_base_loop(l->base, EVLOOP_NO_EXIT_ON_EMPTY) < 0 ? -EIO : 0;
}

void loop_quit(struct loop *l)
{
	(void)event_base_loopbreak(l->base); /* fails only without a base */
}

static void dispatch(evutil_socket_t fd, short what, void *ctx)
{
	struct loop_event *e = ctx;

	e->fn(e->ctx); /* may free e */
}

static struct loop_event *add(struct loop *l, int fd, short what, loop_fn fn, void *ctx)
{
	struct loop_event *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->fn = fn;
	e->ctx = ctx;
	e->event = event_new(l->base, fd, what, dispatch, e);
	if (!e->event) {
		free(e);
		return NULL;
	}
	return e;
}

static struct loop_event *add_started(struct loop *l, int fd, short what, loop_fn fn, void *ctx)
{
	struct loop_event *e = add(l, fd, what | EV_PERSIST, fn, ctx);

	if (e && event_add(e->event, NULL) < 0) {
		loop_event_free(e);
		return NULL;
	}
	return e;
}

struct loop_event *loop_add_fd(struct loop *l, int fd, loop_fn fn, void *ctx)
{
	return add_started(l, fd, EV_READ, fn, ctx);
}

struct loop_event *loop_add_fd_write(struct loop *l, int fd, loop_fn fn, void *ctx)
{
	return add_started(l, fd, EV_WRITE, fn, ctx);
}

struct loop_event *loop_add_timer(struct loop *l, uint64_t ms, bool repeat, loop_fn fn, void *ctx)
{
	struct loop_event *e = add(l, -1, repeat ? EV_PERSIST : 0, fn, ctx);

	if (e && loop_timer_set(e, ms) < 0) {
		loop_event_free(e);
		return NULL;
	}
	return e;
}

int loop_timer_set(struct loop_event *e, uint64_t ms)
{
	struct timeval tv = { (time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000) };

	return event_add(e->event, &tv) < 0 ? -ENOMEM : 0;
}

void loop_timer_stop(struct loop_event *e)
{
	(void)event_del(e->event); /* fails only for events that were never made */
}

struct loop_event *loop_add_signal(struct loop *l, int signo, loop_fn fn, void *ctx)
{
	return add_started(l, signo, EV_SIGNAL, fn, ctx);
}

void loop_event_free(struct loop_event *e)
{
	if (!e)
		return;
	event_free(e->event);
	free(e);
}

struct event_base *loop_base(struct loop *l)
{
	return l->base;
}
