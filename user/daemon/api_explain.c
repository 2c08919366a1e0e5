/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/diag.h"
#include "base/str.h"
#include "base/utf8.h"
#include "control/server.h"
#include "daemon/api.h"
#include "daemon/caller.h"
#include "daemon/daemon.h"
#include "daemon/inforce.h"
#include "daemon/local.h"
#include "daemon/pause.h"
#include "daemon/quarantine.h"
#include "daemon/recall.h"
#include "daemon/target.h"
#include "kern/learnt.h"
#include "policy/check.h"
#include "policy/compile.h"
#include "policy/explain.h"
#include "policy/prefix.h"
#include "zta_decide_types.h"

#define ANSWERS_MAX 256
#define HOSTS_MAX   16

/* --- a question */

struct question {
	struct explain_in in;
	struct policy_check inforce; /* model and tables of the policy in force */
	struct explain_answer answers[ANSWERS_MAX];
	const char *chain[ANSWERS_MAX];
	struct zta_addr hosts[HOSTS_MAX];
	char *texts[ANSWERS_MAX]; /* of the answers' names */
	struct zta_addr *own;	  /* the machine's addresses */
	char *cgroup;		  /* below the attach point, NULL = outside or not asked */
};

static void question_free(struct question *q)
{
	if (!q)
		return;
	for (size_t i = 0; i < q->in.n_answers; i++)
		free(q->texts[i]);
	policy_check_free(&q->inforce);
	free(q->cgroup);
	free(q->own);
	free(q);
}

static void question_free_p(struct question **q)
{
	question_free(*q);
}

static int add_answer(struct control_req *req, struct question *q, const char *name, size_t len,
		      const char *address)
{
	size_t i = q->in.n_answers;

	if (i == ANSWERS_MAX)
		return diag_set(control_diag(req), -EINVAL, "answer: more than %d", ANSWERS_MAX);
	if (addr_parse(address, &q->answers[i].addr) < 0)
		return diag_set(control_diag(req), -EINVAL, "answer: \"%s\" is not an IP address",
				address);
	q->texts[i] = strndup(name, len);
	if (!q->texts[i])
		return -ENOMEM;
	q->answers[i].name = q->texts[i];
	q->in.n_answers++;
	return 0;
}

/* answer=NAME=ADDRESS */
static int read_answers(struct control_req *req, struct question *q)
{
	const char *text, *eq;
	int r = 0;

	q->in.answers = q->answers;
	for (size_t n = 0; r == 0 && (text = control_query_nth(req, "answer", n)); n++) {
		eq = strchr(text, '=');
		if (!eq || eq == text)
			return diag_set(control_diag(req), -EINVAL,
					"answer: \"%s\" is not NAME=ADDRESS", text);
		r = add_answer(req, q, text, (size_t)(eq - text), eq + 1);
	}
	return r;
}

/* resolved=ADDRESS,ADDRESS,... of the name that is asked about. */
static int read_resolved(struct control_req *req, struct question *q)
{
	const char *text = control_query(req, "resolved"), *address;
	_cleanup_free_ char *copy = text ? strdup(text) : NULL;
	char *rest = copy;
	int r = 0;

	if (!text)
		return 0;
	if (!q->in.name)
		return diag_set(control_diag(req), -EINVAL, "resolved: which name?");
	if (!copy)
		return -ENOMEM;
	while (r == 0 && (address = strsep(&rest, ",")))
		r = add_answer(req, q, q->in.name, strlen(q->in.name), address);
	return r;
}

/* What else was found out about the name. */
static int read_found(struct control_req *req, struct question *q)
{
	const char *absent = control_query(req, "absent"), *text;

	while (q->in.n_chain < ANSWERS_MAX &&
	       (q->chain[q->in.n_chain] = control_query_nth(req, "chain", q->in.n_chain)))
		q->in.n_chain++;
	q->in.chain = q->chain;
	while (q->in.n_hosts < HOSTS_MAX && (text = control_query_nth(req, "hosts", q->in.n_hosts)))
		if (addr_parse(text, &q->hosts[q->in.n_hosts++]) < 0)
			return diag_set(control_diag(req), -EINVAL,
					"hosts: \"%s\" is not an IP address", text);
	q->in.hosts = q->hosts;
	q->in.zone_server = control_query(req, "zone_server");
	q->in.absent = absent && !strcmp(absent, "true");
	q->in.looked_up = q->in.absent || q->in.n_hosts || control_query(req, "resolved");
	return 0;
}

static int read_transport(struct control_req *req, struct question *q)
{
	const char *port = control_query(req, "port"), *proto = control_query(req, "protocol");
	unsigned long n = 443;
	char *end;

	q->in.proto = IPPROTO_TCP;
	if (proto && !strcmp(proto, "udp"))
		q->in.proto = IPPROTO_UDP;
	else if (proto && !strcmp(proto, "icmp"))
		q->in.proto = IPPROTO_ICMP;
	else if (proto && strcmp(proto, "tcp") != 0)
		return diag_set(control_diag(req), -EINVAL,
				"protocol: \"%s\" is none of tcp, udp, icmp", proto);
	if (port) {
		n = strtoul(port, &end, 10);
		if (*port < '0' || *port > '9' || *end || n < 1 || n > 65535)
			return diag_set(control_diag(req), -EINVAL, "port: \"%s\" is not a port",
					port);
	}
	q->in.port = q->in.proto == IPPROTO_ICMP ? 0 : n;
	return 0;
}

/* Whose verdict: a profile by name, a cgroup, or whoever asks. */
static int read_who(struct daemon *d, struct control_req *req, struct question *q)
{
	const char *profile = control_query(req, "profile"), *cgroup = control_query(req, "cgroup");
	const struct policy *p = q->in.policy;
	int r;

	if (profile && cgroup)
		return diag_set(control_diag(req), -EINVAL,
				"profile and cgroup exclude each other");
	if (profile) {
		r = policy_find_profile(p, profile);
		if (r < 0)
			return diag_set(control_diag(req), -EINVAL, "profile: there is no \"%s\"",
					profile);
		q->in.profile = r;
		return 0;
	}
	if (cgroup) {
		r = target_read(req, "cgroup", &q->cgroup);
		if (r < 0)
			return r;
	} else {
		r = caller_cgroup(d, control_pid(req), &q->cgroup);
		if (r < 0 && r != -ENOENT) /* outside: judged by nobody, told as the default */
			return diag_set(control_diag(req), r, "cannot tell the caller's cgroup:");
	}
	q->in.profile = p->default_profile;
	r = q->cgroup ? policy_workload_of(p, q->cgroup) : -1;
	if (r >= 0)
		q->in.profile = p->workloads[r].profile;
	return 0;
}

/* What the kernel would know besides: own address, quarantine, pause. */
static int read_state(struct daemon *d, struct question *q)
{
	int r;

	if (pause_active(d) || (q->cgroup && pause_covers(d, q->cgroup)))
		q->in.ask_flags |= ZTA_ASK_WEAK;
	if (q->cgroup && quarantine_covers(d, q->cgroup))
		q->in.ask_flags |= ZTA_ASK_QUARANTINED;
	r = local_list(&q->own, &q->in.n_own);
	q->in.own = q->own;
	return r;
}

/* Does an answer count for the profile that is asked about? */
static bool is_live(const struct question *q, uint32_t seen, uint32_t until)
{
	uint32_t graced = seen + q->in.policy->profiles[q->in.profile].resolution_grace_s;

	return (until > graced ? until : graced) > (uint32_t)(clock_boot_ns() / NS_PER_S);
}

static bool is_ascii(const char *s)
{
	while (*s && !(*s & 0x80))
		s++;
	return !*s;
}

static int add_live(struct control_req *req, struct question *q, const char *name,
		    const struct zta_addr *addr)
{
	char address[INET6_ADDRSTRLEN];

	addr_format(addr, address);
	return add_answer(req, q, name, strlen(name), address);
}

/* A name whose text was forgotten, or has octets that no text has, is told by its pattern. */
static int read_learnt(struct daemon *d, struct control_req *req, struct question *q,
		       const struct zta_addr *addr)
{
	const struct zta_place at = { .netns = d->netns, .addr = *addr };
	struct zta_learnt said;
	char name[ZTA_NAME_OCTETS];
	const char *text;
	int r = kern_learnt_get(d->kern, &at, &said);
	size_t before = q->in.n_answers;

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	for (int i = 0; r == 0 && i < ZTA_ANSWER_GROUPS; i++) {
		const struct zta_evidence *e = &said.v[i];

		if (!e->what || !is_live(q, e->seen, e->until))
			continue;
		text = pattern_ids_text(q->in.image->ids.patterns, e->what & 0xffff);
		if (kern_text_get(d->kern, ZTA_NAME_OF(e->what), name) == 0 && is_ascii(name))
			text = name;
		if (text)
			r = add_live(req, q, text, addr);
	}
	/* which other name was not kept: it only takes away from what the names above mean */
	if (r == 0 && q->in.n_answers > before && said.other_seen &&
	    is_live(q, said.other_seen, said.other_until))
		r = add_live(req, q, "other.invalid", addr);
	return r;
}

/* An address is judged by what answers in the daemon's own network namespace said of it. */
static int read_live(struct daemon *d, struct control_req *req, struct question *q)
{
	struct zta_addr addr = q->in.addr, carried;
	int r;

	zta_normalise(&addr, &carried);
	r = read_learnt(d, req, q, &addr);
	return r == 0 && carried.family ? read_learnt(d, req, q, &carried) : r;
}

static int read_question(struct daemon *d, struct control_req *req, struct question *q)
{
	const char *addr = control_query(req, "addr");
	int r;

	q->in.name = control_query(req, "name");
	if (addr && addr_parse(addr, &q->in.addr) < 0)
		return diag_set(control_diag(req), -EINVAL, "addr: \"%s\" is not an IP address",
				addr);
	r = read_answers(req, q);
	if (r == 0)
		r = read_resolved(req, q);
	if (r == 0)
		r = read_found(req, q);
	if (r == 0)
		r = read_transport(req, q);
	if (r == 0)
		r = inforce_load(d, &q->inforce, control_diag(req));
	q->in.policy = q->inforce.policy;
	q->in.image = q->inforce.image;
	if (r == 0)
		r = read_who(d, req, q);
	if (r == 0 && addr)
		r = read_live(d, req, q);
	return r < 0 ? r : read_state(d, q);
}

int api_explain(struct control_req *req, void *ctx)
{
	_cleanup_(question_free_p) struct question *q = NULL;
	const char *addr = control_query(req, "addr"), *name = control_query(req, "name");
	const char *event = control_query(req, "event"), *last = control_query(req, "last");
	struct daemon *d = ctx;
	json_t *o = NULL;
	int r;

	if (!!addr + !!name + !!event + !!last != 1)
		return diag_set(control_diag(req), -EINVAL,
				"give one of addr, name, event and last");
	if (event || last)
		return recall_begin(d, req, event);
	q = calloc(1, sizeof(*q));
	if (!q)
		return -ENOMEM;
	r = read_question(d, req, q);
	if (r == 0)
		r = name ? explain_name(&q->in, &o) : explain_addr(&q->in, &o);
	if (r == -ENODATA)
		return diag_set(control_diag(req), -EINVAL,
				"name: no answer for \"%s\" was given, and the daemon asks no DNS",
				name);
	if (r < 0)
		return r;
	if (q->cgroup && addr)
		(void)json_object_set_new(o, "cgroup", utf8_json(q->cgroup, strlen(q->cgroup)));
	control_reply(req, 200, o);
	return 0;
}
