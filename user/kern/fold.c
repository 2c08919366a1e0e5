// SPDX-License-Identifier: Apache-2.0
#include "kern/fold.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "kern/object_private.h"
#include "zta_test.h"

#define QUIET_NS (600 * NS_PER_S)

/* Told at least once, and nothing since: the row has ended. */
static bool is_due(const struct zta_fold *f, uint64_t now)
{
	uint64_t last = f->held && f->held_first > f->told ? f->held_first : f->told;

	return now > last && now - last >= QUIET_NS;
}

/* 0, or -EAGAIN: the ring is full, the row stays held. */
static int flush_one(struct kern *k, const struct zta_fold_key *key)
{
	char packet[ZTA_TEST_PAD + sizeof(*key)] = {};
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = packet, .data_size_in = sizeof(packet));
	int r;

	memcpy(packet + ZTA_TEST_PAD, key, sizeof(*key));
	r = bpf_prog_test_run_opts(k->prog[KERN_PROG_FLUSH], &o);
	return r < 0 ? r : o.retval == 2 ? -EAGAIN : 0;
}

int kern_fold_flush(struct kern *k, bool all, uint64_t now)
{
	int fd = k->map[KERN_MAP_FOLD], told = 0, r, e;
	struct zta_fold_key key, next;
	struct zta_fold f;

	r = bpf_map_get_next_key(fd, NULL, &next);
	while (!r) {
		key = next;
		r = bpf_map_get_next_key(fd, &key, &next); /* before the key may go */
		if (bpf_map_lookup_elem_flags(fd, &key, &f, BPF_F_LOCK) < 0)
			continue; /* gone */
		if (all ? !f.held : !is_due(&f, now))
			continue;
		e = flush_one(k, &key);
		if (e < 0)
			return e;
		told += f.held > 0;
	}
	return r < 0 && r != -ENOENT ? r : told;
}
