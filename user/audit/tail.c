// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation: search backwards, give what was found, read on to the end of the files, and
 * from there on take lines as they are written. Between "the end of the files" and "as they are
 * written" nothing can be written: both happen in one turn of the loop that the writer runs on.
 */
#include "audit/tail.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "audit/journal.h"
#include "audit/reader.h"
#include "base/buf.h"
#include "net/loop.h"

#define BUSY_MS 20 /* until the receiver is asked again whether it has room */

enum phase { PHASE_FIND, PHASE_GIVE, PHASE_ON, PHASE_LIVE };

struct tail {
	struct journal *j;
	struct journal_filter f;
	struct tail_opts o;
	struct loop_event *timer;
	struct journal_follower *follower;
	struct reader *reader;
	struct reader_place place;
	struct buf line;
	enum phase phase;
	bool calling, dead; /* dead: freed by the receiver while it was called */
};

static void free_list(const char *const *v, size_t n)
{
	for (size_t i = 0; v && i < n; i++)
		free((char *)v[i]); /* made by copy_list() */
	free((void *)v);
}

static int copy_list(const char *const *v, size_t n, const char *const **ret)
{
	const char **copy = calloc(n + 1, sizeof(*copy));

	if (!copy)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		copy[i] = strdup(v[i]);
		if (!copy[i]) {
			free_list(copy, i);
			return -ENOMEM;
		}
	}
	*ret = copy;
	return 0;
}

static int copy_filter(struct journal_filter *to, const struct journal_filter *f)
{
	int r;

	*to = *f;
	to->types = to->verdicts = to->reasons = to->workloads = NULL;
	r = copy_list(f->types, f->n_types, &to->types);
	if (r == 0)
		r = copy_list(f->verdicts, f->n_verdicts, &to->verdicts);
	if (r == 0)
		r = copy_list(f->reasons, f->n_reasons, &to->reasons);
	if (r == 0)
		r = copy_list(f->workloads, f->n_workloads, &to->workloads);
	return r;
}

static void destroy(struct tail *t)
{
	loop_event_free(t->timer);
	journal_unfollow(t->follower);
	reader_close(t->reader);
	buf_free(&t->line);
	free_list(t->f.types, t->f.n_types);
	free_list(t->f.verdicts, t->f.n_verdicts);
	free_list(t->f.reasons, t->f.n_reasons);
	free_list(t->f.workloads, t->f.n_workloads);
	free(t);
}

void tail_free(struct tail *t)
{
	if (t && t->calling)
		t->dead = true;
	else if (t)
		destroy(t);
}

/* A line from the files. -ECANCELED when the receiver has had enough. */
static int on_read(void *ctx, const char *line, size_t len)
{
	struct tail *t = ctx;

	t->line.len = 0;
	if (buf_add(&t->line, line, len) < 0 || buf_add(&t->line, "\n", 1) < 0)
		return -ENOMEM;
	t->o.line(t->o.ctx, t->line.data, t->line.len);
	return t->dead ? -ECANCELED : 0;
}

static void on_written(void *ctx, uint64_t seq, const char *line, size_t len)
{
	struct tail *t = ctx;
	json_t *record = json_loadb(line, len, 0, NULL);
	bool yes = record && journal_match(&t->f, record);

	json_decref(record);
	if (!yes)
		return;
	t->calling = true;
	t->o.line(t->o.ctx, line, len);
	t->calling = false;
	if (t->dead)
		destroy(t);
}

/* 1: goes on with the files, 0: does not, -errno. */
static int go_live(struct tail *t)
{
	t->follower = journal_follow(t->j, on_written, t);
	if (!t->follower)
		return -ENOMEM;
	t->phase = PHASE_LIVE;
	reader_close(t->reader);
	t->reader = NULL;
	return 0;
}

static int step(struct tail *t)
{
	int r;

	switch (t->phase) {
	case PHASE_FIND:
		r = reader_find(t->reader);
		if (r == 0)
			t->phase = PHASE_GIVE;
		return r < 0 ? r : 1;
	case PHASE_GIVE:
		r = reader_give(t->reader, on_read, t);
		if (r != 0 || !t->o.follow)
			return r;
		t->phase = PHASE_ON;
		return 1;
	default:
		r = reader_on(t->reader, &t->place, on_read, t);
		return r == 0 ? go_live(t) : r;
	}
}

static void on_timer(void *ctx)
{
	struct tail *t = ctx;
	int r;

	if (t->phase != PHASE_FIND && t->o.busy && t->o.busy(t->o.ctx)) {
		(void)loop_timer_set(t->timer, BUSY_MS); /* memory came with the timer */
		return;
	}
	t->calling = true;
	r = step(t);
	if (r > 0 && !t->dead)
		(void)loop_timer_set(t->timer, 0);
	else if (!t->dead && t->phase != PHASE_LIVE)
		t->o.end(t->o.ctx, r);
	t->calling = false;
	if (t->dead)
		destroy(t);
}

int tail_new(struct loop *l, struct journal *j, const struct journal_filter *f,
	     const struct tail_opts *opts, struct tail **ret)
{
	struct tail *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return -ENOMEM;
	t->j = j;
	t->o = *opts;
	r = copy_filter(&t->f, f);
	if (r == 0)
		r = reader_open(journal_dir(j), &t->f, &t->reader);
	if (r == 0) {
		t->place = reader_end(t->reader);
		t->timer = loop_add_timer(l, 0, false, on_timer, t);
		r = t->timer ? 0 : -ENOMEM;
	}
	if (r < 0) {
		destroy(t);
		return r;
	}
	*ret = t;
	return 0;
}
