/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Name patterns: the one matcher for queries, answers, server names and the command line, here for
 * one pattern; of all patterns of a policy the tries tell (policy_image_name()), in the kernel too.
 * "host.example" is that name; "*.example.com" is one or more labels in front of it. Case and a
 * trailing dot are ignored. tests/names/vectors.txt holds for all of them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "zta_names.h"

#define NAME_LEN_MAX  253 /* octets, without the trailing dot (RFC 1035 2.3.4) */
#define NAME_TEXT_LEN (NAME_LEN_MAX + 1)

/**
 * name_pattern_check() - Whether a pattern is one
 * @ret_error:	gets the reason, static: "is an IP address"; untouched on success
 *
 * Letters, digits, '-', '_'; labels up to 63 octets; at least two labels behind "*."; no IP
 * addresses. Return: 0 or -EINVAL.
 */
int name_pattern_check(const char *text, const char **ret_error);

/* Lower case, without the trailing dot. The text was checked, or is cut. */
void name_normalise(const char *text, char ret[NAME_TEXT_LEN]);

/**
 * name_backwards() - A name, or a pattern, as the tries know it (zta_names.h)
 * @ret:	zero padded
 *
 * "a.example" is "elpmaxe.a", "*.example" is "elpmaxe.": each pattern that matches a name is a
 * prefix of it, an exact one with its NUL. Of more than ZTA_NAME_TEXT octets the last ones count.
 * Return: octets, the NUL of an exact one included.
 */
size_t name_backwards(const char *text, char ret[ZTA_NAME_TEXT]);

bool name_match(const char *pattern, const char *name);

/* Labels of a pattern or name; "*" counts as one. */
unsigned name_labels(const char *text);

/*
 * Which of two patterns that match the same name decides: > 0 = @a, < 0 = @b, 0 = both. More
 * labels win; on equal length an exact one does.
 */
int name_compare(const char *a, const char *b);
