/* SPDX-License-Identifier: Apache-2.0 */
#include "recall.h"

#include <errno.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "audit/reader.h"
#include "audit/tail.h"
#include "base/diag.h"
#include "control/server.h"
#include "daemon/daemon.h"

#define RECALLS_MAX 4 /* at once; each reads the disk as fast as the loop turns */

/* One search. Ends by on_end() or recall_down(), with a reply in either case. */
struct recall {
	struct recall *next; /* of daemon.recalls */
	struct daemon *d;
	struct control_req *req;
	struct tail *tail;
	json_t *record; /* NULL: not found yet */
	bool by_seq;
};

static void copy(json_t *to, const char *name, json_t *from, const char *member)
{
	json_t *v = json_object_get(from, member);

	if (v)
		(void)json_object_set(to, name, v); /* a member less, if memory is short */
}

/* What was decided then, in the shape of an answer about now. */
static json_t *record_json(json_t *record)
{
	static const char *const same[] = { "seq",  "time",    "type",	 "verdict",	"reason",
					    "row",  "service", "rule",	 "hint",	"count",
					    "hook", "called",  "answer", "server_name", NULL };
	static const char *const where[] = {
		"address", "carried", "port", "protocol", "name", NULL
	};
	const char *verdict = json_string_value(json_object_get(record, "verdict"));
	json_t *destination = json_object_get(record, "destination");
	json_t *workload = json_object_get(record, "workload");
	bool enforced = verdict && strcmp(verdict, "audit") != 0;
	json_t *o = json_pack("{s:s, s:b}", "mode", enforced ? "enforce" : "audit", "enforced",
			      enforced);

	if (!o)
		return NULL;
	for (size_t i = 0; same[i]; i++)
		copy(o, same[i], record, same[i]);
	for (size_t i = 0; where[i]; i++)
		copy(o, where[i], destination, where[i]);
	copy(o, "profile", workload, "profile");
	copy(o, "cgroup", workload, "cgroup");
	return o;
}

static void recall_free(struct recall *r)
{
	struct recall **at = &r->d->recalls;

	while (*at != r)
		at = &(*at)->next;
	*at = r->next;
	tail_free(r->tail);
	json_decref(r->record);
	free(r);
}

static void on_line(void *ctx, const char *line, size_t len)
{
	struct recall *r = ctx;

	json_decref(r->record);
	r->record = json_loadb(line, len, 0, NULL);
}

static void on_end(void *ctx, int result)
{
	struct recall *r = ctx;

	if (result < 0)
		control_reply_error(r->req, 500, "cannot read the journal: %s", strerror(-result));
	else if (!json_object_get(r->record, "verdict"))
		control_reply_error(r->req, 404, "%s",
				    r->by_seq ? "no decision has this number"
					      : "nothing was denied yet");
	else
		control_reply(r->req, 200, record_json(r->record));
	recall_free(r);
}

static int read_seq(struct control_req *req, const char *text, uint64_t *ret)
{
	char *end;

	*ret = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || !*ret)
		return diag_set(control_diag(req), -EINVAL, "event: \"%s\" is not a number from 1",
				text);
	return 0;
}

static size_t count(const struct daemon *d)
{
	size_t n = 0;

	for (const struct recall *r = d->recalls; r; r = r->next)
		n++;
	return n;
}

int recall_begin(struct daemon *d, struct control_req *req, const char *seq)
{
	static const char *const denials[] = { "deny", "audit" };
	struct journal_filter filter = { .last = 1 };
	struct tail_opts opts = { .line = on_line, .end = on_end };
	struct recall *r;
	int x = 0;

	if (!d->journal)
		return diag_set(control_diag(req), -EAGAIN, "the journal cannot be opened");
	if (seq) {
		x = read_seq(req, seq, &filter.seq);
	} else {
		filter.verdicts = denials;
		filter.n_verdicts = 2;
	}
	if (x == 0 && count(d) == RECALLS_MAX)
		x = diag_set(control_diag(req), -EAGAIN,
			     "%d records are being looked for already; try again", RECALLS_MAX);
	if (x < 0)
		return x;
	r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	opts.ctx = r;
	x = tail_new(d->loop, d->journal, &filter, &opts, &r->tail);
	if (x < 0) {
		free(r);
		return x;
	}
	r->d = d;
	r->req = req;
	r->by_seq = seq;
	r->next = d->recalls;
	d->recalls = r;
	return 0;
}

void recall_down(struct daemon *d)
{
	while (d->recalls) {
		control_reply_error(d->recalls->req, 503, "the daemon ends");
		recall_free(d->recalls);
	}
}
