/* SPDX-License-Identifier: Apache-2.0 */
/* The cgroup v2 tree below the attach point. */
#pragma once

#include <stdint.h>

/* Called for each directory, parents first. @path starts with "/", "/" = the root of the walk. */
struct cgroup_visit {
	const char *path; /* borrowed for the call */
	const char *name; /* last component, "" for the root */
	uint64_t id;
	int depth; /* 0 = the root of the walk */
};

/**
 * cgroup_walk() - Visit every cgroup below a directory
 * @root_fd:	directory of the root; its own id is told first
 * @fn:		non-zero ends the walk, which then returns that; @parent is what the call for the
 *		parent stored in *@ret_node (NULL for the root)
 *
 * What vanishes meanwhile is left out. A cgroup's children are listed after @fn has returned for
 * it. Return: 0, what @fn returned, or -errno.
 */
int cgroup_walk(int root_fd,
		int (*fn)(void *ctx, const struct cgroup_visit *v, void *parent, void **ret_node),
		void *ctx);

/* Id of the cgroup at @path ("/...") below @root_fd. 0, -ENOENT or -errno. */
int cgroup_id_of(int root_fd, const char *path, uint64_t *ret);

/**
 * cgroup_path_of() - Path of a live cgroup below a directory
 * @root: path of that directory
 * @ret: "/...", caller frees
 *
 * Return: 0, -ENOENT (gone, or not below it) or -errno.
 */
int cgroup_path_of(const char *root, uint64_t id, char **ret);
