/* SPDX-License-Identifier: Apache-2.0 */
/* Records from the journal, then live ones. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "audit/reader.h"
#include "audit/tail.h"
#include "base/clock.h"
#include "base/diag.h"
#include "base/str.h"
#include "control/server.h"
#include "daemon/api.h"
#include "daemon/daemon.h"
#include "net/httpd.h"

#define VALUES_MAX   16 /* of one kind of filter */
#define LAST_DEFAULT 50
#define LAST_FOLLOW  10
#define PENDING_MAX  (256 * 1024) /* unread bytes beyond which reading the files waits */

/* One reader. Ends in exactly one of: end(), closed(), a write that failed. */
struct stream {
	struct httpd_stream *http;
	struct tail *tail;
};

static void stream_free(struct stream *s)
{
	tail_free(s->tail);
	free(s);
}

static void on_line(void *ctx, const char *line, size_t len)
{
	struct stream *s = ctx;

	if (s->http && httpd_stream_write(s->http, line, len) < 0)
		stream_free(s); /* cut off: a slow reader must not make us hold its lines */
}

static void on_end(void *ctx, int r)
{
	struct stream *s = ctx;

	httpd_stream_end(s->http);
	stream_free(s);
}

static bool on_busy(void *ctx)
{
	const struct stream *s = ctx;

	return httpd_stream_pending(s->http) > PENDING_MAX;
}

static void on_closed(void *ctx)
{
	stream_free(ctx);
}

/* The values of a query member that may repeat, and their number. */
static int read_values(struct control_req *req, const char *name, const char *v[VALUES_MAX],
		       size_t *ret_n)
{
	size_t n = 0;

	while ((v[n] = control_query_nth(req, name, n)))
		if (++n == VALUES_MAX)
			return diag_set(control_diag(req), -EINVAL, "%s: given %d times or more",
					name, VALUES_MAX);
	*ret_n = n;
	return 0;
}

static int read_last(struct control_req *req, bool follow, size_t *ret)
{
	const char *text = control_query(req, "n");
	unsigned long n;
	char *end;

	*ret = follow ? LAST_FOLLOW : LAST_DEFAULT;
	if (!text) {
		if (control_query(req, "since"))
			*ret = READER_LAST_MAX; /* everything since then */
		return 0;
	}
	n = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || n > READER_LAST_MAX)
		return diag_set(control_diag(req), -EINVAL, "n: \"%s\" is not a number up to %d",
				text, READER_LAST_MAX);
	*ret = n;
	return 0;
}

/* A time, or how long ago. */
static int read_since(struct control_req *req, uint64_t *ret)
{
	const char *text = control_query(req, "since");
	uint64_t now = clock_real_ns(), ago;

	if (!text || rfc3339_parse(text, ret) == 0)
		return 0;
	if (duration_parse(text, &ago) < 0)
		return diag_set(control_diag(req), -EINVAL,
				"since: \"%s\" is neither a time (RFC 3339) nor a duration", text);
	*ret = ago < now ? now - ago : 1;
	return 0;
}

struct wanted {
	const char *types[VALUES_MAX], *verdicts[VALUES_MAX];
	const char *reasons[VALUES_MAX], *workloads[VALUES_MAX];
	struct journal_filter filter;
	bool follow;
};

static int read_wanted(struct control_req *req, struct wanted *w)
{
	const char *follow = control_query(req, "follow");
	struct journal_filter *f = &w->filter;
	int r;

	if (follow && strcmp(follow, "true") != 0 && strcmp(follow, "false") != 0)
		return diag_set(control_diag(req), -EINVAL, "follow: is true or false");
	w->follow = follow && !strcmp(follow, "true");
	r = read_values(req, "type", w->types, &f->n_types);
	if (r == 0)
		r = read_values(req, "verdict", w->verdicts, &f->n_verdicts);
	if (r == 0)
		r = read_values(req, "reason", w->reasons, &f->n_reasons);
	if (r == 0)
		r = read_values(req, "workload", w->workloads, &f->n_workloads);
	if (r == 0)
		r = read_since(req, &f->since_ns);
	if (r == 0)
		r = read_last(req, w->follow, &f->last);
	f->types = w->types;
	f->verdicts = w->verdicts;
	f->reasons = w->reasons;
	f->workloads = w->workloads;
	return r;
}

int api_events(struct control_req *req, void *ctx)
{
	struct wanted w = { 0 };
	struct daemon *d = ctx;
	struct tail_opts opts = { .line = on_line, .end = on_end, .busy = on_busy };
	struct stream *s;
	int r;

	r = read_wanted(req, &w);
	if (r < 0)
		return r;
	if (!d->journal)
		return diag_set(control_diag(req), -EAGAIN, "the journal cannot be opened");
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	opts.follow = w.follow;
	opts.ctx = s;
	r = tail_new(d->loop, d->journal, &w.filter, &opts, &s->tail); /* calls nothing yet */
	if (r < 0) {
		free(s);
		return r;
	}
	s->http = control_stream_start(req, on_closed, s);
	if (!s->http)
		stream_free(s); /* the client was told, or is gone */
	return 0;
}
