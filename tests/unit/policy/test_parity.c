// SPDX-License-Identifier: Apache-2.0
/*
 * Random policies and questions: the compiled tables, asked by the decision that the kernel runs,
 * say what a naive reading of the table says. PARITY_SEED repeats a run, PARITY_POLICIES sets how
 * many policies.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/diag.h"
#include "parity/gen.h"
#include "parity/oracle.h"
#include "policy/compile.h"
#include "policy/explain.h"
#include "policy/image_tables.h"
#include "policy/prefix.h"

#define CASES_EACH 150

static struct policy *parse(const char *text)
{
	struct diag_list errors = {}, warnings = {};
	struct policy *p = NULL;

	if (policy_parse(text, strlen(text), &errors, &warnings, &p) < 0)
		for (size_t i = 0; i < errors.n; i++)
			print_error("%s: %s\n", errors.v[i].path, errors.v[i].message);
	diag_list_free(&errors);
	diag_list_free(&warnings);
	return p;
}

/* Bits of the image as indices in the document. */
static uint64_t in_document(const struct policy *p, const struct policy_image *image, uint64_t bits)
{
	uint64_t services = 0;

	for (size_t i = 0; i < p->n_services; i++)
		if (bits & 1ULL << image->service_bit[i])
			services |= 1ULL << i;
	return services;
}

static void decide(const struct policy *p, const struct policy_image *image,
		   const struct parity_case *c, struct oracle_verdict *ret)
{
	const struct explain_in in = {
		.policy = p,
		.image = image,
		.answers = c->answers,
		.n_answers = c->n_answers,
	};
	struct zta_answers outer, inner;
	struct zta_ask ask = {
		.addr = c->addr,
		.profile = image->profile_id[c->profile],
		.flags = c->flags,
		.port = c->port,
		.proto = c->proto,
		.answers = &outer,
	};
	struct zta_verdict v;

	zta_normalise(&ask.addr, &ask.carried);
	answers_for(&in, &ask.addr, &outer);
	answers_for(&in, &ask.carried, &inner);
	explain_judge(image, &ask, &inner, &v);
	*ret = (struct oracle_verdict){
		.verdict = v.verdict,
		.reason = v.reason,
		.row = v.row,
		.services = in_document(p, image, v.services),
		.rule = v.rule,
		.carried = v.flags & ZTA_VERDICT_CARRIED,
		.weakened = v.flags & ZTA_VERDICT_WEAKENED,
	};
}

static bool same(const struct oracle_verdict *a, const struct oracle_verdict *b)
{
	return a->verdict == b->verdict && a->reason == b->reason && a->row == b->row &&
	       a->services == b->services && a->rule == b->rule && a->carried == b->carried &&
	       a->weakened == b->weakened;
}

static void show(const char *who, const struct oracle_verdict *v)
{
	print_error("%s: verdict %u reason %u row %u services %llx rule %d carried %d weak %d\n",
		    who, v->verdict, v->reason, v->row, (unsigned long long)v->services,
		    (int)v->rule, v->carried, v->weakened);
}

static void tell(const struct policy *p, const struct parity_case *c)
{
	char text[INET6_ADDRSTRLEN];

	addr_format(&c->addr, text);
	print_error("%s\nprofile %s to %s port %u protocol %u flags %x\n", p->text,
		    p->profiles[c->profile].name, text, c->port, c->proto, c->flags);
	for (size_t i = 0; i < c->n_answers; i++) {
		addr_format(&c->answers[i].addr, text);
		print_error("answer %s = %s\n", c->answers[i].name, text);
	}
}

static void agree(const struct policy *p, const struct policy_image *image, struct rng *r,
		  size_t *reasons)
{
	const struct oracle_world w = { .policy = p, .now = GEN_NOW };

	for (int i = 0; i < CASES_EACH; i++) {
		struct oracle_verdict want, got;
		struct parity_case c;

		gen_case(r, p, &c);
		oracle_judge(&w, &c, &want);
		decide(p, image, &c, &got);
		reasons[want.reason]++;
		if (same(&want, &got))
			continue;
		tell(p, &c);
		show("naive", &want);
		show("compiled", &got);
		fail();
	}
}

static unsigned long long setting(const char *name, unsigned long long otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

/* What the generator must reach for the comparison to mean something. */
static void covers_every_reason(const size_t *reasons)
{
	static const uint8_t never[] = { ZTA_REASON_NONE, ZTA_REASON_NO_STORAGE, ZTA_REASON_ADOPTED,
					 ZTA_REASON_NETWORK };

	/* those from NAME_NOT_ALLOWED on are given by what a packet says, not by the table */
	for (unsigned i = 0; i < ZTA_REASON_NAME_NOT_ALLOWED; i++)
		if (!memchr(never, (int)i, sizeof(never)) && !reasons[i])
			fail_msg("no case had reason %u", i);
}

static void compiled_tables_say_what_the_table_says(void **state)
{
	unsigned long long seed = setting("PARITY_SEED", (unsigned long long)time(NULL));
	unsigned long long policies = setting("PARITY_POLICIES", 1000);
	const struct compile_opts o = { .generation = 1, .now = GEN_NOW };
	size_t reasons[ZTA_REASON_COUNT] = {};

	print_message("PARITY_SEED=%llu\n", seed);
	for (unsigned long long i = 0; i < policies; i++) {
		struct rng r = { .state = (seed * 0x9e3779b97f4a7c15ULL + i) | 1 };
		_cleanup_free_ char *text = gen_policy(&r);
		struct policy_image *image = NULL;
		struct policy *p = parse(text);

		if (!p)
			print_error("%s\n", text);
		assert_non_null(p);
		assert_int_equal(policy_compile(p, &o, &image, NULL), 0);
		agree(p, image, &r, reasons);
		policy_image_free(image);
		policy_free(p);
	}
	if (policies >= 1000)
		covers_every_reason(reasons);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(compiled_tables_say_what_the_table_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
