// SPDX-License-Identifier: Apache-2.0
/*
 * Random policies: what the tables about names say is what a naive reading of the document says.
 * Each policy is compiled with the ids that the ones before it left.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "compiled.h"
#include "parity/gen.h"
#include "parity/oracle_names.h"

#define POLICIES   300
#define NAMES_EACH 40

struct seen {
	size_t ai, services, several, plain, asked, refused, allowed, denied, unruled, inherited;
};

struct asked {
	const struct policy *policy;
	const struct policy_image *image;
	const char *name;
};

static uint64_t mask(const struct asked *a, uint64_t services)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < a->policy->n_services; i++)
		if (services >> i & 1)
			bits |= 1ULL << a->image->service_bit[i];
	return bits;
}

static void check_class(const struct asked *a, struct seen *seen)
{
	const struct zta_pattern *p =
		&a->image->name_patterns[policy_image_name(a->image, ZTA_NAMES_ALL, a->name)];
	struct oracle_class want;

	oracle_class(a->policy, a->name, &want);
	if (p->services != mask(a, want.services) ||
	    !(p->flags & ZTA_PATTERN_AI_PUBLIC) != !want.ai_public)
		fail_msg("%s\n%s: services %llx flags %x, not %llx %d", a->policy->text, a->name,
			 (unsigned long long)p->services, p->flags,
			 (unsigned long long)mask(a, want.services), want.ai_public);
	seen->ai += want.ai_public;
	seen->services += want.services != 0;
	seen->several += (want.services & (want.services - 1)) != 0;
	seen->plain += !want.services && !want.ai_public;
}

static void check_query(const struct asked *a, size_t index, struct seen *seen)
{
	const struct policy_profile *profile = &a->policy->profiles[index];
	bool want;

	if (!profile->dns_listed)
		return;
	want = oracle_may_ask(a->policy, profile, a->name, GEN_NOW);
	if (!policy_image_name(a->image, a->image->profile_id[index], a->name) == want)
		fail_msg("%s\n%s asks for %s: %d is right", a->policy->text, profile->name, a->name,
			 want);
	*(want ? &seen->asked : &seen->refused) += 1;
}

static void check_proxy(const struct asked *a, size_t index, uint16_t port, struct seen *seen)
{
	const struct zta_tables t = { .image = a->image };
	const struct question q = { .policy = a->policy,
				    .profile = &a->policy->profiles[index],
				    .now = GEN_NOW,
				    .port = port,
				    .proto = IPPROTO_TCP };
	uint32_t id = policy_image_name(a->image, ZTA_NAMES_ALL, a->name);

	for (size_t i = 0; i < a->policy->n_proxies; i++) {
		const struct policy_rule *want = oracle_proxy_rule(&q, i, a->name);
		const struct zta_list *l = policy_image_named(a->image, a->image->profile_id[index],
							      (uint32_t)i + 1,
							      a->image->name_patterns[id].group);
		uint32_t hit = l ? zta_list_scan(&t, *l, port, ZTA_PROTO_TCP) : 0;
		const struct zta_rule *got = hit ? &a->image->rules[hit - 1] : NULL;

		if (!got != !want || (got && &a->policy->rules[got->id] != want))
			fail_msg("%s\n%s asks proxy %zu for %s:%u: %s, not %s", a->policy->text,
				 q.profile->name, i, a->name, port,
				 got ? a->policy->rules[got->id].path : "no rule",
				 want ? want->path : "no rule");
		*(!want				       ? &seen->unruled
		  : want->action == POLICY_ACTION_DENY ? &seen->denied
						       : &seen->allowed) += 1;
	}
}

/* A name that was learnt under an earlier policy's pattern is what it would be if asked today. */
static void check_remembered(const struct asked *a, const struct pattern_ids *before,
			     struct seen *seen)
{
	for (uint32_t i = 1; before && i < before->n; i++) {
		const char *old = pattern_ids_text(before, i);
		uint32_t now;

		if (!old || old[0] == '*' || strcmp(old, a->name) != 0)
			continue;
		now = policy_image_name(a->image, ZTA_NAMES_ALL, a->name);
		if (now == i || !now)
			continue;
		assert_memory_equal(&a->image->name_patterns[i], &a->image->name_patterns[now],
				    sizeof(struct zta_pattern));
		seen->inherited++;
	}
}

static void check(const struct asked *a, struct rng *r, const struct pattern_ids *before,
		  struct seen *seen)
{
	static const uint16_t ports[] = { 443, 80, 8080, 65535 };

	check_class(a, seen);
	check_remembered(a, before, seen);
	for (size_t i = 0; i < a->policy->n_profiles; i++) {
		check_query(a, i, seen);
		check_proxy(a, i, ports[rng_below(r, 4)], seen);
	}
}

static void tables_say_what_the_document_says(void **state)
{
	unsigned long long seed = (unsigned long long)time(NULL);
	struct policy_ids ids = {};
	struct seen seen = {};

	print_message("seed %llu\n", seed);
	for (uint32_t i = 0; i < POLICIES; i++) {
		const struct compile_opts o = { .ids = &ids, .generation = i + 1, .now = GEN_NOW };
		struct rng r = { .state = (seed * 0x9e3779b97f4a7c15ULL + i) | 1 };
		struct asked a = {};
		struct policy_image *image = NULL;
		char *text = gen_policy(&r);
		struct policy *p = compiled_parse(text);

		free(text);
		assert_int_equal(policy_compile(p, &o, &image, NULL), 0);
		a = (struct asked){ .policy = p, .image = image };
		for (int k = 0; k < NAMES_EACH; k++) {
			a.name = gen_name(&r);
			check(&a, &r, ids.patterns, &seen);
		}
		pattern_ids_unref(ids.patterns);
		ids = image->ids;
		(void)pattern_ids_ref(ids.patterns); /* the same */
		policy_image_free(image);
		policy_free(p);
	}
	pattern_ids_unref(ids.patterns);
	assert_true(seen.ai && seen.services && seen.several && seen.plain && seen.asked &&
		    seen.refused && seen.allowed && seen.denied && seen.unruled && seen.inherited);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tables_say_what_the_document_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
