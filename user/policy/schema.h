/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON Schema of a policy document. */
#pragma once

#include <jansson.h>

/**
 * policy_schema() - JSON Schema, 2020-12
 *
 * From the tables that the parser checks documents against. What one value means for another (names
 * that refer to each other, host bits of prefixes, limits on totals) is beyond a schema: a document
 * that it accepts may still have errors, one that it refuses has some.
 * Return: new reference, or NULL without memory.
 */
json_t *policy_schema(void);
