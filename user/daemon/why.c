// SPDX-License-Identifier: Apache-2.0
#include "daemon/why.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/str.h"

struct place {
	uint64_t workload; /* 0 = free */
	uint64_t touched;
	char *last[WHY_EACH]; /* a ring */
	unsigned int n;	      /* ever written */
};

struct why {
	struct place places[WHY_WORKLOADS];
	uint64_t clock;
};

struct why *why_new(void)
{
	return calloc(1, sizeof(struct why));
}

static void clear(struct place *p)
{
	for (size_t i = 0; i < WHY_EACH; i++)
		free(p->last[i]);
	*p = (struct place){ 0 };
}

void why_free(struct why *w)
{
	if (!w)
		return;
	for (size_t i = 0; i < WHY_WORKLOADS; i++)
		clear(&w->places[i]);
	free(w);
}

/* Its place, or the one of whoever was silent longest. */
static struct place *place_for(struct why *w, uint64_t workload)
{
	struct place *oldest = &w->places[0];

	for (size_t i = 0; i < WHY_WORKLOADS; i++) {
		if (w->places[i].workload == workload)
			return &w->places[i];
		if (w->places[i].touched < oldest->touched)
			oldest = &w->places[i];
	}
	clear(oldest);
	oldest->workload = workload;
	return oldest;
}

/* What concerns the workload: nothing of the host or of who else was there. */
static char *brief_of(const json_t *record, bool whole)
{
	static const char *const short_ones[] = { "time",   "type",	   "verdict",
						  "reason", "destination", "service",
						  "rule",   "server_name", "token",
						  "count",  NULL };
	static const char *const long_ones[] = { "answer", "hint", NULL };
	json_t *o = json_object(), *v;
	char *text;

	for (size_t i = 0; o && short_ones[i]; i++)
		if ((v = json_object_get(record, short_ones[i])))
			(void)json_object_set(o, short_ones[i], v); /* else a member less */
	for (size_t i = 0; o && whole && long_ones[i]; i++)
		if ((v = json_object_get(record, long_ones[i])))
			(void)json_object_set(o, long_ones[i], v); /* the same */
	text = o ? json_dumps(o, JSON_COMPACT) : NULL;
	json_decref(o);
	return text;
}

static bool is_denial(const json_t *record)
{
	const char *verdict = json_string_value(json_object_get(record, "verdict"));

	return (str_eq(verdict, "deny") || str_eq(verdict, "audit")) &&
	       !json_is_true(json_object_get(record, "probe"));
}

void why_note(struct why *w, const json_t *record)
{
	const json_t *id = json_object_get(json_object_get(record, "workload"), "id");
	struct place *p;
	char *text, **to;

	if (!w || !json_is_integer(id) || !json_integer_value(id) || !is_denial(record))
		return;
	text = brief_of(record, true);
	if (text && strlen(text) > WHY_BYTES) {
		free(text);
		text = brief_of(record, false);
	}
	if (!text || strlen(text) > WHY_BYTES) {
		free(text); /* the journal has it */
		return;
	}
	p = place_for(w, (uint64_t)json_integer_value(id));
	p->touched = ++w->clock;
	to = &p->last[p->n++ % WHY_EACH];
	free(*to);
	*to = text;
}

static const struct place *find(const struct why *w, uint64_t workload)
{
	for (size_t i = 0; w && workload && i < WHY_WORKLOADS; i++)
		if (w->places[i].workload == workload)
			return &w->places[i];
	return NULL;
}

char *why_json(const struct why *w, uint64_t workload, size_t *ret_len)
{
	const struct place *p = find(w, workload);
	_cleanup_buf_ struct buf b = {};
	unsigned int n = p ? p->n : 0;
	int r = buf_puts(&b, "{\"denials\":[");

	for (unsigned int i = n > WHY_EACH ? n - WHY_EACH : 0; r == 0 && i < n; i++)
		r = buf_printf(&b, "%s%s", b.data[b.len - 1] == '[' ? "" : ",",
			       p->last[i % WHY_EACH]);
	if (r == 0)
		r = buf_puts(&b, "]}");
	if (r < 0)
		return NULL;
	*ret_len = b.len;
	return buf_take(&b);
}
