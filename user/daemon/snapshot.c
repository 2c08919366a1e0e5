/* SPDX-License-Identifier: Apache-2.0 */
/* The counters of the kernel, the journal and the daemon as one snapshot for the metrics. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "audit/journal.h"
#include "audit/word.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "daemon/api.h"
#include "daemon/daemon.h"
#include "daemon/desk.h"
#include "daemon/expiry.h"
#include "daemon/health.h"
#include "daemon/inforce.h"
#include "daemon/monitor.h"
#include "daemon/pause.h"
#include "daemon/resolve_check.h"
#include "kern/maps.h"
#include "policy/brief.h"
#include "workload/registry.h"
#include "zta_reason.h"

/* Ids stay with a name over policies (the state file keeps them), so old counts keep theirs. */
static const char *name_of(const char (*names)[ZTA_NAME_LEN + 1], size_t n, size_t id)
{
	return id < n ? names[id] : "";
}

static int add_decisions(struct daemon *d, struct metrics_snapshot *s,
			 struct metrics_decision **ret)
{
	_cleanup_free_ struct kern_counter *v = NULL;
	const struct policy_ids *ids = &d->store.ids;
	struct metrics_decision *out;
	size_t n;
	int r;

	r = kern_counters_read(d->kern, &v, &n);
	if (r < 0)
		return r;
	out = calloc(n ? n : 1, sizeof(*out));
	if (!out)
		return -ENOMEM;
	s->decisions = *ret = out;
	for (size_t i = 0; i < n; i++) {
		if (v[i].key.reason == ZTA_REASON_NONE && !v[i].value)
			continue; /* where counts go when the map is full: it never was */
		out[s->n_decisions++] = (struct metrics_decision){
			.namespace = "",
			.profile = name_of(ids->profiles, ZTA_PROFILE_IDS, v[i].key.profile),
			.verdict = word_verdict(v[i].key.verdict),
			.reason = word_reason(v[i].key.reason),
			.service = name_of(ids->services, ZTA_SERVICES_MAX, v[i].key.service),
			.count = v[i].value,
		};
	}
	return 0;
}

static int add_maps(struct daemon *d, struct metrics_snapshot *s, struct metrics_map **ret)
{
	_cleanup_free_ struct kern_map_use *v = NULL;
	struct metrics_map *out;
	size_t n;
	int r;

	r = kern_map_usage(d->kern, &v, &n);
	if (r < 0)
		return r;
	out = calloc(n ? n : 1, sizeof(*out));
	if (!out)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		out[i] = (struct metrics_map){ .map = v[i].map,
					       .entries = v[i].used,
					       .capacity = v[i].capacity };
	s->maps = *ret = out;
	s->n_maps = n;
	return 0;
}

struct counting {
	const struct daemon *d;
	struct metrics_snapshot *s;
	bool audit; /* the document's mode, or a pause */
};

static bool profile_audits(const struct daemon *d, uint16_t id)
{
	const struct brief_profile *p = policy_brief_profile(d->inforce->brief, id);

	return p && p->audit;
}

/* By effect, as told by `workloads`: one for each matched cgroup, and the attach point. */
static int count_workload(void *ctx, const struct registry_entry *e)
{
	struct counting *c = ctx;
	enum metrics_workload as = METRICS_WORKLOAD_ENFORCED;

	if (!e->alive || !workload_is_told(e))
		return 0;
	if (e->quarantined)
		as = METRICS_WORKLOAD_ENFORCED;
	else if (e->uncovered)
		as = METRICS_WORKLOAD_UNCOVERED;
	else if (c->audit || e->pause_until || profile_audits(c->d, e->profile))
		as = METRICS_WORKLOAD_AUDIT;
	c->s->workloads[as]++;
	return 0;
}

/* Decisions that reached no journal: refused by a full ring, or lost on the way to the disk. */
static int add_losses(struct daemon *d, struct metrics_snapshot *s)
{
	uint64_t stats[ZTA_STAT_COUNT];
	int r;

	r = kern_stats_read(d->kern, stats);
	if (r < 0)
		return r;
	s->lost[METRICS_STAGE_RING] = stats[ZTA_STAT_LOST];
	s->held = stats[ZTA_STAT_SEEN] - stats[ZTA_STAT_TOLD] - stats[ZTA_STAT_LOST];
	for (int i = 0; i < METRICS_ANSWER_COUNT; i++) /* in the order of enum zta_stat */
		s->answers[i] = stats[ZTA_STAT_DNS_LEARNT + i];
	s->lost[METRICS_STAGE_JOURNAL] = d->journal_lost;
	if (d->journal)
		s->lost[METRICS_STAGE_JOURNAL] += journal_state(d->journal).lost;
	return 0;
}

#define TOKENS_MAX (DESK_SOURCES_MAX * DESK_RESULT_COUNT)

struct tokens {
	struct metrics_tokens requests[TOKENS_MAX];
	struct metrics_expiry expiries[DESK_AUDIENCES_MAX];
};

static void add_tokens(struct daemon *d, struct metrics_snapshot *s, struct tokens *t)
{
	const struct desk_state *k = desk_state(d);
	int64_t now = (int64_t)(clock_real_ns() / NS_PER_S);

	s->tokens = t->requests;
	s->expiries = t->expiries;
	for (size_t i = 0; i < k->n_sources; i++)
		for (int r = 0; r < DESK_RESULT_COUNT; r++)
			t->requests[s->n_tokens++] = (struct metrics_tokens){
				k->sources[i].source, desk_result_words[r], k->sources[i].results[r]
			};
	for (size_t i = 0; i < k->n_audiences; i++) {
		int64_t left = k->audiences[i].expires - now;

		t->expiries[s->n_expiries++] = (struct metrics_expiry){ k->audiences[i].audience,
									left > 0 ? (uint64_t)left
										 : 0 };
	}
}

int snapshot_render(struct daemon *d, struct buf *out)
{
	_cleanup_free_ struct metrics_decision *decisions = NULL;
	_cleanup_free_ struct metrics_map *maps = NULL;
	const char *source, *mode = health_mode(d, &source);
	bool audit = !strcmp(mode, "audit");
	struct metrics_snapshot s = {
		.hooks_effective = health_ready(d, NULL),
		.mode = audit ? METRICS_MODE_AUDIT : METRICS_MODE_ENFORCE,
		.generation = d->inforce->generation,
		.unguarded_s = monitor_unguarded_s(d),
		.expiring = expiry_soon(d),
		.version = ZTA_VERSION,
	};
	struct counting counting = { .d = d, .s = &s, .audit = audit };
	struct tokens tokens;
	struct utsname u;
	int r;

	(void)uname(&u); /* fails for a bad pointer only */
	s.kernel = u.release;
	memcpy(s.reloads, d->reloads, sizeof(s.reloads));
	add_tokens(d, &s, &tokens);
	resolve_check_count(d, s.resolve); /* in the order of enum resolve_state */
	r = add_decisions(d, &s, &decisions);
	if (r == 0)
		r = add_maps(d, &s, &maps);
	if (r == 0)
		r = add_losses(d, &s);
	if (r == 0)
		r = registry_each(d->registry, count_workload, &counting);
	return r < 0 ? r : metrics_render(&s, out);
}
