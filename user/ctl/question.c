// SPDX-License-Identifier: Apache-2.0
#include "ctl/question.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "ctl/args.h"
#include "ctl/document.h"
#include "policy/image_tables.h"
#include "policy/names.h"
#include "policy/prefix.h"

#define PORT_DEFAULT 443

static enum ctl_exit check_kinds(const struct ctl_args *a)
{
	static const char *const kinds[] = { "addr", "name", "event", "last" };
	static const char *const details[] = { "port",	  "protocol", "cgroup",
					       "profile", "policy",   "answer" };
	size_t n = 0;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		n += args_has(a, kinds[i]);
	if (n != 1)
		return ctl_usage("'explain' needs one of --addr, --name, --event and --last");
	if (args_has(a, "addr") || args_has(a, "name"))
		return CTL_OK;
	for (size_t i = 0; i < sizeof(details) / sizeof(details[0]); i++) {
		if (args_has(a, details[i]))
			return ctl_usage("--%s: a record says that itself", details[i]);
	}
	return CTL_OK;
}

static enum ctl_exit check_name(const char *option, const char *name)
{
	const char *why = "is a pattern";

	if (name_pattern_check(name, &why) < 0 || name[0] == '*')
		return ctl_usage("--%s: '%s' %s", option, name, why);
	return CTL_OK;
}

static enum ctl_exit read_answer(const char *text, struct explain_answer *ret)
{
	const char *equals = strchr(text, '=');
	char *name;

	if (!equals)
		return ctl_usage("--answer: '%s' is not NAME=ADDRESS", text);
	if (addr_parse(equals + 1, &ret->addr) < 0)
		return ctl_usage("--answer: '%s' is not an IP address", equals + 1);
	name = strndup(text, equals - text);
	if (!name)
		return ctl_usage("%s", strerror(ENOMEM));
	ret->name = name;
	return check_name("answer", name);
}

static enum ctl_exit read_answers(const struct ctl_args *a, struct question *q)
{
	enum ctl_exit r = CTL_OK;
	const char *text;
	size_t i = 0;

	q->answers = calloc(a->n_given + 1, sizeof(*q->answers));
	if (!q->answers)
		return ctl_usage("%s", strerror(ENOMEM));
	while (r == CTL_OK && (text = args_next(a, "answer", &i)))
		r = read_answer(text, &q->answers[q->n_answers++]);
	return r;
}

static enum ctl_exit read_transport(const struct ctl_args *a, struct question *q)
{
	const char *protocol = args_get(a, "protocol");
	uint64_t port = PORT_DEFAULT;
	enum ctl_exit r = args_number(a, "port", 1, UINT16_MAX, &port);

	if (r != CTL_OK)
		return r;
	q->port = port;
	q->proto = IPPROTO_TCP;
	if (!protocol || !strcmp(protocol, "tcp"))
		return CTL_OK;
	if (!strcmp(protocol, "udp")) {
		q->proto = IPPROTO_UDP;
		return CTL_OK;
	}
	if (strcmp(protocol, "icmp"))
		return ctl_usage("--protocol: '%s' is none of tcp, udp and icmp", protocol);
	if (args_has(a, "port"))
		return ctl_usage("--port: icmp has none");
	q->proto = IPPROTO_ICMP;
	q->port = 0;
	return CTL_OK;
}

static enum ctl_exit read_who(const struct ctl_args *a, struct question *q)
{
	q->cgroup = args_get(a, "cgroup");
	q->profile = args_get(a, "profile");
	if (q->cgroup && q->profile)
		return ctl_usage("--cgroup and --profile exclude each other");
	return args_check_cgroup("--cgroup", q->cgroup);
}

/* Off line nothing resolves a name but --answer. */
static enum ctl_exit check_answered(const struct question *q)
{
	char name[NAME_TEXT_LEN], answered[NAME_TEXT_LEN];

	name_normalise(q->name, name);
	for (size_t i = 0; i < q->n_answers; i++) {
		name_normalise(q->answers[i].name, answered);
		if (!strcmp(name, answered))
			return CTL_OK;
	}
	return ctl_usage("--name with --policy needs --answer %s=ADDRESS", q->name);
}

enum ctl_exit question_read(const struct ctl_args *a, struct question *ret)
{
	const char *addr = args_get(a, "addr");
	uint64_t seq = 0;
	enum ctl_exit r;

	*ret = (struct question){ .name = args_get(a, "name") };
	r = check_kinds(a);
	if (r == CTL_OK)
		r = args_number(a, "event", 1, JSON_INT_MAX, &seq);
	if (r == CTL_OK && addr && addr_parse(addr, &ret->addr) < 0)
		r = ctl_usage("--addr: '%s' is not an IP address", addr);
	if (r == CTL_OK && ret->name)
		r = check_name("name", ret->name);
	if (r == CTL_OK)
		r = read_transport(a, ret);
	if (r == CTL_OK)
		r = read_who(a, ret);
	if (r == CTL_OK)
		r = read_answers(a, ret);
	if (r == CTL_OK && ret->name && args_has(a, "policy"))
		r = check_answered(ret);
	return r;
}

void question_free(struct question *q)
{
	for (size_t i = 0; i < q->n_answers; i++)
		free((char *)q->answers[i].name);
	free(q->answers);
	q->answers = NULL;
	q->n_answers = 0;
}

/* Index in policy.profiles, or -ENOENT. */
static int profile_of(const struct question *q, const struct policy *p)
{
	int i;

	if (q->profile)
		return policy_find_profile(p, q->profile);
	i = q->cgroup ? policy_workload_of(p, q->cgroup) : -1;
	return i < 0 ? p->default_profile : p->workloads[i].profile;
}

enum ctl_exit question_offline(const struct ctl *c, const struct question *q, const char *file,
			       json_t **ret)
{
	_cleanup_policy_check_ struct policy_check check = { 0 };
	struct explain_in in = {
		.addr = q->addr,
		.port = q->port,
		.proto = q->proto,
		.answers = q->answers,
		.n_answers = q->n_answers,
		.ask_flags = ZTA_ASK_BROKER,
		.name = q->name,
	};
	enum ctl_exit status = document_check(c, file, NULL, &check);
	int r;

	if (status != CTL_OK)
		return status;
	if (!check.image) {
		json_t *errors = diag_list_json(&check.errors);

		status = document_refuse(c, file, errors);
		json_decref(errors);
		return status;
	}
	r = profile_of(q, check.policy);
	if (r < 0)
		return ctl_usage("--profile: %s has no profile '%s'", file, q->profile);
	in.policy = check.policy;
	in.image = check.image;
	in.profile = r;
	r = q->name ? explain_name(&in, ret) : explain_addr(&in, ret);
	return r < 0 ? ctl_fail(c, CTL_FAILED, "failed", "%s", strerror(-r)) : CTL_OK;
}
