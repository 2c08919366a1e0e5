// SPDX-License-Identifier: Apache-2.0
/* The shape of the tables: merging, sharing, ids over policies, expiry, and what does not fit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "compiled.h"

#define DAY (24 * 3600)

static const struct zta_prefix *at(const struct compiled *c, uint32_t scope, const char *text)
{
	struct zta_addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return policy_image_prefix(c->image, scope, &a);
}

static uint32_t id_of(const struct compiled *c, const char *profile)
{
	return c->image->profile_id[policy_find_profile(c->policy, profile)];
}

static uint64_t bit(const struct compiled *c, size_t service)
{
	return 1ULL << c->image->service_bit[service];
}

static void a_node_says_what_shorter_prefixes_say(void **state)
{
	const struct zta_prefix *p;
	struct compiled c;

	compiled_open(&c, "'mode':'enforce','resolvers':['10.1.2.3'],'services':["
			  "{'name':'a','names':['a.example'],'private_link':['10.1.0.0/16']},"
			  "{'name':'b','names':['b.example'],'private_link':['10.0.0.0/8'],"
			  "'dedicated':false}],'ai_public':{'cidrs':['10.1.2.0/24']}");
	p = at(&c, ZTA_SCOPE_GLOBAL, "10.1.2.3");
	assert_int_equal(p->fence, bit(&c, 0) | bit(&c, 1));
	assert_int_equal(p->dedicated, bit(&c, 0));
	assert_int_equal(p->flags, ZTA_PREFIX_AI_PUBLIC | ZTA_PREFIX_PRIVATE | ZTA_PREFIX_RESOLVER);
	p = at(&c, ZTA_SCOPE_GLOBAL, "10.1.2.4");
	assert_int_equal(p->flags, ZTA_PREFIX_AI_PUBLIC | ZTA_PREFIX_PRIVATE);
	p = at(&c, ZTA_SCOPE_GLOBAL, "10.2.0.1");
	assert_int_equal(p->fence, bit(&c, 1));
	assert_int_equal(p->dedicated, 0);
	assert_null(at(&c, ZTA_SCOPE_GLOBAL, "11.0.0.1"));
	assert_null(at(&c, ZTA_SCOPE_GLOBAL, "2600::1"));
	assert_non_null(at(&c, ZTA_SCOPE_GLOBAL, "fd00::1"));
	compiled_close(&c);
}

static void private_ranges_of_the_document_replace_the_default(void **state)
{
	struct compiled c;

	compiled_open(&c, "'mode':'enforce','private_ranges':['20.0.0.0/8']");
	assert_int_equal(at(&c, ZTA_SCOPE_GLOBAL, "20.1.1.1")->flags, ZTA_PREFIX_PRIVATE);
	assert_null(at(&c, ZTA_SCOPE_GLOBAL, "10.1.1.1"));
	compiled_close(&c);
}

static void what_resolvers_stand_for_now_counts_too(void **state)
{
	struct policy_prefix found = { .addr = { .family = ZTA_V4, .w = { htonl(0x09090909) } },
				       .len = 32 };
	const struct policy_prefixes more = { &found, 1 };
	const struct compile_opts o = { .now = COMPILED_NOW, .resolvers = &more };
	struct compiled c;

	compiled_open(&c, "'mode':'enforce','resolvers':['system','10.0.0.53']");
	assert_null(at(&c, ZTA_SCOPE_GLOBAL, "9.9.9.9"));
	policy_image_free(c.image);
	assert_int_equal(policy_compile(c.policy, &o, &c.image, NULL), 0);
	assert_int_equal(at(&c, ZTA_SCOPE_GLOBAL, "9.9.9.9")->flags, ZTA_PREFIX_RESOLVER);
	assert_true(at(&c, ZTA_SCOPE_GLOBAL, "10.0.0.53")->flags & ZTA_PREFIX_RESOLVER);
	compiled_close(&c);
}

static void a_list_is_sorted_and_has_nothing_that_cannot_decide(void **state)
{
	static const struct zta_rule want[] = {
		{ .port_lo = 80,
		  .port_hi = 90,
		  .protos = ZTA_PROTO_TCP,
		  .action = ZTA_RULE_DENY,
		  .prefixlen = 24,
		  .flags = ZTA_RULE_PORTS,
		  .id = 3 },
		{ .port_lo = 80,
		  .port_hi = 80,
		  .protos = ZTA_PROTO_UDP | ZTA_PROTO_ICMP | ZTA_PROTO_OTHER,
		  .action = ZTA_RULE_ALLOW,
		  .prefixlen = 24,
		  .flags = ZTA_RULE_PORTS | ZTA_RULE_AUDIT,
		  .id = 2 },
		{ .protos = ZTA_PROTO_ANY, .action = ZTA_RULE_DENY, .prefixlen = 8, .id = 0 },
	};
	const struct zta_prefix *p;
	struct compiled c;

	compiled_open(&c, "'mode':'enforce','profiles':[{'name':'p','egress':{'rules':["
			  "{'action':'deny','cidr':'10.0.0.0/8'},"
			  "{'action':'allow','cidr':'10.0.0.0/8','ports':[22]},"
			  "{'action':'allow','cidr':'10.1.1.0/24','ports':[80],'mode':'audit'},"
			  "{'action':'deny','cidr':'10.1.1.0/24','ports':['80-90'],"
			  "'protocol':'tcp'},"
			  "{'action':'allow','to':'node'},"
			  "{'action':'allow','cidr':'10.1.1.0/24','ports':[85],"
			  "'protocol':'tcp'}]}}]");
	p = at(&c, id_of(&c, "p"), "10.1.1.7");
	assert_non_null(p);
	assert_int_equal(p->rules.count, 3);
	assert_memory_equal(c.image->rules + p->rules.first, want, sizeof(want));
	assert_int_equal(at(&c, id_of(&c, "p"), "10.1.2.7")->rules.count, 1);
	assert_null(at(&c, id_of(&c, "host"), "10.1.1.7"));
	compiled_close(&c);
}

static void equal_lists_are_stored_once(void **state)
{
	struct compiled c;

	compiled_open(&c, "'mode':'enforce','prefixes':{'set':['10.1.1.0/24','10.1.3.0/24',"
			  "'10.1.5.0/24']},'profiles':["
			  "{'name':'p','egress':{'rules':[{'action':'allow','cidr':'@set'}]}},"
			  "{'name':'q','extends':'p'},{'name':'r','extends':'q'}]");
	assert_int_equal(c.image->n_rules, 1);
	assert_int_equal(at(&c, id_of(&c, "r"), "10.1.5.1")->rules.count, 1);
	compiled_close(&c);
}

/* A node that says what the one around it says would only take room. */
static void nodes_that_say_nothing_new_are_left_out(void **state)
{
	struct compiled one, two;

	compiled_open(&one, "'mode':'enforce','ai_public':{'cidrs':['20.0.0.0/8']}");
	compiled_open(&two, "'mode':'enforce','ai_public':{'cidrs':['20.0.0.0/8','20.1.0.0/16',"
			    "'20.1.1.1']}");
	assert_int_equal(one.image->n_prefixes, two.image->n_prefixes);
	assert_int_equal(at(&two, ZTA_SCOPE_GLOBAL, "20.1.1.1")->flags, ZTA_PREFIX_AI_PUBLIC);
	compiled_close(&one);
	compiled_close(&two);
}

static void profiles_carry_masks_and_flags(void **state)
{
	const struct zta_profile *p;
	struct compiled c;

	compiled_open(&c,
		      "'mode':'audit','services':["
		      "{'name':'ai','preset':'azure-openai','private_link':['10.1.0.0/16']},"
		      "{'name':'kv','preset':'azure-key-vault','private_link':['10.1.0.0/16'],"
		      "'mode':'audit'},"
		      "{'name':'db','names':['d.example'],'private_link':['10.2.0.0/16'],"
		      "'require_resolution':false,'ports':['8000-8001']}],"
		      "'profiles':[{'name':'p','services':['kv'],'imds':'broker','mode':'audit',"
		      "'platform':true,'egress':{'default':'allow'}},"
		      "{'name':'n','extends':'no-ai','services':'*'}]");
	assert_int_equal(c.image->policy.flags, ZTA_POLICY_AUDIT);
	assert_int_equal(c.image->policy.generation, 1);
	assert_int_equal(c.image->policy.audit_services, bit(&c, 1));
	p = &c.image->profiles[id_of(&c, "p")];
	assert_int_equal(p->flags, ZTA_PROFILE_VALID | ZTA_PROFILE_AUDIT |
					   ZTA_PROFILE_EGRESS_ALLOW | ZTA_PROFILE_PLATFORM |
					   ZTA_PROFILE_IMDS_BROKER);
	assert_int_equal(p->grace_s, 3600);
	assert_int_equal(p->services, bit(&c, 1));
	assert_int_equal(p->enforced, bit(&c, 0) | bit(&c, 1) | bit(&c, 2));
	assert_int_equal(p->resolve, bit(&c, 0) | bit(&c, 1));
	p = &c.image->profiles[id_of(&c, "n")];
	assert_int_equal(p->flags, ZTA_PROFILE_VALID | ZTA_PROFILE_EGRESS_ALLOW |
					   ZTA_PROFILE_NO_QUIC | ZTA_PROFILE_NO_ECH);
	assert_int_equal(p->services, bit(&c, 0) | bit(&c, 1) | bit(&c, 2));
	p = &c.image->profiles[id_of(&c, "closed")];
	assert_int_equal(p->flags, ZTA_PROFILE_VALID | ZTA_PROFILE_NO_ECH);
	assert_int_equal(p->enforced, bit(&c, 0) | bit(&c, 2));
	p = &c.image->profiles[id_of(&c, "host")];
	assert_true(p->flags & ZTA_PROFILE_HOST);
	assert_int_equal(p->resolve, 0);
	p = &c.image->profiles[c.image->patterns.selftest_profile];
	assert_int_equal(p->flags, ZTA_PROFILE_VALID | ZTA_PROFILE_SELFTEST);
	assert_int_equal(p->services | p->enforced, 0);
	assert_int_equal(c.image->patterns.default_profile, id_of(&c, "host"));
	assert_int_equal(c.image->ports[443], bit(&c, 0) | bit(&c, 1));
	assert_int_equal(c.image->ports[8001], bit(&c, 2));
	assert_int_equal(c.image->ports[0] | c.image->ports[8002] | c.image->ports[65535], 0);
	compiled_close(&c);
}

static void what_extends_host_is_not_host(void **state)
{
	struct compiled c;

	compiled_open(&c, "'mode':'enforce','profiles':[{'name':'p','extends':'host'}]");
	assert_false(c.image->profiles[id_of(&c, "p")].flags & ZTA_PROFILE_HOST);
	compiled_close(&c);
}

/* Compiles @members with the ids that @before left; its image is replaced. */
static void again(struct compiled *c, const char *members, uint32_t generation)
{
	struct policy_ids ids = c->image->ids;
	struct pattern_ids *patterns = pattern_ids_ref(ids.patterns);
	const struct compile_opts o = { .ids = &ids,
					.generation = generation,
					.now = COMPILED_NOW };

	compiled_close(c);
	compiled_open(c, members);
	policy_image_free(c->image);
	c->image = NULL;
	assert_int_equal(policy_compile(c->policy, &o, &c->image, NULL), 0);
	pattern_ids_unref(patterns);
}

#define SERVICE(name) \
	"{'name':'" name "','names':['" name ".example'],'private_link':['10.1.0.0/16']}"

static void ids_stay_with_their_names(void **state)
{
	uint32_t b, closed;
	uint8_t y;
	struct compiled c;

	compiled_open(&c, "'mode':'enforce','services':[" SERVICE("x") "," SERVICE(
				  "y") "],"
				       "'profiles':[{'name':'a'},{'name':'b'}]");
	b = id_of(&c, "b");
	closed = id_of(&c, "closed");
	y = c.image->service_bit[1];
	assert_int_not_equal(id_of(&c, "a"), 0);

	again(&c,
	      "'mode':'enforce','services':[" SERVICE("z") "," SERVICE(
		      "y") "],"
			   "'profiles':[{'name':'c'},{'name':'b'}]",
	      2);
	assert_int_equal(id_of(&c, "b"), b);
	assert_int_equal(id_of(&c, "closed"), closed);
	assert_int_equal(c.image->service_bit[1], y);
	assert_int_not_equal(c.image->service_bit[0], 0); /* x is remembered */
	assert_string_equal(c.image->ids.services[0], "x");

	again(&c, "'mode':'enforce','services':[" SERVICE("x") "],'profiles':[{'name':'a'}]", 3);
	assert_int_equal(c.image->service_bit[0], 0);
	assert_int_equal(c.image->ids.service_used[0], 3);
	assert_int_equal(c.image->ids.service_used[y], 2);
	compiled_close(&c);
}

static void the_id_that_is_out_of_use_longest_is_given_away_first(void **state)
{
	struct compiled c;

	compiled_open(&c, "'mode':'enforce','services':[" SERVICE("x") "," SERVICE("y") "]");
	for (size_t i = 2; i < ZTA_SERVICES_MAX; i++) {
		snprintf(c.image->ids.services[i], ZTA_NAME_LEN + 1, "old-%zu", i);
		c.image->ids.service_used[i] = i == 40 ? 1 : 5;
	}
	c.image->ids.service_used[0] = c.image->ids.service_used[1] = 4;
	again(&c, "'mode':'enforce','services':[" SERVICE("new") "," SERVICE("x") "]", 6);
	assert_int_equal(c.image->service_bit[0], 40);
	assert_int_equal(c.image->service_bit[1], 0);
	assert_string_equal(c.image->ids.services[40], "new");
	again(&c, "'mode':'enforce','services':[" SERVICE("newer") "]", 7);
	assert_int_equal(c.image->service_bit[0], 1); /* y, unused since 4 */
	compiled_close(&c);
}

static void expiry_is_announced_and_timed(void **state)
{
	const struct compile_opts later = { .now = COMPILED_NOW + 30 * DAY };
	struct compiled c;

	/* now is 2030-03-17; each is valid through its day */
	compiled_open(&c, "'mode':'enforce','profiles':[{'name':'p','ai_public_allow':["
			  "{'name':'a.example.com','expires':'2030-03-20'}],'egress':{'rules':["
			  "{'action':'allow','cidr':'10.0.0.0/8','expires':'2030-03-16'},"
			  "{'action':'allow','cidr':'10.1.0.0/16','expires':'2030-03-18'},"
			  "{'action':'allow','cidr':'10.2.0.0/16','expires':'2030-04-28'}]}},"
			  "{'name':'q','extends':'p'}]");
	assert_int_equal(c.image->expiring, 2);
	assert_int_equal(c.image->next_expiry, 1900108800); /* 2030-03-19T00:00:00Z */
	assert_null(at(&c, id_of(&c, "p"), "10.3.0.1"));
	assert_non_null(at(&c, id_of(&c, "p"), "10.1.0.1"));
	policy_image_free(c.image);
	assert_int_equal(policy_compile(c.policy, &later, &c.image, NULL), 0);
	assert_null(at(&c, id_of(&c, "p"), "10.1.0.1"));
	assert_non_null(at(&c, id_of(&c, "p"), "10.2.0.1"));
	assert_int_equal(c.image->expiring, 1);
	compiled_close(&c);
}

static void what_cannot_be_done_yet_stays_closed(void **state)
{
	struct compiled c;

	compiled_open(&c, "'mode':'enforce','proxies':[{'name':'x','cidrs':['10.9.0.0/28'],"
			  "'ports':[8080]}],'profiles':[{'name':'p','egress':{'rules':["
			  "{'action':'allow','to':'cluster'}]}}]");
	assert_int_equal(c.image->n_rules, 0);
	assert_int_equal(c.image->n_named, 0);
	assert_null(at(&c, id_of(&c, "p"), "10.9.0.1"));
	compiled_close(&c);
}

static void the_summary_counts(void **state)
{
	json_t *o, *maps, *map;
	struct compiled c;
	size_t i, prefixes = 0;

	compiled_open(&c, "'mode':'enforce','services':[" SERVICE(
				  "x") "],"
				       "'profiles':[{'name':'a'}],"
				       "'workloads':[{'match':{'cgroup':'/a/b*'},'profile':'a'}]");
	o = policy_summary(c.policy, c.image);
	assert_int_equal(json_integer_value(json_object_get(o, "services")), 1);
	assert_int_equal(json_integer_value(json_object_get(o, "names")), 1);
	assert_int_equal(json_integer_value(json_object_get(o, "prefixes")), 1);
	assert_int_equal(json_integer_value(json_object_get(o, "profiles")), 1);
	assert_int_equal(json_integer_value(json_object_get(o, "workloads")), 1);
	maps = json_object_get(o, "maps");
	json_array_foreach (maps, i, map) {
		assert_true(json_integer_value(json_object_get(map, "capacity")) > 0);
		if (!strcmp(json_string_value(json_object_get(map, "map")), "prefixes"))
			prefixes = (size_t)json_integer_value(json_object_get(map, "used"));
	}
	assert_int_equal(prefixes, c.image->n_prefixes);
	json_decref(o);
	compiled_close(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_node_says_what_shorter_prefixes_say),
		cmocka_unit_test(private_ranges_of_the_document_replace_the_default),
		cmocka_unit_test(what_resolvers_stand_for_now_counts_too),
		cmocka_unit_test(a_list_is_sorted_and_has_nothing_that_cannot_decide),
		cmocka_unit_test(equal_lists_are_stored_once),
		cmocka_unit_test(nodes_that_say_nothing_new_are_left_out),
		cmocka_unit_test(profiles_carry_masks_and_flags),
		cmocka_unit_test(what_extends_host_is_not_host),
		cmocka_unit_test(ids_stay_with_their_names),
		cmocka_unit_test(the_id_that_is_out_of_use_longest_is_given_away_first),
		cmocka_unit_test(expiry_is_announced_and_timed),
		cmocka_unit_test(what_cannot_be_done_yet_stays_closed),
		cmocka_unit_test(the_summary_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
