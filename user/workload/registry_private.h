/* SPDX-License-Identifier: Apache-2.0 */
/* What registry.c and registry_list.c share: the found entries, and what an administrator asked. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "workload/registry.h"

/* Paths of the entries are owned. */
struct registry_list {
	struct registry_entry *v;
	size_t n, room;
};

/* @path is copied, NULL = not known. 0 or -ENOMEM. */
int registry_list_add(struct registry_list *l, const struct registry_entry *e, const char *path);
void registry_list_sort(struct registry_list *l); /* by id */
const struct registry_entry *registry_list_find(const struct registry_list *l, uint64_t id);
void registry_list_free(struct registry_list *l);

/* @l, sorted by id, becomes what the registry knows; @l is empty afterwards. */
void registry_take(struct registry *r, struct registry_list *l);

/* Of the path or of one above it. */
bool registry_is_quarantined(const struct registry *r, const char *path);
uint64_t registry_paused_until(const struct registry *r, const char *path);

/* Cgroup ids. All zero is an empty list; the array is owned. */
struct registry_ids {
	uint64_t *v;
	size_t n, room;
};

int registry_ids_add(struct registry_ids *l, uint64_t id); /* 0 or -ENOMEM */
void registry_ids_sort(struct registry_ids *l);
bool registry_ids_has(const struct registry_ids *l, uint64_t id); /* of a sorted list */
