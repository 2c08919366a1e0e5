// SPDX-License-Identifier: Apache-2.0
/* Tokens, without ever showing one: what is cached, can one be had. The worker answers later. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/diag.h"
#include "base/str.h"
#include "base/utf8.h"
#include "control/server.h"
#include "daemon/api.h"
#include "daemon/daemon.h"
#include "daemon/inforce.h"
#include "daemon/worker.h"
#include "policy/brief.h"
#include "policy/identity.h"

#define NO_WORKER "no worker is ready to answer, it is being started"

static json_t *text(const char *s)
{
	return *s ? utf8_json(s, strlen(s)) : NULL;
}

static json_t *when(int64_t unix_s)
{
	char out[RFC3339_LEN];

	if (unix_s <= 0)
		return NULL;
	rfc3339_format((uint64_t)unix_s * NS_PER_S, out);
	return json_string(out);
}

static json_int_t left(int64_t unix_s)
{
	int64_t s = unix_s - (int64_t)(clock_real_ns() / NS_PER_S);

	return s > 0 ? s : 0;
}

/* --- list */

struct listing {
	struct control_req *req;
	json_t *list;
};

static void on_entry(const struct worker_entry *e, void *ctx)
{
	struct listing *l = ctx;

	if (e && !e->last) {
		json_t *o = json_pack("{s:o*, s:o*, s:o*, s:o*, s:I, s:o*, s:I, s:o*}", "source",
				      text(e->source), "identity", text(e->identity), "audience",
				      text(e->audience), "expires", when(e->expires), "expires_s",
				      left(e->expires), "refresh", when(e->refresh), "waiting",
				      (json_int_t)e->waiting, "error", text(e->text));

		(void)json_array_append_new(l->list, o); /* without memory one is missing */
		return;
	}
	if (e)
		control_reply(l->req, 200, l->list);
	else
		control_reply_error(l->req, 503, "the worker ended before it had answered");
	if (!e)
		json_decref(l->list);
	free(l);
}

int api_token_list(struct control_req *req, void *ctx)
{
	struct listing *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	l->req = req;
	l->list = json_array();
	r = l->list ? worker_list(ctx, on_entry, l) : -ENOMEM;
	if (r == 0)
		return 0;
	json_decref(l->list);
	free(l);
	return r == -EAGAIN ? diag_set(control_diag(req), r, NO_WORKER) : r;
}

/* --- test */

struct testing {
	struct control_req *req;
	char audience[ZTA_AUDIENCE_MAX + 1];
};

static void on_told(const struct worker_told *t, void *ctx)
{
	struct testing *s = ctx;

	if (!t) {
		control_reply_error(s->req, 503, "the worker ended before it had answered");
	} else {
		json_t *o = json_pack("{s:s, s:b, s:o*, s:o*, s:o*, s:o*, s:I, s:b, s:o*}",
				      "audience", s->audience, "ok", !t->error, "source",
				      text(t->source), "client_id", text(t->client_id), "object_id",
				      text(t->object_id), "expires", when(t->expires), "expires_s",
				      left(t->expires), "cached", t->cached != 0, "detail",
				      text(t->text));

		if (o && t->status)
			(void)json_object_set_new(o, "status", json_integer(t->status));
		control_reply(s->req, 200, o);
	}
	free(s);
}

/* Whose: of a profile, or by client id, or (neither) the configured one. */
static int read_identity(struct daemon *d, struct control_req *req, struct worker_test *m)
{
	const char *client = control_query(req, "client_id");
	const char *name = control_query(req, "profile");
	const struct policy_brief *b = d->inforce->brief;
	const struct policy_identity *id = NULL;

	if (client && name)
		return diag_set(control_diag(req), -EINVAL, "client_id and profile: only one");
	if (client && !identity_is_guid(client))
		return diag_set(control_diag(req), -EINVAL, "client_id: \"%s\" is not a GUID",
				client);
	for (size_t i = 0; name && b && i < b->n_profiles; i++)
		if (!strcmp(b->profiles[i].name, name) && b->profiles[i].identity.n_audiences)
			id = &b->profiles[i].identity;
	if (name && !id)
		return diag_set(control_diag(req), -EINVAL,
				"profile: no profile \"%s\" has an identity", name);
	if (id)
		client = id->client_id;
	if (!client || !*client)
		return 0;
	m->selector = WORKER_SELECT_CLIENT;
	(void)snprintf(m->selected, sizeof(m->selected), "%s", client); /* a GUID fits */
	return 0;
}

int api_token_test(struct control_req *req, void *ctx)
{
	const char *audience = control_query(req, "audience");
	struct worker_test m = { 0 };
	struct testing *s;
	int r;

	if (!audience || !identity_is_audience(audience))
		return diag_set(control_diag(req), -EINVAL, "audience: for which one?");
	r = read_identity(ctx, req, &m);
	if (r < 0)
		return r;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->req = req;
	(void)snprintf(m.audience, sizeof(m.audience), "%s", audience); /* its length was checked */
	(void)snprintf(s->audience, sizeof(s->audience), "%s", audience);
	r = worker_test(ctx, &m, on_told, s);
	if (r == 0)
		return 0;
	free(s);
	return r == -EAGAIN ? diag_set(control_diag(req), r, NO_WORKER) : r;
}
