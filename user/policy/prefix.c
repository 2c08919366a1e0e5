// SPDX-License-Identifier: Apache-2.0
#include "policy/prefix.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/diag.h"
#include "base/str.h"

unsigned addr_bits(const struct zta_addr *a)
{
	return a->family == ZTA_V4 ? 32 : 128;
}

static int parse_family(const char *text, struct zta_addr *ret)
{
	struct zta_addr a = {};

	if (inet_pton(AF_INET, text, a.w) == 1)
		a.family = ZTA_V4;
	else if (inet_pton(AF_INET6, text, a.w) == 1)
		a.family = ZTA_V6;
	else
		return -EINVAL;
	*ret = a;
	return 0;
}

static bool is_mapped(const struct zta_addr *a)
{
	return a->family == ZTA_V6 && !a->w[0] && !a->w[1] && a->w[2] == htonl(0xffff);
}

static struct zta_addr unmapped(const struct zta_addr *a)
{
	return (struct zta_addr){ .w = { a->w[3] }, .family = ZTA_V4 };
}

int addr_parse(const char *text, struct zta_addr *ret)
{
	struct zta_addr a;

	if (parse_family(text, &a) < 0)
		return -EINVAL;
	*ret = is_mapped(&a) ? unmapped(&a) : a;
	return 0;
}

static struct zta_addr masked(const struct zta_addr *a, unsigned len)
{
	struct zta_addr m = { .family = a->family };

	for (unsigned i = 0; i < addr_bits(a) / 32; i++) {
		unsigned bits = len > 32 * i ? len - 32 * i : 0;

		m.w[i] = bits >= 32 ? a->w[i] : bits ? a->w[i] & htonl(~0U << (32 - bits)) : 0;
	}
	return m;
}

/* Digits without a leading zero, up to @max. */
static int parse_len(const char *text, unsigned max, uint8_t *ret)
{
	unsigned v = 0;

	if (!*text || (text[0] == '0' && text[1]))
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9' || v > max)
			return -EINVAL;
		v = v * 10 + (unsigned)(*text - '0');
	}
	if (v > max)
		return -EINVAL;
	*ret = (uint8_t)v;
	return 0;
}

static const char *why_not(const char *text)
{
	if (strchr(text, '%'))
		return ": zone ids mean nothing here";
	if (strspn(text, "0123456789./") == strlen(text) &&
	    (*text == '0' || strstr(text, ".0") || strstr(text, "/0")))
		return ": numbers have no leading zeros";
	return "";
}

int prefix_parse(const char *text, struct policy_prefix *ret, struct diag *d)
{
	struct policy_prefix p = {};
	const char *slash = strchrnul(text, '/');
	char addr[INET6_ADDRSTRLEN], hint[PREFIX_TEXT_LEN];
	struct zta_addr net;

	if ((size_t)(slash - text) >= sizeof(addr))
		return diag_set(d, -EINVAL, "\"%.60s\" is not an IP prefix", text);
	(void)snprintf(addr, sizeof(addr), "%.*s", (int)(slash - text), text); /* fits, see above */
	if (parse_family(addr, &p.addr) < 0)
		return diag_set(d, -EINVAL, "\"%s\" is not an IP prefix%s", text, why_not(text));
	p.len = (uint8_t)addr_bits(&p.addr);
	if (*slash && parse_len(slash + 1, p.len, &p.len) < 0)
		return diag_set(d, -EINVAL, "\"%s\" is not an IP prefix%s", text, why_not(slash));

	net = masked(&p.addr, p.len);
	if (is_mapped(&p.addr) && p.len >= 96) {
		net = unmapped(&net);
		p = (struct policy_prefix){ net, (uint8_t)(p.len - 96) };
		prefix_format(&p, hint);
		return diag_set(d, -EINVAL, "\"%s\" is an IPv4-mapped form: write \"%s\"", text,
				hint);
	}
	if (memcmp(&net, &p.addr, sizeof(net))) {
		p.addr = net;
		prefix_format(&p, hint);
		return diag_set(d, -EINVAL, "\"%s\" has host bits set: write \"%s\"", text, hint);
	}
	*ret = p;
	return 0;
}

void addr_format(const struct zta_addr *a, char ret[INET6_ADDRSTRLEN])
{
	struct zta_addr v4 = is_mapped(a) ? unmapped(a) : *a;

	(void)inet_ntop(v4.family == ZTA_V4 ? AF_INET : AF_INET6, v4.w, ret, INET6_ADDRSTRLEN);
}

void prefix_format(const struct policy_prefix *p, char ret[PREFIX_TEXT_LEN])
{
	char addr[INET6_ADDRSTRLEN];

	addr_format(&p->addr, addr);
	if (p->len == addr_bits(&p->addr))
		(void)snprintf(ret, PREFIX_TEXT_LEN, "%s", addr);
	else
		(void)snprintf(ret, PREFIX_TEXT_LEN, "%s/%u", addr, p->len);
}

bool prefix_covers(const struct policy_prefix *outer, const struct policy_prefix *inner)
{
	struct zta_addr net;

	if (outer->addr.family != inner->addr.family || outer->len > inner->len)
		return false;
	net = masked(&inner->addr, outer->len);
	return !memcmp(net.w, outer->addr.w, sizeof(net.w));
}

int prefix_compare(const struct policy_prefix *a, const struct policy_prefix *b)
{
	int r;

	if (a->addr.family != b->addr.family)
		return a->addr.family < b->addr.family ? -1 : 1;
	r = memcmp(a->addr.w, b->addr.w, sizeof(a->addr.w));
	return r ? r : (int)a->len - (int)b->len;
}
