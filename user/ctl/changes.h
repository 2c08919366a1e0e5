/* SPDX-License-Identifier: Apache-2.0 */
/* What differs between two policies, for people. */
#pragma once

#include <jansson.h>

struct ctl;

/* Print an array of {"path","old","new"}, three lines at most for each. */
void changes_print(const struct ctl *c, const json_t *changes);
