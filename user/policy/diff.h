/* SPDX-License-Identifier: Apache-2.0 */
/* What differs between two documents, by meaning rather than by line. */
#pragma once

#include <jansson.h>

/**
 * policy_diff() - Differences of two valid JSON documents
 * @old_text, @new_text: NUL-terminated
 *
 * Objects of a list that have a name are matched by it, other members by their position. A place
 * counts in the new document, for what was removed in the old one.
 * Return: new array of {"path","old","new"}, null where there was or is nothing; NULL when a text
 * is not JSON or memory is short.
 */
json_t *policy_diff(const char *old_text, const char *new_text);
