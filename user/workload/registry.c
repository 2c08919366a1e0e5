// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation
 *
 * A scan walks the tree, parents first. For each cgroup it finds the state of the pattern tree from
 * its parent's (as the kernel's cgroup_mkdir program does), writes it before the children are
 * listed, and gives the cgroup an entry where its answer differs from its parent's. Answers of the
 * other slot are kept. In the slot in force, entries that say what their nearest ancestor says are
 * removed; while another slot is filled they stay, since the one in force may need them.
 *
 * The kernel's program answers for cgroups that are made meanwhile, from the state of their parent.
 * One whose mkdir began before that state was written, and became visible after the parent was
 * listed, would be missed by both. So a pass that wrote something is followed by another one, after
 * a barrier that waits for such mkdirs, until a pass writes nothing.
 *
 * What is in the maps before the barrier and is not met by the walk is gone. Its state goes at
 * once; its entry stays, since sockets may outlive a cgroup, with the answer of the path that it
 * had. When the map is three quarters full the oldest of these make room: ids grow with time.
 */
#include "workload/registry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kern/maps.h"
#include "kern/object.h"
#include "workload/cgroup.h"
#include "workload/registry_private.h"

#define SELFTEST_PATH "/zta-selftest"
#define FULL	      (ZTA_CGROUPS_MAX / 4 * 3) /* from here on entries of dead cgroups make room */
#define PASSES_MAX    8

/* A visited cgroup, as its children need it. */
struct node {
	struct zta_cgstate state;
	struct zta_workload says; /* of its nearest entry, itself included */
	struct node *next;	  /* for freeing */
};

struct scan {
	struct registry *r;
	struct kern *k;
	const struct registry_patterns *p;
	unsigned slot;
	bool filling; /* the slot is not in force */
	struct registry_list found;
	struct registry_ids visited;
	struct node *nodes;
	bool wrote;   /* in this pass */
	bool changed; /* an answer, in any pass */
};

static bool has_nodes(const struct zta_cgstate *s, unsigned slot)
{
	return s->nodes[slot][0] != 0;
}

/* Write the state of a cgroup: this slot's answers new, the other's as they were. */
static int write_state(struct scan *s, uint64_t id, struct zta_cgstate *now)
{
	unsigned other = !s->slot;
	struct zta_cgstate old;
	int r;

	for (int tries = 0; tries < 2; tries++) {
		bool there = kern_cgstate_get(s->k, id, &old) == 0;

		if (there) {
			memcpy(now->nodes[other], old.nodes[other], sizeof(old.nodes[other]));
			now->entry[other] = old.entry[other];
			now->profile[other] = old.profile[other];
			if (!memcmp(&old, now, sizeof(old)))
				return 0;
			s->wrote = true;
			return kern_cgstate_set(s->k, id, now);
		}
		memset(now->nodes[other], 0, sizeof(now->nodes[other]));
		now->entry[other] = ZTA_ENTRY_DEFAULT;
		now->profile[other] = 0;
		if (!has_nodes(now, s->slot))
			return 0;
		r = kern_cgstate_new(s->k, id, now);
		s->wrote |= r == 0;
		if (r != -EEXIST) /* else the kernel was quicker: once more */
			return r == -E2BIG ? 0 : r;
	}
	return 0;
}

/* What this cgroup's entry must say, were it to have one. */
static struct zta_workload wanted(struct scan *s, const struct cgroup_visit *v,
				  const struct node *parent, const struct zta_cgstate *state)
{
	struct zta_workload w = parent ? parent->says : (struct zta_workload){ 0 };

	w.entry[s->slot] = state->entry[s->slot];
	w.profile[s->slot] = state->entry[s->slot] == ZTA_ENTRY_DEFAULT ? s->p->default_profile
									: state->profile[s->slot];
	w.flags = registry_is_quarantined(s->r, v->path) ? ZTA_WORKLOAD_QUARANTINED : 0;
	w.pause_until = registry_paused_until(s->r, v->path);
	if (!strcmp(v->path, SELFTEST_PATH)) {
		w.flags = ZTA_WORKLOAD_SELFTEST;
		w.pause_until = 0;
		w.entry[0] = w.entry[1] = ZTA_ENTRY_DEFAULT;
		w.profile[0] = w.profile[1] = s->p->selftest_profile;
	}
	return w;
}

static bool same_answer(const struct zta_workload *a, const struct zta_workload *b, unsigned slot)
{
	return a->entry[slot] == b->entry[slot] && a->profile[slot] == b->profile[slot] &&
	       a->flags == b->flags && a->pause_until == b->pause_until;
}

/* There is an entry: let it say what it must, or remove it. 1 = it stands, 0 = it is gone. */
static int change_entry(struct scan *s, uint64_t id, const struct node *parent,
			const struct zta_workload *old, struct zta_workload *w)
{
	unsigned other = !s->slot;
	int r;

	if (!s->filling && parent && same_answer(w, &parent->says, s->slot)) {
		s->changed = true;
		r = kern_workload_del(s->k, id);
		return r == -ENOENT ? 0 : r;
	}
	if (!(w->flags & ZTA_WORKLOAD_SELFTEST)) {
		w->entry[other] = old->entry[other];
		w->profile[other] = old->profile[other];
	}
	if (!memcmp(old, w, sizeof(*old)))
		return 1;
	s->changed = s->wrote = true;
	r = kern_workload_set(s->k, id, w);
	return r < 0 ? r : 1;
}

/* Returns 1 when an entry stands there now, 0 when none is needed, -E2BIG when the map is full. */
static int write_entry(struct scan *s, const struct cgroup_visit *v, const struct node *parent,
		       struct zta_workload *w)
{
	struct zta_workload old;
	int r;

	for (int tries = 0; tries < 2; tries++) {
		if (kern_workload_get(s->k, v->id, &old) == 0)
			return change_entry(s, v->id, parent, &old, w);
		if (parent && same_answer(w, &parent->says, s->slot))
			return 0;
		r = kern_level_reach(s->k, v->depth);
		if (r == 0)
			r = kern_workload_new(s->k, v->id, w);
		if (r == 0) {
			s->changed = s->wrote = true;
			return 1;
		}
		if (r != -EEXIST) /* else the kernel was quicker: once more */
			return r;
	}
	return -EAGAIN;
}

static int visit(void *ctx, const struct cgroup_visit *v, void *parent_node, void **ret_node)
{
	const struct node *parent = parent_node;
	struct node *n = calloc(1, sizeof(*n));
	struct registry_entry e = { 0 };
	struct scan *s = ctx;
	int r;

	if (!n)
		return -ENOMEM;
	n->next = s->nodes;
	s->nodes = n;
	*ret_node = n;
	r = registry_ids_add(&s->visited, v->id);
	if (r < 0)
		return r;
	if (parent)
		s->p->step(s->p->ctx, s->slot, &parent->state, v->name, &n->state);
	else
		s->p->root(s->p->ctx, s->slot, &n->state);
	n->says = wanted(s, v, parent, &n->state);
	n->state.flags = n->says.flags & ZTA_WORKLOAD_QUARANTINED;
	r = write_state(s, v->id, &n->state);
	if (r < 0)
		return r;
	r = write_entry(s, v, parent, &n->says);
	if (r < 0 && r != -E2BIG)
		return r;
	if (r == 0 || (n->says.flags & ZTA_WORKLOAD_SELFTEST))
		return 0;
	e = (struct registry_entry){
		.id = v->id,
		.entry = n->says.entry[s->slot],
		.profile = n->says.profile[s->slot],
		.matched = n->says.entry[s->slot] != ZTA_ENTRY_DEFAULT &&
			   (!parent || n->says.entry[s->slot] != parent->says.entry[s->slot]),
		.quarantined = n->says.flags & ZTA_WORKLOAD_QUARANTINED,
		.uncovered = r == -E2BIG,
		.alive = true,
		.pause_until = n->says.pause_until,
	};
	if (r == -E2BIG) /* judged as its nearest ancestor with an entry */
		n->says = parent->says;
	return registry_list_add(&s->found, &e, v->path);
}

/* The answer for a path whose cgroup is gone: its components, one after the other. */
static void step_path(struct scan *s, const char *path, struct zta_cgstate *state)
{
	char name[256];

	s->p->root(s->p->ctx, s->slot, state);
	while (*(path += strspn(path, "/"))) {
		struct zta_cgstate next = { 0 };
		size_t len = strcspn(path, "/");

		if (len >= sizeof(name))
			return;
		memcpy(name, path, len);
		name[len] = '\0';
		s->p->step(s->p->ctx, s->slot, state, name, &next);
		*state = next;
		path += len;
	}
}

/* What an entry whose cgroup is gone must say in a slot that is being filled. */
static void answer_for_dead(struct scan *s, const char *path, struct zta_workload *w)
{
	struct zta_cgstate state = { 0 };
	uint16_t was = w->profile[!s->slot];

	if (path) {
		step_path(s, path, &state);
		w->entry[s->slot] = state.entry[s->slot];
		w->profile[s->slot] = state.profile[s->slot];
		return;
	}
	/* From before this daemon: what it was. A profile that is no more denies: closed. */
	w->entry[s->slot] = ZTA_ENTRY_DEFAULT;
	w->profile[s->slot] = was;
}

static int keep_dead(struct scan *s, uint64_t id)
{
	const struct registry_entry *known = registry_find(s->r, id);
	const char *path = known ? known->path : NULL;
	struct zta_workload w, old;
	struct registry_entry e;

	if (kern_workload_get(s->k, id, &old) < 0)
		return 0;
	if (old.flags & ZTA_WORKLOAD_SELFTEST) {   /* nothing outlives the self-test */
		(void)kern_workload_del(s->k, id); /* the next scan tries again */
		return 0;
	}
	w = old;
	if (s->filling)
		answer_for_dead(s, path, &w);
	if (path) {
		w.flags = registry_is_quarantined(s->r, path) ? ZTA_WORKLOAD_QUARANTINED : 0;
		w.pause_until = registry_paused_until(s->r, path);
	}
	if (memcmp(&w, &old, sizeof(w)) && kern_workload_set(s->k, id, &w) == 0)
		s->changed = true;
	e = (struct registry_entry){
		.id = id,
		.entry = w.entry[s->slot],
		.profile = w.profile[s->slot],
		.quarantined = w.flags & ZTA_WORKLOAD_QUARANTINED,
		.pause_until = w.pause_until,
	};
	return registry_list_add(&s->found, &e, path);
}

/* Entries that were there before the walk, which did not meet their cgroups. */
static int keep_all_dead(struct scan *s, const struct registry_ids *before)
{
	size_t left = before->n;
	int r = 0;

	for (size_t i = 0; !r && i < before->n; i++) {
		if (registry_ids_has(&s->visited, before->v[i]))
			continue;
		if (left <= FULL)
			r = keep_dead(s, before->v[i]);
		else if (kern_workload_del(s->k, before->v[i]) == 0)
			left--;
	}
	return r;
}

static void drop_dead_states(struct scan *s, const struct registry_ids *before)
{
	for (size_t i = 0; i < before->n; i++)
		if (!registry_ids_has(&s->visited, before->v[i]))
			(void)kern_cgstate_del(s->k, before->v[i]); /* the next scan tries again */
}

static void forget_pass(struct scan *s)
{
	registry_list_free(&s->found);
	s->visited.n = 0;
	while (s->nodes) {
		struct node *next = s->nodes->next;

		free(s->nodes);
		s->nodes = next;
	}
}

/* Walk until a pass finds everything written. */
static int walk(struct scan *s)
{
	int r = kern_cgroup_barrier(s->k);

	for (int i = 0; !r && i < PASSES_MAX; i++) {
		forget_pass(s);
		s->wrote = false;
		r = cgroup_walk(kern_cgroup_fd(s->k), visit, s);
		if (!s->wrote)
			break;
		if (!r)
			r = kern_cgroup_barrier(s->k);
	}
	registry_list_sort(&s->found);
	registry_ids_sort(&s->visited);
	return r;
}

int registry_scan(struct registry *r, struct kern *k, const struct registry_patterns *p,
		  unsigned slot)
{
	struct scan s = { .r = r, .k = k, .p = p, .slot = slot, .filling = slot != kern_slot(k) };
	struct registry_ids entries = { 0 }, states = { 0 };
	int n = kern_workload_ids(k, &entries.v, &entries.n);

	if (!n)
		n = kern_cgstate_ids(k, &states.v, &states.n);
	if (!n)
		n = walk(&s);
	if (!n)
		n = keep_all_dead(&s, &entries);
	if (!n) {
		drop_dead_states(&s, &states);
		registry_list_sort(&s.found);
		registry_take(r, &s.found);
	}
	forget_pass(&s);
	free(s.visited.v);
	free(entries.v);
	free(states.v);
	return n < 0 ? n : s.changed;
}
