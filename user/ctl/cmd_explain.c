// SPDX-License-Identifier: Apache-2.0
/* ztactl explain: what the policy says about a destination, and why. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "ctl/args.h"
#include "ctl/call.h"
#include "ctl/print.h"
#include "ctl/question.h"
#include "ctl/resolve.h"
#include "ctl/verbs.h"
#include "policy/prefix.h"

#define SERVERS_MAX 16

/* Whom the policy believes. */
static enum ctl_exit ask_servers(const struct ctl *c, struct zta_addr v[SERVERS_MAX], size_t *ret_n)
{
	const json_t *one;
	json_t *list;
	struct call call;
	enum ctl_exit r;
	size_t i, n = 0;

	call_init(&call, "GET", "/v1/resolvers");
	r = call_json(c, &call, &list);
	if (r != CTL_OK)
		return r;
	json_array_foreach (list, i, one)
		if (n < SERVERS_MAX && addr_parse(print_string(one, "address"), &v[n]) == 0)
			n++;
	json_decref(list);
	*ret_n = n;
	return CTL_OK;
}

/* In one member: of members a request may have fewer than a name may have addresses. */
static void add_addresses(struct call *call, const struct resolved *found)
{
	_cleanup_buf_ struct buf list = { 0 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < found->n_addresses; i++)
		r = buf_printf(&list, "%s%s", i ? "," : "", found->addresses[i]);
	if (r == 0)
		call_add(call, "resolved", list.data); /* NULL: none */
	else
		call->too_long = true;
}

/* The name is resolved here, by who asks and where that is: the daemon speaks DNS to nobody. */
static enum ctl_exit add_resolved(const struct ctl *c, struct call *call, const char *name,
				  struct resolved *found)
{
	struct zta_addr v[SERVERS_MAX];
	struct lookup_servers servers = { .v = v,
					  .port = LOOKUP_PORT,
					  .timeout_ms = LOOKUP_TIMEOUT_MS };
	enum ctl_exit r = ask_servers(c, v, &servers.n);
	const char *why;

	if (r != CTL_OK)
		return r;
	if (resolve_name(name, &servers, found, &why) < 0)
		return ctl_fail(c, CTL_FAILED, "not-resolved", "cannot resolve '%s': %s", name,
				why);
	for (size_t i = 0; i < found->n_chain; i++)
		call_add(call, "chain", found->chain[i]);
	add_addresses(call, found);
	for (size_t i = 0; i < found->n_hosts; i++)
		call_add(call, "hosts", found->hosts[i]);
	call_add(call, "absent", found->absent ? "true" : NULL);
	call_add(call, "zone_server", *found->zone_server ? found->zone_server : NULL);
	return CTL_OK;
}

/* Is the name one of a service? An address of it says so. */
static bool concerns_service(const json_t *v)
{
	const json_t *one;
	size_t i;

	json_array_foreach (json_object_get(v, "addresses"), i, one)
		if (*print_string(one, "service"))
			return true;
	return false;
}

/* What only this side knows: who answered, and a proxy that its environment names. */
static void add_own(json_t *v, const char *name, const struct resolved *found)
{
	json_t *hints = json_object_get(v, "hints");

	if (*found->resolver)
		(void)json_object_set_new(v, "resolver", json_string(found->resolver));
	if (!json_object_get(v, "verdict")) { /* an error as any other, that tells more */
		(void)json_object_set_new(v, "error", json_string("not-resolved"));
		(void)json_object_set_new(
			v, "detail",
			json_sprintf("cannot resolve '%s': there is no such name, or no address of "
				     "it",
				     name));
	}
	if (!resolve_is_proxied(name) || !concerns_service(v))
		return;
	if (!hints) {
		hints = json_array();
		(void)json_object_set_new(v, "hints", hints); /* a hint less, if memory is short */
	}
	(void)json_array_append_new(
		hints,
		json_sprintf("the environment here sends HTTPS for %s to a proxy, which asks "
			     "its own resolvers: add its suffix to NO_PROXY",
			     name));
}

static enum ctl_exit ask(const struct ctl *c, const struct ctl_args *a, struct call *call,
			 const struct question *q, json_t **ret)
{
	struct resolved *found;
	enum ctl_exit r;

	if (!q->name || q->n_answers)
		return call_json(c, call, ret);
	found = malloc(sizeof(*found));
	if (!found)
		return ctl_fail(c, CTL_FAILED, "failed", "%s", strerror(ENOMEM));
	r = add_resolved(c, call, q->name, found);
	if (r == CTL_OK)
		r = call_json(c, call, ret);
	if (r == CTL_OK)
		add_own(*ret, q->name, found);
	free(found);
	return r;
}

static enum ctl_exit online(const struct ctl *c, const struct ctl_args *a, const struct question *q,
			    json_t **ret)
{
	static const char *const members[] = { "name",	   "addr",   "event",	"port",
					       "protocol", "cgroup", "profile", NULL };
	struct call call;

	call_init(&call, "GET", "/v1/explain");
	for (size_t i = 0; members[i]; i++)
		call_add(&call, members[i], args_get(a, members[i]));
	call_add(&call, "last", args_has(a, "last") ? "true" : NULL);
	call_add_option(&call, a, "answer");
	return ask(c, a, &call, q, ret);
}

static enum ctl_exit run(const struct ctl *c, const struct ctl_args *a)
{
	const char *file = args_get(a, "policy");
	json_t *v = NULL;
	struct question q;
	const char *verdict;
	enum ctl_exit r = question_read(a, &q);

	if (r == CTL_OK)
		r = file ? question_offline(c, &q, file, &v) : online(c, a, &q, &v);
	question_free(&q);
	if (r != CTL_OK)
		return r;

	if (c->json)
		ctl_json(v);
	else
		question_print(c, v);
	verdict = print_string(v, "verdict");
	r = str_eq(verdict, "allow") || str_eq(verdict, "redirect") ? CTL_OK : CTL_FAILED;
	json_decref(v);
	return r;
}

static const struct ctl_option options[] = {
	{ "addr", 0, "ADDRESS", "this IP address", 0 },
	{ "name", 0, "NAME", "this name: chain, addresses, the worst verdict of them", 0 },
	{ "event", 0, "SEQ", "what a record of the journal is about", 0 },
	{ "last", 0, NULL, "the latest denial, or what would have been one", 0 },
	{ "port", 0, "PORT", "default 443", 0 },
	{ "protocol", 0, "PROTOCOL", "tcp (default), udp or icmp", 0 },
	{ "cgroup", 0, "PATH", "as the workload of this cgroup, below the attach point", 0 },
	{ "profile", 0, "NAME", "as a workload of this profile; default: the caller's own", 0 },
	{ "policy", 0, "FILE", "ask this document; needs no daemon", 0 },
	{ "answer", 0, "NAME=ADDRESS", "suppose that DNS has answered so", CTL_OPTION_MANY },
	{ 0 },
};

const struct ctl_verb cmd_explain = {
	.name = "explain",
	.summary = "verdict for --addr, --name or a record, and why",
	.help = "Needs one of --addr, --name, --event and --last. With --policy nothing but the\n"
		"document and the answers given here count, and default_profile is asked unless\n"
		"--cgroup or --profile says another. Exit 0 allow or redirect, 1 deny (in mode\n"
		"audit too), 2 for an unknown profile.",
	.options = options,
	.run = run,
};
