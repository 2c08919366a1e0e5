// SPDX-License-Identifier: Apache-2.0
#include "kern/learnt.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "kern/object_private.h"

#define BATCH 1024

int kern_text_get(struct kern *k, uint64_t hash, char ret[ZTA_NAME_OCTETS])
{
	struct zta_text t;
	__u64 key = hash;
	size_t len;
	int r;

	r = bpf_map_lookup_elem(k->map[KERN_MAP_TEXTS], &key, &t);
	if (r < 0)
		return r;
	len = strnlen(t.name, sizeof(t.name) - 1);
	for (size_t i = 0; i < len; i++)
		ret[i] = t.name[len - 1 - i];
	ret[len] = '\0';
	return 0;
}

int kern_learnt_get(struct kern *k, const struct zta_place *at, struct zta_learnt *ret)
{
	int r = bpf_map_lookup_elem(k->map[KERN_MAP_LEARNT], at, ret);

	return r == -ENOENT ? bpf_map_lookup_elem(k->map[KERN_MAP_OTHERS], at, ret) : r;
}

struct batch {
	struct zta_place at[BATCH];
	struct zta_learnt said[BATCH];
};

static int each(int fd, struct batch *b,
		int (*fn)(void *ctx, const struct zta_place *at, const struct zta_learnt *said),
		void *ctx)
{
	char cursor[64];
	int r, more = 0;

	for (bool first = true; more == 0; first = false) {
		__u32 n = BATCH;

		more = bpf_map_lookup_batch(fd, first ? NULL : cursor, cursor, b->at, b->said, &n,
					    NULL);
		if (more < 0 && more != -ENOENT)
			return more;
		for (__u32 i = 0; i < n; i++) {
			r = fn(ctx, &b->at[i], &b->said[i]);
			if (r)
				return r;
		}
	}
	return 0;
}

int kern_learnt_each(struct kern *k,
		     int (*fn)(void *ctx, const struct zta_place *at,
			       const struct zta_learnt *said),
		     void *ctx)
{
	_cleanup_free_ struct batch *b = malloc(sizeof(*b));
	int r;

	if (!b)
		return -ENOMEM;
	r = each(k->map[KERN_MAP_LEARNT], b, fn, ctx);
	return r ? r : each(k->map[KERN_MAP_OTHERS], b, fn, ctx);
}
