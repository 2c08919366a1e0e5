// SPDX-License-Identifier: Apache-2.0
/* What a finished image can be asked. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "policy/compile.h"
#include "policy/names.h"
#include "policy/prefix.h"

void image_patterns_free(struct image_patterns *p)
{
	free(p->nodes);
	free(p->literals);
	free(p->globs);
}

static void *copy(const void *from, size_t n, size_t size)
{
	void *to = calloc(n ? n : 1, size);

	if (to && n)
		memcpy(to, from, n * size);
	return to;
}

int image_patterns_copy(const struct image_patterns *from, struct image_patterns *ret)
{
	struct image_patterns p = *from;

	p.nodes = copy(from->nodes, from->n_nodes, sizeof(*p.nodes));
	p.literals = copy(from->literals, from->n_literals, sizeof(*p.literals));
	p.globs = copy(from->globs, from->n_globs, sizeof(*p.globs));
	if (!p.nodes || !p.literals || !p.globs) {
		image_patterns_free(&p);
		return -ENOMEM;
	}
	*ret = p;
	return 0;
}

void policy_image_free(struct policy_image *image)
{
	if (!image)
		return;
	free(image->prefixes);
	free(image->ports);
	free(image->rules);
	free(image->named);
	free(image->names);
	free(image->name_patterns);
	pattern_ids_unref(image->ids.patterns);
	image_patterns_free(&image->patterns);
	free(image->profile_id);
	free(image->service_bit);
	free(image);
}

static int compare_key(const struct zta_prefix_key *a, const struct zta_prefix_key *b)
{
	int r;

	if (a->scope != b->scope)
		return a->scope < b->scope ? -1 : 1;
	r = memcmp(a->addr, b->addr, sizeof(a->addr));
	return r ? r : (int)a->prefixlen - (int)b->prefixlen;
}

static int compare_prefix(const void *x, const void *y)
{
	const struct image_prefix *a = x, *b = y;

	return compare_key(&a->key, &b->key);
}

static int compare_named(const void *x, const void *y)
{
	const struct image_named *a = x, *b = y;

	if (a->key.profile != b->key.profile)
		return a->key.profile < b->key.profile ? -1 : 1;
	if (a->key.proxy != b->key.proxy)
		return a->key.proxy < b->key.proxy ? -1 : 1;
	return a->key.group < b->key.group ? -1 : a->key.group > b->key.group;
}

static int compare_name_key(const struct zta_name_key *a, const struct zta_name_key *b)
{
	int r;

	if (a->scope != b->scope)
		return a->scope < b->scope ? -1 : 1;
	r = memcmp(a->text, b->text, sizeof(a->text));
	return r ? r : (int)a->prefixlen - (int)b->prefixlen;
}

static int compare_name(const void *x, const void *y)
{
	const struct image_name *a = x, *b = y;

	return compare_name_key(&a->key, &b->key);
}

void policy_image_sort(struct policy_image *image)
{
	if (image->n_prefixes)
		qsort(image->prefixes, image->n_prefixes, sizeof(*image->prefixes), compare_prefix);
	if (image->n_named)
		qsort(image->named, image->n_named, sizeof(*image->named), compare_named);
	if (image->n_names)
		qsort(image->names, image->n_names, sizeof(*image->names), compare_name);
}

/* Leading bits that two addresses share, at most @max. */
static unsigned common_bits(const uint8_t *a, const uint8_t *b, unsigned max)
{
	unsigned n = 0;

	while (n < max && !((a[n / 8] ^ b[n / 8]) & 0x80 >> n % 8))
		n++;
	return n;
}

/* The last node that is not behind @key. */
static const struct image_prefix *last_before(const struct policy_image *image,
					      const struct zta_prefix_key *key)
{
	size_t lo = 0, hi = image->n_prefixes;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (compare_key(&image->prefixes[mid].key, key) <= 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo ? &image->prefixes[lo - 1] : NULL;
}

/*
 * Sorted by (address, length) the longest prefix that holds an address is the last one not behind
 * it; if that one does not hold it, nothing longer than what the two share does: look again there.
 */
const struct zta_prefix *policy_image_prefix(const struct policy_image *image, uint32_t scope_id,
					     const struct zta_addr *addr)
{
	unsigned bits = addr_bits(addr), shared;
	struct zta_prefix_key key = { .scope = ZTA_SCOPE(scope_id, addr->family) };
	const struct image_prefix *p;
	uint8_t want[16];

	memcpy(want, addr->w, sizeof(want));
	for (;;) {
		memset(key.addr, 0, sizeof(key.addr));
		memcpy(key.addr, want, bits / 8);
		if (bits % 8)
			key.addr[bits / 8] = want[bits / 8] & (uint8_t)(0xff00 >> bits % 8);
		key.prefixlen = 32 + bits;
		p = last_before(image, &key);
		if (!p || p->key.scope != key.scope)
			return NULL;
		shared = common_bits(p->key.addr, want, p->key.prefixlen - 32);
		if (shared == p->key.prefixlen - 32)
			return &p->value;
		bits = shared;
	}
}

/* The last name that is not behind @key. */
static const struct image_name *last_name(const struct policy_image *image,
					  const struct zta_name_key *key)
{
	size_t lo = 0, hi = image->n_names;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (compare_name_key(&image->names[mid].key, key) <= 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo ? &image->names[lo - 1] : NULL;
}

/* As policy_image_prefix(), in octets: no two of a text share a part of one. */
uint32_t policy_image_name(const struct policy_image *image, uint32_t scope, const char *name)
{
	struct zta_name_key key = { .scope = scope };
	size_t octets = ZTA_NAME_TEXT, shared;
	const struct image_name *p;
	char want[ZTA_NAME_TEXT];

	if (name[0] == '.' || name[0] == '\0')
		return 0; /* no name */
	(void)name_backwards(name, want);
	for (;;) {
		size_t len;

		memset(key.text, 0, sizeof(key.text));
		memcpy(key.text, want, octets);
		key.prefixlen = (uint32_t)(32 + 8 * octets);
		p = last_name(image, &key);
		if (!p || p->key.scope != scope)
			return 0;
		len = (p->key.prefixlen - 32) / 8;
		for (shared = 0; shared < len && p->key.text[shared] == want[shared];)
			shared++;
		if (shared == len)
			return p->value;
		octets = shared;
	}
}

const struct zta_list *policy_image_named(const struct policy_image *image, uint32_t profile,
					  uint32_t proxy, uint32_t group)
{
	const struct image_named want = {
		.key = { .profile = (uint16_t)profile, .proxy = (uint16_t)proxy, .group = group }
	};
	const struct image_named *p = NULL;

	if (image->n_named)
		p = bsearch(&want, image->named, image->n_named, sizeof(want), compare_named);
	return p ? &p->value : NULL;
}

int policy_image_service(const struct policy_image *image, const struct policy *p,
			 uint64_t services)
{
	for (size_t i = 0; i < p->n_services; i++)
		if (services & 1ULL << image->service_bit[i])
			return (int)i;
	return -1;
}

static json_t *usage(const struct policy *p, const struct policy_image *image)
{
	const struct {
		const char *map;
		size_t used, capacity;
	} v[] = {
		{ "services", p->n_services, ZTA_SERVICES_MAX },
		{ "profiles", p->n_profiles, ZTA_PROFILE_IDS - 1 },
		{ "prefixes", image->n_prefixes, ZTA_PREFIX_NODES },
		{ "rules", image->n_rules, ZTA_LISTS_MAX },
		{ "named", image->n_named, ZTA_NAMED_MAX },
		{ "names", image->n_names, ZTA_NAME_NODES },
		{ "patterns", image->n_name_patterns, ZTA_PATTERN_IDS - 1 },
		{ "proxies", p->n_proxies, ZTA_PROXIES_MAX },
		{ "nodes", image->patterns.n_nodes, ZTA_GLOB_NODES },
		{ "literals", image->patterns.n_literals, ZTA_GLOB_NODES },
		{ "globs", image->patterns.n_globs, ZTA_GLOB_EDGES },
	};
	json_t *maps = json_array();

	for (size_t i = 0; maps && i < sizeof(v) / sizeof(*v); i++) {
		json_t *o = json_pack("{s:s, s:I, s:I}", "map", v[i].map, "used",
				      (json_int_t)v[i].used, "capacity", (json_int_t)v[i].capacity);

		if (!o || json_array_append_new(maps, o) < 0) {
			json_decref(maps);
			return NULL;
		}
	}
	return maps;
}

json_t *policy_summary(const struct policy *p, const struct policy_image *image)
{
	json_t *maps = image ? usage(p, image) : json_array();
	size_t profiles = 0, identities = 0;

	for (size_t i = 0; i < p->n_profiles; i++) {
		profiles += !p->profiles[i].builtin;
		identities += p->profiles[i].imds == POLICY_IMDS_BROKER &&
			      p->profiles[i].identity.n_audiences;
	}
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "services",
			 (json_int_t)p->n_services, "names", (json_int_t)p->n_names, "prefixes",
			 (json_int_t)p->n_prefixes, "profiles", (json_int_t)profiles, "workloads",
			 (json_int_t)p->n_workloads, "identities", (json_int_t)identities, "maps",
			 maps);
}
