/* SPDX-License-Identifier: Apache-2.0 */
/* The directory of the pins: its lock, its layout, and what a crash may leave in it. */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

struct diag;

struct pins {
	char *dir;
	int lock; /* the directory, locked; a child that outlives us must close it */
};

/**
 * pins_open() - Make and lock the directory, and finish what a crash interrupted
 * @dir: mounted and made if need be
 * @ret: overwritten; caller runs pins_close()
 *
 * Return: 0, -EBUSY (another process has it; @d names it) or -errno.
 */
int pins_open(const char *dir, struct pins *ret, struct diag *d);
void pins_close(struct pins *p);

/* Is there such a directory in a bpffs? */
bool pins_exist(const char *dir);

/* "<dir>/<format>". 0 or -ENAMETOOLONG. */
int pins_path(const struct pins *p, char ret[PATH_MAX], const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Is there a complete set of maps of that layout? */
bool pins_has_layout(const struct pins *p, uint32_t layout);

/* Any other layout with maps; 0 = none. */
uint32_t pins_other_layout(const struct pins *p, uint32_t layout);

/* A directory for new maps, not yet visible as a layout; and the moment at which it becomes one. */
int pins_begin_layout(const struct pins *p);
int pins_commit_layout(const struct pins *p, uint32_t layout);

int pins_drop_layout(const struct pins *p, uint32_t layout);

/* Is any link pinned? */
bool pins_has_links(const struct pins *p);

/* Pins a link: at once, or in place of the one of that name, without a moment with none. */
int pins_put_link(const struct pins *p, const char *name, int fd);
int pins_get_link(const struct pins *p, const char *name); /* fd or -errno */

/* Removes links for which @keep (a NULL-terminated list) has no name; NULL: all. */
int pins_drop_links(const struct pins *p, const char *const *keep);

/* Everything: links first, so that no program runs without its maps. */
int pins_drop_all(const struct pins *p);
