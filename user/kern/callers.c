// SPDX-License-Identifier: Apache-2.0
#include "kern/callers.h"

#include <bpf/bpf.h>

#include "kern/object_private.h"

int kern_broker_set(struct kern *k, const struct zta_broker *b)
{
	static const struct zta_broker nowhere;
	const __u32 zero = 0;

	return bpf_map_update_elem(k->map[KERN_MAP_BROKER], &zero, b ? b : &nowhere, BPF_ANY);
}

/*
 * LRU maps cannot look up and delete at once before 5.14. Two steps will do: nobody else deletes,
 * and if the kernel forgot it in between (or somebody did take it) the second one fails.
 */
int kern_caller_take(struct kern *k, uint64_t nonce, struct zta_caller *ret)
{
	const __u64 key = nonce;
	struct zta_caller c;
	int r;

	r = bpf_map_lookup_elem(k->map[KERN_MAP_CALLERS], &key, &c);
	if (r == 0)
		r = bpf_map_delete_elem(k->map[KERN_MAP_CALLERS], &key);
	if (r == 0)
		*ret = c;
	return r;
}
