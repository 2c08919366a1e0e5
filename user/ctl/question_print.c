// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "ctl/print.h"
#include "ctl/question.h"

/* The rows of the decision table, in the words of a reader who does not have it at hand. */
static const char *const rows[] = {
	[1] = "the workload is quarantined",
	[2] = "the peer opened this connection",
	[3] = "loopback, or an address of the workload's own namespace",
	[4] = "a protocol or socket type that the profile may not use",
	[5] = "the instance metadata service",
	[6] = "the platform's address, for which the profile lacks `platform`",
	[7] = "a resolver that the policy believes",
	[8] = "a resolver that the policy does not believe",
	[9] = "the private link of a service that the profile does not have",
	[10] = "the private link of a service, but none of its ports",
	[11] = "inside a service's fence, but no live answer named it for the service",
	[12] = "the private link of a service of the profile",
	[13] = "a public end point of an AI service or of a protected one",
	[14] = "an egress rule of the profile",
	[15] = "no rule matches, and the profile allows by default",
	[16] = "no rule allows it, and the profile denies by default",
};

static void print_verdict(const struct ctl *c, const char *verdict, const char *rest)
{
	_cleanup_free_ char *clean = print_clean(rest);
	enum print_style s = print_verdict_style(verdict);

	printf("%s%s%s: %s\n", print_on(c->color, s), verdict, print_off(c->color, s),
	       clean ? clean : "");
}

static void print_destination(const struct ctl *c, const json_t *v)
{
	const char *address = print_string(v, "address"), *carried = print_string(v, "carried");
	char port[32] = "";

	if (!*address) {
		print_field(c->color, "to", PRINT_PLAIN, "%s socket", print_string(v, "protocol"));
		return;
	}
	if (print_integer(v, "port"))
		snprintf(port, sizeof(port), " port %lld", (long long)print_integer(v, "port"));
	print_field(c->color, "to", PRINT_PLAIN, "%s%s %s%s%s", address, port,
		    print_string(v, "protocol"), *carried ? ", which carries " : "", carried);
}

static void print_chain(const struct ctl *c, const char *asked, const json_t *chain)
{
	_cleanup_buf_ struct buf text = { 0 };
	const json_t *name;
	size_t i;

	json_array_foreach (chain, i, name)
		(void)buf_printf(&text, " -> %s", json_string_value(name));
	if (text.data)
		print_field(c->color, "chain", PRINT_PLAIN, "%s%s", asked, text.data);
}

static void print_one(const struct ctl *c, const json_t *v)
{
	const json_t *answer = json_object_get(v, "answer");
	const char *verdict = print_string(v, "verdict");
	json_int_t row = print_integer(v, "row");

	print_verdict(c, verdict, print_string(v, "reason"));
	print_destination(c, v);
	print_field(c->color, "called", PRINT_PLAIN, "%s", print_string(v, "called.address"));
	print_field(c->color, "name", PRINT_PLAIN, "%s", print_string(v, "name"));
	print_field(c->color, "source", PRINT_PLAIN, "%s",
		    *print_string(v, "source") ? "the hosts file" : "");
	print_field(c->color, "sni", PRINT_PLAIN, "%s", print_string(v, "server_name"));
	print_chain(c, print_string(v, "answer.question"), json_object_get(answer, "chain"));
	print_field(c->color, "profile", PRINT_PLAIN, "%s", print_string(v, "profile"));
	print_field(c->color, "cgroup", PRINT_PLAIN, "%s", print_string(v, "cgroup"));
	if (row > 0 && (size_t)row < sizeof(rows) / sizeof(rows[0]))
		print_field(c->color, "because", PRINT_PLAIN, "row %lld: %s", (long long)row,
			    rows[row]);
	print_field(c->color, "service", PRINT_PLAIN, "%s", print_string(v, "service"));
	print_field(c->color, "rule", PRINT_PLAIN, "%s", print_string(v, "rule"));
	if (json_is_false(json_object_get(v, "enforced")))
		print_field(c->color, "mode", PRINT_YELLOW, "%s: nothing is blocked",
			    print_string(v, "mode"));
	else
		print_field(c->color, "mode", PRINT_PLAIN, "%s", print_string(v, "mode"));
	print_field(c->color, "hint", PRINT_PLAIN, "%s", print_string(v, "hint"));
}

void question_print(const struct ctl *c, const json_t *v)
{
	const json_t *addresses = json_object_get(v, "addresses"), *one;
	size_t i;

	if (!json_is_array(addresses)) {
		print_one(c, v);
		return;
	}
	print_verdict(c,
		      json_object_get(v, "verdict") ? print_string(v, "verdict") : "not resolved",
		      print_string(v, "name"));
	print_field(c->color, "resolver", PRINT_PLAIN, "%s", print_string(v, "resolver"));
	print_chain(c, print_string(v, "name"), json_object_get(v, "chain"));
	json_array_foreach (json_object_get(v, "hints"), i, one)
		print_field(c->color, "hint", PRINT_PLAIN, "%s", json_string_value(one));
	json_array_foreach (addresses, i, one) {
		putchar('\n');
		print_one(c, one);
	}
}
