// SPDX-License-Identifier: Apache-2.0
#include "audit/record.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "audit/word.h"
#include "base/clock.h"
#include "base/str.h"
#include "base/utf8.h"
#include "zta_event.h"
#include "zta_reason.h"

/* Types that are decisions, by their words. */
static const char *const decisions[] = {
	[ZTA_EVENT_EGRESS] = "egress",
	[ZTA_EVENT_SOCKET] = "socket",
	[ZTA_EVENT_DNS] = "dns",
	[ZTA_EVENT_TLS] = "tls",
};

/* An object being filled. The first failure sticks, members after it are dropped. */
struct members {
	json_t *object;
	int r;
};

static void add(struct members *m, const char *name, json_t *value)
{
	if (m->r < 0)
		json_decref(value);
	else if (json_object_set_new(m->object, name, value) < 0) /* NULL too: no memory */
		m->r = -ENOMEM;
}

/* NULL is not known: no member. */
static void add_text(struct members *m, const char *name, const char *text)
{
	if (text)
		add(m, name, utf8_json(text, strlen(text)));
}

static void add_number(struct members *m, const char *name, uint64_t n)
{
	add(m, name, json_integer((json_int_t)n));
}

static void add_object(struct members *m, const char *name, struct members *inner)
{
	if (inner->r < 0)
		m->r = inner->r;
	else if (json_object_size(inner->object))
		add(m, name, json_incref(inner->object));
	json_decref(inner->object);
}

static struct members begin(void)
{
	json_t *object = json_object();

	return (struct members){ object, object ? 0 : -ENOMEM };
}

static int end(struct members *m, json_t **ret)
{
	if (m->r < 0) {
		json_decref(m->object);
		return m->r;
	}
	*ret = m->object;
	return 0;
}

void record_clock(struct record_ctx *ctx)
{
	ctx->boot_offset_ns = (int64_t)(clock_real_ns() - clock_boot_ns());
}

static void add_time(struct members *m, uint64_t real_ns)
{
	char text[RFC3339_LEN];

	rfc3339_format(real_ns, text);
	add_text(m, "time", text);
}

static void add_policy(struct members *m, const struct record_ctx *ctx, uint32_t generation)
{
	struct members p = begin();

	add_text(&p, "name", ctx->policy);
	if (generation)
		add_number(&p, "generation", generation);
	add_object(m, "policy", &p);
}

static void add_workload(struct members *m, const struct zta_event *e, const struct record_ctx *ctx)
{
	const struct record_names *n = ctx->names;
	struct members w = begin();

	if (n->cgroup)
		add_text(&w, "cgroup", n->cgroup(ctx->ctx, e->workload));
	if (e->workload)
		add_number(&w, "id", e->workload);
	if (n->profile)
		add_text(&w, "profile", n->profile(ctx->ctx, e->profile));
	if (n->owner)
		add_text(&w, "owner", n->owner(ctx->ctx, e->workload));
	add_object(m, "workload", &w);
}

static void add_process(struct members *m, const struct zta_event *e)
{
	struct members p;

	if (!(e->flags & ZTA_EVENT_PROCESS))
		return;
	p = begin();
	add_number(&p, "pid", e->pid);
	add_number(&p, "uid", e->uid);
	add(&p, "comm", utf8_json(e->comm, strnlen(e->comm, sizeof(e->comm))));
	add_object(m, "process", &p);
}

static bool has_port(uint8_t proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP ||
	       proto == IPPROTO_DCCP || proto == IPPROTO_UDPLITE;
}

/* What was asked for at socket(): a family, a kind, a protocol, whichever says most. */
static const char *word_socket(const struct zta_event *e, char protocol[WORD_PROTOCOL_LEN])
{
	switch (e->addr.family) {
	case AF_PACKET:
		return "packet";
	case AF_RDS:
		return "rds";
	case AF_TIPC:
		return "tipc";
	default:
		return e->socktype == SOCK_RAW ? "raw" : word_protocol(e->proto, protocol);
	}
}

static const char *name_of(const struct zta_event *e, const struct record_ctx *ctx)
{
	return e->name && ctx->names->name ? ctx->names->name(ctx->ctx, e->name) : NULL;
}

/* An answer of record is about an address, not about how to get there. */
static void add_transport(struct members *m, const struct zta_event *e)
{
	char protocol[WORD_PROTOCOL_LEN];

	if (e->type == ZTA_EVENT_DNS && !e->port)
		return;
	if (has_port(e->proto))
		add_number(m, "port", e->port);
	add_text(m, "protocol", word_protocol(e->proto, protocol));
}

static void add_destination(struct members *m, const struct zta_event *e,
			    const struct record_ctx *ctx)
{
	char text[INET6_ADDRSTRLEN], protocol[WORD_PROTOCOL_LEN];
	struct members dst = begin(), called = begin();

	if (e->type == ZTA_EVENT_SOCKET) {
		add_text(&dst, "protocol", word_socket(e, protocol));
	} else if (!(e->flags & ZTA_EVENT_FOLDED)) {
		add_text(&dst, "address", word_address(&e->addr, text));
		add_text(&dst, "carried", word_address(&e->carried, text));
		add_transport(&dst, e);
		if (e->type != ZTA_EVENT_TLS) /* what it shows is no name of the address yet */
			add_text(&dst, "name", name_of(e, ctx));
		add_text(&called, "address", word_address(&e->called, text));
	}
	add_object(m, "destination", &dst);
	add_object(m, "called", &called);
}

/* What was said about the name: by a resolver, or by the workload to a server. */
static void add_said(struct members *m, const struct zta_event *e, const struct record_ctx *ctx)
{
	json_t *answer;

	if (e->type == ZTA_EVENT_TLS)
		add_text(m, "server_name", name_of(e, ctx));
	if (e->type != ZTA_EVENT_DNS || (e->flags & ZTA_EVENT_FOLDED) || !ctx->names->answer)
		return;
	answer = ctx->names->answer(ctx->ctx, e);
	if (answer)
		add(m, "answer", answer);
}

static void add_decision(struct members *m, const struct zta_event *e, const struct record_ctx *ctx)
{
	add_text(m, "type", decisions[e->type]);
	add_text(m, "verdict", word_verdict(e->verdict));
	add_text(m, "reason", word_reason(e->reason));
	if (e->row)
		add_number(m, "row", e->row);
	add_text(m, "hook", word_hook(e->hook));
	add_workload(m, e, ctx);
	add_process(m, e);
	add_destination(m, e, ctx);
	add_said(m, e, ctx);
	if (e->services && ctx->names->service)
		add_text(m, "service", ctx->names->service(ctx->ctx, e->services));
	if (e->rule != ZTA_RULE_NONE && ctx->names->rule)
		add_text(m, "rule", ctx->names->rule(ctx->ctx, e->rule, e->generation));
	add_policy(m, ctx, e->generation);
	add_number(m, "count", e->count);
	if (e->flags & ZTA_EVENT_PROBE)
		add(m, "probe", json_true());
	if (e->flags & ZTA_EVENT_FOLDED)
		add(m, "folded", json_true());
	if (e->flags & ZTA_EVENT_PAUSED)
		add(m, "paused", json_true());
	if (ctx->names->hint)
		add_text(m, "hint", ctx->names->hint(ctx->ctx, e));
}

static void add_orphan(struct members *m, const struct zta_event *e, const struct record_ctx *ctx)
{
	add_text(m, "type", "lifecycle");
	add_text(m, "reason", "orphan");
	add_text(m, "detail", "no daemon gave a sign of life for too long: weakened to audit");
	add_policy(m, ctx, e->generation);
}

int record_from_event(const struct zta_event *e, const struct record_ctx *ctx, json_t **ret)
{
	bool decision = e->type < sizeof(decisions) / sizeof(decisions[0]) && decisions[e->type];
	struct members m;

	if (e->type == ZTA_EVENT_CGROUP || e->type == ZTA_EVENT_ANSWER ||
	    (e->flags & ZTA_EVENT_SELFTEST))
		return -ENODATA;
	if (!decision && e->type != ZTA_EVENT_ORPHAN)
		return -EINVAL;
	if (decision && (e->verdict >= ZTA_VERDICT_COUNT || e->reason >= ZTA_REASON_COUNT ||
			 e->hook >= ZTA_HOOK_COUNT || !e->count))
		return -EINVAL;
	m = begin();
	add_time(&m, e->time + (uint64_t)ctx->boot_offset_ns);
	if (decision)
		add_decision(&m, e, ctx);
	else
		add_orphan(&m, e, ctx);
	return end(&m, ret);
}

int record_note(enum record_type type, const char *reason, const struct record_ctx *ctx,
		json_t *members, json_t **ret)
{
	static const char *const types[RECORD_TYPE_COUNT] = { "policy", "admin", "lifecycle", "dns",
							      "token" };
	struct members m = begin();

	add_time(&m, clock_real_ns());
	add_text(&m, "type", types[type]);
	add_text(&m, "reason", reason);
	if (ctx)
		add_policy(&m, ctx, ctx->generation);
	if (members && !json_is_object(members))
		m.r = -EINVAL;
	if (m.r == 0 && members && json_object_update(m.object, members) < 0)
		m.r = -ENOMEM;
	json_decref(members);
	return end(&m, ret);
}
