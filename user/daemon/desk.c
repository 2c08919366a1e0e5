// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation
 *
 * A connection's first request brings the nonce of its SYN; the kernel's entry is taken with it,
 * and kept here until the worker says that the connection is gone. So a nonce counts once, and
 * every request is judged anew by the policy in force, for owner and caller. A granted one is kept
 * until the worker says how it ended: the record is made of what was judged here, and of the
 * worker's word only source, expiry and outcome are taken.
 */
#include "daemon/desk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/diag.h"
#include "broker/judge.h"
#include "daemon/daemon.h"
#include "daemon/desk_record.h"
#include "daemon/inforce.h"
#include "daemon/notes.h"
#include "daemon/rate.h"
#include "daemon/repeats.h"
#include "daemon/subject.h"
#include "daemon/why.h"
#include "daemon/worker.h"
#include "kern/callers.h"
#include "kern/maps.h"
#include "kern/object.h"
#include "policy/brief.h"
#include "token/source.h"
#include "workload/cgroup.h"

#define CONNS_MAX   4096 /* above BROKER_CLIENTS_MAX; more is no worker of ours */
#define BUCKETS	    1024
#define PENDING_MAX 4096 /* as many as the broker has places, and numbered alike */
#define FRESH_NS    (60 * NS_PER_S)

struct conn {
	struct conn *next;
	uint64_t id;
	bool vouched;
	struct zta_caller who;
};

/* Granted, and not yet told about. */
struct pending {
	uint32_t id; /* 0 = free */
	uint16_t profile;
	struct zta_caller who;
	char audience[ZTA_AUDIENCE_MAX + 1];
};

struct desk {
	struct conn *conns[BUCKETS];
	size_t n_conns;
	struct pending *pending; /* PENDING_MAX */
	struct rate *rate;
	struct repeats *repeats;
	struct desk_state state;
};

const char *const desk_result_words[DESK_RESULT_COUNT] = { "granted", "refused", "failed" };

/* --- connections */

static struct conn **conn_at(struct desk *k, uint64_t id)
{
	struct conn **at = &k->conns[id % BUCKETS];

	while (*at && (*at)->id != id)
		at = &(*at)->next;
	return at;
}

static struct conn *conn_new(struct daemon *d, const struct worker_ask *a)
{
	struct desk *k = d->desk;
	struct conn *c = k->n_conns < CONNS_MAX ? calloc(1, sizeof(*c)) : NULL;

	if (!c)
		return NULL;
	c->id = a->conn;
	c->vouched = a->has_nonce && kern_caller_take(d->kern, a->nonce, &c->who) == 0 &&
		     clock_mono_ns() - c->who.time < FRESH_NS;
	c->next = k->conns[c->id % BUCKETS];
	k->conns[c->id % BUCKETS] = c;
	k->n_conns++;
	return c;
}

void desk_gone(struct daemon *d, const struct worker_gone *g)
{
	struct conn **at = conn_at(d->desk, g->conn), *c = *at;

	if (!c)
		return;
	*at = c->next;
	free(c);
	d->desk->n_conns--;
}

void desk_forget(struct daemon *d)
{
	struct desk *k = d->desk;

	for (size_t i = 0; k && i < BUCKETS; i++)
		while (k->conns[i]) {
			struct conn *c = k->conns[i];

			k->conns[i] = c->next;
			free(c);
		}
	if (!k)
		return;
	k->n_conns = 0;
	memset(k->pending, 0, PENDING_MAX * sizeof(*k->pending));
}

/* --- judging */

/*
 * The answer for the nearest cgroup above that has one. The entry of the SYN's time may have gone
 * since, because it said what the one above it says.
 */
static int workload_of(struct daemon *d, uint64_t id, struct zta_workload *ret)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int root = -1;
	char *end;
	int r;

	r = id ? kern_workload_get(d->kern, id, ret) : -EINVAL;
	if (r != -ENOENT)
		return r;
	r = cgroup_path_of(kern_cgroup_path(d->kern), id, &path);
	if (r < 0)
		return r; /* the cgroup has gone */
	root = open(kern_cgroup_path(d->kern), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = root < 0 ? -errno : -ENOENT;
	while (r == -ENOENT && (end = strrchr(path, '/')) && path[1]) {
		end[end == path] = '\0'; /* the first '/' stays */
		r = cgroup_id_of(root, path, &id);
		if (r == 0)
			r = kern_workload_get(d->kern, id, ret);
	}
	return r;
}

/* NULL: none, and then no token. */
static const struct brief_profile *profile_of(struct daemon *d, uint64_t id, bool *quarantined)
{
	const struct policy_brief *b = d->inforce->brief;
	struct zta_workload w;

	if (!b || workload_of(d, id, &w) < 0 || (w.flags & ZTA_WORKLOAD_SELFTEST))
		return NULL;
	*quarantined |= w.flags & ZTA_WORKLOAD_QUARANTINED;
	return policy_brief_profile(b, w.profile[kern_slot(d->kern)]);
}

static struct broker_judged judged_of(struct daemon *d, const struct conn *c)
{
	struct broker_judged j = { .vouched = c && c->vouched };

	if (!j.vouched)
		return j;
	j.caller = profile_of(d, c->who.caller, &j.quarantined);
	j.owner = c->who.owner == c->who.caller ? j.caller
						: profile_of(d, c->who.owner, &j.quarantined);
	return j;
}

/* What does not fit is nothing: a part of it could be somebody else's name. */
static void copy(char *to, size_t size, const char *from)
{
	size_t len = strlen(from);

	to[0] = '\0';
	if (len < size)
		memcpy(to, from, len + 1);
}

static struct broker_request request_of(const struct worker_ask *a)
{
	struct broker_request q = { .what = a->what, .selector = a->selector };

	copy(q.audience, sizeof(q.audience), a->audience);
	copy(q.selected, sizeof(q.selected), a->selected);
	return q;
}

/* Both pay, so that nobody spends another's share alone. */
static bool within_rate(struct desk *k, const struct conn *c, const struct broker_judged *j,
			uint32_t *ret_wait_s)
{
	uint64_t now = clock_mono_ns();

	if (!rate_take(k->rate, c->who.caller, j->caller->identity.rate_per_minute, now,
		       ret_wait_s))
		return false;
	return c->who.owner == c->who.caller ||
	       rate_take(k->rate, c->who.owner, j->owner->identity.rate_per_minute, now,
			 ret_wait_s);
}

/* --- the record */

static void count(struct desk *k, const char *source, enum desk_result result)
{
	struct desk_state *s = &k->state;
	size_t i = 0;

	while (i < s->n_sources && strcmp(s->sources[i].source, source) != 0)
		i++;
	if (i == s->n_sources) {
		if (i == DESK_SOURCES_MAX)
			return; /* there are fewer kinds of source */
		(void)snprintf(s->sources[i].source, sizeof(s->sources[i].source), "%s", source);
		s->n_sources++;
	}
	s->sources[i].results[result]++;
}

/* The latest of each audience; the one that expires first makes room. */
static void note_expiry(struct desk *k, const char *audience, int64_t expires)
{
	struct desk_state *s = &k->state;
	size_t at = 0;

	for (size_t i = 0; i < s->n_audiences; i++) {
		if (!strcmp(s->audiences[i].audience, audience)) {
			s->audiences[i].expires = expires;
			return;
		}
		if (s->audiences[i].expires < s->audiences[at].expires)
			at = i;
	}
	if (s->n_audiences < DESK_AUDIENCES_MAX)
		at = s->n_audiences++;
	(void)snprintf(s->audiences[at].audience, sizeof(s->audiences[at].audience), "%s",
		       audience);
	s->audiences[at].expires = expires;
}

static void tell(void *ctx, json_t *record)
{
	notes_put(ctx, record);
}

static void put(struct daemon *d, const struct desk_case *c)
{
	const struct repeats_key key = { c->who ? c->who->caller : 0, c->reason, c->audience };

	json_t *record = desk_record(d, c);

	if (record)
		why_note(d->why, record);
	repeats_put(d->desk->repeats, &key, record, clock_mono_ns());
}

/* --- what the worker says */

static void answer(struct daemon *d, const struct worker_ask *a, enum broker_reason reason,
		   uint32_t wait_s)
{
	struct worker_answer m = { .head = { WORKER_ANSWER, a->head.id },
				   .reason = reason,
				   .retry_s = wait_s };

	(void)worker_send(d, &m, -1); /* a worker that has gone took its clients along */
}

static void grant(struct daemon *d, const struct worker_ask *a, const struct zta_caller *who,
		  const struct policy_identity *id)
{
	struct worker_answer m = { .head = { WORKER_ANSWER, a->head.id },
				   .reason = BROKER_GRANTED };
	_cleanup_close_ int fd = subject_of(d, who, &m.subject);

	_Static_assert(sizeof(m.client_id) == sizeof(id->client_id), "copied whole");
	memcpy(m.client_id, id->client_id, sizeof(m.client_id));
	(void)worker_send(d, &m, fd); /* as above */
}

static void tell_why(struct daemon *d, const struct worker_ask *a, uint64_t workload)
{
	_cleanup_free_ struct worker_why *m = calloc(1, sizeof(*m));
	_cleanup_free_ char *json = NULL;
	size_t len = 0;

	json = why_json(d->why, workload, &len);
	if (!m || !json || len > sizeof(m->json)) {
		answer(d, a, BROKER_UPSTREAM, 1);
		return;
	}
	m->head = (struct worker_head){ WORKER_WHY, a->head.id };
	m->len = (uint32_t)len;
	memcpy(m->json, json, len);
	(void)worker_send(d, m, -1); /* as above */
}

static enum broker_reason judge_why(const struct broker_judged *j, const struct conn *c)
{
	if (!j->vouched)
		return BROKER_UNVOUCHED;
	if (!j->owner || !j->caller)
		return BROKER_NO_WORKLOAD;
	return c->who.owner == c->who.caller ? BROKER_GRANTED : BROKER_TWO_IDENTITIES;
}

static void remember(struct desk *k, const struct worker_ask *a, const struct conn *c,
		     uint16_t profile)
{
	struct pending *p = &k->pending[a->head.id % PENDING_MAX];

	*p = (struct pending){ .id = a->head.id, .profile = profile, .who = c->who };
	copy(p->audience, sizeof(p->audience), a->audience);
}

void desk_ask(struct daemon *d, const struct worker_ask *a)
{
	struct conn *c = *conn_at(d->desk, a->conn);
	const struct broker_request q = request_of(a);
	struct broker_judged j;
	enum broker_reason reason;
	uint32_t wait_s = 0;

	if (!c)
		c = conn_new(d, a);
	j = judged_of(d, c);
	reason = q.what == BROKER_WHY ? judge_why(&j, c) : broker_judge(&j, &q);
	if (reason == BROKER_GRANTED && q.what == BROKER_WHY) {
		tell_why(d, a, c->who.caller);
		return;
	}
	if (reason == BROKER_GRANTED && !within_rate(d->desk, c, &j, &wait_s))
		reason = BROKER_RATE;
	if (reason == BROKER_GRANTED) {
		grant(d, a, &c->who, &j.caller->identity);
		remember(d->desk, a, c, j.caller->id);
		return;
	}
	answer(d, a, reason, wait_s);
	count(d->desk, "", DESK_REFUSED);
	put(d, &(struct desk_case){ .reason = reason,
				    .said = a->reason,
				    .who = j.vouched ? &c->who : NULL,
				    .profile = j.caller ? j.caller->id : 0,
				    .identity = j.caller && j.caller->identity.n_audiences
							? &j.caller->identity
							: NULL,
				    .audience = q.audience });
}

static enum broker_reason reason_told(const struct worker_told *t)
{
	if (!t->error)
		return BROKER_GRANTED;
	return t->error == -EACCES ? BROKER_OTHER_IDENTITY : BROKER_UPSTREAM;
}

void desk_told(struct daemon *d, const struct worker_told *t)
{
	struct pending *p = &d->desk->pending[t->head.id % PENDING_MAX];
	const struct policy_brief *b = d->inforce->brief;
	const struct brief_profile *profile = b ? policy_brief_profile(b, p->profile) : NULL;
	enum broker_reason reason = reason_told(t);

	if (!p->id || p->id != t->head.id)
		return;
	count(d->desk, t->source, reason == BROKER_GRANTED ? DESK_GRANTED : DESK_FAILED);
	if (reason == BROKER_GRANTED)
		note_expiry(d->desk, p->audience, t->expires);
	put(d, &(struct desk_case){ .reason = reason,
				    .who = &p->who,
				    .profile = p->profile,
				    .identity = profile ? &profile->identity : NULL,
				    .audience = p->audience,
				    .source = t->source,
				    .client_id = t->client_id,
				    .text = t->text,
				    .expires = t->expires,
				    .cached = t->cached });
	p->id = 0;
}

/* --- life */

void desk_tick(struct daemon *d, bool all)
{
	if (d->desk)
		repeats_tick(d->desk->repeats, all, clock_mono_ns());
}

const struct desk_state *desk_state(struct daemon *d)
{
	static const struct desk_state none;

	if (!d->desk)
		return &none;
	d->desk->state.held = repeats_held(d->desk->repeats);
	return &d->desk->state;
}

int desk_up(struct daemon *d, struct diag *diag)
{
	struct desk *k = calloc(1, sizeof(*k));

	d->desk = k;
	if (!k)
		return diag_set(diag, -ENOMEM, "out of memory");
	for (size_t i = 0; i < TOKEN_SOURCE_COUNT; i++) /* each series is there from the start */
		(void)snprintf(k->state.sources[k->state.n_sources++].source, WORKER_WORD, "%s",
			       i == TOKEN_SOURCE_CHAIN ? "" : token_source_name(i));
	k->pending = calloc(PENDING_MAX, sizeof(*k->pending));
	k->rate = rate_new();
	k->repeats = repeats_new(tell, d);
	d->why = why_new();
	return k->pending && k->rate && k->repeats && d->why
		       ? 0
		       : diag_set(diag, -ENOMEM, "out of memory");
}

void desk_down(struct daemon *d)
{
	struct desk *k = d->desk;

	if (!k)
		return;
	if (k->repeats && k->pending) {
		desk_tick(d, true);
		desk_forget(d);
	}
	repeats_free(k->repeats);
	rate_free(k->rate);
	free(k->pending);
	free(k);
	why_free(d->why);
	d->desk = NULL;
	d->why = NULL;
}
