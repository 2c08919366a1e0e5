/* SPDX-License-Identifier: Apache-2.0 */
/* What there is: workloads, services, and what this machine can do. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "control/server.h"
#include "daemon/api.h"
#include "daemon/daemon.h"
#include "daemon/inforce.h"
#include "daemon/worker.h"
#include "daemon/monitor.h"
#include "daemon/pause.h"
#include "kern/probe.h"
#include "policy/check.h"
#include "policy/prefix.h"
#include "workload/registry.h"

struct listing {
	struct daemon *d;
	json_t *list;
};

/* The weakest of document, profile and pause; quarantine (row 1) holds in all of them. */
static const char *mode_of(const struct daemon *d, const struct registry_entry *e,
			   const struct brief_profile *p)
{
	if (e->quarantined)
		return "enforce";
	return pause_active(d) || e->pause_until || d->inforce->brief->audit || (p && p->audit)
		       ? "audit"
		       : "enforce";
}

static const char *state_of(const struct registry_entry *e)
{
	return e->quarantined ? "quarantined"
	       : e->uncovered ? "uncovered"
	       : e->matched   ? "matched"
			      : "default";
}

bool workload_is_told(const struct registry_entry *e)
{
	return e->matched || e->quarantined || e->uncovered || e->pause_until ||
	       (e->path && !strcmp(e->path, "/"));
}

static int add_workload(void *ctx, const struct registry_entry *e)
{
	struct listing *l = ctx;
	const struct brief_profile *p = policy_brief_profile(l->d->inforce->brief, e->profile);
	json_t *item;

	if (!e->alive || !e->path || !workload_is_told(e))
		return 0;
	item = json_pack("{s:o, s:I, s:s*, s:s, s:s}", "cgroup",
			 utf8_json(e->path, strlen(e->path)), "id", (json_int_t)e->id, "profile",
			 p ? p->name : NULL, "mode", mode_of(l->d, e, p), "state", state_of(e));
	return json_array_append_new(l->list, item);
}

int api_workloads(struct control_req *req, void *ctx)
{
	struct listing l = { .d = ctx, .list = json_array() };

	monitor_rescan(l.d); /* what is asked for is the tree of this moment */
	if (!l.list || registry_each(l.d->registry, add_workload, &l)) {
		json_decref(l.list);
		return -ENOMEM;
	}
	control_reply(req, 200, l.list);
	return 0;
}

static json_t *names_json(const struct policy_names *names)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < names->n; i++)
		if (json_array_append_new(list, json_string(names->v[i])) < 0) {
			json_decref(list);
			return NULL;
		}
	return list;
}

static json_t *prefixes_json(const struct policy_prefixes *prefixes)
{
	json_t *list = json_array();
	char text[PREFIX_TEXT_LEN];

	for (size_t i = 0; list && i < prefixes->n; i++) {
		prefix_format(&prefixes->v[i], text);
		if (json_array_append_new(list, json_string(text)) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *ports_json(const struct policy_ports *ports)
{
	json_t *list = json_array();
	char text[16];

	for (size_t i = 0; list && i < ports->n; i++) {
		uint16_t lo = ports->v[i].lo, hi = ports->v[i].hi;

		snprintf(text, sizeof(text), "%u-%u", lo, hi);
		if (json_array_append_new(list, lo == hi ? json_integer(lo) : json_string(text)) <
		    0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *service_json(const struct policy_service *s)
{
	return json_pack("{s:s, s:s*, s:o, s:o, s:o, s:b, s:s, s:s}", "name", s->name, "preset",
			 s->preset, "names", names_json(&s->names), "private_link",
			 prefixes_json(&s->private_link), "ports", ports_json(&s->ports),
			 "dedicated", s->dedicated, "enforce_private",
			 s->enforce_everyone ? "everyone" : "users", "mode",
			 s->mode == POLICY_MODE_AUDIT ? "audit" : "enforce");
}

int api_services(struct control_req *req, void *ctx)
{
	_cleanup_policy_check_ struct policy_check c = { 0 };
	const struct policy *p;
	json_t *list;
	int r;

	r = inforce_load(ctx, &c, control_diag(req));
	if (r < 0)
		return r;
	p = c.policy;
	list = json_array();
	for (size_t i = 0; list && i < p->n_services; i++)
		if (json_array_append_new(list, service_json(&p->services[i])) < 0) {
			json_decref(list);
			list = NULL;
		}
	if (!list)
		return -ENOMEM;
	control_reply(req, 200, list);
	return 0;
}

static int add_check(json_t *list, const char *name, bool ok, const char *detail)
{
	return json_array_append_new(list, json_pack("{s:s, s:b, s:b, s:s}", "check", name, "ok",
						     ok, "required", false, "detail", detail));
}

/* Can workloads have tokens? Required by nothing: a machine may have none that ask. */
static int add_identity(struct daemon *d, json_t *list)
{
	const struct policy_brief *b = d->inforce->brief;
	bool listens = d->broker_fd >= 0, wanted = false;
	struct worker_state w;
	char text[160];
	int r;

	for (size_t i = 0; b && i < b->n_profiles; i++)
		wanted |= b->profiles[i].broker;
	worker_state(d, &w);
	if (listens)
		(void)snprintf(text, sizeof(text), "listens on %s", d->broker_address);
	else
		(void)snprintf(text, sizeof(text), "does not listen: %s",
			       wanted ? "profiles with \"imds\": \"broker\" get no tokens"
				      : "no profile needs it");
	r = add_check(list, "broker", listens || !wanted, text);
	if (!w.ready)
		(void)snprintf(text, sizeof(text), "not ready, it is being started");
	else
		(void)snprintf(text, sizeof(text), "runs as '%s', restarted %llu times%s", w.user,
			       (unsigned long long)w.restarts,
			       w.fallback ? "; its own user is missing, it shares the uid" : "");
	return r < 0 ? r : add_check(list, "worker", w.ready && !w.fallback, text);
}

int api_doctor(struct control_req *req, void *ctx)
{
	struct host_check v[KERN_CHECKS_MAX];
	struct daemon *d = ctx;
	size_t n = kern_probe(d->kern, v);
	json_t *list = json_array();

	for (size_t i = 0; list && i < n; i++)
		if (json_array_append_new(list, json_pack("{s:s, s:b, s:b, s:s}", "check",
							  v[i].name, "ok", v[i].ok, "required",
							  v[i].required, "detail", v[i].detail)) <
		    0) {
			json_decref(list);
			list = NULL;
		}
	if (list && add_identity(d, list) < 0) {
		json_decref(list);
		list = NULL;
	}
	if (!list)
		return -ENOMEM;
	control_reply(req, 200, list);
	return 0;
}
