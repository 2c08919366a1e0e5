// SPDX-License-Identifier: Apache-2.0
/*
 * ztactl top: workload x destination x verdict of the last minutes, refreshed.
 *
 * Theory of operation: each round reads the events of the time shown and folds them here, by
 * workload, destination, verdict and reason. The daemon keeps nothing for a viewer.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/diag.h"
#include "base/str.h"
#include "ctl/args.h"
#include "ctl/call.h"
#include "ctl/event.h"
#include "ctl/stop.h"
#include "ctl/table.h"
#include "ctl/verbs.h"

#define EVENTS_MAX  "10000"
#define WINDOW	    "10m"
#define REFRESH_S   2
#define OTHER_LINES 4 /* head, blank, column heads, the line that the cursor stands on */

struct top {
	const struct ctl *c;
	const char *since;
	bool screen;  /* a terminal: redraw in place */
	json_t *rows; /* key -> row, while folding */
	int r;
};

static int fold(struct top *t, const json_t *event)
{
	_cleanup_free_ char *destination = event_destination(event);
	_cleanup_free_ char *key = NULL;
	json_t *row, *count;

	if (!destination)
		return -ENOMEM;
	if (!json_object_get(event, "verdict"))
		return 0; /* nothing was judged */
	key = str_dup_printf("%s\n%s\n%s\n%s", print_string(event, "workload.cgroup"), destination,
			     event_verdict(event), print_string(event, "reason"));
	if (!key)
		return -ENOMEM;

	row = json_object_get(t->rows, key);
	if (!row) {
		row = json_pack("{s:s, s:s, s:s, s:s, s:s, s:i}", "workload",
				print_string(event, "workload.cgroup"), "profile",
				print_string(event, "workload.profile"), "destination", destination,
				"verdict", event_verdict(event), "reason",
				print_string(event, "reason"), "count", 0);
		if (json_object_set_new(t->rows, key, row) < 0)
			return -ENOMEM;
	}
	count = json_integer(print_integer(row, "count") + print_integer(event, "count"));
	if (json_object_set_new(row, "count", count) < 0 ||
	    json_object_set(row, "last", json_object_get(event, "time")) < 0)
		return -ENOMEM;
	return 0;
}

static int on_line(void *ctx, const char *line, size_t len)
{
	struct top *t = ctx;
	json_t *event = json_loadb(line, len, 0, NULL);

	if (event)
		t->r = fold(t, event);
	json_decref(event);
	return t->r < 0;
}

static int by_count(const void *a, const void *b)
{
	const json_t *x = *(const json_t *const *)a, *y = *(const json_t *const *)b;
	json_int_t m = print_integer(x, "count"), n = print_integer(y, "count");

	return m != n ? (m < n ? 1 : -1) : strcmp(print_string(y, "last"), print_string(x, "last"));
}

/* Rows as an array, most frequent first; NULL without memory. */
static json_t *sorted(json_t *rows)
{
	size_t n = 0, size = json_object_size(rows);
	_cleanup_free_ json_t **v = calloc(size + 1, sizeof(json_t *));
	json_t *list = json_array(), *row;
	const char *key;

	if (!v || !list) {
		json_decref(list);
		return NULL;
	}
	json_object_foreach (rows, key, row)
		v[n++] = row;
	qsort(v, n, sizeof(*v), by_count);
	for (size_t i = 0; i < n; i++)
		json_array_append(list, v[i]);
	return list;
}

static enum ctl_exit fetch(struct top *t, json_t **ret)
{
	struct control_reply_in reply = { 0 };
	struct control_request rq;
	struct diag d = { "" };
	enum ctl_exit status;
	struct call q;
	int r;

	call_init(&q, "GET", "/v1/events");
	call_add(&q, "since", t->since);
	call_add(&q, "n", EVENTS_MAX);
	status = call_request(t->c, &q, &rq);
	if (status != CTL_OK)
		return status;

	t->r = 0;
	t->rows = json_object();
	r = control_stream(&rq, on_line, t, &reply, &d);
	if (r < 0 && !stop_requested())
		status = call_failed(t->c, r, d.text);
	else if (r == 0 && reply.status != 200)
		status = call_refused(t->c, reply.status, reply.body, reply.len);
	else if (t->r < 0 || !(*ret = sorted(t->rows)))
		status = ctl_fail(t->c, CTL_FAILED, "failed", "%s", strerror(ENOMEM));
	control_reply_in_free(&reply);
	json_decref(t->rows);
	t->rows = NULL;
	return status;
}

static void print_head(const struct top *t, const json_t *rows, const json_t *status)
{
	bool enforcing = json_is_true(json_object_get(status, "enforcing"));
	enum print_style s = enforcing ? PRINT_GREEN : PRINT_YELLOW;
	char clock[16];
	time_t now = time(NULL);
	struct tm tm;

	localtime_r(&now, &tm);
	strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	printf("%s  %s%s%s  all decisions: %lld allow, %lld deny, %lld audit  "
	       "below: events since %s, %zu row(s)\n\n",
	       clock, print_on(t->c->color, s), enforcing ? "enforcing" : "not enforcing",
	       print_off(t->c->color, s), (long long)print_integer(status, "decisions.allow"),
	       (long long)print_integer(status, "decisions.deny"),
	       (long long)print_integer(status, "decisions.audit"), t->since,
	       json_array_size(rows));
}

static size_t rows_that_fit(const struct top *t)
{
	struct winsize size = { 0 };

	if (!t->screen || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_row <= OTHER_LINES)
		return SIZE_MAX;
	return size.ws_row - OTHER_LINES;
}

static int print_rows(const struct top *t, const json_t *rows)
{
	static const char *const heads[] = { ">COUNT",	    "VERDICT", "REASON", "WORKLOAD",
					     "DESTINATION", "LAST",    NULL };
	_cleanup_table_ struct table *table = table_new(heads);
	size_t i, fit = rows_that_fit(t);
	char last[PRINT_TIME_LEN];
	const json_t *row;

	json_array_foreach (rows, i, row) {
		const char *verdict = print_string(row, "verdict");

		if (i == fit)
			break;
		table_addf(table, PRINT_BOLD, "%lld", (long long)print_integer(row, "count"));
		table_add(table, print_verdict_style(verdict), verdict);
		table_add(table, PRINT_PLAIN, print_string(row, "reason"));
		table_add(table, PRINT_PLAIN, print_string(row, "workload"));
		table_add(table, PRINT_PLAIN, print_string(row, "destination"));
		table_add(table, PRINT_PLAIN, print_time(print_string(row, "last"), last));
	}
	return table_print(table, "", t->c->color, stdout);
}

static enum ctl_exit draw(struct top *t)
{
	json_t *rows = NULL, *status = NULL;
	enum ctl_exit r = fetch(t, &rows);
	struct call q;

	if (r == CTL_OK && t->c->json) {
		ctl_json(rows);
	} else if (r == CTL_OK) {
		call_init(&q, "GET", "/v1/status");
		r = call_json(t->c, &q, &status);
		if (r == CTL_OK) {
			if (t->screen)
				fputs("\033[H\033[J", stdout);
			print_head(t, rows, status);
			if (print_rows(t, rows) < 0)
				r = ctl_fail(t->c, CTL_FAILED, "failed", "%s", strerror(ENOMEM));
		}
	}
	json_decref(status);
	json_decref(rows);
	return r;
}

static enum ctl_exit run(const struct ctl *c, const struct ctl_args *a)
{
	struct top t = { .c = c, .since = args_get(a, "since"), .screen = isatty(STDOUT_FILENO) };
	const struct timespec pause = { .tv_sec = REFRESH_S };
	uint64_t rounds = UINT64_MAX;
	enum ctl_exit r = args_number(a, "n", 1, 1000000, &rounds);

	if (r == CTL_OK)
		r = args_check_since(a);
	if (r != CTL_OK)
		return r;
	if (!t.since)
		t.since = WINDOW;
	if (c->json)
		rounds = 1; /* one JSON value */

	stop_on_sigint();
	for (uint64_t i = 0; r == CTL_OK && i < rounds && !stop_requested(); i++) {
		if (i && nanosleep(&pause, NULL) < 0)
			break;
		if (i && !t.screen)
			putchar('\n');
		r = draw(&t);
		if (fflush(stdout))
			break;
	}
	return stop_requested() ? CTL_OK : r;
}

static const struct ctl_option options[] = {
	{ "n", 'n', "N", "end after N refreshes", 0 },
	{ "since", 0, "T", "what to count: a duration (default 10m) or RFC 3339 time", 0 },
	{ 0 },
};

const struct ctl_verb cmd_top = {
	.name = "top",
	.summary = "live table: workload, destination, verdict",
	.help = "The events of the last ten minutes by workload, destination, verdict and reason,\n"
		"most frequent first, every two seconds until Ctrl-C. A terminal is redrawn in\n"
		"place; elsewhere the tables follow each other. With -o json one table, once.",
	.options = options,
	.run = run,
};
