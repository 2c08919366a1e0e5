// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation
 *
 * A scan walks the tree, parents first. For each cgroup it finds the state of the pattern tree from
 * its parent's (as the kernel's cgroup_mkdir program does), writes it before the children are
 * listed, and gives the cgroup an entry where its answer differs from its parent's. Answers of the
 * other slot are kept. Entries whose cgroup is gone stay, since sockets may outlive it: they get
 * the answer of the path they had, until registry_trim() needs room.
 */
#include "registry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kern/maps.h"
#include "kern/object.h"
#include "registry_private.h"
#include "workload/cgroup.h"

#define SELFTEST_PATH "/zta-selftest"
#define FULL	      (ZTA_CGROUPS_MAX / 4 * 3) /* from here on entries of dead cgroups make room */

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
	struct registry_list found;
	struct node *nodes;
	bool changed;
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
			return kern_cgstate_set(s->k, id, now);
		}
		memset(now->nodes[other], 0, sizeof(now->nodes[other]));
		now->entry[other] = ZTA_ENTRY_DEFAULT;
		now->profile[other] = 0;
		if (!has_nodes(now, s->slot))
			return 0;
		r = kern_cgstate_new(s->k, id, now);
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

/* Returns 1 when an entry stands there now, 0 when none is needed, -E2BIG when the map is full. */
static int write_entry(struct scan *s, const struct cgroup_visit *v, const struct node *parent,
		       struct zta_workload *w)
{
	bool selftest = w->flags & ZTA_WORKLOAD_SELFTEST;
	unsigned other = !s->slot;
	struct zta_workload old;
	int r;

	for (int tries = 0; tries < 2; tries++) {
		if (kern_workload_get(s->k, v->id, &old) == 0) {
			if (!selftest) {
				w->entry[other] = old.entry[other];
				w->profile[other] = old.profile[other];
			}
			if (!memcmp(&old, w, sizeof(old)))
				return 1;
			s->changed = true;
			r = kern_workload_set(s->k, v->id, w);
			return r < 0 ? r : 1;
		}
		if (parent && same_answer(w, &parent->says, s->slot))
			return 0;
		r = kern_level_reach(s->k, v->depth);
		if (r == 0)
			r = kern_workload_new(s->k, v->id, w);
		if (r == 0) {
			s->changed = true;
			return 1;
		}
		if (r != -EEXIST)
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

/* An entry whose cgroup is gone. */
static int keep_dead(struct scan *s, uint64_t id)
{
	const struct registry_entry *known = registry_find(s->r, id);
	struct zta_cgstate state = { 0 };
	struct zta_workload w, old;
	struct registry_entry e;

	if (kern_workload_get(s->k, id, &old) < 0)
		return 0;
	w = old;
	if (known && known->path) {
		step_path(s, known->path, &state);
		w.entry[s->slot] = state.entry[s->slot];
		w.profile[s->slot] = state.entry[s->slot] == ZTA_ENTRY_DEFAULT
					     ? s->p->default_profile
					     : state.profile[s->slot];
	} else { /* from before this daemon: what it was, if that still exists */
		uint16_t was = old.profile[kern_slot(s->k)];

		w.entry[s->slot] = ZTA_ENTRY_DEFAULT;
		w.profile[s->slot] = s->p->has_profile(s->p->ctx, was) ? was
								       : s->p->default_profile;
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
	return registry_list_add(&s->found, &e, known ? known->path : NULL);
}

static int keep_all_dead(struct scan *s)
{
	_cleanup_free_ uint64_t *ids = NULL;
	size_t n = 0;
	int r = kern_workload_ids(s->k, &ids, &n);

	for (size_t i = 0; r >= 0 && i < n; i++) {
		struct zta_workload w;

		if (registry_list_find(&s->found, ids[i]))
			continue;
		if (kern_workload_get(s->k, ids[i], &w) < 0 || (w.flags & ZTA_WORKLOAD_SELFTEST))
			continue;
		r = keep_dead(s, ids[i]);
	}
	return r < 0 ? r : 0;
}

int registry_scan(struct registry *r, struct kern *k, const struct registry_patterns *p,
		  unsigned slot)
{
	struct scan s = { .r = r, .k = k, .p = p, .slot = slot };
	int n = cgroup_walk(kern_cgroup_fd(k), visit, &s);

	if (n >= 0) {
		registry_list_sort(&s.found);
		n = keep_all_dead(&s);
	}
	if (n >= 0) {
		registry_list_sort(&s.found);
		registry_take(r, &s.found);
	}
	registry_list_free(&s.found);
	while (s.nodes) {
		struct node *next = s.nodes->next;

		free(s.nodes);
		s.nodes = next;
	}
	return n < 0 ? n : s.changed;
}

static bool is_alive(const struct registry *r, uint64_t id)
{
	const struct registry_entry *e = registry_find(r, id);

	return e && e->alive;
}

int registry_trim(struct registry *r, struct kern *k, unsigned slot)
{
	_cleanup_free_ uint64_t *ids = NULL, *states = NULL;
	size_t n = 0, n_states = 0;
	int x = kern_workload_ids(k, &ids, &n);

	if (x < 0)
		return x;
	/* ids grow with time: the lowest of the dead are the oldest */
	for (size_t i = 0, left = n; i < n && left > FULL; i++) {
		struct zta_workload w;

		if (is_alive(r, ids[i]) || kern_workload_get(k, ids[i], &w) < 0 ||
		    (w.flags & ZTA_WORKLOAD_SELFTEST))
			continue;
		if (kern_workload_del(k, ids[i]) == 0)
			left--;
	}
	x = kern_cgstate_ids(k, &states, &n_states);
	for (size_t i = 0; x >= 0 && i < n_states && n_states > FULL; i++) {
		if (!is_alive(r, states[i]) && registry_is_gone(k, states[i]))
			(void)kern_cgstate_del(k, states[i]); /* full again later at worst */
	}
	return x < 0 ? x : 0;
}
