// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation
 *
 * Each table is an outer map with two slots; the programs read slot (ZTA_CTL_WORD & 1). A slot that
 * is not in force is filled with new inner maps, which are never edited once they are in force. The
 * switch is one write of the word. A run of a program that began before it may still use the old
 * slot, so that is emptied only after such runs have ended.
 *
 * The kernel ends each change of an outer map by waiting for the programs that run, 10 to 25 ms up
 * to 6.18. So all inner maps are made and filled first, and the tables of a slot wait together,
 * each in a thread of its own.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <signal.h>
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

static int make_table(const struct kern *k, enum kern_table table, const struct kern_rows *rows,
		      int *ret_fd, struct diag *d)
{
	const char *name = kern_map_names[table];
	_cleanup_close_ int fd = -1;
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
	*ret_fd = take_fd(fd);
	return 0;
}

/* One change of one outer map. */
struct change {
	int outer, inner; /* inner -1 = take out what is there */
	__u32 slot;
	int r;
	pthread_t thread;
	bool threaded;
};

static void *change_one(void *ctx)
{
	struct change *c = ctx;
	__u32 value = (__u32)c->inner;

	if (c->inner >= 0)
		c->r = bpf_map_update_elem(c->outer, &c->slot, &value, BPF_ANY);
	else
		c->r = bpf_map_delete_elem(c->outer, &c->slot);
	return NULL;
}

/* @inner: KERN_TABLE_COUNT of them, NULL = empty the slot. @ret: what became of each. */
static void change_all(const struct kern *k, unsigned slot, const int *inner,
		       int ret[KERN_TABLE_COUNT])
{
	struct change v[KERN_TABLE_COUNT];
	sigset_t all, before;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the caller's */
	for (int i = 0; i < KERN_TABLE_COUNT; i++) {
		v[i] = (struct change){ .outer = k->map[i],
					.inner = inner ? inner[i] : -1,
					.slot = slot };
		v[i].threaded = pthread_create(&v[i].thread, NULL, change_one, &v[i]) == 0;
	}
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	for (int i = 0; i < KERN_TABLE_COUNT; i++) {
		if (v[i].threaded)
			(void)pthread_join(v[i].thread, NULL);
		else
			(void)change_one(&v[i]); /* one after the other, then */
		ret[i] = v[i].r;
	}
}

/* Rows that mean something: an array has a place for every key. */
static size_t count_rows(const struct kern_rows *rows)
{
	size_t n = 0;

	if (!rows->sparse)
		return rows->n;
	for (size_t i = 0; i < rows->n; i++)
		n += !is_zero((const char *)rows->values + i * rows->value_stride,
			      rows->value_stride);
	return n;
}

static int put_all(struct kern *k, unsigned slot, const int fds[KERN_TABLE_COUNT],
		   const struct kern_rows rows[KERN_TABLE_COUNT], struct diag *d)
{
	int results[KERN_TABLE_COUNT], r = 0;

	change_all(k, slot, fds, results);
	for (int i = 0; i < KERN_TABLE_COUNT; i++) {
		if (results[i] < 0)
			r = diag_set(d, results[i],
				     "cannot put %s into its slot:", kern_map_names[i]);
		else
			k->used[i][slot] = count_rows(&rows[i]);
	}
	return r;
}

int kern_slot_fill(struct kern *k, unsigned slot, const struct kern_rows rows[KERN_TABLE_COUNT],
		   struct diag *d)
{
	int fds[KERN_TABLE_COUNT], n = 0, r = 0;

	for (; r == 0 && n < KERN_TABLE_COUNT; n++) {
		fds[n] = -1;
		r = make_table(k, (enum kern_table)n, &rows[n], &fds[n], d);
	}
	if (r == 0)
		r = put_all(k, slot, fds, rows, d);
	while (n-- > 0)
		cleanup_close(&fds[n]); /* the slot holds its own reference */
	return r;
}

int kern_slot_clear(struct kern *k, unsigned slot)
{
	int results[KERN_TABLE_COUNT], r = 0;

	change_all(k, slot, NULL, results);
	for (int i = 0; i < KERN_TABLE_COUNT; i++) {
		if (results[i] < 0 && results[i] != -ENOENT)
			r = results[i];
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
