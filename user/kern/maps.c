// SPDX-License-Identifier: Apache-2.0
#include "kern/maps.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "kern/object_private.h"

#define FDINFO_MAX 4096

/* --- settings */

uint64_t kern_ctl_get(struct kern *k, enum zta_ctl which)
{
	__u32 key = which;
	__u64 value = 0;

	/* an array element that exists cannot be missing; 0 is "not set" for each of them */
	(void)bpf_map_lookup_elem(k->map[KERN_MAP_CONTROL], &key, &value);
	return value;
}

int kern_ctl_set(struct kern *k, enum zta_ctl which, uint64_t value)
{
	__u32 key = which;
	__u64 v = value;

	return bpf_map_update_elem(k->map[KERN_MAP_CONTROL], &key, &v, BPF_ANY);
}

int kern_ctl_bump(struct kern *k)
{
	return kern_ctl_set(k, ZTA_CTL_WORD, kern_ctl_get(k, ZTA_CTL_WORD) + 2);
}

int kern_level_reach(struct kern *k, int depth)
{
	uint64_t min = kern_ctl_get(k, ZTA_CTL_LEVEL_MIN);
	uint64_t max = kern_ctl_get(k, ZTA_CTL_LEVEL_MAX);

	if (k->target.level < 0) /* every level is looked at already */
		return depth < ZTA_CGROUP_LEVELS ? 0 : -E2BIG;
	if (depth >= ZTA_CGROUP_LEVELS)
		return -E2BIG;
	if (min + depth <= max)
		return 0;
	return kern_ctl_set(k, ZTA_CTL_LEVEL_MAX, min + depth);
}

/* --- workloads and states of cgroups: hashes with the cgroup's id as key */

static int get(struct kern *k, enum kern_map map, uint64_t id, void *ret)
{
	__u64 key = id;

	return bpf_map_lookup_elem(k->map[map], &key, ret);
}

static int put(struct kern *k, enum kern_map map, uint64_t id, const void *value, __u64 flags)
{
	__u64 key = id;
	int r = bpf_map_update_elem(k->map[map], &key, value, flags);

	return r == -ENOMEM ? -E2BIG : r; /* either means that the map is full */
}

static int del(struct kern *k, enum kern_map map, uint64_t id)
{
	__u64 key = id;

	return bpf_map_delete_elem(k->map[map], &key);
}

/*
 * All keys of a hash. A key that is removed meanwhile lets the iteration begin again, so some may
 * come twice: they are sorted and told once.
 */
static int compare_ids(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static int ids(struct kern *k, enum kern_map map, uint64_t **ret, size_t *ret_n)
{
	size_t room = 2 * ZTA_CGROUPS_MAX, n = 0, unique = 0;
	_cleanup_free_ uint64_t *v = malloc(room * sizeof(*v));
	__u64 key;
	int r;

	if (!v)
		return -ENOMEM;
	r = bpf_map_get_next_key(k->map[map], NULL, &key);
	while (!r && n < room) {
		v[n++] = key;
		r = bpf_map_get_next_key(k->map[map], &v[n - 1], &key);
	}
	if (r < 0 && r != -ENOENT)
		return r;
	qsort(v, n, sizeof(*v), compare_ids);
	for (size_t i = 0; i < n; i++)
		if (!i || v[i] != v[i - 1])
			v[unique++] = v[i];
	*ret = take_ptr(v);
	*ret_n = unique;
	return 0;
}

int kern_workload_get(struct kern *k, uint64_t cgroup, struct zta_workload *ret)
{
	return get(k, KERN_MAP_WORKLOADS, cgroup, ret);
}

int kern_workload_new(struct kern *k, uint64_t cgroup, const struct zta_workload *w)
{
	return put(k, KERN_MAP_WORKLOADS, cgroup, w, BPF_NOEXIST);
}

int kern_workload_set(struct kern *k, uint64_t cgroup, const struct zta_workload *w)
{
	return put(k, KERN_MAP_WORKLOADS, cgroup, w, BPF_EXIST);
}

int kern_workload_del(struct kern *k, uint64_t cgroup)
{
	return del(k, KERN_MAP_WORKLOADS, cgroup);
}

int kern_workload_ids(struct kern *k, uint64_t **ret, size_t *ret_n)
{
	return ids(k, KERN_MAP_WORKLOADS, ret, ret_n);
}

int kern_cgstate_get(struct kern *k, uint64_t cgroup, struct zta_cgstate *ret)
{
	return get(k, KERN_MAP_CGSTATE, cgroup, ret);
}

int kern_cgstate_new(struct kern *k, uint64_t cgroup, const struct zta_cgstate *s)
{
	return put(k, KERN_MAP_CGSTATE, cgroup, s, BPF_NOEXIST);
}

int kern_cgstate_set(struct kern *k, uint64_t cgroup, const struct zta_cgstate *s)
{
	return put(k, KERN_MAP_CGSTATE, cgroup, s, BPF_EXIST);
}

int kern_cgstate_del(struct kern *k, uint64_t cgroup)
{
	return del(k, KERN_MAP_CGSTATE, cgroup);
}

int kern_cgstate_ids(struct kern *k, uint64_t **ret, size_t *ret_n)
{
	return ids(k, KERN_MAP_CGSTATE, ret, ret_n);
}

/*
 * mkdir of a cgroup runs the tracepoint and makes the directory visible under one hold of the
 * kernel's cgroup_mutex; a question about a cgroup's programs takes that mutex too.
 */
int kern_cgroup_barrier(struct kern *k)
{
	__u32 n = 0;
	int r = bpf_prog_query(k->target.fd, BPF_CGROUP_INET_EGRESS, 0, NULL, NULL, &n);

	return r == -ENOSPC ? 0 : r;
}

/* --- own addresses */

static bool is_wanted(const struct zta_local_key *key, const struct zta_addr *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!memcmp(&key->addr, &v[i], sizeof(v[i])))
			return true;
	return false;
}

int kern_local_sync(struct kern *k, uint64_t netns, const struct zta_addr *v, size_t n)
{
	int fd = k->map[KERN_MAP_LOCAL], r;
	struct zta_local_key key, next;
	__u8 yes = 1;

	/* new ones first: an address is never missing on the way */
	for (size_t i = 0; i < n; i++) {
		memset(&key, 0, sizeof(key));
		key.netns = netns;
		key.addr = v[i];
		r = bpf_map_update_elem(fd, &key, &yes, BPF_ANY);
		if (r < 0)
			return r == -ENOMEM ? -E2BIG : r;
	}
	r = bpf_map_get_next_key(fd, NULL, &next);
	while (!r) {
		key = next;
		r = bpf_map_get_next_key(fd, &key, &next); /* before the key may go */
		if (key.netns == netns && !is_wanted(&key, v, n))
			(void)bpf_map_delete_elem(fd, &key); /* gone is what we want */
	}
	return r == -ENOENT ? 0 : r;
}

/* --- counters */

int kern_counters_read(struct kern *k, struct kern_counter **ret, size_t *ret_n)
{
	int fd = k->map[KERN_MAP_COUNTERS], cpus = libbpf_num_possible_cpus(), r;
	_cleanup_free_ struct kern_counter *v = NULL;
	_cleanup_free_ __u64 *values = NULL;
	struct zta_counter_key next;
	size_t n = 0;

	if (cpus < 0)
		return cpus;
	v = calloc(ZTA_COUNTERS_MAX, sizeof(*v));
	values = calloc(cpus, sizeof(*values));
	if (!v || !values)
		return -ENOMEM;
	/* nothing is ever removed from this map, so the iteration is complete */
	r = bpf_map_get_next_key(fd, NULL, &next);
	while (!r && n < ZTA_COUNTERS_MAX) {
		v[n].key = next;
		if (bpf_map_lookup_elem(fd, &v[n].key, values) == 0)
			for (int i = 0; i < cpus; i++)
				v[n].value += values[i];
		r = bpf_map_get_next_key(fd, &v[n].key, &next);
		n++;
	}
	if (r < 0 && r != -ENOENT)
		return r;
	*ret = take_ptr(v);
	*ret_n = n;
	return 0;
}

static int read_stat(struct kern *k, __u32 which, __u64 *values, int cpus, uint64_t *ret)
{
	int r = bpf_map_lookup_elem(k->map[KERN_MAP_STATS], &which, values);

	*ret = 0;
	for (int i = 0; !r && i < cpus; i++)
		*ret += values[i];
	return r;
}

int kern_stats_read(struct kern *k, uint64_t ret[ZTA_STAT_COUNT])
{
	_cleanup_free_ __u64 *values = NULL;
	int cpus = libbpf_num_possible_cpus(), r = 0;

	if (cpus < 0)
		return cpus;
	values = calloc(cpus, sizeof(*values));
	if (!values)
		return -ENOMEM;
	/* SEEN grows before TOLD and LOST do: read last, it is never less than their sum */
	for (int i = ZTA_STAT_COUNT - 1; !r && i >= 0; i--)
		r = read_stat(k, i, values, cpus, &ret[i]);
	return r;
}

/* --- capacity */

uint64_t kern_map_bytes(int fd)
{
	_cleanup_free_ char *text = NULL;
	unsigned long long bytes = 0;
	char path[64], *at;

	(void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	if (file_read_all(path, FDINFO_MAX, &text, NULL) < 0)
		return 0;
	at = strstr(text, "memlock:");
	if (at)
		(void)sscanf(at, "memlock: %llu", &bytes);
	return bytes;
}

/* Keys of a hash, by reading them in batches; 0 where the kernel cannot. */
static uint64_t count_keys(int fd, size_t key_size, size_t value_size)
{
	const __u32 room = 4096;
	_cleanup_free_ char *keys = malloc(room * key_size), *values = malloc(room * value_size);
	uint64_t total = 0;
	char at[64];
	__u32 n;
	int r;

	if (!keys || !values)
		return 0;
	for (bool first = true;; first = false) {
		n = room;
		r = bpf_map_lookup_batch(fd, first ? NULL : at, at, keys, values, &n, NULL);
		if (r < 0 && r != -ENOENT)
			return total;
		total += n;
		if (r == -ENOENT || !n)
			return total;
	}
}

static bool is_counted(enum kern_map map)
{
	return map == KERN_MAP_WORKLOADS || map == KERN_MAP_CGSTATE || map == KERN_MAP_LOCAL ||
	       map == KERN_MAP_FOLD || map == KERN_MAP_PEERS || map == KERN_MAP_COUNTERS ||
	       map == KERN_MAP_LEARNT || map == KERN_MAP_OTHERS || map == KERN_MAP_TEXTS ||
	       map == KERN_MAP_QUERIES;
}

/* An array with a place for each id or port, a ring or storage in sockets has no use to tell. */
static bool can_fill(enum kern_map map)
{
	return is_counted(map) ||
	       (map < (enum kern_map)KERN_TABLE_COUNT && map != KERN_MAP_POLICY &&
		map != KERN_MAP_PROFILES && map != KERN_MAP_PORTS);
}

int kern_map_usage(struct kern *k, struct kern_map_use **ret, size_t *ret_n)
{
	_cleanup_free_ struct kern_map_use *v = calloc(KERN_MAP_COUNT, sizeof(*v));
	unsigned slot = kern_slot(k);
	struct bpf_map_info info;
	size_t n = 0;

	if (!v)
		return -ENOMEM;
	for (int i = 0; i < KERN_MAP_COUNT; i++) {
		int cpus = i == KERN_MAP_COUNTERS ? libbpf_num_possible_cpus() : 1;
		__u32 len = sizeof(info);

		memset(&info, 0, sizeof(info));
		if (!can_fill(i))
			continue;
		if (bpf_obj_get_info_by_fd(k->map[i], &info, &len) < 0)
			continue;
		v[n].map = kern_map_names[i] + strlen("zta_");
		v[n].bytes = kern_map_bytes(k->map[i]);
		v[n].capacity = i < KERN_TABLE_COUNT ? k->inner[i].max_entries : info.max_entries;
		if (i < KERN_TABLE_COUNT) {
			v[n].used = k->used[i][slot];
			v[n].bytes += kern_table_bytes(k, i);
		} else if (is_counted(i) && cpus > 0) {
			v[n].used = count_keys(k->map[i], info.key_size,
					       (size_t)cpus * ((info.value_size + 7) & ~7U));
		}
		n++;
	}
	*ret = take_ptr(v);
	*ret_n = n;
	return 0;
}
