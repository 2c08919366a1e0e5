// SPDX-License-Identifier: Apache-2.0
/* The tables about names: tries, patterns and their ids, lists of proxies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "compiled.h"
#include "names/vectors.h"

static const struct zta_pattern *pattern_of(const struct compiled *c, const char *name)
{
	return &c->image->name_patterns[policy_image_name(c->image, ZTA_NAMES_ALL, name)];
}

static uint32_t id_of(const struct compiled *c, const char *pattern)
{
	const struct pattern_ids *ids = c->image->ids.patterns;

	for (uint32_t i = 1; ids && i < ids->n; i++)
		if (ids->v[i].text && !strcmp(pattern_ids_text(ids, i), pattern))
			return i;
	return 0;
}

static uint32_t profile(const struct compiled *c, const char *name)
{
	return c->image->profile_id[policy_find_profile(c->policy, name)];
}

static uint64_t bit(const struct compiled *c, size_t service)
{
	return 1ULL << c->image->service_bit[service];
}

static const struct zta_rule *rule_at(const struct compiled *c, const struct zta_list *l, size_t i)
{
	assert_non_null(l);
	assert_true(i < l->count);
	return &c->image->rules[l->first + i];
}

static void check_vector(const struct vector *v, void *ctx)
{
	struct buf b = {};
	struct compiled c;
	const char *got;

	assert_int_equal(buf_puts(&b, "'mode':'enforce','profiles':[{'name':'p','egress':{"
				      "'rules':[{'action':'allow','names':["),
			 0);
	for (size_t i = 0; i < v->n; i++)
		assert_int_equal(buf_printf(&b, "%s'%s'", i ? "," : "", v->patterns[i]), 0);
	assert_int_equal(buf_puts(&b, "]}]}}]"), 0);
	compiled_open(&c, b.data);
	got = pattern_ids_text(c.image->ids.patterns,
			       policy_image_name(c.image, ZTA_NAMES_ALL, v->name));
	if (!got != !v->want || (got && strcmp(got, v->want) != 0))
		fail_msg("vectors.txt:%d: %s", v->line, got ? got : "none");
	compiled_close(&c);
	buf_free(&b);
}

static void the_trie_finds_the_pattern_that_decides(void **state)
{
	vectors_each(check_vector, NULL);
}

static void a_pattern_says_what_the_nearest_classed_one_says(void **state)
{
	const struct zta_pattern *p;
	struct compiled c;

	compiled_open(&c,
		      "'mode':'enforce','services':["
		      "{'name':'a','names':['*.a.example','tie.example'],"
		      "'private_link':['10.1.0.0/16']},"
		      "{'name':'b','names':['tie.example','*.b.a.example','pub.example'],"
		      "'private_link':['10.2.0.0/16']}],"
		      "'ai_public':{'names':['pub.example','*.ai.example']},"
		      "'profiles':[{'name':'p','dns':{'allow':['d.a.example']},'egress':{'rules':["
		      "{'action':'allow','names':['x.a.example','own.test']}]}}]");
	assert_int_equal(pattern_of(&c, "z.a.example")->services, bit(&c, 0));
	assert_int_equal(pattern_of(&c, "z.b.a.example")->services, bit(&c, 1));
	assert_int_equal(pattern_of(&c, "tie.example")->services, bit(&c, 0) | bit(&c, 1));
	p = pattern_of(&c, "pub.example");
	assert_int_equal(p->services, 0);
	assert_int_equal(p->flags, ZTA_PATTERN_VALID | ZTA_PATTERN_AI_PUBLIC);
	p = pattern_of(&c, "x.a.example"); /* a rule's own */
	assert_int_equal(p->services, bit(&c, 0));
	assert_int_not_equal(p->group, 0);
	p = pattern_of(&c, "d.a.example");
	assert_int_equal(p->services, bit(&c, 0));
	assert_int_equal(p->group, 0);
	p = pattern_of(&c, "own.test");
	assert_int_equal(p->services, 0);
	assert_int_equal(p->flags, ZTA_PATTERN_VALID);
	assert_int_not_equal(p->group, 0);
	assert_int_equal(policy_image_name(c.image, ZTA_NAMES_ALL, "none.test"), 0);
	assert_int_equal(c.image->n_name_patterns, 8);
	assert_int_equal(c.image->name_patterns[0].flags, 0);
	compiled_close(&c);
}

/* A pattern that only names may be asked for has the rules of the pattern around it. */
static void what_adds_nothing_has_the_group_around_it(void **state)
{
	struct compiled c;

	compiled_open(&c,
		      "'mode':'enforce','profiles':[{'name':'p','dns':{'allow':['a.b.example']},"
		      "'egress':{'rules':[{'action':'allow','names':['*.b.example']}]}}]");
	assert_int_not_equal(policy_image_name(c.image, ZTA_NAMES_ALL, "a.b.example"),
			     policy_image_name(c.image, ZTA_NAMES_ALL, "z.b.example"));
	assert_int_not_equal(pattern_of(&c, "z.b.example")->group, 0);
	assert_int_equal(pattern_of(&c, "a.b.example")->group,
			 pattern_of(&c, "z.b.example")->group);
	assert_int_equal(c.image->n_named, 1);
	compiled_close(&c);
}

static void assert_asks(const struct compiled *c, const char *who, const char *names, bool may)
{
	_cleanup_free_ char *text = strdup(names);
	char *save = NULL;

	for (char *p = strtok_r(text, " ", &save); p; p = strtok_r(NULL, " ", &save))
		if (!!policy_image_name(c->image, profile(c, who), p) != may)
			fail_msg("%s: %s", who, p);
}

static void a_listed_profile_may_ask_for_what_it_lists(void **state)
{
	struct compiled c;

	compiled_open(&c, "'mode':'enforce','services':["
			  "{'name':'a','names':['*.a.example'],'private_link':['10.1.0.0/16']},"
			  "{'name':'b','names':['*.b.example'],'private_link':['10.2.0.0/16']}],"
			  "'ai_public':{'names':['*.ai.example']},"
			  "'proxies':[{'name':'x','cidrs':['10.9.0.0/28'],'ports':[8080]}],"
			  "'profiles':[{'name':'p','services':['a'],'dns':{'names':'listed',"
			  "'allow':['ntp.example','*.in-addr.arpa']},'egress':{'rules':["
			  "{'action':'allow','names':['r.example']},"
			  "{'action':'deny','names':['no.example']},"
			  "{'action':'allow','names':['old.example'],'expires':'2030-03-16'},"
			  "{'action':'allow','proxy':'x','names':['web.example']},"
			  "{'action':'deny','proxy':'x','names':['noweb.example']}]}},"
			  "{'name':'q','services':'*','dns':{'names':'listed'}},"
			  "{'name':'any','services':['a'],'dns':{'allow':['ntp.example']}}]");
	assert_asks(&c, "p",
		    "z.a.example ntp.example r.example web.example 1.0.10.in-addr.arpa "
		    "8.b.d.0.1.0.0.2.ip6.arpa",
		    true);
	assert_asks(&c, "p",
		    "z.b.example no.example noweb.example old.example x.ai.example other.test "
		    "x.ntp.example in-addr.arpa",
		    false);
	assert_asks(&c, "q", "z.a.example z.b.example 1.0.10.in-addr.arpa", true);
	assert_asks(&c, "q", "ntp.example x.ai.example", false);
	assert_asks(&c, "any", "z.a.example ntp.example 1.0.10.in-addr.arpa", false);
	assert_true(c.image->profiles[profile(&c, "p")].flags & ZTA_PROFILE_DNS_LISTED);
	assert_false(c.image->profiles[profile(&c, "any")].flags & ZTA_PROFILE_DNS_LISTED);
	compiled_close(&c);
}

static void what_a_listed_pattern_covers_takes_no_room(void **state)
{
	size_t in_scope = 0;
	struct compiled c;

	compiled_open(&c,
		      "'mode':'enforce','profiles':[{'name':'p','dns':{'names':'listed','allow':["
		      "'a.b.example','*.b.example','*.c.b.example','a.c.b.example',"
		      "'b.example']}}]");
	for (size_t i = 0; i < c.image->n_names; i++)
		in_scope += c.image->names[i].key.scope == profile(&c, "p");
	assert_int_equal(in_scope, 4); /* *.b.example, b.example and the reverse zones */
	assert_asks(&c, "p", "a.b.example b.example a.c.b.example", true);
	compiled_close(&c);
}

static void search_suffixes_have_a_scope(void **state)
{
	char *suffixes[] = { (char *)"corp.example", (char *)"example" };
	const struct policy_names search = { suffixes, 2 };
	const struct compile_opts o = { .now = COMPILED_NOW, .search = &search };
	struct compiled c;

	compiled_open(&c, "'mode':'enforce'");
	assert_int_equal(policy_image_name(c.image, ZTA_NAMES_SUFFIX, "a.corp.example"), 0);
	policy_image_free(c.image);
	assert_int_equal(policy_compile(c.policy, &o, &c.image, NULL), 0);
	assert_int_equal(policy_image_name(c.image, ZTA_NAMES_SUFFIX, "a.b.corp.example"), 13);
	assert_int_equal(policy_image_name(c.image, ZTA_NAMES_SUFFIX, "a.other.example"), 8);
	assert_int_equal(policy_image_name(c.image, ZTA_NAMES_SUFFIX, "corp.example"), 8);
	assert_int_equal(policy_image_name(c.image, ZTA_NAMES_SUFFIX, "example"), 0);
	compiled_close(&c);
}

static void rules_of_a_proxy_stand_apart(void **state)
{
	const struct zta_list *l;
	struct compiled c;
	uint32_t p, group;

	compiled_open(&c, "'mode':'enforce','proxies':["
			  "{'name':'x','cidrs':['10.9.0.0/28'],'ports':[8080]},"
			  "{'name':'y','cidrs':['10.9.0.0/24','fd00:9::/64']}],"
			  "'profiles':[{'name':'p','ai_public_allow':[{'name':'a.w.example'}],"
			  "'egress':{'rules':["
			  "{'action':'allow','proxy':'y','names':['*.w.example'],'ports':[8443]},"
			  "{'action':'deny','proxy':'y','names':['a.w.example']},"
			  "{'action':'allow','names':['*.w.example'],'tls':false}]}}]");
	p = profile(&c, "p");
	group = pattern_of(&c, "a.w.example")->group;
	l = policy_image_named(c.image, p, 2, group);
	assert_int_equal(l->count, 2);
	assert_int_equal(l->flags, 0);
	assert_int_equal(rule_at(&c, l, 0)->id, 1);
	assert_int_equal(rule_at(&c, l, 0)->port_lo, 443);
	assert_int_equal(rule_at(&c, l, 0)->action, ZTA_RULE_DENY);
	assert_int_equal(rule_at(&c, l, 1)->id, 0);
	assert_int_equal(rule_at(&c, l, 1)->port_lo, 8443);
	assert_int_equal(rule_at(&c, l, 1)->protos, ZTA_PROTO_TCP);
	l = policy_image_named(c.image, p, 0, group);
	assert_int_equal(l->count, 1);
	assert_int_equal(l->flags, ZTA_LIST_AI_ALLOW);
	assert_int_equal(rule_at(&c, l, 0)->id, 2);
	assert_true(rule_at(&c, l, 0)->flags & ZTA_RULE_PLAIN);
	assert_null(policy_image_named(c.image, p, 1, group));

	assert_int_equal(c.image->ports[ZTA_PORTS_PROXY + 8080], 3);
	assert_int_equal(c.image->ports[ZTA_PORTS_PROXY + 443], 2); /* y: every port */
	assert_int_equal(c.image->ports[8080], 0);
	compiled_close(&c);
}

/* Whoever may ask a proxy for anything may connect to it, by TCP, at its ports. */
static void to_ask_a_proxy_one_connects_to_it(void **state)
{
	static const struct {
		const char *profile, *to, *want;
	} v[] = {
		{ "p", "tcp 10.9.0.1 8080", "allow egress-rule 14" },
		{ "p", "tcp 10.9.0.1 443", "deny private-egress 16" },
		{ "p", "udp 10.9.0.1 8080", "deny private-egress 16" },
		{ "p", "tcp 10.9.1.1 1", "allow egress-rule 14" }, /* no ports: every one */
		{ "p", "udp 10.9.1.1 1", "deny private-egress 16" },
		{ "no", "tcp 10.9.0.1 8080", "deny private-egress 16" },
		{ "other", "tcp 10.9.0.1 8080", "deny private-egress 16" },
	};
	struct compiled c;

	compiled_open(&c, "'mode':'enforce','proxies':["
			  "{'name':'x','cidrs':['10.9.0.0/28'],'ports':[8080]},"
			  "{'name':'y','cidrs':['10.9.1.0/24']}],'profiles':["
			  "{'name':'p','egress':{'rules':["
			  "{'action':'allow','proxy':'x','names':['a.example']},"
			  "{'action':'allow','proxy':'y','names':['b.example']}]}},"
			  "{'name':'no','egress':{'rules':["
			  "{'action':'deny','proxy':'x','names':['a.example']}]}},"
			  "{'name':'other'}]");
	for (size_t i = 0; i < sizeof(v) / sizeof(*v); i++) {
		_cleanup_free_ char *got = compiled_ask(&c, v[i].profile, v[i].to, "", 0);

		if (strncmp(got, v[i].want, strlen(v[i].want)) != 0)
			fail_msg("%s %s: %s", v[i].profile, v[i].to, got);
	}
	compiled_close(&c);
}

static void proxies_are_known_by_address(void **state)
{
	struct zta_addr a;
	struct compiled c;

	compiled_open(&c, "'mode':'enforce','proxies':["
			  "{'name':'x','cidrs':['10.9.0.0/28'],'ports':[8080]},"
			  "{'name':'y','cidrs':['10.9.0.0/24','fd00:9::/64']}]");
	assert_int_equal(addr_parse("10.9.0.1", &a), 0);
	assert_int_equal(policy_image_prefix(c.image, ZTA_SCOPE_GLOBAL, &a)->proxies, 3);
	assert_int_equal(addr_parse("10.9.0.16", &a), 0);
	assert_int_equal(policy_image_prefix(c.image, ZTA_SCOPE_GLOBAL, &a)->proxies, 2);
	assert_int_equal(addr_parse("fd00:9::1", &a), 0);
	assert_int_equal(policy_image_prefix(c.image, ZTA_SCOPE_GLOBAL, &a)->proxies, 2);
	assert_int_equal(addr_parse("10.8.0.1", &a), 0);
	assert_int_equal(policy_image_prefix(c.image, ZTA_SCOPE_GLOBAL, &a)->proxies, 0);
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

#define ALLOW(names)                                                                     \
	"'mode':'enforce','profiles':[{'name':'p','egress':{'rules':[{'action':'allow'," \
	"'names':[" names "]}]}}]"

static void ids_stay_with_their_patterns(void **state)
{
	struct compiled c;
	uint32_t a, b;

	compiled_open(&c, ALLOW("'a.example','b.example'"));
	a = id_of(&c, "a.example");
	b = id_of(&c, "b.example");
	assert_true(a && b && a != b);
	again(&c, ALLOW("'0.example','b.example'"), 2);
	assert_int_equal(id_of(&c, "b.example"), b);
	assert_int_equal(id_of(&c, "a.example"), a); /* remembered */
	assert_int_equal(policy_image_name(c.image, ZTA_NAMES_ALL, "a.example"), 0);
	assert_int_equal(c.image->name_patterns[a].flags, 0);
	assert_int_equal(c.image->n_name_patterns, 2);
	assert_int_equal(c.image->ids.patterns->v[a].used, 1);
	assert_int_equal(c.image->ids.patterns->v[b].used, 2);
	again(&c, ALLOW("'a.example'"), 3);
	assert_int_equal(id_of(&c, "a.example"), a);
	assert_int_equal(policy_image_name(c.image, ZTA_NAMES_ALL, "a.example"), a);
	assert_true(c.image->name_patterns[a].flags & ZTA_PATTERN_VALID);
	compiled_close(&c);
}

/* An address that was learnt for a pattern of old is judged as one that is learnt today. */
static void a_remembered_pattern_says_what_covers_it(void **state)
{
	struct compiled c;
	uint32_t a;

	compiled_open(&c, ALLOW("'a.b.example'"));
	a = id_of(&c, "a.b.example");
	again(&c,
	      "'mode':'enforce','services':[{'name':'s','names':['*.b.example'],"
	      "'private_link':['10.1.0.0/16']}],'profiles':[{'name':'p','egress':{'rules':["
	      "{'action':'deny','names':['*.b.example']}]}}]",
	      2);
	assert_int_equal(policy_image_name(c.image, ZTA_NAMES_ALL, "a.b.example"),
			 id_of(&c, "*.b.example"));
	assert_memory_equal(&c.image->name_patterns[a], pattern_of(&c, "a.b.example"),
			    sizeof(struct zta_pattern));
	assert_int_equal(c.image->n_named, 1);
	compiled_close(&c);
}

static void the_id_out_of_use_longest_is_given_away_first(void **state)
{
	struct pattern_ids *full = pattern_ids_new(ZTA_PATTERN_IDS, ZTA_PATTERN_IDS * 24UL);
	struct policy_ids ids = { .patterns = full };
	const struct compile_opts o = { .ids = &ids, .generation = 9, .now = COMPILED_NOW };
	struct compiled c;
	uint32_t place = 1;

	for (uint32_t i = 1; i < ZTA_PATTERN_IDS; i++) {
		full->v[i] = (struct pattern_id){ place, i == 700 ? 3 : i == 80 ? 4 : 5 };
		place += (uint32_t)sprintf(full->texts + place, "n%u.example", i) + 1;
	}
	compiled_open(&c, ALLOW("'new.test','n700.example','newer.test'"));
	policy_image_free(c.image);
	assert_int_equal(policy_compile(c.policy, &o, &c.image, NULL), 0);
	assert_int_equal(id_of(&c, "n700.example"), 700);
	assert_true(id_of(&c, "new.test") == 80 || id_of(&c, "newer.test") == 80);
	assert_int_equal(id_of(&c, "n80.example"), 0);
	assert_int_equal(id_of(&c, "n1.example"), 0);
	assert_int_equal(id_of(&c, "n2.example"), 2);
	compiled_close(&c);
	pattern_ids_unref(full);
}

static void more_names_than_fit_are_told_with_the_numbers(void **state)
{
	struct buf b = {};
	struct compiled c;

	assert_int_equal(buf_puts(&b, "'mode':'enforce','profiles':[{'name':'base','dns':{"
				      "'names':'listed','allow':["),
			 0);
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(buf_printf(&b, "%s'n%u.example'", i ? "," : "", i), 0);
	assert_int_equal(buf_puts(&b, "]}}"), 0);
	for (unsigned i = 0; i < 32; i++)
		assert_int_equal(buf_printf(&b, ",{'name':'p%u','extends':'base'}", i), 0);
	assert_int_equal(buf_puts(&b, "]"), 0);
	compiled_open(&c, b.data);
	buf_free(&b);
	assert_null(c.image);
	assert_int_equal(c.errors.n, 1);
	assert_non_null(strstr(c.errors.v[0].message, "names needs 34066 entries, 32768 fit"));
	compiled_close(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_trie_finds_the_pattern_that_decides),
		cmocka_unit_test(a_pattern_says_what_the_nearest_classed_one_says),
		cmocka_unit_test(what_adds_nothing_has_the_group_around_it),
		cmocka_unit_test(a_listed_profile_may_ask_for_what_it_lists),
		cmocka_unit_test(what_a_listed_pattern_covers_takes_no_room),
		cmocka_unit_test(search_suffixes_have_a_scope),
		cmocka_unit_test(rules_of_a_proxy_stand_apart),
		cmocka_unit_test(to_ask_a_proxy_one_connects_to_it),
		cmocka_unit_test(proxies_are_known_by_address),
		cmocka_unit_test(ids_stay_with_their_patterns),
		cmocka_unit_test(a_remembered_pattern_says_what_covers_it),
		cmocka_unit_test(the_id_out_of_use_longest_is_given_away_first),
		cmocka_unit_test(more_names_than_fit_are_told_with_the_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
