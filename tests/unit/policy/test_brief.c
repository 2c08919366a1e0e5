// SPDX-License-Identifier: Apache-2.0
/* What stays of a policy says what the policy and its tables say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "compiled.h"
#include "policy/brief.h"
#include "policy/globs.h"

#define RULE	    "{'action':'allow','cidr':'10.0.0.0/8'}"
#define RULE_DATED  "{'action':'allow','cidr':'10.0.0.0/8','expires':'2031-01-31'}"
#define ALLOW_DATED "{'name':'a.example','expires':'2030-06-30'}"

struct kept {
	struct compiled c;
	struct policy_brief *b;
};

static void keep(struct kept *k, const char *members)
{
	compiled_open(&k->c, members);
	assert_non_null(k->c.image);
	assert_int_equal(policy_brief_make(k->c.policy, k->c.image, &k->b), 0);
}

static void drop(struct kept *k)
{
	policy_brief_free(k->b);
	compiled_close(&k->c);
}

/* The document is free to be dropped: nothing may point into it. */
static void drop_document(struct kept *k)
{
	compiled_close(&k->c);
}

static void rules_are_found_where_they_are_written(void **state)
{
	char text[BRIEF_PLACE_LEN];
	struct brief_place place;
	struct kept k;

	keep(&k, "'mode':'enforce','profiles':["
		 "{'name':'none'},"
		 "{'name':'three','egress':{'rules':[" RULE "," RULE "," RULE "]}},"
		 "{'name':'empty','egress':{'rules':[]}},"
		 "{'name':'child','extends':'last','egress':{'rules':[" RULE "]}},"
		 "{'name':'last','egress':{'rules':[" RULE "," RULE "]}}]");
	assert_int_equal(k.c.policy->n_rules, 6);
	for (uint32_t i = 0; i < k.c.policy->n_rules; i++) {
		assert_true(brief_places_find(k.b->places, i, &place));
		brief_place_text(&place, text);
		assert_string_equal(text, k.c.policy->rules[i].path);
	}
	assert_int_equal(k.b->places->n, 3); /* not one for each rule */
	assert_false(brief_places_find(k.b->places, 6, &place));
	assert_false(brief_places_find(k.b->places, ZTA_RULE_NONE, &place));
	drop(&k);
	keep(&k, "'mode':'enforce'");
	assert_false(brief_places_find(k.b->places, 0, &place));
	drop(&k);
}

static void services_and_profiles_have_the_ids_of_the_tables(void **state)
{
	struct kept k;

	keep(&k, "'mode':'enforce','services':["
		 "{'name':'a','names':['a.example'],'private_link':['10.1.0.0/16']},"
		 "{'name':'v','preset':'azure-key-vault','private_link':['10.2.0.0/16']}],"
		 "'profiles':[{'name':'p','mode':'audit'},{'name':'q'}]");
	for (size_t i = 0; i < k.c.policy->n_profiles; i++) {
		const struct brief_profile *p = policy_brief_profile(k.b, k.c.image->profile_id[i]);

		assert_non_null(p);
		assert_string_equal(p->name, k.c.policy->profiles[i].name);
		assert_int_equal(p->audit, k.c.policy->profiles[i].mode == POLICY_MODE_AUDIT);
	}
	assert_null(policy_brief_profile(k.b, 0)); /* never given out */
	for (size_t i = 0; i < k.c.policy->n_services; i++) {
		uint64_t bit = 1ULL << k.c.image->service_bit[i];
		const struct brief_service *s = policy_brief_service(k.b, bit);

		assert_non_null(s);
		assert_string_equal(s->name, k.c.policy->services[i].name);
	}
	assert_string_equal(policy_brief_service(k.b, UINT64_MAX)->name, "a"); /* the first */
	assert_string_equal(policy_brief_service(k.b, 1ULL << k.c.image->service_bit[1])->preset,
			    "azure-key-vault");
	assert_null(policy_brief_service(k.b, 0));
	assert_false(k.b->audit);
	assert_string_equal(k.b->sha256, k.c.policy->sha256);
	drop_document(&k);
	assert_string_equal(k.b->name, "t");
	policy_brief_free(k.b);
}

static void an_entry_has_its_own_owner_or_its_profiles(void **state)
{
	struct kept k;

	keep(&k, "'mode':'enforce','profiles':[{'name':'p','owner':'team-p'},{'name':'q'}],"
		 "'workloads':[{'match':{'cgroup':'/a'},'profile':'p'},"
		 "{'match':{'cgroup':'/b'},'profile':'p','owner':'team-b'},"
		 "{'match':{'cgroup':'/c'},'profile':'q'},"
		 "{'match':{'cgroup':'/d'},'profile':'p'}]");
	drop_document(&k);
	assert_string_equal(policy_brief_owner(k.b, 0), "team-p");
	assert_string_equal(policy_brief_owner(k.b, 1), "team-b");
	assert_null(policy_brief_owner(k.b, 2));
	assert_string_equal(policy_brief_owner(k.b, 3), "team-p");
	assert_null(policy_brief_owner(k.b, 4));
	assert_null(policy_brief_owner(k.b, ZTA_ENTRY_DEFAULT));
	policy_brief_free(k.b);
}

static void dates_stand_once_where_they_are_written(void **state)
{
	static const char *const want[] = { "profiles[0].egress.rules[1]",
					    "profiles[1].egress.rules[0]",
					    "profiles[0].ai_public_allow[1]" };
	char text[BRIEF_PLACE_LEN];
	struct kept k;

	keep(&k, "'mode':'enforce','profiles':["
		 "{'name':'p','ai_public_allow':[{'name':'b.example'}," ALLOW_DATED "],"
		 "'egress':{'rules':[" RULE "," RULE_DATED "]}},"
		 "{'name':'q','extends':'p','egress':{'rules':[" RULE_DATED "]}}]");
	assert_int_equal(k.b->n_dates, 3);
	for (size_t i = 0; i < 3; i++) {
		brief_place_text(&k.b->dates[i].place, text);
		assert_string_equal(text, want[i]);
	}
	assert_int_equal(k.b->dates[0].expires, k.c.policy->rules[1].expires);
	assert_int_equal(k.b->dates[2].expires, k.b->next_expiry);
	assert_int_equal(k.b->now, COMPILED_NOW);
	drop(&k);
}

static void cgroups_match_as_before(void **state)
{
	static const char *const names[] = { "system.slice", "user.slice", "chat-1.service", "x" };
	struct zta_cgstate parent[2] = {}, child[2] = {};
	struct kept k;

	keep(&k, "'mode':'enforce','profiles':[{'name':'p'}],'workloads':["
		 "{'match':{'cgroup':'/system.slice/chat-*.service'},'profile':'p'},"
		 "{'match':{'cgroup':'/user.slice'},'profile':'p'}]");
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		globs_root(&k.c.image->patterns, 0, &parent[0]);
		globs_root(&k.b->patterns, 0, &parent[1]);
		globs_step(&k.c.image->patterns, 0, &parent[0], "system.slice", &child[0]);
		globs_step(&k.b->patterns, 0, &parent[1], "system.slice", &child[1]);
		globs_step(&k.c.image->patterns, 0, &child[0], names[i], &parent[0]);
		globs_step(&k.b->patterns, 0, &child[1], names[i], &parent[1]);
		assert_memory_equal(&parent[0], &parent[1], sizeof(parent[0]));
	}
	assert_int_equal(k.b->patterns.selftest_profile, k.c.image->patterns.selftest_profile);
	drop(&k);
}

static void it_is_kept_whether_search_suffixes_matter(void **state)
{
	struct kept k;

	keep(&k, "'mode':'enforce','profiles':[{'name':'a','dns':{'allow':['x.example']}}]");
	assert_false(k.b->dns_listed);
	drop(&k);
	keep(&k, "'mode':'enforce','profiles':[{'name':'a'},{'name':'b','dns':{"
		 "'names':'listed'}},{'name':'c'}]");
	assert_true(k.b->dns_listed);
	drop(&k);
}

static void an_identity_is_kept_once_with_those_who_inherit_it(void **state)
{
	const struct policy_identity *own, *heir;
	struct kept k;

	keep(&k, "'mode':'enforce','profiles':[{'name':'p','imds':'broker','identity':{"
		 "'client_id':'0A000000-0000-0000-0000-00000000000F','audiences':["
		 "'https://a.example','api://b'],'rate_per_minute':7}},"
		 "{'name':'heir','extends':'p'},{'name':'none'},"
		 "{'name':'other','extends':'p','identity':{'audiences':['https://c.example/']}}]");
	drop_document(&k);
	own = &k.b->profiles[0].identity;
	heir = &k.b->profiles[1].identity;
	assert_string_equal(own->client_id, "0a000000-0000-0000-0000-00000000000f");
	assert_int_equal(own->rate_per_minute, 7);
	assert_string_equal(own->path, "profiles[0].identity");
	assert_true(identity_allows(own, "https://a.example/"));
	assert_true(identity_allows(own, "api://b"));
	assert_false(identity_allows(own, "https://c.example"));
	assert_false(identity_allows(own, "https://a.example//"));
	assert_false(identity_allows(own, ""));
	assert_ptr_equal(own->audiences, heir->audiences);
	assert_string_equal(heir->path, "profiles[0].identity");
	assert_true(k.b->profiles[1].broker);
	assert_int_equal(k.b->profiles[2].identity.n_audiences, 0);
	assert_false(k.b->profiles[2].broker);
	assert_false(identity_allows(&k.b->profiles[2].identity, "https://a.example"));
	assert_string_equal(k.b->profiles[3].identity.client_id, "");
	assert_true(identity_allows(&k.b->profiles[3].identity, "https://c.example"));
	assert_false(identity_allows(&k.b->profiles[3].identity, "https://a.example"));
	policy_brief_free(k.b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_are_found_where_they_are_written),
		cmocka_unit_test(services_and_profiles_have_the_ids_of_the_tables),
		cmocka_unit_test(an_entry_has_its_own_owner_or_its_profiles),
		cmocka_unit_test(dates_stand_once_where_they_are_written),
		cmocka_unit_test(cgroups_match_as_before),
		cmocka_unit_test(it_is_kept_whether_search_suffixes_matter),
		cmocka_unit_test(an_identity_is_kept_once_with_those_who_inherit_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
