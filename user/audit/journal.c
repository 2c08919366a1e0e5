// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation
 *
 * A record becomes a line when it is written, with the next seq; so seq has no gap whatever is
 * lost. One line is one write(2) to a file opened with O_APPEND. When the disk takes only a part of
 * it, the file is cut back to the last whole line before anything else is written; if we are killed
 * in between, the next journal_open() does it.
 *
 * While the disk refuses, the journal is failing: records wait in a bounded queue, what does not
 * fit there is counted, and both numbers are kept in a file that takes no new block. Every RETRY_NS
 * the first of the queue is tried again. Once the queue is empty a record tells what was lost, and
 * only when that one is written too the journal is well.
 */
#include "audit/journal.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "audit/journal_private.h"
#include "audit/record.h"
#include "audit/syncer.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/diag.h"

#define RETRY_NS	(200 * NS_PER_MS)
#define RETAIN_EVERY_NS (60 * NS_PER_S)

static void notify(struct journal *j)
{
	struct journal_follower *f, *next;

	j->notifying = true;
	LIST_FOREACH (f, &j->followers, entry) {
		if (!f->gone)
			f->fn(f->ctx, j->spool.next - 1, j->spool.line.data, j->spool.line.len);
	}
	j->notifying = false;
	for (f = LIST_FIRST(&j->followers); f; f = next) {
		next = LIST_NEXT(f, entry);
		if (f->gone)
			journal_unfollow(f);
	}
}

static int write_text(struct journal *j, const char *text, size_t len)
{
	int r = spool_write(&j->spool, text, len);

	if (r == 0)
		notify(j);
	return r;
}

/* For the next daemon, should this one not come to tell it. */
static void keep_loss(struct journal *j)
{
	loss_set(&j->loss, j->untold + j->pending_count, j->untold_records + j->n_pending);
}

static void lose(struct journal *j, uint64_t count)
{
	j->lost += count;
	j->untold += count;
	j->lost_records++;
	j->untold_records++;
	keep_loss(j);
}

static void fail(struct journal *j, int r)
{
	j->failing = true;
	j->error = r;
	j->retry_ns = clock_mono_ns() + RETRY_NS;
}

static void drop_pending(struct journal *j, struct pending *p)
{
	TAILQ_REMOVE(&j->pending, p, entry);
	j->n_pending--;
	j->pending_bytes -= p->len;
	j->pending_count -= p->count;
	free(p->text);
	free(p);
}

/* Denials are never dropped in favour of anything else: the latest of the rest goes first. */
static bool make_room(struct journal *j, const struct pending *p)
{
	struct pending *old, *before;

	for (old = TAILQ_LAST(&j->pending, pending_head);
	     old && !p->low && j->pending_bytes + p->len > j->pending_max; old = before) {
		uint64_t count = old->count;

		before = TAILQ_PREV(old, pending_head, entry);
		if (!old->low)
			continue;
		drop_pending(j, old);
		lose(j, count);
	}
	return j->pending_bytes + p->len <= j->pending_max;
}

/* Takes @p. */
static int wait_for_disk(struct journal *j, struct pending *p)
{
	if (!make_room(j, p)) {
		lose(j, p->count);
		free(p->text);
		free(p);
		return -ENOBUFS;
	}
	TAILQ_INSERT_TAIL(&j->pending, p, entry);
	j->n_pending++;
	j->pending_bytes += p->len;
	j->pending_count += p->count;
	keep_loss(j);
	return -EAGAIN;
}

/* The record as text, with what the journal adds; NULL without memory. */
static char *render(struct journal *j, json_t *record)
{
	(void)json_object_del(record, "seq"); /* the journal's own; seldom there */
	if (j->host && json_object_set(record, "host", j->host) < 0)
		return NULL;
	if (json_object_set_new(record, "log", json_string(j->spool.log_id)) < 0)
		return NULL;
	return json_dumps(record, JSON_COMPACT);
}

static int write_recovered(struct journal *j)
{
	_cleanup_free_ char *text = NULL;
	json_t *record = NULL;
	int r;

	r = record_note(RECORD_LIFECYCLE, "journal-recovered", NULL,
			json_pack("{s:I, s:I, s:s}", "lost", (json_int_t)j->untold, "lost_records",
				  (json_int_t)j->untold_records, "error", strerror(-j->error)),
			&record);
	if (r < 0)
		return r;
	text = render(j, record);
	json_decref(record);
	return text ? write_text(j, text, strlen(text)) : -ENOMEM;
}

/* The disk may take records again. */
static void try_again(struct journal *j)
{
	struct pending *p;
	int r = 0;

	while (r == 0 && (p = TAILQ_FIRST(&j->pending))) {
		r = write_text(j, p->text, p->len);
		if (r == 0)
			drop_pending(j, p);
	}
	keep_loss(j);
	if (r == 0)
		r = syncer_error(j->spool.sync);
	if (r == 0)
		r = write_recovered(j);
	if (r < 0) {
		fail(j, r);
		return;
	}
	j->untold = j->untold_records = 0;
	j->failing = false;
	j->error = 0;
	keep_loss(j);
}

static int take_opts(struct journal *j, const char *dir, const struct journal_opts *o)
{
	j->spool.dir = strdup(dir);
	j->spool.segment_bytes = o->segment_bytes ? o->segment_bytes : JOURNAL_SEGMENT_BYTES;
	j->spool.retain_bytes = o->retain_bytes ? o->retain_bytes : JOURNAL_RETAIN_BYTES;
	j->spool.retain_ns = o->retain_ns ? o->retain_ns : JOURNAL_RETAIN_NS;
	j->pending_max = o->pending_bytes ? o->pending_bytes : JOURNAL_PENDING_BYTES;
	j->host = o->host ? json_deep_copy(o->host) : NULL;
	return j->spool.dir && (j->host || !o->host) ? 0 : -ENOMEM;
}

/* What the daemon before us left behind. */
static void tell_past(struct journal *j)
{
	json_t *record = NULL;

	if (j->loss.events || j->loss.records) {
		j->untold = j->loss.events;
		j->untold_records = j->loss.records;
		j->error = -EIO; /* why is not known any more */
		j->failing = true;
		try_again(j);
	}
	if (j->spool.cut_bytes &&
	    record_note(RECORD_LIFECYCLE, "journal-cut", NULL,
			json_pack("{s:I}", "bytes", (json_int_t)j->spool.cut_bytes), &record) == 0)
		(void)journal_append(j, record); /* it counts what it loses */
}

int journal_open(const char *dir, const struct journal_opts *o, struct journal **ret,
		 struct diag *d)
{
	struct journal *j = calloc(1, sizeof(*j));
	int r;

	if (!j)
		return diag_set(d, -ENOMEM, "cannot open the journal in '%s':", dir);
	TAILQ_INIT(&j->pending);
	LIST_INIT(&j->followers);
	j->loss.fd = j->spool.fd = j->spool.dir_fd = -1;
	r = take_opts(j, dir, o);
	if (r == 0 && signal(SIGXFSZ, SIG_IGN) == SIG_ERR)
		r = -errno;
	if (r < 0)
		(void)diag_set(d, r, "cannot open the journal in '%s':", dir);
	else
		r = spool_open(&j->spool, o->fsync_ms ? o->fsync_ms : JOURNAL_FSYNC_MS, d);
	if (r < 0) {
		journal_close(j);
		return r;
	}
	loss_open(j->spool.dir_fd, &j->loss);
	tell_past(j);
	spool_retain(&j->spool);
	*ret = j;
	return 0;
}

void journal_close(struct journal *j)
{
	struct journal_follower *f;
	struct pending *p;

	if (!j)
		return;
	if (j->failing)
		try_again(j);
	while ((f = LIST_FIRST(&j->followers)))
		journal_unfollow(f);
	while ((p = TAILQ_FIRST(&j->pending)))
		drop_pending(j, p); /* the file "lost" has counted them */
	spool_close(&j->spool);
	loss_close(&j->loss);
	json_decref(j->host);
	free(j);
}

static bool is_low(const json_t *record)
{
	const char *verdict = json_string_value(json_object_get(record, "verdict"));

	return verdict && (!strcmp(verdict, "allow") || !strcmp(verdict, "redirect"));
}

/* Takes the reference of @record. */
static int prepare(struct journal *j, json_t *record, struct pending **ret)
{
	struct pending *p = json_is_object(record) ? calloc(1, sizeof(*p)) : NULL;
	json_t *count = json_object_get(record, "count");
	json_int_t n = json_is_integer(count) ? json_integer_value(count) : 1;
	int r = 0;

	if (p) {
		p->count = n > 0 ? (uint64_t)n : 1;
		p->low = is_low(record);
		p->text = render(j, record);
		p->len = p->text ? strlen(p->text) : 0;
	}
	if (!p || !p->text)
		r = json_is_object(record) ? -ENOMEM : -EINVAL;
	else if (p->len > JOURNAL_LINE_MAX)
		r = -EMSGSIZE;
	json_decref(record);
	if (r == 0) {
		*ret = p;
		return 0;
	}
	lose(j, n > 0 ? (uint64_t)n : 1);
	if (!j->failing)
		j->error = r; /* the next tick tells it */
	free(p ? p->text : NULL);
	free(p);
	return r;
}

int journal_append(struct journal *j, json_t *record)
{
	struct pending *p;
	int r;

	r = prepare(j, record, &p);
	if (r < 0)
		return r;
	if (j->failing && clock_mono_ns() >= j->retry_ns)
		try_again(j);
	if (!j->failing) {
		r = write_text(j, p->text, p->len);
		if (r == 0) {
			free(p->text);
			free(p);
			return 0;
		}
		fail(j, r);
	}
	return wait_for_disk(j, p);
}

void journal_tick(struct journal *j)
{
	uint64_t now = clock_mono_ns();
	int r = syncer_error(j->spool.sync);

	if (r < 0) {
		syncer_dirty(j->spool.sync); /* once more */
		if (!j->failing)
			fail(j, r);
	}
	if ((j->failing || j->untold_records) && now >= j->retry_ns)
		try_again(j);
	if (now - j->retained_ns >= RETAIN_EVERY_NS) {
		j->retained_ns = now;
		spool_retain(&j->spool);
	}
}

int journal_sync(struct journal *j)
{
	return syncer_wait(j->spool.sync);
}

struct journal_state journal_state(const struct journal *j)
{
	return (struct journal_state){
		.failing = j->failing,
		.error = j->failing ? j->error : 0,
		.seq = j->spool.next - 1,
		.lost = j->lost,
		.lost_records = j->lost_records,
		.pending = j->n_pending,
		.bytes = j->spool.closed_bytes + j->spool.active.bytes,
	};
}

const char *journal_log_id(const struct journal *j)
{
	return j->spool.log_id;
}

const char *journal_dir(const struct journal *j)
{
	return j->spool.dir;
}

struct journal_follower *journal_follow(struct journal *j, journal_follow_fn fn, void *ctx)
{
	struct journal_follower *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	*f = (struct journal_follower){ .j = j, .fn = fn, .ctx = ctx };
	LIST_INSERT_HEAD(&j->followers, f, entry);
	return f;
}

void journal_unfollow(struct journal_follower *f)
{
	if (!f)
		return;
	if (f->j->notifying) {
		f->gone = true;
		return;
	}
	LIST_REMOVE(f, entry);
	free(f);
}
