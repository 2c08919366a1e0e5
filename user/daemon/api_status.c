/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "audit/journal.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/str.h"
#include "control/server.h"
#include "daemon/api.h"
#include "daemon/daemon.h"
#include "daemon/desk.h"
#include "daemon/expiry.h"
#include "daemon/health.h"
#include "daemon/inforce.h"
#include "daemon/pause.h"
#include "daemon/worker.h"
#include "kern/maps.h"
#include "kern/object.h"
#include "metrics/expose.h"
#include "policy/image.h"
#include "workload/registry.h"
#include "zta_reason.h"

/* What a kernel that cannot be asked said: nothing. Zero counters beside "hooks" as a problem. */
struct numbers {
	uint64_t allow, deny, audit;
	uint64_t stats[ZTA_STAT_COUNT];
	size_t workloads;
	struct journal_state journal;
};

static int count_workload(void *ctx, const struct registry_entry *e)
{
	struct numbers *n = ctx;

	n->workloads += e->matched && e->alive;
	return 0;
}

static void collect(struct daemon *d, struct numbers *n)
{
	_cleanup_free_ struct kern_counter *v = NULL;
	size_t n_counters = 0;

	if (kern_counters_read(d->kern, &v, &n_counters) < 0)
		n_counters = 0;
	for (size_t i = 0; i < n_counters; i++) {
		if (v[i].key.verdict == ZTA_VERDICT_DENY)
			n->deny += v[i].value;
		else if (v[i].key.verdict == ZTA_VERDICT_AUDIT)
			n->audit += v[i].value;
		else
			n->allow += v[i].value; /* redirect is allowed, too */
	}
	if (kern_stats_read(d->kern, n->stats) < 0)
		memset(n->stats, 0, sizeof(n->stats));
	(void)registry_each(d->registry, count_workload, n);
	if (d->journal)
		n->journal = journal_state(d->journal);
	else
		n->journal.failing = true;
	n->journal.lost += d->journal_lost;
}

static json_t *policy_json(const struct daemon *d)
{
	const struct inforce *in = d->inforce;
	const char *source = in->last_good ? "last-good"
					   : store_source_text(d->store.policy.source);

	return json_pack("{s:s, s:I, s:I, s:s, s:s, s:I}", "name", in->brief->name, "revision",
			 (json_int_t)in->brief->revision, "generation", (json_int_t)in->generation,
			 "sha256", in->brief->sha256, "source", source, "expiring",
			 (json_int_t)expiry_soon(d));
}

static json_t *hooks_json(struct daemon *d)
{
	struct kern_hook v[KERN_HOOKS_MAX];
	json_t *list = json_array();
	size_t n;

	if (!list || kern_hooks(d->kern, v, &n) < 0)
		return list; /* none: `problems` says why */
	for (size_t i = 0; i < n; i++)
		if (json_array_append_new(list, json_pack("{s:s, s:b, s:I, s:b}", "name", v[i].name,
							  "attached", v[i].attached, "link_id",
							  (json_int_t)v[i].link_id, "last",
							  v[i].last)) < 0) {
			json_decref(list);
			return NULL;
		}
	return list;
}

/* seen = recorded + held + lost: exactly, but for records that are on their way this moment. */
static int set_numbers(json_t *o, const struct numbers *n)
{
	uint64_t seen = n->stats[ZTA_STAT_SEEN], told = n->stats[ZTA_STAT_TOLD];
	uint64_t ring_lost = n->stats[ZTA_STAT_LOST];
	uint64_t lost = ring_lost + n->journal.lost;
	uint64_t held = seen - told - ring_lost;
	json_t *v =
		json_pack("{s:I, s:{s:I, s:I, s:I}, s:I, s:I, s:I, s:{s:s, s:I, s:I}}", "workloads",
			  (json_int_t)n->workloads, "decisions", "allow", (json_int_t)n->allow,
			  "deny", (json_int_t)n->deny, "audit", (json_int_t)n->audit, "lost",
			  (json_int_t)lost, "held", (json_int_t)held, "recorded",
			  (json_int_t)(told > n->journal.lost ? told - n->journal.lost : 0),
			  "journal", "state", n->journal.failing ? "failing" : "ok", "seq",
			  (json_int_t)n->journal.seq, "waiting", (json_int_t)n->journal.pending);
	int r = v ? json_object_update(o, v) : -1;

	json_decref(v);
	return r;
}

static int set_times(struct daemon *d, json_t *o)
{
	char until[RFC3339_LEN];
	struct utsname u;
	json_t *v;
	int r;

	(void)uname(&u); /* fails for a bad pointer only */
	v = json_pack("{s:I, s:s, s:s, s:s}", "uptime_s",
		      (json_int_t)((clock_mono_ns() - d->started) / NS_PER_S), "version",
		      ZTA_VERSION, "kernel", u.release, "metrics",
		      d->expose ? expose_address(d->expose) : "off");
	r = v ? json_object_update(o, v) : -1;
	json_decref(v);
	if (r == 0 && pause_active(d)) {
		rfc3339_format(pause_until(d), until);
		r = json_object_set_new(o, "paused_until", json_string(until));
	}
	if (r == 0 && d->store.unconfirmed) {
		rfc3339_format(d->store.confirm_until, until);
		r = json_object_set_new(o, "unconfirmed_until", json_string(until));
	}
	return r;
}

/* Who talks to workloads and to Azure, and where. */
static int set_worker(struct daemon *d, json_t *o)
{
	const struct desk_state *s = desk_state(d);
	uint64_t n[DESK_RESULT_COUNT] = { 0 };
	struct worker_state w;
	json_t *v;
	int r;

	worker_state(d, &w);
	for (size_t i = 0; i < s->n_sources; i++)
		for (int k = 0; k < DESK_RESULT_COUNT; k++)
			n[k] += s->sources[i].results[k];
	v = json_pack("{s:{s:b, s:I, s:I, s:s}, s:s, s:{s:I, s:I, s:I}}", "worker", "ready",
		      w.ready, "pid", (json_int_t)w.pid, "restarts", (json_int_t)w.restarts, "user",
		      w.user ? w.user : "", "broker",
		      *d->broker_address ? d->broker_address : "off", "tokens", "granted",
		      (json_int_t)n[DESK_GRANTED], "refused", (json_int_t)n[DESK_REFUSED], "failed",
		      (json_int_t)n[DESK_FAILED]);
	r = v ? json_object_update(o, v) : -1;
	json_decref(v);
	return r;
}

int api_status(struct control_req *req, void *ctx)
{
	struct daemon *d = ctx;
	struct numbers n = { 0 };
	const char *source, *mode = health_mode(d, &source);
	bool healthy;
	json_t *problems = health_problems(d, &healthy);
	json_t *o;

	collect(d, &n);
	o = json_pack("{s:b, s:b, s:s, s:s, s:o, s:o, s:o}", "healthy", healthy, "enforcing",
		      healthy && !strcmp(mode, "enforce"), "mode", mode, "mode_source", source,
		      "problems", problems, "policy", policy_json(d), "hooks", hooks_json(d));
	if (!o)
		return -ENOMEM;
	if (set_numbers(o, &n) < 0 || set_times(d, o) < 0 || set_worker(d, o) < 0) {
		json_decref(o);
		return -ENOMEM;
	}
	control_reply(req, 200, o);
	return 0;
}
