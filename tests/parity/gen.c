// SPDX-License-Identifier: Apache-2.0
#include "parity/gen.h"

#include <arpa/inet.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/prefix.h"
#include "zta_decide_types.h"

#define COUNT(v)   (sizeof(v) / sizeof(*(v)))
#define PICK(r, v) ((v)[rng_below(r, COUNT(v))])

static const char *const prefixes[] = {
	"10.0.0.0/8",	   "10.1.0.0/16",    "10.1.2.0/24",    "10.1.2.128/25", "10.1.2.3",
	"20.0.0.0/8",	   "20.1.2.0/24",    "20.1.2.3",       "0.0.0.0/0",	"172.16.0.0/12",
	"100.64.0.0/10",   "203.0.113.0/24", "169.254.0.0/16", "168.63.129.16", "192.168.1.1",
	"fd00::/8",	   "fd00:1::/48",    "fd00:1::5",      "2001:db8::/32", "2001:db8:1::/64",
	"2001::/32",	   "2002::/16",	     "64:ff9b::/96",   "::/0",		"fe80::/10",
	"255.255.255.255",
};
static const char *const fences[] = {
	/* none too wide to be dedicated */
	"10.1.0.0/16",	   "10.1.2.0/24",      "10.1.2.128/25", "10.1.2.3",
	"20.1.2.0/24",	   "203.0.113.0/24",   "fd00:1::/48",	"fd00:1::5",
	"2001:db8:1::/64", "64:ff9b::a01:203", "168.63.129.16",
};
static const char *const addresses[] = {
	"10.1.2.3",
	"10.1.2.3",
	"10.1.2.200",
	"10.1.9.9",
	"10.200.0.1",
	"20.1.2.3",
	"20.1.2.3",
	"20.1.9.9",
	"20.9.9.9",
	"8.8.8.8",
	"172.16.5.5",
	"100.64.1.1",
	"203.0.113.7",
	"169.254.169.254",
	"169.254.169.254",
	"168.63.129.16",
	"127.0.0.1",
	"0.0.0.0",
	"192.168.1.1",
	"169.254.9.9",
	"10.9.0.5",
	"10.9.0.77",
	"255.255.255.255",
	"fd00:1::5",
	"fd00:1::9",
	"fd00:2::1",
	"2001:db8:1::1",
	"2001:db8::1",
	"::1",
	"::",
	"fe80::1",
	"2600::1",
};
static const char *const patterns[] = {
	"*.example.com", "*.b.example.com", "a.example.com",	  "x.b.example.com",
	"*.ai.test",	 "api.ai.test",	    "*.openai.azure.com", "m.openai.azure.com",
	"*.azure.com",	 "cdn.test",	    "v.vault.azure.net",  "*.azure.net",
};
static const char *const own_patterns[] = { "*.example.com", "*.b.example.com", "x.b.example.com" };
static const char *const names[] = {
	/* the first three match those */
	"a.example.com", "x.b.example.com", "y.x.b.example.com",  "c.example.com",
	"z.ai.test",	 "api.ai.test",	    "m.openai.azure.com", "n.openai.azure.com",
	"cdn.test",	 "other.test",	    "v.vault.azure.net",  "API.OpenAI.com",
};
static const unsigned ports[] = { 53, 80, 80, 443, 443, 853, 5432, 8080, 1, 65535 };
static const char *const service_names[] = { "s0", "s1", "s2", "s3", "s4", "s5" };
static const char *const profile_names[] = { "p0", "p1", "p2", "p3", "p4" };

uint64_t rng_next(struct rng *r)
{
	r->state ^= r->state >> 12;
	r->state ^= r->state << 25;
	r->state ^= r->state >> 27;
	return r->state * 0x2545f4914f6cdd1dULL;
}

unsigned rng_below(struct rng *r, unsigned n)
{
	return (unsigned)((rng_next(r) >> 33) % n);
}

static bool chance(struct rng *r, unsigned percent)
{
	return rng_below(r, 100) < percent;
}

/* Up to @max different ones of @v. */
static json_t *some(struct rng *r, const char *const *v, unsigned n, unsigned max)
{
	json_t *list = json_array();
	unsigned k = 1 + rng_below(r, max), at = rng_below(r, n);

	for (unsigned i = 0; i < k && i < n; i++, at = (at + 1 + rng_below(r, 2)) % n) {
		size_t j;
		json_t *o;
		bool there = false;

		json_array_foreach (list, j, o)
			there |= !strcmp(json_string_value(o), v[at]);
		if (!there)
			json_array_append_new(list, json_string(v[at]));
	}
	return list;
}
#define SOME(r, v, max) some(r, v, COUNT(v), max)

static json_t *gen_ports(struct rng *r)
{
	unsigned lo = 1 + rng_below(r, 9000);
	char range[16];
	json_t *list = json_array();

	json_array_append_new(list, json_integer((json_int_t)PICK(r, ports)));
	if (chance(r, 40)) {
		snprintf(range, sizeof(range), "%u-%u", lo, lo + rng_below(r, 9000));
		json_array_append_new(list, json_string(range));
	}
	return list;
}

static void gen_mode(struct rng *r, json_t *o, unsigned percent)
{
	if (chance(r, percent))
		json_object_set_new(o, "mode", json_string(chance(r, 60) ? "audit" : "enforce"));
}

static void gen_expires(struct rng *r, json_t *o)
{
	static const char *const dates[] = { "2020-01-01", "2029-01-01", "2030-03-16",
					     "2030-03-17", "2030-03-18", "2040-12-31" };

	if (chance(r, 20))
		json_object_set_new(o, "expires", json_string(PICK(r, dates)));
}

static json_t *gen_service(struct rng *r, unsigned i)
{
	json_t *o = json_pack("{s:s}", "name", service_names[i]);

	if (chance(r, 25))
		json_object_set_new(
			o, "preset",
			json_string(chance(r, 50) ? "azure-openai" : "azure-key-vault"));
	if (!json_object_get(o, "preset") || chance(r, 20))
		json_object_set_new(o, "names", SOME(r, patterns, 2));
	if (chance(r, 30)) {
		json_object_set_new(o, "dedicated", json_false());
		json_object_set_new(o, "private_link", SOME(r, prefixes, 3));
	} else {
		json_object_set_new(o, "private_link", SOME(r, fences, 3));
	}
	if (chance(r, 50))
		json_object_set_new(o, "ports", gen_ports(r));
	if (chance(r, 30))
		json_object_set_new(o, "require_resolution", json_boolean(chance(r, 50)));
	if (chance(r, 30))
		json_object_set_new(o, "enforce_private",
				    json_string(chance(r, 50) ? "users" : "everyone"));
	gen_mode(r, o, 10);
	return o;
}

static json_t *gen_rule(struct rng *r)
{
	static const char *const protocols[] = { "tcp", "udp", "icmp", "any" };
	static const char *const to[] = { "kubernetes-api", "cluster", "node", "same-workload" };
	bool allow = chance(r, 60);
	json_t *o = json_pack("{s:s}", "action", allow ? "allow" : "deny");
	unsigned kind = rng_below(r, 100);

	if (kind < 50) {
		json_object_set_new(o, "cidr", json_string(PICK(r, prefixes)));
	} else if (kind < 90) {
		json_object_set_new(o, "names",
				    chance(r, 60) ? SOME(r, own_patterns, 2)
						  : SOME(r, patterns, 3));
		if (chance(r, 30))
			json_object_set_new(o, "within", SOME(r, prefixes, 2));
		if (allow && chance(r, 20))
			json_object_set_new(o, "tls", json_false());
	} else if (kind < 92) {
		json_object_set_new(o, "to", json_string(PICK(r, to)));
	} else {
		json_object_set_new(o, "proxy", json_string(chance(r, 70) ? "corp" : "web"));
		json_object_set_new(o, "names",
				    chance(r, 60) ? SOME(r, own_patterns, 2)
						  : SOME(r, patterns, 2));
		if (chance(r, 40))
			json_object_set_new(o, "ports", gen_ports(r));
	}
	if (kind < 90 && chance(r, 50))
		json_object_set_new(o, "ports", gen_ports(r));
	if (kind < 50 || (kind < 90 && json_object_get(o, "tls")))
		json_object_set_new(o, "protocol", json_string(PICK(r, protocols)));
	if (allow)
		gen_expires(r, o);
	gen_mode(r, o, 15);
	return o;
}

static json_t *gen_dns(struct rng *r)
{
	json_t *o = json_pack("{s:s}", "names", chance(r, 60) ? "listed" : "any");

	if (chance(r, 60))
		json_object_set_new(o, "allow", SOME(r, patterns, 3));
	return o;
}

static json_t *gen_profile(struct rng *r, unsigned i, unsigned n_services)
{
	static const char *const imds[] = { "deny", "allow", "broker" };
	static const char *const parents[] = { "host", "no-ai", "closed" };
	json_t *o = json_pack("{s:s}", "name", profile_names[i]), *egress = json_object();
	json_t *rules = json_array(), *allow = json_array();

	if (chance(r, 50))
		json_object_set_new(o, "extends",
				    json_string(i && chance(r, 60) ? profile_names[rng_below(r, i)]
								   : PICK(r, parents)));
	if (chance(r, 60) && n_services)
		json_object_set_new(o, "services",
				    chance(r, 20) ? json_string("*")
						  : some(r, service_names, n_services, 3));
	if (chance(r, 40))
		json_object_set_new(o, "require_resolution", json_boolean(chance(r, 40)));
	if (chance(r, 50))
		json_object_set_new(o, "imds", json_string(PICK(r, imds)));
	if (chance(r, 40))
		json_object_set_new(o, "dns", gen_dns(r));
	if (chance(r, 30))
		json_object_set_new(o, "platform", json_boolean(chance(r, 60)));
	for (unsigned k = rng_below(r, 3); k && chance(r, 50); k--) {
		json_t *entry = json_pack("{s:s}", "name", PICK(r, patterns));

		gen_expires(r, entry);
		json_array_append_new(allow, entry);
	}
	json_object_set_new(o, "ai_public_allow", allow);
	if (chance(r, 60))
		json_object_set_new(egress, "default",
				    json_string(chance(r, 40) ? "allow" : "deny"));
	for (unsigned k = rng_below(r, 8); k; k--)
		json_array_append_new(rules, gen_rule(r));
	json_object_set_new(egress, "rules", rules);
	json_object_set_new(o, "egress", egress);
	gen_mode(r, o, 10);
	return o;
}

static json_t *gen_ai_public(struct rng *r)
{
	json_t *o = json_object();

	if (chance(r, 30))
		json_object_set_new(o, "presets", json_pack("[s]", "public-ai"));
	if (chance(r, 70))
		json_object_set_new(o, "names", SOME(r, patterns, 2));
	if (chance(r, 40))
		json_object_set_new(o, "cidrs", SOME(r, prefixes, 2));
	return o;
}

/* Cgroup "/NAME" has the profile of that name. */
static json_t *gen_workloads(unsigned n_profiles)
{
	static const char *const builtin[] = { "host", "no-ai", "closed" };
	json_t *list = json_array();

	for (unsigned i = 0; i < n_profiles + COUNT(builtin); i++) {
		const char *name = i < n_profiles ? profile_names[i] : builtin[i - n_profiles];

		json_array_append_new(list, json_pack("{s:{s:s+}, s:s}", "match", "cgroup", "/",
						      name, "profile", name));
	}
	return list;
}

char *gen_policy(struct rng *r)
{
	static const char *const resolvers[] = { "10.1.2.3", "168.63.129.16", "127.0.0.53",
						 "fd00:1::/48", "20.1.2.0/24" };
	json_t *o = json_pack("{s:s, s:s, s:{s:s}, s:s, s:[{s:s, s:[s], s:[i]}, {s:s, s:[s]}]}",
			      "apiVersion", "zta/v1", "kind", "Policy", "metadata", "name",
			      "generated", "mode", chance(r, 85) ? "enforce" : "audit", "proxies",
			      "name", "corp", "cidrs", "10.9.0.0/28", "ports", 8080, "name", "web",
			      "cidrs", "10.9.0.0/24");
	json_t *services = json_array(), *profiles = json_array();
	unsigned n_services = rng_below(r, COUNT(service_names) + 1);
	unsigned n_profiles = 1 + rng_below(r, COUNT(profile_names));
	char *text;

	for (unsigned i = 0; i < n_services; i++)
		json_array_append_new(services, gen_service(r, i));
	for (unsigned i = 0; i < n_profiles; i++)
		json_array_append_new(profiles, gen_profile(r, i, n_services));
	json_object_set_new(o, "services", services);
	json_object_set_new(o, "profiles", profiles);
	json_object_set_new(o, "workloads", gen_workloads(n_profiles));
	json_object_set_new(o, "resolvers", SOME(r, resolvers, 3));
	json_object_set_new(o, "ai_public", gen_ai_public(r));
	if (chance(r, 20))
		json_object_set_new(o, "private_ranges", SOME(r, prefixes, 4));
	text = json_dumps(o, JSON_INDENT(1));
	json_decref(o);
	return text;
}

/* The forms in which an IPv4 address travels as an IPv6 one. */
static void embed(struct rng *r, struct zta_addr *a)
{
	uint32_t v4 = ntohl(a->w[0]);

	a->family = ZTA_V6;
	switch (rng_below(r, 6)) {
	case 0: /* mapped */
		memcpy(a->w, (uint32_t[]){ 0, 0, htonl(0xffff), htonl(v4) }, 16);
		break;
	case 1: /* compatible */
		memcpy(a->w, (uint32_t[]){ 0, 0, 0, htonl(v4) }, 16);
		break;
	case 2: /* NAT64 */
		memcpy(a->w, (uint32_t[]){ htonl(0x64ff9b), 0, 0, htonl(v4) }, 16);
		break;
	case 3: /* 6to4 */
		memcpy(a->w,
		       (uint32_t[]){ htonl(0x20020000 | v4 >> 16), htonl(v4 << 16 | 7), 0,
				     htonl(9) },
		       16);
		break;
	case 4: /* Teredo */
		memcpy(a->w, (uint32_t[]){ htonl(0x20010000), htonl(5), htonl(6), htonl(~v4) }, 16);
		break;
	default: /* NAT64 for local use: carries nothing that is read */
		memcpy(a->w, (uint32_t[]){ htonl(0x64ff9b), htonl(0x10000), 0, htonl(v4) }, 16);
	}
}

static void gen_addr(struct rng *r, struct zta_addr *ret)
{
	(void)addr_parse(PICK(r, addresses), ret); /* all are addresses */
	if (ret->family == ZTA_V4 && chance(r, 25))
		embed(r, ret);
}

static uint32_t gen_flags(struct rng *r)
{
	static const uint32_t rare[] = { ZTA_ASK_INBOUND, ZTA_ASK_LOCAL,     ZTA_ASK_QUARANTINED,
					 ZTA_ASK_ADOPTED, ZTA_ASK_MALFORMED, ZTA_ASK_RAW,
					 ZTA_ASK_WEAK };
	uint32_t flags = chance(r, 50) ? ZTA_ASK_BROKER : 0;

	for (size_t i = 0; i < COUNT(rare); i++)
		if (chance(r, 4))
			flags |= rare[i];
	return flags;
}

/* Where named rules have the last word: ordinary names, addresses that few fences hold. */
static void gen_named(struct rng *r, struct parity_case *c)
{
	static const char *const open[] = { "10.9.0.5",	   "10.200.0.1", "172.16.5.5", "100.64.1.1",
					    "192.168.1.1", "fd00:2::1",	 "20.9.9.9" };

	(void)addr_parse(PICK(r, open), &c->addr); /* all are addresses */
	c->proto = IPPROTO_TCP;
	c->port = chance(r, 70) ? 443 : (uint16_t)PICK(r, ports);
	c->flags &= ~(uint32_t)(ZTA_ASK_QUARANTINED | ZTA_ASK_INBOUND | ZTA_ASK_LOCAL);
	c->n_answers = 1 + rng_below(r, 2);
	for (size_t i = 0; i < c->n_answers; i++)
		c->answers[i] = (struct explain_answer){ names[rng_below(r, 3)], c->addr };
}

const char *gen_name(struct rng *r)
{
	return PICK(r, names);
}

void gen_case(struct rng *r, const struct policy *p, struct parity_case *ret)
{
	static const uint8_t protos[] = { IPPROTO_TCP, IPPROTO_TCP,  IPPROTO_TCP, IPPROTO_UDP,
					  IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_SCTP };

	*ret = (struct parity_case){
		.profile = rng_below(r, (unsigned)p->n_profiles),
		.proto = PICK(r, protos),
		.port = (uint16_t)(chance(r, 90) ? PICK(r, ports) : rng_below(r, 65536)),
		.flags = gen_flags(r),
		.n_answers = chance(r, 60) ? rng_below(r, PARITY_ANSWERS + 1) : 0,
	};
	gen_addr(r, &ret->addr);
	if (chance(r, 20))
		return gen_named(r, ret);
	if (ret->proto == IPPROTO_ICMP)
		ret->port = 0;
	for (size_t i = 0; i < ret->n_answers; i++) {
		struct zta_addr carried;

		ret->answers[i].name = PICK(r, names);
		ret->answers[i].addr = ret->addr;
		zta_normalise(&ret->answers[i].addr, &carried);
		if (carried.family && chance(r, 40))
			ret->answers[i].addr = carried;
		else if (chance(r, 10))
			(void)addr_parse(PICK(r, addresses), &ret->answers[i].addr);
	}
}
