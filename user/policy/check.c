// SPDX-License-Identifier: Apache-2.0
#include "policy/check.h"

#include <string.h>

#include "base/utf8.h"
#include "policy/policy.h"

int policy_check(const char *text, size_t len, const struct compile_opts *o,
		 struct policy_check *ret)
{
	int r;

	*ret = (struct policy_check){ 0 };
	r = policy_parse(text, len, &ret->errors, &ret->warnings, &ret->policy);
	if (r < 0)
		return r;
	r = policy_compile(ret->policy, o, &ret->image, &ret->errors);
	diag_list_sort(&ret->errors); /* what does not fit is found in the order of tables */
	return r;
}

void policy_check_free(struct policy_check *c)
{
	policy_image_free(c->image);
	policy_free(c->policy);
	diag_list_free(&c->errors);
	diag_list_free(&c->warnings);
	*c = (struct policy_check){ 0 };
}

json_t *policy_check_json(const struct policy_check *c, const char *file)
{
	json_t *summary;

	if (c->policy)
		summary = policy_summary(c->policy, c->image);
	else
		summary = json_pack("{s:i, s:i, s:i, s:i, s:i, s:i, s:[]}", "services", 0, "names",
				    0, "prefixes", 0, "profiles", 0, "workloads", 0, "identities",
				    0, "maps");
	return json_pack("{s:o, s:b, s:o, s:o, s:o}", "file", utf8_json(file, strlen(file)),
			 "valid", c->image != NULL, "errors", diag_list_json(&c->errors),
			 "warnings", diag_list_json(&c->warnings), "summary", summary);
}
