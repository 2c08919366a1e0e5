/* SPDX-License-Identifier: Apache-2.0 */
/* Word of a changed file, by inotify(7) on directories: editors and ConfigMaps replace, not write.
 */
#pragma once

#include <stdbool.h>

struct watch;

/**
 * watch_open() - Hear of a file, which need not exist
 * @path:	copied
 * @ret:	caller runs watch_close()
 *
 * Watches its directory, the nearest one above when that is missing, and the directory that a
 * symbolic link leads to. A directory that cannot be watched is no failure: the owner calls
 * watch_changed() from time to time anyway.
 * Return: 0 or a negative errno.
 */
int watch_open(const char *path, struct watch **ret);
void watch_close(struct watch *w);

int watch_fd(const struct watch *w); /* readable when something came */

/* Read what came. True when the file may have changed and its writer is done with it. */
bool watch_drain(struct watch *w);

/* True when the file is not what it was at the last call (at the first: at watch_open()). */
bool watch_changed(struct watch *w);

const char *watch_path(const struct watch *w);
