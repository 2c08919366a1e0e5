// SPDX-License-Identifier: Apache-2.0
/* The lists behind the registry: found entries, quarantined and paused paths. */
#include "workload/registry_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kern/object.h"
#include "workload/cgroup.h"

/* What an administrator asked for a path; it need not exist. */
struct target {
	char *path;
	bool quarantined;
	uint64_t pause_until;
};

struct registry {
	struct registry_list list; /* by id */
	struct target *targets;
	size_t n_targets;
};

int registry_list_add(struct registry_list *l, const struct registry_entry *e, const char *path)
{
	char *copy = path ? strdup(path) : NULL;

	if (path && !copy)
		return -ENOMEM;
	if (l->n == l->room) {
		size_t room = l->room ? 2 * l->room : 64;
		struct registry_entry *v = reallocarray(l->v, room, sizeof(*v));

		if (!v) {
			free(copy);
			return -ENOMEM;
		}
		l->v = v;
		l->room = room;
	}
	l->v[l->n] = *e;
	l->v[l->n++].path = copy;
	return 0;
}

static int by_id(const void *a, const void *b)
{
	const struct registry_entry *x = a, *y = b;

	return x->id < y->id ? -1 : x->id > y->id;
}

void registry_list_sort(struct registry_list *l)
{
	if (l->n)
		qsort(l->v, l->n, sizeof(*l->v), by_id);
}

const struct registry_entry *registry_list_find(const struct registry_list *l, uint64_t id)
{
	struct registry_entry key = { .id = id };

	return l->n ? bsearch(&key, l->v, l->n, sizeof(*l->v), by_id) : NULL;
}

void registry_list_free(struct registry_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free((char *)l->v[i].path);
	free(l->v);
	*l = (struct registry_list){ 0 };
}

struct registry *registry_new(void)
{
	return calloc(1, sizeof(struct registry));
}

void registry_free(struct registry *r)
{
	if (!r)
		return;
	registry_list_free(&r->list);
	for (size_t i = 0; i < r->n_targets; i++)
		free(r->targets[i].path);
	free(r->targets);
	free(r);
}

void registry_take(struct registry *r, struct registry_list *l)
{
	registry_list_free(&r->list);
	r->list = *l;
	*l = (struct registry_list){ 0 };
}

static int by_path(const void *a, const void *b)
{
	const struct registry_entry *x = a, *y = b;

	if (!x->path || !y->path)
		return !x->path - !y->path;
	return strcmp(x->path, y->path);
}

int registry_each(const struct registry *r, int (*fn)(void *ctx, const struct registry_entry *e),
		  void *ctx)
{
	struct registry_entry *v;
	int x = 0;

	if (!r->list.n)
		return 0;
	v = calloc(r->list.n, sizeof(*v));
	if (!v)
		return -ENOMEM;
	memcpy(v, r->list.v, r->list.n * sizeof(*v));
	qsort(v, r->list.n, sizeof(*v), by_path);
	for (size_t i = 0; i < r->list.n && !x; i++)
		x = fn(ctx, &v[i]);
	free(v);
	return x;
}

const struct registry_entry *registry_find(const struct registry *r, uint64_t id)
{
	return registry_list_find(&r->list, id);
}

const char *registry_find_path(const struct registry *r, uint64_t id)
{
	const struct registry_entry *e = registry_find(r, id);

	return e ? e->path : NULL;
}

static bool is_at_or_below(const char *path, const char *top)
{
	size_t len = strlen(top);

	if (!strcmp(top, "/"))
		return true;
	return !strncmp(path, top, len) && (path[len] == '/' || !path[len]);
}

bool registry_is_quarantined(const struct registry *r, const char *path)
{
	for (size_t i = 0; i < r->n_targets; i++)
		if (r->targets[i].quarantined && is_at_or_below(path, r->targets[i].path))
			return true;
	return false;
}

uint64_t registry_paused_until(const struct registry *r, const char *path)
{
	uint64_t until = 0;

	for (size_t i = 0; i < r->n_targets; i++)
		if (r->targets[i].pause_until > until && is_at_or_below(path, r->targets[i].path))
			until = r->targets[i].pause_until;
	return until;
}

static int get_target(struct registry *r, const char *path, struct target **ret)
{
	struct target *v;

	if (path[0] != '/' || strstr(path, "//") || strstr(path, "/../"))
		return -EINVAL;
	for (size_t i = 0; i < r->n_targets; i++) {
		if (!strcmp(r->targets[i].path, path)) {
			*ret = &r->targets[i];
			return 0;
		}
	}
	v = reallocarray(r->targets, r->n_targets + 1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	r->targets = v;
	v[r->n_targets] = (struct target){ .path = strdup(path) };
	if (!v[r->n_targets].path)
		return -ENOMEM;
	*ret = &v[r->n_targets++];
	return 0;
}

int registry_quarantine(struct registry *r, const char *path)
{
	struct target *t;
	int x = get_target(r, path, &t);

	if (x < 0)
		return x;
	if (t->quarantined)
		return -EEXIST;
	t->quarantined = true;
	return 0;
}

int registry_release(struct registry *r, const char *path)
{
	struct target *t;
	int x = get_target(r, path, &t);

	if (x < 0)
		return x;
	if (!t->quarantined)
		return -ENOENT;
	t->quarantined = false;
	return 0;
}

int registry_pause(struct registry *r, const char *path, uint64_t until)
{
	struct target *t;
	int x = get_target(r, path, &t);

	if (x == 0)
		t->pause_until = until;
	return x;
}

/* --- ids */

int registry_ids_add(struct registry_ids *l, uint64_t id)
{
	if (l->n == l->room) {
		size_t room = l->room ? 2 * l->room : 64;
		uint64_t *v = reallocarray(l->v, room, sizeof(*v));

		if (!v)
			return -ENOMEM;
		l->v = v;
		l->room = room;
	}
	l->v[l->n++] = id;
	return 0;
}

static int compare_ids(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

void registry_ids_sort(struct registry_ids *l)
{
	if (l->n)
		qsort(l->v, l->n, sizeof(*l->v), compare_ids);
}

bool registry_ids_has(const struct registry_ids *l, uint64_t id)
{
	return l->n && bsearch(&id, l->v, l->n, sizeof(id), compare_ids);
}

static int collect_id(void *ctx, const struct cgroup_visit *visit, void *parent, void **ret_node)
{
	return registry_ids_add(ctx, visit->id);
}

int registry_subtree(struct kern *k, const char *path, uint64_t **ret, size_t *ret_n)
{
	const char *below = path + strspn(path, "/");
	_cleanup_close_ int fd = openat(kern_cgroup_fd(k), *below ? below : ".",
					O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	struct registry_ids ids = { 0 };
	int r;

	if (fd < 0)
		return -errno;
	r = cgroup_walk(fd, collect_id, &ids);
	if (r < 0) {
		free(ids.v);
		return r;
	}
	registry_ids_sort(&ids);
	*ret = ids.v;
	*ret_n = ids.n;
	return 0;
}
