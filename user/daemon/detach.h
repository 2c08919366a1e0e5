/* SPDX-License-Identifier: Apache-2.0 */
/* ztad --detach: remove every pinned program and map. */
#pragma once

struct options;

/* 0 (also when there was nothing), or a negative errno, logged. -EBUSY while a daemon lives. */
int detach_run(const struct options *o);
