/* SPDX-License-Identifier: Apache-2.0 */
/* What differs between two documents, by meaning rather than by line. */
#pragma once

#include <jansson.h>

#define POLICY_DIFF_PLACES 1024 /* a longer stretch of a list is not told place by place */
#define POLICY_DIFF_MANY   4096 /* nor is any list, once so many differences were told */

/**
 * policy_diff() - Differences of two valid JSON documents
 * @old_text, @new_text: NUL-terminated
 *
 * Objects of a list that have a name are matched by it, other members by their position. A place
 * counts in the new document, for what was removed in the old one. A list of which more than
 * POLICY_DIFF_PLACES places in a row may differ is told as one difference, the whole of it; so is
 * each list that differs after the first POLICY_DIFF_MANY differences.
 * Return: new array of {"path","old","new"}, null where there was or is nothing; NULL when a text
 * is not JSON or memory is short.
 */
json_t *policy_diff(const char *old_text, const char *new_text);
