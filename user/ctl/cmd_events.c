// SPDX-License-Identifier: Apache-2.0
/* ztactl events: the journal, then what happens from now on. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "audit/reader.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/str.h"
#include "ctl/args.h"
#include "ctl/call.h"
#include "ctl/event.h"
#include "ctl/stop.h"
#include "ctl/table.h"
#include "ctl/verbs.h"
#include "zta_reason.h"

#define STOP 1

struct events {
	const struct ctl *c;
	struct table *t; /* NULL with -o json */
	bool follow;
	bool decisions; /* something that `explain` can explain was shown */
	enum ctl_exit result;
};

static int add_row(struct events *s, const json_t *event)
{
	_cleanup_free_ char *process = event_process(event);
	_cleanup_free_ char *destination = event_destination(event);
	const char *verdict = event_verdict(event);
	char time[PRINT_TIME_LEN];

	if (!process || !destination)
		return -ENOMEM;
	table_addf(s->t, PRINT_DIM, "%lld", (long long)print_integer(event, "seq"));
	table_add(s->t, PRINT_PLAIN, print_time(print_string(event, "time"), time));
	table_add(s->t, print_verdict_style(verdict), verdict);
	table_add(s->t, PRINT_PLAIN, print_string(event, "reason"));
	table_add(s->t, PRINT_PLAIN, event_workload(event));
	table_add(s->t, PRINT_PLAIN, process);
	table_add(s->t, PRINT_PLAIN, destination);
	if (json_object_get(event, "count"))
		table_addf(s->t, PRINT_PLAIN, "%lld", (long long)print_integer(event, "count"));
	else
		table_add(s->t, PRINT_PLAIN, "");
	s->decisions |= json_object_get(event, "row") != NULL;
	return 0;
}

static int print_rows(struct events *s)
{
	int r = table_print(s->t, "", s->c->color, stdout);

	table_clear(s->t);
	table_no_heads(s->t);
	return r;
}

static int failed(struct events *s, const char *error, const char *why)
{
	s->result = ctl_fail(s->c, CTL_FAILED, error, "%s", why);
	return STOP;
}

static int on_event(struct events *s, const json_t *event)
{
	if (!json_is_object(event))
		return failed(s, "failed", "the daemon sent a line that is no event");
	if (*print_string(event, "error"))
		return failed(s, print_string(event, "error"), print_string(event, "detail"));
	if (add_row(s, event) < 0 || (s->follow && print_rows(s) < 0))
		return failed(s, "failed", strerror(ENOMEM));
	return 0;
}

static int on_line(void *ctx, const char *line, size_t len)
{
	struct events *s = ctx;
	json_t *event;
	int r = 0;

	if (s->t) {
		event = json_loadb(line, len, 0, NULL);
		r = on_event(s, event);
		json_decref(event);
	} else {
		fwrite(line, 1, len, stdout);
		putchar('\n');
		if (str_starts(line, "{\"error\":"))
			s->result = CTL_FAILED;
	}
	if (s->follow && fflush(stdout))
		return STOP;
	return r || stop_requested() ? STOP : 0;
}

static enum ctl_exit finish(struct events *s, const struct control_reply_in *reply, int r,
			    const char *why)
{
	if (s->follow && stop_requested())
		return CTL_OK;
	if (s->result != CTL_OK)
		return s->result;
	if (r < 0)
		return call_failed(s->c, r, why);
	if (reply->status != 200)
		return call_refused(s->c, reply->status, reply->body, reply->len);
	if (r == 0 && s->follow)
		return ctl_fail(s->c, CTL_UNREACHABLE, "unreachable",
				"the daemon has ended; events go on when it is back");
	if (s->t && !s->follow && print_rows(s) < 0)
		return ctl_fail(s->c, CTL_FAILED, "failed", "%s", strerror(ENOMEM));
	if (s->decisions && !s->follow && isatty(STDOUT_FILENO))
		printf("%s`ztactl explain --event SEQ` tells why%s\n",
		       print_on(s->c->color, PRINT_DIM), print_off(s->c->color, PRINT_DIM));
	return CTL_OK;
}

static enum ctl_exit stream(struct events *s, const struct call *q)
{
	struct control_reply_in reply = { 0 };
	struct control_request rq;
	struct diag d = { "" };
	enum ctl_exit status = call_request(s->c, q, &rq);
	int r;

	if (status != CTL_OK)
		return status;
	if (s->follow)
		stop_on_sigint();
	r = control_stream(&rq, on_line, s, &reply, &d);
	status = finish(s, &reply, r, d.text);
	control_reply_in_free(&reply);
	return status;
}

static enum ctl_exit check_words(const struct ctl_args *a, const char *name,
				 const char *const *words)
{
	const char *value;
	size_t i = 0;

	while ((value = args_next(a, name, &i))) {
		const char *const *w = words;

		while (*w && strcmp(*w, value))
			w++;
		if (!*w)
			return ctl_usage("--%s: '%s' is none that exists", name, value);
	}
	return CTL_OK;
}

static enum ctl_exit check(const struct ctl_args *a)
{
#define WORD(sym, text) text,
	static const char *const verdicts[] = { ZTA_VERDICTS(WORD) NULL };
	static const char *const types[] = { "egress",	  "dns",  "tls",    "socket",
					     "token",	  "ai",	  "policy", "admin",
					     "lifecycle", "flow", NULL };
#undef WORD
	uint64_t n = 0;
	enum ctl_exit r = args_number(a, "n", 1, READER_LAST_MAX, &n);

	if (r == CTL_OK)
		r = check_words(a, "verdict", verdicts);
	if (r == CTL_OK)
		r = check_words(a, "type", types);
	if (r == CTL_OK)
		r = args_check_since(a);
	return r;
}

static enum ctl_exit run(const struct ctl *c, const struct ctl_args *a)
{
	static const char *const heads[] = { ">SEQ",	    "TIME",	"VERDICT",
					     "REASON",	    "WORKLOAD", "PROCESS",
					     "DESTINATION", ">COUNT",	NULL };
	static const char *const filters[] = { "verdict", "reason", "type", "workload", NULL };
	_cleanup_table_ struct table *t = c->json ? NULL : table_new(heads);
	struct events s = { .c = c, .t = t, .follow = args_has(a, "follow") };
	enum ctl_exit r = check(a);
	struct call q;

	if (r != CTL_OK)
		return r;
	if (!c->json && !t)
		return ctl_fail(c, CTL_FAILED, "failed", "%s", strerror(ENOMEM));
	call_init(&q, "GET", "/v1/events");
	call_add(&q, "n", args_get(a, "n"));
	call_add(&q, "since", args_get(a, "since"));
	for (size_t i = 0; filters[i]; i++)
		call_add_option(&q, a, filters[i]);
	call_add(&q, "follow", s.follow ? "true" : NULL);
	return stream(&s, &q);
}

static const struct ctl_option options[] = {
	{ "follow", 'f', NULL, "go on with what happens from now on, until Ctrl-C", 0 },
	{ "n", 'n', "N", "the last N of what the filters leave; 50, with -f 10", 0 },
	{ "since", 0, "T", "not older than a duration (10m) or RFC 3339 time", 0 },
	{ "verdict", 0, "V", "allow, deny, audit or redirect", CTL_OPTION_MANY },
	{ "reason", 0, "R", "public-egress, imds, ...", CTL_OPTION_MANY },
	{ "type", 0, "T", "egress, socket, policy, admin, lifecycle, ...", CTL_OPTION_MANY },
	{ "workload", 0, "W", "cgroup path, with what is below it", CTL_OPTION_MANY },
	{ 0 },
};

const struct ctl_verb cmd_events = {
	.name = "events",
	.summary = "what was decided, from the journal, then live (-f)",
	.help = "One line for each record, oldest first. A filter that repeats is an alternative,\n"
		"different filters must all hold. With -o json one event object a line.\n"
		"`explain --event SEQ` tells why.",
	.options = options,
	.run = run,
};
