// SPDX-License-Identifier: Apache-2.0
/* App Service, Functions, Container Apps, Automation: IDENTITY_ENDPOINT with its header. */
#include "token/provider.h"

#include <errno.h>

#include "base/diag.h"

static int request(const struct token_site *s, const struct token_key *k, const struct secret *file,
		   int64_t now, struct token_request *ret, struct diag *d)
{
	static const struct provider_names names = {
		.version = "2019-08-01",
		.by = { [WORKER_SELECT_CLIENT] = "client_id",
			[WORKER_SELECT_OBJECT] = "principal_id",
			[WORKER_SELECT_RESOURCE] = "mi_res_id" }
	};

	ret->direct = true;
	if (provider_add_field(ret, "X-IDENTITY-HEADER", s->header) < 0 ||
	    provider_add_field(ret, "Metadata", "true") < 0) /* Automation wants it */
		return diag_set(d, -EINVAL, "IDENTITY_HEADER is not a header");
	return provider_add_query(ret, s->endpoint, &names, k, d);
}

const struct provider provider_app = { .schedule = TOKEN_SCHEDULE_LOCAL,
				       .file = -1,
				       .request = request };
