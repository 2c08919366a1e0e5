// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * cgroup_mkdir: a new cgroup gets its workload before a process can enter it. cgroup_release: one
 * that is gone for good gives it back.
 *
 * Theory of operation
 *
 * User space that watches the file system is always late, and watches nothing while it is dead; a
 * restarted service would then run under its neighbour's profile. This tracepoint fires before the
 * new directory can be seen. The parent's state says on which nodes of the pattern tree it stands;
 * the new component leads to the child's. The lowest workloads[] index that matched the cgroup or
 * an ancestor decides; where it is lower than the parent's, the cgroup gets an entry of its own.
 *
 * The kernel holds cgroup_mutex here, so one cgroup is made at a time and the scratch has one user.
 * Optional: where the kernel refuses the tracepoint the daemon finds new cgroups late, and says so.
 */
#include "maps.h"
#include "zta_glob.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* The members of the kernel's own structs that are read here; libbpf finds their offsets. */
struct kernfs_node {
	const char *name;
	__u64 id;
} __attribute__((preserve_access_index));

struct cgroup_root {
	int hierarchy_id;
} __attribute__((preserve_access_index));

struct cgroup;

struct cgroup_subsys_state {
	struct cgroup *cgroup;
	struct cgroup_subsys_state *parent;
} __attribute__((preserve_access_index));

struct cgroup {
	struct cgroup_subsys_state self;
	int level;
	struct kernfs_node *kn;
	struct cgroup_root *root;
} __attribute__((preserve_access_index));

#define WORDS	(ZTA_COMPONENT_LEN / 8)
#define UNIFIED 0 /* hierarchy_id of cgroup v2; ids of v1 hierarchies may be the same numbers */

struct scratch {
	struct zta_literal_key key;	   /* node and the component's first bytes, zero padded */
	char right[2 * ZTA_COMPONENT_LEN]; /* its last bytes, right-aligned in the first half */
	char name[2 * ZTA_COMPONENT_LEN];  /* the whole: NAME_MAX is 255 */
	struct zta_cgstate state;
	__u32 count[2];
};

/* One entry, one user: cgroup_mutex is held. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scratch);
} zta_scratch ZTA_MAP;

static __always_inline struct scratch *the_scratch(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&zta_scratch, &zero);
}

/* The new cgroup stands on @child too. */
static __always_inline void reach(struct scratch *s, __u32 slot, __u32 child)
{
	void *nodes = bpf_map_lookup_elem(&zta_nodes, &slot);
	struct zta_glob_node *node = nodes ? bpf_map_lookup_elem(nodes, &child) : NULL;
	__u32 n = s->count[slot & 1];

	if (!node)
		return;
	if (n < ZTA_GLOB_STATES) {
		s->state.nodes[slot & 1][n & (ZTA_GLOB_STATES - 1)] = child;
		s->count[slot & 1] = n + 1;
	}
	if (node->entry < s->state.entry[slot & 1]) {
		s->state.entry[slot & 1] = node->entry;
		s->state.profile[slot & 1] = node->profile;
	}
}

/* The first n bytes of a word (n < 0: none, n > 8: all), without a branch for the verifier. */
static __always_inline __u64 first_bytes(int n)
{
	int some = n & ~(n >> 31);

	return ((1ULL << ((some & 7) * 8)) - 1) | (__u64)(__s64)((7 - some) >> 31);
}

/* A function of its own, so that the verifier follows the arithmetic once, not for each byte. */
__noinline __weak __u64 zta_glob_byte(__u32 slot, __u32 index, __u64 state, __u32 c)
{
	void *globs;
	struct zta_glob *g;

	slot &= 1;
	globs = bpf_map_lookup_elem(&zta_globs, &slot);
	g = globs ? bpf_map_lookup_elem(globs, &index) : NULL;
	return g ? zta_glob_middle_step(g, state, c) : 0;
}

/* Does what its prefix and suffix leave of the component hold the middle of this glob? */
__noinline __weak int zta_glob_between(__u32 slot, __u32 index, __u32 len)
{
	struct scratch *s = the_scratch();
	struct zta_glob *g;
	__u64 state = 1;
	void *globs;

	slot &= 1;
	globs = bpf_map_lookup_elem(&zta_globs, &slot);
	g = globs ? bpf_map_lookup_elem(globs, &index) : NULL;
	if (!s || !g)
		return 0;
	for (__u32 i = 0; i < 2 * ZTA_COMPONENT_LEN; i++) {
		if (i + g->suffix_len >= len)
			break;
		if (i >= g->prefix_len)
			state = zta_glob_byte(slot, index, state, (__u8)s->name[i]);
	}
	return state >> (g->middle_len & (ZTA_MIDDLE_LEN - 1)) & 1;
}

/* Does the component in the scratch match this glob? */
__noinline __weak int zta_glob_matches(__u32 slot, __u32 index, __u32 len)
{
	struct scratch *s = the_scratch();
	struct zta_glob *g;
	void *globs;
	__u64 differ = 0;

	slot &= 1;
	globs = bpf_map_lookup_elem(&zta_globs, &slot);
	g = globs ? bpf_map_lookup_elem(globs, &index) : NULL;
	if (!s || !g || len < (__u32)g->prefix_len + g->suffix_len)
		return 0;
	for (int i = 0; i < WORDS; i++) {
		__u64 left = first_bytes(g->prefix_len - i * 8);
		__u64 right = ~first_bytes(ZTA_COMPONENT_LEN - g->suffix_len - i * 8);
		__u64 a, b, c, d;

		__builtin_memcpy(&a, s->key.name + i * 8, 8);
		__builtin_memcpy(&b, g->prefix + i * 8, 8);
		__builtin_memcpy(&c, s->right + i * 8, 8);
		__builtin_memcpy(&d, g->suffix + i * 8, 8);
		differ |= ((a ^ b) & left) | ((c ^ d) & right);
	}
	return !differ && (!g->middle_len || zta_glob_between(slot, index, len));
}

/* Follow the new component from one node of the parent. */
__noinline __weak int zta_glob_step(__u32 slot, __u32 from, __u32 len)
{
	struct scratch *s = the_scratch();
	struct zta_glob_node *node;
	void *literals, *nodes;
	__u32 *child;

	slot &= 1;
	nodes = bpf_map_lookup_elem(&zta_nodes, &slot);
	literals = bpf_map_lookup_elem(&zta_literals, &slot);
	node = nodes ? bpf_map_lookup_elem(nodes, &from) : NULL;
	if (!s || !literals || !node)
		return 0;
	s->key.node = from;
	child = bpf_map_lookup_elem(literals, &s->key);
	if (child)
		reach(s, slot, *child);
	for (__u32 i = 0; i < ZTA_GLOBS_PER_NODE; i++) {
		__u32 index = node->first_glob + i;
		struct zta_glob *g;
		void *globs;

		if (i >= node->globs)
			break;
		if (!zta_glob_matches(slot, index, len))
			continue;
		globs = bpf_map_lookup_elem(&zta_globs, &slot);
		g = globs ? bpf_map_lookup_elem(globs, &index) : NULL;
		if (g)
			reach(s, slot, g->child);
	}
	return 1;
}

/* Nearest entry above a cgroup: what the new one inherits where its own patterns say nothing. */
static __always_inline struct zta_workload *entry_above(struct cgroup *cgrp)
{
	struct cgroup_subsys_state *css = BPF_CORE_READ(cgrp, self.parent);

	for (int i = 0; i < ZTA_CGROUP_LEVELS && css; i++) {
		__u64 id = BPF_CORE_READ(css, cgroup, kn, id);
		struct zta_workload *w = bpf_map_lookup_elem(&zta_workloads, &id);

		if (w)
			return w;
		css = BPF_CORE_READ(css, parent);
	}
	return NULL;
}

static __always_inline void tell_cgroup(__u64 id)
{
	struct zta_event *e = bpf_ringbuf_reserve(&zta_notes, sizeof(*e), 0);

	if (!e) {
		zta_stat(ZTA_STAT_NOTE_LOST, 1);
		return;
	}
	__builtin_memset(e, 0, sizeof(*e));
	e->time = bpf_ktime_get_boot_ns();
	e->cgroup = e->workload = id;
	e->type = ZTA_EVENT_CGROUP;
	e->rule = ZTA_RULE_NONE;
	e->count = 1;
	bpf_ringbuf_submit(e, 0);
}

/* An entry of its own, where its patterns decide otherwise than its parent's entry. */
static __always_inline void give_entry(struct cgroup *cgrp, const struct zta_cgstate *parent,
				       struct scratch *s)
{
	__u64 id = BPF_CORE_READ(cgrp, kn, id), deepest = BPF_CORE_READ(cgrp, level);
	struct zta_workload *above, w = {};
	__u32 which = ZTA_CTL_LEVEL_MAX;
	int own = 0;

	above = entry_above(cgrp);
	if (!above)
		return;
	w = *above;
	w.flags = (w.flags & ~ZTA_WORKLOAD_SELFTEST) | parent->flags;
	for (int slot = 0; slot < 2; slot++) {
		if (s->state.entry[slot] >= parent->entry[slot])
			continue;
		w.entry[slot] = s->state.entry[slot];
		w.profile[slot] = s->state.profile[slot];
		own = 1;
	}
	if (!own || deepest >= zta_ctl(ZTA_CTL_LEVEL_MIN) + ZTA_CGROUP_LEVELS)
		return;
	if (deepest > zta_ctl(ZTA_CTL_LEVEL_MAX)) /* before the entry: it must be found */
		bpf_map_update_elem(&zta_control, &which, &deepest, BPF_ANY);
	if (bpf_map_update_elem(&zta_workloads, &id, &w, BPF_ANY)) {
		zta_stat(ZTA_STAT_UNCOVERED, 1);
		return;
	}
	tell_cgroup(id);
}

/* A name longer than a literal can be fills key.name without a NUL: only globs match it. */
static __always_inline int read_name(struct cgroup *cgrp, struct scratch *s)
{
	const char *name = BPF_CORE_READ(cgrp, kn, name);
	__u32 tail = ZTA_COMPONENT_LEN;
	long len;

	__builtin_memset(s, 0, sizeof(*s));
	len = bpf_probe_read_kernel_str(s->name, sizeof(s->name), name) - 1;
	if (len < 1 || len >= 2 * ZTA_COMPONENT_LEN)
		return 0;
	__builtin_memcpy(s->key.name, s->name, ZTA_COMPONENT_LEN);
	if (len < ZTA_COMPONENT_LEN)
		tail = len & (ZTA_COMPONENT_LEN - 1);
	bpf_probe_read_kernel(s->right + ((ZTA_COMPONENT_LEN - tail) & (ZTA_COMPONENT_LEN - 1)),
			      tail, name + len - tail);
	return len;
}

SEC("raw_tracepoint/cgroup_mkdir")
int zta_mkdir(struct bpf_raw_tracepoint_args *ctx)
{
	struct cgroup *cgrp = (struct cgroup *)ctx->args[0];
	__u64 word = zta_ctl(ZTA_CTL_WORD), parent_id, id;
	struct scratch *s = the_scratch();
	struct zta_cgstate *parent;
	int len;

	if (!s || BPF_CORE_READ(cgrp, root, hierarchy_id) != UNIFIED)
		return 0;
	parent_id = BPF_CORE_READ(cgrp, self.parent, cgroup, kn, id);
	parent = bpf_map_lookup_elem(&zta_cgstate, &parent_id);
	if (!parent)
		return 0;
	len = read_name(cgrp, s);
	if (!len)
		return 0;
	s->state.flags = parent->flags;
	for (__u32 slot = 0; slot < 2; slot++) {
		s->state.entry[slot] = parent->entry[slot];
		s->state.profile[slot] = parent->profile[slot];
		if (slot != (word & 1) && !zta_ctl(ZTA_CTL_FILLING))
			continue;
		for (int i = 0; i < ZTA_GLOB_STATES; i++) {
			if (!parent->nodes[slot][i])
				break;
			zta_glob_step(slot, parent->nodes[slot][i], len);
		}
	}
	id = BPF_CORE_READ(cgrp, kn, id);
	if ((s->count[0] || s->count[1]) &&
	    bpf_map_update_elem(&zta_cgstate, &id, &s->state, BPF_ANY))
		zta_stat(ZTA_STAT_UNCOVERED, 1);
	give_entry(cgrp, parent, s);
	return 0;
}

/*
 * The last reference is gone, that of its sockets included: nobody asks for its entry any more.
 * Without this a service that is restarted again and again would fill the maps while no daemon
 * looks after them.
 */
SEC("raw_tracepoint/cgroup_release")
int zta_release(struct bpf_raw_tracepoint_args *ctx)
{
	struct cgroup *cgrp = (struct cgroup *)ctx->args[0];
	__u64 id;

	if (BPF_CORE_READ(cgrp, root, hierarchy_id) != UNIFIED)
		return 0;
	id = BPF_CORE_READ(cgrp, kn, id);
	bpf_map_delete_elem(&zta_workloads, &id);
	bpf_map_delete_elem(&zta_cgstate, &id);
	return 0;
}
