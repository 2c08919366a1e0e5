// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation
 *
 * Each table is an outer map with two slots; the programs read slot (ZTA_CTL_WORD & 1). A slot that
 * is not in force is filled with new inner maps, which are never edited once they are in force. The
 * switch is one write of the word. A run of a program that began before it may still use the old
 * slot, so that is emptied only after such runs have ended.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/membarrier.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/diag.h"
#include "kern/maps.h"
#include "kern/object_private.h"

#define BATCH	       4096
#define ENOTSUP_KERNEL 524 /* ENOTSUPP: what a map type without batches answers on old kernels */

unsigned kern_slot(struct kern *k)
{
	return kern_ctl_get(k, ZTA_CTL_WORD) & 1;
}

struct batch {
	int fd;
	uint32_t key_size, value_size;
	char *keys, *values; /* BATCH of each */
	uint32_t n;
	bool single; /* this kernel has no batches for this type of map */
};

static int write_singly(struct batch *b)
{
	int r = 0;

	for (uint32_t i = 0; !r && i < b->n; i++)
		r = bpf_map_update_elem(b->fd, b->keys + (size_t)i * b->key_size,
					b->values + (size_t)i * b->value_size, BPF_ANY);
	return r;
}

static int write_batch(struct batch *b)
{
	__u32 n = b->n;
	int r;

	if (!b->n)
		return 0;
	if (!b->single) {
		r = bpf_map_update_batch(b->fd, b->keys, b->values, &n, NULL);
		b->single = r == -ENOTSUP_KERNEL || r == -EOPNOTSUPP || r == -EINVAL;
	}
	if (b->single)
		r = write_singly(b); /* also after a part was written: the same rows again */
	b->n = 0;
	return r;
}

static bool is_zero(const char *p, size_t n)
{
	while (n && !*p)
		p++, n--;
	return !n;
}

static int write_rows(struct batch *b, const struct kern_rows *rows)
{
	int r;

	for (uint32_t i = 0; i < rows->n; i++) {
		const char *value = (const char *)rows->values + i * rows->value_stride;

		if (rows->sparse && is_zero(value, b->value_size))
			continue;
		memcpy(b->values + (size_t)b->n * b->value_size, value, b->value_size);
		memcpy(b->keys + (size_t)b->n * b->key_size,
		       rows->keys ? (const char *)rows->keys + i * rows->key_stride
				  : (const char *)&i,
		       b->key_size);
		if (++b->n == BATCH) {
			r = write_batch(b);
			if (r < 0)
				return r;
		}
	}
	return write_batch(b);
}

static int new_inner(const struct kern *k, enum kern_table table)
{
	const struct kern_template *t = &k->inner[table];
	LIBBPF_OPTS(bpf_map_create_opts, o, .map_flags = t->flags);

	return bpf_map_create(t->type, kern_map_names[table], t->key_size, t->value_size,
			      t->max_entries, &o);
}

static int fill(const struct kern *k, enum kern_table table, const struct kern_rows *rows, int fd)
{
	const struct kern_template *t = &k->inner[table];
	_cleanup_free_ char *keys = malloc((size_t)BATCH * t->key_size);
	_cleanup_free_ char *values = malloc((size_t)BATCH * t->value_size);
	struct batch b = {
		.fd = fd,
		.key_size = t->key_size,
		.value_size = t->value_size,
		.keys = keys,
		.values = values,
	};

	return keys && values ? write_rows(&b, rows) : -ENOMEM;
}

int kern_table_fill(struct kern *k, unsigned slot, enum kern_table table,
		    const struct kern_rows *rows, struct diag *d)
{
	const char *name = kern_map_names[table];
	_cleanup_close_ int fd = -1;
	__u32 key = slot, value;
	int r;

	if (rows->n > k->inner[table].max_entries)
		return diag_set(d, -E2BIG, "table %s holds %u rows, the policy needs %zu", name,
				k->inner[table].max_entries, rows->n);
	fd = new_inner(k, table);
	if (fd < 0)
		return diag_set(d, fd, "cannot make a table for %s:", name);
	r = fill(k, table, rows, fd);
	if (r < 0)
		return diag_set(d, r, "cannot fill %s:", name);
	value = (__u32)fd;
	r = bpf_map_update_elem(k->map[table], &key, &value, BPF_ANY);
	if (r < 0)
		return diag_set(d, r, "cannot put %s into its slot:", name);
	k->used[table][slot] = rows->n;
	return 0;
}

int kern_slot_clear(struct kern *k, unsigned slot)
{
	__u32 key = slot;
	int r = 0;

	for (int i = 0; i < KERN_TABLE_COUNT; i++) {
		int e = bpf_map_delete_elem(k->map[i], &key);

		if (e < 0 && e != -ENOENT)
			r = e;
		k->used[i][slot] = 0;
	}
	return r;
}

/*
 * Until every run that may have read the old word has ended. Kernels with nohz_full refuse the
 * membarrier; there, putting an inner map into an outer one waits for the same.
 */
static int wait_for_programs(struct kern *k, unsigned slot)
{
	_cleanup_close_ int fd = -1;
	__u32 key = slot, id, value;
	int r;

	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) == 0)
		return 0;
	r = bpf_map_lookup_elem(k->map[KERN_MAP_POLICY], &key, &id);
	if (r < 0)
		return r;
	fd = bpf_map_get_fd_by_id(id);
	if (fd < 0)
		return fd;
	value = (__u32)fd;
	return bpf_map_update_elem(k->map[KERN_MAP_POLICY], &key, &value, BPF_ANY);
}

int kern_switch(struct kern *k, unsigned slot, uint32_t generation)
{
	uint64_t word = kern_ctl_get(k, ZTA_CTL_WORD);
	int r;

	r = kern_ctl_set(k, ZTA_CTL_WORD, ((word >> 1) + 1) << 1 | (slot & 1));
	if (r < 0)
		return r;
	/* only told in events; the table has its own. Nothing can be undone from here on */
	r = kern_ctl_set(k, ZTA_CTL_GENERATION, generation);
	return wait_for_programs(k, slot) < 0 || r < 0;
}

uint64_t kern_table_bytes(struct kern *k, enum kern_table table)
{
	uint64_t sum = 0;

	for (__u32 slot = 0; slot < 2; slot++) {
		_cleanup_close_ int fd = -1;
		__u32 id;

		if (bpf_map_lookup_elem(k->map[table], &slot, &id) < 0)
			continue;
		fd = bpf_map_get_fd_by_id(id);
		if (fd >= 0)
			sum += kern_map_bytes(fd);
	}
	return sum;
}
