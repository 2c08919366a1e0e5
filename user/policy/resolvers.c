/* SPDX-License-Identifier: Apache-2.0 */
#include "resolvers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "policy/prefix.h"

#define RESOLV_BYTES_MAX (64 * 1024)
#define SPACES		 " \t\r"

static int add(struct policy_prefixes *to, const struct zta_addr *addr)
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

/* "nameserver ADDRESS[%zone]"; anything else is not ours. */
static int add_line(struct policy_prefixes *to, char *line)
{
	struct zta_addr addr;
	char *save, *word = strtok_r(line, SPACES, &save);

	if (!word || strcmp(word, "nameserver") != 0)
		return 0;
	word = strtok_r(NULL, SPACES, &save);
	if (!word)
		return 0;
	word[strcspn(word, "%")] = '\0'; /* the zone says where, not whom */
	if (addr_parse(word, &addr) < 0)
		return 0;
	return add(to, &addr);
}

static int read_one(const char *path, struct policy_prefixes *to)
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

static int compare(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct policy_prefix));
}

int resolvers_read(const char *etc, const char *upstream, struct policy_prefixes *ret)
{
	struct policy_prefixes p = { 0 };
	int r;

	r = read_one(etc, &p);
	if (r == 0 && has_stub(&p))
		r = read_one(upstream, &p);
	if (r < 0) {
		free(p.v);
		return r;
	}
	if (p.n)
		qsort(p.v, p.n, sizeof(*p.v), compare); /* order must not look like a change */
	*ret = p;
	return 0;
}
