/* SPDX-License-Identifier: Apache-2.0 */
/* Policy documents that the user names: read, checked, refused with their places. */
#pragma once

#include <stddef.h>

#include "ctl/ctl.h"
#include "policy/check.h"

/**
 * document_read() - The bytes of a file
 * @ret:	caller frees; a NUL follows the bytes
 * Return: CTL_OK, or CTL_FAILED after having said why.
 */
enum ctl_exit document_read(const struct ctl *c, const char *file, char **ret, size_t *ret_len);

/**
 * document_check() - Read, parse and compile, with this machine's resolvers as "system"
 * @ret:	caller runs policy_check_free(), also on failure; `image` is NULL when not valid
 * Return: CTL_OK also for a document that is not valid, else CTL_FAILED after having said why.
 */
enum ctl_exit document_check(const struct ctl *c, const char *file, char **ret_text,
			     struct policy_check *ret);

/* Say that a document is not valid, with every error and its place. Return: CTL_FAILED. */
enum ctl_exit document_refuse(const struct ctl *c, const char *file, const json_t *errors);

/* "1 error", "3 errors" */
const char *document_count(char *text, size_t size, size_t n, const char *what);
