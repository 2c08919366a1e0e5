// SPDX-License-Identifier: Apache-2.0
/* ztactl status: one screen. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "ctl/call.h"
#include "ctl/print.h"
#include "ctl/verbs.h"

/* Why not, though everything is as it should be. */
static void print_weak(const struct ctl *c, const json_t *v)
{
	const char *until = print_string(v, "paused_until");
	char time[PRINT_TIME_LEN];

	if (*until)
		print_field(c->color, "zta", PRINT_YELLOW, "not enforcing: paused until %s",
			    print_time(until, time));
	else
		print_field(c->color, "zta", PRINT_YELLOW, "not enforcing: the mode is %s",
			    print_string(v, "mode"));
}

/* The first problem that makes unhealthy; `partial` is listed, but does not. */
static const char *why_unhealthy(const json_t *v)
{
	const json_t *problem;
	size_t i;

	json_array_foreach (json_object_get(v, "problems"), i, problem) {
		if (strcmp(print_string(problem, "id"), "partial"))
			return print_string(problem, "detail");
	}
	return "";
}

static void print_head(const struct ctl *c, const json_t *v)
{
	if (!json_is_true(json_object_get(v, "healthy")))
		print_field(c->color, "zta", PRINT_RED, "unhealthy: %s", why_unhealthy(v));
	else if (json_is_true(json_object_get(v, "enforcing")))
		print_field(c->color, "zta", PRINT_GREEN, "enforcing");
	else
		print_weak(c, v);
}

static void print_policy(const struct ctl *c, const json_t *v)
{
	const char *unconfirmed = print_string(v, "unconfirmed_until");
	const json_t *p = json_object_get(v, "policy");
	char time[PRINT_TIME_LEN];

	print_field(c->color, "mode", PRINT_PLAIN, "%s (by %s)", print_string(v, "mode"),
		    print_string(v, "mode_source"));
	print_field(c->color, "policy", PRINT_PLAIN, "%s, revision %lld, generation %lld, from %s",
		    print_string(p, "name"), (long long)print_integer(p, "revision"),
		    (long long)print_integer(p, "generation"), print_string(p, "source"));
	if (*unconfirmed)
		print_field(c->color, "", PRINT_YELLOW, "goes back at %s unless confirmed",
			    print_time(unconfirmed, time));
	print_field(c->color, "sha256", PRINT_PLAIN, "%s", print_string(p, "sha256"));
}

static void print_hooks(const struct ctl *c, const json_t *hooks)
{
	_cleanup_buf_ struct buf attached = { 0 }, missing = { 0 };
	size_t i, n = 0;
	const json_t *hook;

	json_array_foreach (hooks, i, hook) {
		bool ok = json_is_true(json_object_get(hook, "attached"));

		(void)buf_printf(ok ? &attached : &missing, " %s", print_string(hook, "name"));
		n += ok;
	}
	print_field(c->color, "hooks", PRINT_PLAIN, "%zu of %zu attached:%s", n,
		    json_array_size(hooks), attached.data ? attached.data : " none");
	if (missing.data)
		print_field(c->color, "", PRINT_RED, "missing:%s", missing.data);
}

static void print_counts(const struct ctl *c, const json_t *v)
{
	json_int_t lost = print_integer(v, "lost");
	const char *journal = print_string(v, "journal.state");

	print_field(c->color, "workloads", PRINT_PLAIN, "%lld",
		    (long long)print_integer(v, "workloads"));
	print_field(c->color, "decisions", PRINT_PLAIN, "%lld allow, %lld deny, %lld audit",
		    (long long)print_integer(v, "decisions.allow"),
		    (long long)print_integer(v, "decisions.deny"),
		    (long long)print_integer(v, "decisions.audit"));
	print_field(c->color, "events", lost ? PRINT_RED : PRINT_PLAIN,
		    "%lld recorded, %lld held, %lld lost", (long long)print_integer(v, "recorded"),
		    (long long)print_integer(v, "held"), (long long)lost);
	print_field(c->color, "journal", strcmp(journal, "ok") ? PRINT_RED : PRINT_PLAIN,
		    "%s, last record %lld", journal, (long long)print_integer(v, "journal.seq"));
}

/* Who gives tokens, and where; nothing of a daemon without one. */
static void print_worker(const struct ctl *c, const json_t *v)
{
	const char *broker = print_string(v, "broker");
	bool ready = json_is_true(json_object_get(json_object_get(v, "worker"), "ready"));

	if (!*broker)
		return;
	print_field(c->color, "broker", PRINT_PLAIN,
		    "%s, %lld tokens granted, %lld refused, "
		    "%lld failed",
		    broker, (long long)print_integer(v, "tokens.granted"),
		    (long long)print_integer(v, "tokens.refused"),
		    (long long)print_integer(v, "tokens.failed"));
	print_field(c->color, "worker", ready ? PRINT_PLAIN : PRINT_RED, "%s, %lld restarts",
		    ready ? "ready" : "not ready", (long long)print_integer(v, "worker.restarts"));
}

static void print_daemon(const struct ctl *c, const json_t *v)
{
	char up[PRINT_DURATION_LEN];

	print_field(c->color, "metrics", PRINT_PLAIN, "%s", print_string(v, "metrics"));
	print_field(c->color, "daemon", PRINT_PLAIN, "ztad %s, up %s, kernel %s",
		    print_string(v, "version"), print_duration(print_integer(v, "uptime_s"), up),
		    print_string(v, "kernel"));
}

static void print_problems(const struct ctl *c, const json_t *problems, bool healthy)
{
	const json_t *problem;
	size_t i;

	if (json_array_size(problems))
		printf("\n%sproblems%s\n", print_on(c->color, PRINT_BOLD),
		       print_off(c->color, PRINT_BOLD));
	json_array_foreach (problems, i, problem)
		print_field(c->color, print_string(problem, "id"),
			    healthy ? PRINT_YELLOW : PRINT_RED, "%s",
			    print_string(problem, "detail"));
}

static enum ctl_exit run(const struct ctl *c, const struct ctl_args *a)
{
	enum ctl_exit r;
	struct call q;
	bool healthy;
	json_t *v;

	call_init(&q, "GET", "/v1/status");
	r = call_json(c, &q, &v);
	if (r != CTL_OK)
		return r;

	healthy = json_is_true(json_object_get(v, "healthy"));
	if (c->json) {
		ctl_json(v);
	} else {
		print_head(c, v);
		print_policy(c, v);
		print_hooks(c, json_object_get(v, "hooks"));
		print_counts(c, v);
		print_worker(c, v);
		print_daemon(c, v);
		print_problems(c, json_object_get(v, "problems"), healthy);
	}
	json_decref(v);
	return healthy ? CTL_OK : CTL_FAILED;
}

const struct ctl_verb cmd_status = {
	.name = "status",
	.summary = "enforcing or not, and why",
	.help = "One screen: whether enforcement is in force and why not, mode, policy, hooks,\n"
		"workloads, counts of decisions, events that were lost, problems.\n"
		"Exit 1 when not healthy.",
	.run = run,
};
