// SPDX-License-Identifier: Apache-2.0
#include "ctl/document.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/utf8.h"
#include "policy/resolvers.h"

/* Far over what a policy may have: the parser itself says how much that is. */
#define DOCUMENT_BYTES_MAX (16UL * ZTA_POLICY_BYTES_MAX)

enum ctl_exit document_read(const struct ctl *c, const char *file, char **ret, size_t *ret_len)
{
	const char *path = strcmp(file, "-") ? file : "/dev/stdin";
	int r = file_read_all(path, DOCUMENT_BYTES_MAX, ret, ret_len);

	if (r < 0)
		return ctl_fail(c, CTL_FAILED, "cannot-read", "cannot read '%s': %s", file,
				strerror(-r));
	return CTL_OK;
}

enum ctl_exit document_check(const struct ctl *c, const char *file, char **ret_text,
			     struct policy_check *ret)
{
	_cleanup_resolvers_ struct resolvers system = { 0 };
	const struct compile_opts o = { .generation = 1,
					.now = time(NULL),
					.resolvers = &system.servers,
					.search = &system.search };
	_cleanup_free_ char *text = NULL;
	enum ctl_exit status;
	size_t len;
	int r;

	*ret = (struct policy_check){ 0 };
	status = document_read(c, file, &text, &len);
	if (status != CTL_OK)
		return status;

	r = resolvers_read(RESOLVERS_ETC, RESOLVERS_UPSTREAM, &system);
	if (r == 0)
		r = policy_check(text, len, &o, ret);
	if (r < 0 && !ret->errors.n)
		return ctl_fail(c, CTL_FAILED, "failed", "cannot check '%s': %s", file,
				strerror(-r));
	if (ret_text)
		*ret_text = take_ptr(text);
	return CTL_OK;
}

const char *document_count(char *text, size_t size, size_t n, const char *what)
{
	snprintf(text, size, "%zu %s%s", n, what, n == 1 ? "" : "s");
	return text;
}

enum ctl_exit document_refuse(const struct ctl *c, const char *file, const json_t *errors)
{
	_cleanup_free_ char *detail = NULL;
	char count[32];
	json_t *v;

	document_count(count, sizeof(count), json_array_size(errors), "error");
	if (!c->json) {
		ctl_places(file, "", errors);
		return ctl_fail(c, CTL_FAILED, "invalid-policy", "%s is no valid policy: %s", file,
				count);
	}
	if (asprintf(&detail, "%s is no valid policy: %s", file, count) < 0)
		detail = NULL;
	v = json_pack("{s:s, s:o, s:O}", "error", "invalid-policy", "detail",
		      utf8_json(detail ? detail : "", detail ? strlen(detail) : 0), "errors",
		      errors);
	if (!v)
		return ctl_fail(c, CTL_FAILED, "invalid-policy", "no valid policy");
	ctl_json(v);
	json_decref(v);
	return CTL_FAILED;
}
