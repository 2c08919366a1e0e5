/* SPDX-License-Identifier: Apache-2.0 */
#include "health.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "audit/journal.h"
#include "base/buf.h"
#include "base/host.h"
#include "base/json.h"
#include "base/log.h"
#include "daemon/daemon.h"
#include "daemon/inforce.h"
#include "daemon/notify.h"
#include "daemon/pause.h"
#include "daemon/reload.h"
#include "daemon/selftest.h"
#include "kern/object.h"
#include "workload/registry.h"

/* Appends what is wrong with the hooks; nothing when all are attached. 0 or -ENOMEM. */
static int check_hooks(struct daemon *d, struct buf *out)
{
	struct kern_hook v[KERN_HOOKS_MAX];
	int n_missing = 0, r;
	size_t n;

	r = kern_hooks(d->kern, v, &n);
	if (r < 0)
		return buf_printf(out, "the hooks cannot be asked: %s", strerror(-r));
	for (size_t i = 0; i < n; i++) {
		if (v[i].attached)
			continue;
		r = buf_printf(out, "%s%s", n_missing++ ? ", " : "not attached: ", v[i].name);
		if (r < 0)
			return r;
	}
	return 0;
}

bool health_hooks_attached(struct daemon *d)
{
	_cleanup_buf_ struct buf hooks = { 0 };

	return check_hooks(d, &hooks) == 0 && !hooks.len;
}

bool health_ready(struct daemon *d, struct buf *why)
{
	_cleanup_buf_ struct buf hooks = { 0 };
	bool tested = selftest_passed(d);

	/* Out of memory while asking is not an answer: not ready. */
	if (check_hooks(d, &hooks) < 0)
		return false;
	if (!hooks.len && tested)
		return true;
	if (why)
		(void)buf_printf(
			why, "%s%s%s%s", hooks.len ? "hooks: " : "", hooks.len ? hooks.data : "",
			tested	    ? ""
			: hooks.len ? "; self-test: "
				    : "self-test: ",
			tested ? "" : selftest_why(d)); /* the answer is no, with or without */
	return false;
}

static int add(json_t *list, const char *id, const char *detail)
{
	json_t *item = json_object();

	if (!item || json_object_set_new(item, "id", json_string(id)) < 0 ||
	    json_set_text(item, "detail", "%s", detail) < 0) {
		json_decref(item);
		return -ENOMEM;
	}
	return json_array_append_new(list, item) < 0 ? -ENOMEM : 0;
}

static int add_hooks(struct daemon *d, json_t *list)
{
	_cleanup_buf_ struct buf hooks = { 0 };
	int r = check_hooks(d, &hooks);

	if (r == 0 && hooks.len)
		r = add(list, "hooks", hooks.data);
	if (r == 0 && !selftest_passed(d))
		r = add(list, "self-test", selftest_why(d));
	return r;
}

static int add_journal(struct daemon *d, json_t *list)
{
	struct journal_state s;

	if (!d->journal)
		return add(list, "journal", "cannot be opened, retrying");
	s = journal_state(d->journal);
	return s.failing ? add(list, "journal", strerror(-s.error)) : 0;
}

static int add_policy(struct daemon *d, json_t *list)
{
	const char *problem = reload_problem(d);

	if (problem)
		return add(list, "policy", problem);
	if (d->inforce->unsaved)
		return add(list, "policy", "the state directory cannot be written");
	return 0;
}

static int find_uncovered(void *ctx, const struct registry_entry *e)
{
	return e->uncovered;
}

static int add_capacity(struct daemon *d, json_t *list)
{
	if (!registry_each(d->registry, find_uncovered, NULL))
		return 0;
	return add(list, "capacity",
		   "more matched cgroups than the map holds: some have their parent's profile");
}

json_t *health_problems(struct daemon *d, bool *ret_healthy)
{
	json_t *list = json_array();
	int r = list ? 0 : -ENOMEM;

	if (r == 0)
		r = add_hooks(d, list);
	if (r == 0)
		r = add_journal(d, list);
	if (r == 0)
		r = add_policy(d, list);
	if (r == 0)
		r = add_capacity(d, list);
	*ret_healthy = r == 0 && json_array_size(list) == 0;
	if (r == 0 && !kern_cgroup_is_root(d->kern))
		r = add(list, "partial",
			"attached below the root: sockets from outside are not seen");
	if (r < 0) {
		json_decref(list);
		return NULL;
	}
	return list;
}

const char *health_mode(const struct daemon *d, const char **ret_source)
{
	*ret_source = pause_active(d) ? "pause" : "policy";
	return pause_active(d) || d->inforce->brief->audit ? "audit" : "enforce";
}

/* A manager that cannot be told is not our failure, but worth a line: it may end us. */
static void tell(const char *state)
{
	int r = notify_send(state);

	if (r < 0)
		log_warn("daemon: cannot notify the service manager, ignoring it: %s",
			 strerror(-r));
}

static void tell_ready(struct daemon *d)
{
	const char *source, *mode = health_mode(d, &source);
	char state[160];

	snprintf(state, sizeof(state), "READY=1\nSTATUS=mode %s, policy %.64s, generation %u", mode,
		 d->inforce->brief->name, d->inforce->generation);
	tell(state);
}

void health_changed(struct daemon *d)
{
	if (d->ready_told || !selftest_passed(d))
		return;
	d->ready_told = true;
	log_info("daemon: ready");
	tell_ready(d);
	host_drop_text(); /* the start went through much of libbpf, libcurl and what they need */
}

void health_reloading(struct daemon *d)
{
	if (d->ready_told)
		(void)notify_reloading(); /* if it fails, so does what follows, which tells */
}

void health_reloaded(struct daemon *d)
{
	if (d->ready_told)
		tell_ready(d);
}
