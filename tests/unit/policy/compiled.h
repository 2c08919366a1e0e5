/* SPDX-License-Identifier: Apache-2.0 */
/* A compiled policy and questions to it, as text. Included behind cmocka.h. */
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/diag.h"
#include "policy/compile.h"
#include "policy/explain.h"
#include "policy/image_tables.h"
#include "policy/prefix.h"

#define COMPILED_HEAD "{\"apiVersion\":\"zta/v1\",\"kind\":\"Policy\",\"metadata\":{\"name\":\"t\"}"
#define COMPILED_NOW  1900000000 /* 2030-03-17 */

struct compiled {
	struct policy *policy;
	struct policy_image *image; /* NULL when it did not fit */
	struct diag_list errors;    /* why */
};

static inline struct policy *compiled_parse(const char *text)
{
	struct diag_list errors = {}, warnings = {};
	struct policy *p = NULL;

	if (policy_parse(text, strlen(text), &errors, &warnings, &p) < 0)
		for (size_t i = 0; i < errors.n; i++)
			print_error("%s: %s\n", errors.v[i].path, errors.v[i].message);
	diag_list_free(&errors);
	diag_list_free(&warnings);
	assert_non_null(p);
	return p;
}

/* The members of a document, with single quotes for double ones, in front of the fixed ones. */
static inline void compiled_open(struct compiled *c, const char *members)
{
	const struct compile_opts o = { .generation = 1, .now = COMPILED_NOW };
	struct buf b = {};

	assert_int_equal(buf_printf(&b, "%s,%s}", COMPILED_HEAD, members), 0);
	for (size_t i = 0; i < b.len; i++)
		if (b.data[i] == '\'')
			b.data[i] = '"';
	*c = (struct compiled){ .policy = compiled_parse(b.data) };
	(void)policy_compile(c->policy, &o, &c->image, &c->errors); /* image and errors say it */
	buf_free(&b);
}

static inline void compiled_close(struct compiled *c)
{
	policy_image_free(c->image);
	policy_free(c->policy);
	diag_list_free(&c->errors);
	*c = (struct compiled){};
}

/* "a.example=10.0.0.1 b.example=10.0.0.2": @text is cut to pieces. */
static inline size_t compiled_answers(char *text, struct explain_answer *v, size_t room)
{
	char *save = NULL;
	size_t n = 0;

	for (char *p = strtok_r(text, " ", &save); p; p = strtok_r(NULL, " ", &save)) {
		char *eq = strchr(p, '=');

		assert_non_null(eq);
		*eq = '\0';
		assert_true(n < room);
		v[n].name = p;
		assert_int_equal(addr_parse(eq + 1, &v[n].addr), 0);
		n++;
	}
	return n;
}

/**
 * compiled_explain() - Explain "tcp 10.0.0.1 443" for a profile
 * @answers: as above, "" = none
 *
 * The address is taken as it is written: an IPv4-mapped one stays IPv6.
 */
static inline json_t *compiled_explain(const struct compiled *c, const char *profile,
				       const char *to, const char *answers, uint32_t flags)
{
	char proto[8], addr[INET6_ADDRSTRLEN], *text = strdup(answers);
	struct explain_answer v[16];
	struct explain_in in = {
		.policy = c->policy,
		.image = c->image,
		.profile = (size_t)policy_find_profile(c->policy, profile),
		.answers = v,
		.ask_flags = flags,
	};
	unsigned port = 0;
	json_t *o = NULL;

	assert_true(sscanf(to, "%7s %45s %u", proto, addr, &port) >= 2);
	in.port = (uint16_t)port;
	in.proto = !strcmp(proto, "tcp")    ? IPPROTO_TCP
		   : !strcmp(proto, "udp")  ? IPPROTO_UDP
		   : !strcmp(proto, "icmp") ? IPPROTO_ICMP
					    : (uint8_t)atoi(proto);
	in.addr.family = strchr(addr, ':') ? ZTA_V6 : ZTA_V4;
	assert_int_equal(inet_pton(in.addr.family == ZTA_V6 ? AF_INET6 : AF_INET, addr, in.addr.w),
			 1);
	in.n_answers = compiled_answers(text, v, 16);
	assert_int_equal(explain_addr(&in, &o), 0);
	free(text);
	return o;
}

/* "deny public-egress 16 service=x rule=y": what a decision comes to. Caller frees. */
static inline char *compiled_ask(const struct compiled *c, const char *profile, const char *to,
				 const char *answers, uint32_t flags)
{
	static const char *const more[] = { "service", "rule" };
	json_t *o = compiled_explain(c, profile, to, answers, flags);
	struct buf b = {};

	(void)buf_printf(&b, "%s %s %d", json_string_value(json_object_get(o, "verdict")),
			 json_string_value(json_object_get(o, "reason")),
			 (int)json_integer_value(json_object_get(o, "row")));
	for (size_t i = 0; i < sizeof(more) / sizeof(*more); i++)
		if (json_object_get(o, more[i]))
			(void)buf_printf(&b, " %s=%s", more[i],
					 json_string_value(json_object_get(o, more[i])));
	json_decref(o);
	return buf_take(&b);
}
