// SPDX-License-Identifier: Apache-2.0
#include "metrics/metrics.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"

static const char *const mode_names[METRICS_MODE_COUNT] = { "enforce", "audit" };
static const char *const reload_names[METRICS_RELOAD_COUNT] = { "applied", "rejected",
								"unchanged" };
static const char *const stage_names[METRICS_STAGE_COUNT] = { "ring", "journal" };
static const char *const answer_names[METRICS_ANSWER_COUNT] = { "learnt", "public", "ignored",
								"malformed" };
static const char *const resolve_names[METRICS_RESOLVE_COUNT] = { "ok", "public", "absent",
								  "failed" };
static const char *const workload_names[METRICS_WORKLOAD_COUNT] = { "enforced", "audit", "unknown",
								    "uncovered" };

#define LABELS_MAX 4

/* One series of a family; labels in the order of the family's names. */
struct series {
	const char *labels[LABELS_MAX];
	uint64_t value;
};

/* The first error sticks: what follows it adds nothing. */
struct out {
	struct buf *b;
	int r;
};

static void put(struct out *o, const char *text, size_t len)
{
	if (o->r == 0)
		o->r = buf_add(o->b, text, len);
}

static void puts_plain(struct out *o, const char *text)
{
	put(o, text, strlen(text));
}

static void family(struct out *o, const char *name, const char *type, const char *help)
{
	if (o->r == 0)
		o->r = buf_printf(o->b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* A label's value: backslash, quote and line feed are escaped, as the format asks. */
static void put_value(struct out *o, const char *value)
{
	puts_plain(o, "\"");
	for (const char *s = value ? value : ""; *s; s++) {
		if (*s == '\\')
			puts_plain(o, "\\\\");
		else if (*s == '"')
			puts_plain(o, "\\\"");
		else if (*s == '\n')
			puts_plain(o, "\\n");
		else
			put(o, s, 1);
	}
	puts_plain(o, "\"");
}

static void put_labels(struct out *o, const char *const *names, const char *const *values)
{
	for (size_t i = 0; i < LABELS_MAX && names[i]; i++) {
		puts_plain(o, i ? "," : "{");
		puts_plain(o, names[i]);
		puts_plain(o, "=");
		put_value(o, values[i]);
	}
	puts_plain(o, "}");
}

static void sample(struct out *o, const char *name, const char *const *names,
		   const char *const *values, uint64_t value)
{
	puts_plain(o, name);
	if (names)
		put_labels(o, names, values);
	if (o->r == 0)
		o->r = buf_printf(o->b, " %llu\n", (unsigned long long)value);
}

/* A family of one label with a closed set of values. */
static void closed(struct out *o, const char *name, const char *label, const char *const *values,
		   const uint64_t *counts, size_t n)
{
	const char *const names[LABELS_MAX] = { label };

	for (size_t i = 0; i < n; i++)
		sample(o, name, names, &values[i], counts[i]);
}

static void single(struct out *o, const char *name, const char *type, const char *help,
		   uint64_t value)
{
	family(o, name, type, help);
	sample(o, name, NULL, NULL, value);
}

static int compare_labels(const void *a, const void *b)
{
	const struct series *x = a, *y = b;

	for (size_t i = 0; i < LABELS_MAX; i++) {
		const char *s = x->labels[i] ? x->labels[i] : "";
		const char *t = y->labels[i] ? y->labels[i] : "";
		int r = strcmp(s, t);

		if (r)
			return r;
	}
	return 0;
}

/* Prints series sorted, those with the same labels as one. */
static void print_merged(struct out *o, const char *name, const char *const *names,
			 struct series *v, size_t n)
{
	if (n)
		qsort(v, n, sizeof(*v), compare_labels);
	for (size_t i = 0; i < n; i++) {
		uint64_t sum = v[i].value;

		while (i + 1 < n && !compare_labels(&v[i], &v[i + 1]))
			sum += v[++i].value;
		sample(o, name, names, v[i].labels, sum);
	}
}

static void print_decisions(struct out *o, const struct metrics_snapshot *s)
{
	static const char *const denial[LABELS_MAX] = { "namespace", "profile", "reason",
							"service" };
	static const char *const decision[LABELS_MAX] = { "verdict", "reason", "profile" };
	_cleanup_free_ struct series *v = calloc(s->n_decisions + 1, sizeof(*v));
	size_t n = 0;

	if (!v) {
		o->r = -ENOMEM;
		return;
	}
	family(o, "zta_denials_total", "counter", "Denied decisions.");
	for (size_t i = 0; i < s->n_decisions; i++) {
		const struct metrics_decision *d = &s->decisions[i];

		if (!strcmp(d->verdict, "deny"))
			v[n++] = (struct series){
				{ d->namespace, d->profile, d->reason, d->service }, d->count
			};
	}
	print_merged(o, "zta_denials_total", denial, v, n);
	family(o, "zta_decisions_total", "counter",
	       "Decisions: one per connect(), send with an address, refused socket(), and denied "
	       "packet.");
	for (n = 0; n < s->n_decisions; n++)
		v[n] = (struct series){ { s->decisions[n].verdict, s->decisions[n].reason,
					  s->decisions[n].profile },
					s->decisions[n].count };
	print_merged(o, "zta_decisions_total", decision, v, n);
}

static void print_maps(struct out *o, const struct metrics_snapshot *s)
{
	static const char *const names[LABELS_MAX] = { "map" };

	family(o, "zta_map_entries", "gauge", "Entries in use, by kernel map.");
	for (size_t i = 0; i < s->n_maps; i++)
		sample(o, "zta_map_entries", names, &s->maps[i].map, s->maps[i].entries);
	family(o, "zta_map_capacity", "gauge", "Entries that fit, by kernel map.");
	for (size_t i = 0; i < s->n_maps; i++)
		sample(o, "zta_map_capacity", names, &s->maps[i].map, s->maps[i].capacity);
}

static void print_policy(struct out *o, const struct metrics_snapshot *s)
{
	uint64_t modes[METRICS_MODE_COUNT] = { 0 };

	modes[s->mode] = 1;
	single(o, "zta_hooks_effective", "gauge",
	       "1 when every hook is attached and the self-test passed.", s->hooks_effective);
	family(o, "zta_mode", "gauge", "1 for the mode in force: the weakest of policy and pause.");
	closed(o, "zta_mode", "mode", mode_names, modes, METRICS_MODE_COUNT);
	single(o, "zta_policy_generation", "gauge", "Generation of the policy in force.",
	       s->generation);
	family(o, "zta_policy_reloads_total", "counter",
	       "Policies that came in, by what became of "
	       "them.");
	closed(o, "zta_policy_reloads_total", "result", reload_names, s->reloads,
	       METRICS_RELOAD_COUNT);
	single(o, "zta_policy_expiring", "gauge", "Rules that expire within 14 days.", s->expiring);
}

static void print_events(struct out *o, const struct metrics_snapshot *s)
{
	family(o, "zta_events_lost_total", "counter",
	       "Events that could not be recorded, by the stage that lost them.");
	closed(o, "zta_events_lost_total", "stage", stage_names, s->lost, METRICS_STAGE_COUNT);
	single(o, "zta_events_held", "gauge", "Repeats folded in the kernel and not yet told.",
	       s->held);
	family(o, "zta_dns_answers_total", "counter",
	       "DNS answers that came in, by what became of them.");
	closed(o, "zta_dns_answers_total", "result", answer_names, s->answers,
	       METRICS_ANSWER_COUNT);
	family(o, "zta_resolve_check", "gauge",
	       "Names that the daemon looks up itself, by where they led.");
	closed(o, "zta_resolve_check", "state", resolve_names, s->resolve, METRICS_RESOLVE_COUNT);
}

static void print_workloads(struct out *o, const struct metrics_snapshot *s)
{
	family(o, "zta_workloads", "gauge", "Matched workloads, by effect.");
	closed(o, "zta_workloads", "state", workload_names, s->workloads, METRICS_WORKLOAD_COUNT);
	family(o, "zta_unguarded_seconds", "gauge",
	       "Seconds since boot in which a workload ran without its own profile.");
	if (o->r == 0)
		o->r = buf_printf(o->b, "zta_unguarded_seconds %.3f\n", s->unguarded_s);
}

static void print_tokens(struct out *o, const struct metrics_snapshot *s)
{
	static const char *const request[LABELS_MAX] = { "source", "result" };
	static const char *const expiry[LABELS_MAX] = { "audience" };
	size_t n = s->n_tokens > s->n_expiries ? s->n_tokens : s->n_expiries;
	_cleanup_free_ struct series *v = calloc(n + 1, sizeof(*v));

	if (!v) {
		o->r = -ENOMEM;
		return;
	}
	family(o, "zta_token_requests_total", "counter",
	       "Requests of workloads for tokens, by where the token was from and the outcome.");
	for (size_t i = 0; i < s->n_tokens; i++)
		v[i] = (struct series){ { s->tokens[i].source, s->tokens[i].result },
					s->tokens[i].count };
	print_merged(o, "zta_token_requests_total", request, v, s->n_tokens);
	family(o, "zta_token_expires_seconds", "gauge",
	       "Seconds for which the token that was given last is good, by audience.");
	for (size_t i = 0; i < s->n_expiries; i++)
		v[i] = (struct series){ { s->expiries[i].audience }, s->expiries[i].expires_s };
	print_merged(o, "zta_token_expires_seconds", expiry, v, s->n_expiries);
}

static void print_build(struct out *o, const struct metrics_snapshot *s)
{
	static const char *const names[LABELS_MAX] = { "version", "kernel" };
	const char *const values[LABELS_MAX] = { s->version, s->kernel };

	family(o, "zta_build_info", "gauge", "Always 1; says what runs.");
	sample(o, "zta_build_info", names, values, 1);
}

int metrics_render(const struct metrics_snapshot *s, struct buf *out)
{
	struct out o = { .b = out };

	print_decisions(&o, s);
	print_policy(&o, s);
	print_events(&o, s);
	print_workloads(&o, s);
	print_maps(&o, s);
	print_tokens(&o, s);
	print_build(&o, s);
	return o.r;
}
