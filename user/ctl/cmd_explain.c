// SPDX-License-Identifier: Apache-2.0
/* ztactl explain: what the policy says about a destination, and why. */
#include <string.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "ctl/args.h"
#include "ctl/call.h"
#include "ctl/print.h"
#include "ctl/question.h"
#include "ctl/resolve.h"
#include "ctl/verbs.h"

/* The name is resolved here, by who asks: the daemon speaks DNS to nobody. */
static enum ctl_exit add_resolved(const struct ctl *c, struct call *call, const char *name)
{
	struct resolved found;
	const char *why;
	enum ctl_exit r = call_reach(c); /* weighs more than a name that does not resolve */

	if (r != CTL_OK)
		return r;
	if (resolve_name(name, &found, &why) < 0)
		return ctl_fail(c, CTL_FAILED, "not-resolved", "cannot resolve '%s': %s", name,
				why);
	for (size_t i = 0; i < found.n_chain; i++)
		call_add(call, "chain", found.chain[i]);
	for (size_t i = 0; i < found.n_addresses; i++) {
		_cleanup_free_ char *answer = str_dup_printf("%s=%s", name, found.addresses[i]);

		call_add(call, "answer", answer);
	}
	resolve_free(&found);
	return CTL_OK;
}

static enum ctl_exit online(const struct ctl *c, const struct ctl_args *a, const struct question *q,
			    json_t **ret)
{
	static const char *const members[] = { "name",	   "addr",   "event",	"port",
					       "protocol", "cgroup", "profile", NULL };
	enum ctl_exit r = CTL_OK;
	struct call call;

	call_init(&call, "GET", "/v1/explain");
	for (size_t i = 0; members[i]; i++)
		call_add(&call, members[i], args_get(a, members[i]));
	call_add(&call, "last", args_has(a, "last") ? "true" : NULL);
	call_add_option(&call, a, "answer");
	if (q->name && !q->n_answers)
		r = add_resolved(c, &call, q->name);
	return r == CTL_OK ? call_json(c, &call, ret) : r;
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
