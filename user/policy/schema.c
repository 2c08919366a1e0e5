// SPDX-License-Identifier: Apache-2.0
#include "policy/schema.h"

#include "policy/parse.h"

json_t *policy_schema(void)
{
	json_t *head = json_pack("{s:s, s:s}", "$schema",
				 "https://json-schema.org/draft/2020-12/schema", "title",
				 "zta/v1 Policy");
	json_t *body = shape_schema(&policy_shape);

	if (!head || !body || json_object_update(head, body) < 0) {
		json_decref(head);
		head = NULL;
	}
	json_decref(body);
	return head;
}
