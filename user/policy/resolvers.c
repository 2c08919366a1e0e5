/* SPDX-License-Identifier: Apache-2.0 */
#include "resolvers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "policy/names.h"
#include "policy/prefix.h"

#define RESOLV_BYTES_MAX (64 * 1024)
#define SPACES		 " \t\r"

static int add_server(struct policy_prefixes *to, const struct zta_addr *addr)
{
	struct policy_prefix *v;

	for (size_t i = 0; i < to->n; i++)
		if (!memcmp(&to->v[i].addr, addr, sizeof(*addr)))
			return 0;
	v = reallocarray(to->v, to->n + 1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	to->v = v;
	to->v[to->n++] = (struct policy_prefix){ .addr = *addr,
						 .len = addr->family == ZTA_V4 ? 32 : 128 };
	return 0;
}

static int add_suffix(struct policy_names *to, const char *text)
{
	char name[NAME_TEXT_LEN], **v;
	const char *why;

	if (text[0] == '*' || name_pattern_check(text, &why) < 0)
		return 0; /* "." among them */
	name_normalise(text, name);
	for (size_t i = 0; i < to->n; i++)
		if (!strcmp(to->v[i], name))
			return 0;
	v = reallocarray(to->v, to->n + 1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	to->v = v;
	to->v[to->n] = strdup(name);
	if (!to->v[to->n])
		return -ENOMEM;
	to->n++;
	return 0;
}

static void free_names(struct policy_names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->v[i]);
	free(names->v);
	*names = (struct policy_names){ 0 };
}

/* "nameserver ADDRESS[%zone]", "search NAME...", "domain NAME"; anything else is not ours. */
static int add_line(struct resolvers *to, char *line)
{
	struct zta_addr addr;
	char *save, *word = strtok_r(line, SPACES, &save);
	bool search = word && (!strcmp(word, "search") || !strcmp(word, "domain"));
	int r = 0;

	if (search)
		free_names(&to->search); /* the last line counts */
	if (!search && (!word || strcmp(word, "nameserver") != 0))
		return 0;
	word = strtok_r(NULL, SPACES, &save);
	for (; search && r == 0 && word; word = strtok_r(NULL, SPACES, &save))
		r = add_suffix(&to->search, word);
	if (search || !word)
		return r;
	word[strcspn(word, "%")] = '\0'; /* the zone says where, not whom */
	if (addr_parse(word, &addr) < 0)
		return 0;
	return add_server(&to->servers, &addr);
}

static int read_one(const char *path, struct resolvers *to)
{
	_cleanup_free_ char *text = NULL;
	char *save, *line;
	int r;

	if (file_read_regular(path, RESOLV_BYTES_MAX, &text, NULL) < 0)
		return 0; /* as said in the header */
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		r = add_line(to, line);
		if (r < 0)
			return r;
	}
	return 0;
}

/* 127.0.0.53 and .54 are systemd-resolved's stubs. */
static bool has_stub(const struct policy_prefixes *p)
{
	static const uint8_t stubs[][4] = { { 127, 0, 0, 53 }, { 127, 0, 0, 54 } };

	for (size_t i = 0; i < p->n; i++)
		for (size_t s = 0; s < sizeof(stubs) / sizeof(stubs[0]); s++)
			if (p->v[i].addr.family == ZTA_V4 &&
			    !memcmp(&p->v[i].addr.w[0], stubs[s], sizeof(stubs[s])))
				return true;
	return false;
}

static int merge(struct resolvers *to, const struct resolvers *from)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < from->servers.n; i++)
		r = add_server(&to->servers, &from->servers.v[i].addr);
	for (size_t i = 0; r == 0 && i < from->search.n; i++)
		r = add_suffix(&to->search, from->search.v[i]);
	return r;
}

static int compare_servers(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct policy_prefix));
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int resolvers_read(const char *etc, const char *upstream, struct resolvers *ret)
{
	_cleanup_resolvers_ struct resolvers own = { 0 }, behind = { 0 };
	int r;

	r = read_one(etc, &own);
	if (r == 0 && has_stub(&own.servers))
		r = read_one(upstream, &behind);
	if (r == 0)
		r = merge(&own, &behind);
	if (r < 0)
		return r;
	if (own.servers.n) /* order must not look like a change */
		qsort(own.servers.v, own.servers.n, sizeof(*own.servers.v), compare_servers);
	if (own.search.n)
		qsort(own.search.v, own.search.n, sizeof(*own.search.v), compare_names);
	*ret = own;
	own = (struct resolvers){ 0 };
	return 0;
}

void resolvers_free(struct resolvers *r)
{
	free(r->servers.v);
	r->servers = (struct policy_prefixes){ 0 };
	free_names(&r->search);
}

bool resolvers_same_servers(const struct resolvers *a, const struct resolvers *b)
{
	if (a->servers.n != b->servers.n)
		return false;
	for (size_t i = 0; i < a->servers.n; i++)
		if (memcmp(&a->servers.v[i].addr, &b->servers.v[i].addr, sizeof(struct zta_addr)))
			return false;
	return true;
}

bool resolvers_same_search(const struct resolvers *a, const struct resolvers *b)
{
	if (a->search.n != b->search.n)
		return false;
	for (size_t i = 0; i < a->search.n; i++)
		if (strcmp(a->search.v[i], b->search.v[i]) != 0)
			return false;
	return true;
}
