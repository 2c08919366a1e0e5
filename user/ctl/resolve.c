// SPDX-License-Identifier: Apache-2.0
#include "ctl/resolve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "policy/diagnose.h"
#include "policy/names.h"
#include "policy/prefix.h"

#define SPACES " \t\r\n"

static const char *why_of(int r)
{
	switch (r) {
	case -ENOENT:
		return "the policy names no resolver that could be asked";
	case -ETIMEDOUT:
		return "no resolver answers";
	case -ECONNREFUSED:
		return "no resolver answers: nothing listens at its port 53";
	case -EHOSTUNREACH:
	case -ENETUNREACH:
		return "no resolver answers: it cannot be reached from here";
	case -EBADMSG:
		return "what the resolvers answer cannot be read";
	case -EPERM:
		return "the query was refused by policy";
	default:
		return strerror(-r);
	}
}

static void add_chain(struct resolved *to, const struct dns_answer *a)
{
	for (size_t i = 0; i < a->n_chain; i++) {
		char *text = to->chain[to->n_chain];
		bool there = false;

		dns_name_text(&a->chain[i], text);
		for (size_t k = 0; k < to->n_chain; k++)
			there |= !strcmp(to->chain[k], text);
		to->n_chain += !there; /* both families have room for a whole one */
	}
}

static void add_answer(struct resolved *to, const struct lookup *l)
{
	for (size_t i = 0; i < l->answer.n_addresses; i++)
		addr_format(&l->answer.addresses[i].addr, to->addresses[to->n_addresses++]);
	add_chain(to, &l->answer);
	addr_format(&l->resolver, to->resolver);
}

/* Who answers for the private-link zone that the name leads through tells whether it is linked. */
static void ask_zone(const struct lookup_servers *servers, const char *name, struct resolved *to)
{
	const char *names[2 * DNS_CHAIN_MAX + 1], *zone;
	struct lookup l;
	struct dns_name n;
	size_t i;

	for (i = 0; i < to->n_chain; i++)
		names[i] = to->chain[i];
	names[i++] = name;
	zone = diagnose_zone(names, i);
	if (!zone || dns_name_read(zone, &n) < 0 || lookup_ask(servers, &n, DNS_TYPE_SOA, &l) < 0 ||
	    !l.answer.authority.len)
		return; /* then it is not known */
	dns_name_text(&l.answer.authority, to->zone_server);
}

static int ask(const struct lookup_servers *servers, const char *name, struct resolved *to)
{
	static const uint16_t types[] = { DNS_TYPE_A, DNS_TYPE_AAAA };
	struct dns_name n;
	struct lookup l;
	int r = dns_name_read(name, &n);

	to->absent = r == 0;
	for (size_t i = 0; r == 0 && i < sizeof(types) / sizeof(types[0]); i++) {
		r = lookup_ask(servers, &n, types[i], &l);
		if (r < 0)
			break;
		add_answer(to, &l);
		if (l.answer.rcode != DNS_RCODE_OK && l.answer.rcode != DNS_RCODE_NXDOMAIN)
			to->absent = false; /* a resolver that fails does not know */
	}
	to->absent = r == 0 && to->absent && !to->n_addresses;
	return r;
}

int resolve_name(const char *name, const struct lookup_servers *servers, struct resolved *ret,
		 const char **ret_why)
{
	char plain[NAME_TEXT_LEN];
	int r;

	*ret = (struct resolved){ 0 };
	name_normalise(name, plain);
	r = ask(servers, plain, ret);
	resolve_hosts(RESOLVE_HOSTS_FILE, plain, ret);
	if (r == 0)
		ask_zone(servers, plain, ret);
	if (ret->n_addresses || ret->n_hosts || ret->absent)
		return 0;
	*ret_why = r < 0 ? why_of(r) : "the resolvers fail";
	return -ENOENT;
}

/* "ADDRESS NAME...", "#" begins a comment. */
static void read_hosts_line(char *line, const char *name, struct resolved *to)
{
	char *save, *word, *address, other[NAME_TEXT_LEN];
	struct zta_addr a;

	line[strcspn(line, "#")] = '\0';
	address = strtok_r(line, SPACES, &save);
	if (!address)
		return;
	address[strcspn(address, "%")] = '\0'; /* a zone says where, not whom */
	while ((word = strtok_r(NULL, SPACES, &save))) {
		if (strlen(word) >= sizeof(other))
			continue;
		name_normalise(word, other);
		if (strcmp(other, name) || to->n_hosts == RESOLVE_HOSTS_MAX ||
		    addr_parse(address, &a) < 0)
			continue;
		addr_format(&a, to->hosts[to->n_hosts++]);
		return;
	}
}

void resolve_hosts(const char *path, const char *name, struct resolved *to)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	_cleanup_free_ char *line = NULL;
	size_t room = 0;

	while (f && getline(&line, &room, f) > 0)
		read_hosts_line(line, name, to);
}

static const char *environment(const char *upper, const char *lower)
{
	const char *v = getenv(lower);

	if (!v || !*v)
		v = getenv(upper);
	return v && *v ? v : NULL;
}

/* An entry of NO_PROXY: "*", a name and what is below it, with or without a dot in front. */
static bool covers(const char *entry, size_t len, const char *name)
{
	size_t n = strlen(name), port = 0;

	if (len == 1 && *entry == '*')
		return true;
	while (port < len && entry[port] != ':')
		port++;
	len = port;
	if (len && *entry == '*') {
		entry++;
		len--;
	}
	if (len && *entry == '.') {
		entry++;
		len--;
	}
	return len && n >= len && !strncasecmp(name + n - len, entry, len) &&
	       (n == len || name[n - len - 1] == '.');
}

bool resolve_is_proxied(const char *name)
{
	const char *proxy = environment("HTTPS_PROXY", "https_proxy");
	const char *except = environment("NO_PROXY", "no_proxy");
	char plain[NAME_TEXT_LEN];

	if (!proxy)
		proxy = environment("ALL_PROXY", "all_proxy");
	if (!proxy)
		return false;
	name_normalise(name, plain);
	while (except && *except) {
		size_t len;

		except += strspn(except, ", ");
		len = strcspn(except, ", ");
		if (covers(except, len, plain))
			return false;
		except += len;
	}
	return true;
}
