// SPDX-License-Identifier: Apache-2.0
/* Virtual machines: the instance metadata service. */
#include "token/provider.h"

#include <errno.h>
#include <stdio.h>

#include "base/diag.h"
#include "crypto/rand.h"

static int request(const struct token_site *s, const struct token_key *k, const struct secret *file,
		   int64_t now, struct token_request *ret, struct diag *d)
{
	static const struct provider_names names = { .version = "2018-02-01",
						     .by = { [WORKER_SELECT_CLIENT] = "client_id",
							     [WORKER_SELECT_OBJECT] = "object_id",
							     [WORKER_SELECT_RESOURCE] =
								     "msi_res_id" } };
	char base[WORKER_TEXT + 64], uuid[RAND_UUID_LEN];

	(void)snprintf(base, sizeof(base), "%s/metadata/identity/oauth2/token", s->endpoint);
	rand_uuid(uuid);
	ret->direct = true;
	if (provider_add_field(ret, "Metadata", "true") < 0 ||
	    provider_add_field(ret, "x-ms-client-request-id", uuid) < 0)
		return diag_set(d, -EINVAL, "the request is too long");
	return provider_add_query(ret, base, &names, k, d);
}

const struct provider provider_imds = { .schedule = TOKEN_SCHEDULE_IMDS,
					.file = -1,
					.request = request };
