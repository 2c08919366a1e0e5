// SPDX-License-Identifier: Apache-2.0
/*
 * Azure Arc: the agent on this machine. It wants to see that we may read what its group may: the
 * first answer must be 401 and name a file, whose contents go along with the second request. Which
 * file that may be, the monitor judges when it opens it (daemon/worker_files).
 */
#include "token/provider.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/diag.h"
#include "crypto/secret.h"
#include "net/httpc.h"
#include "token/reply.h"

static int request(const struct token_site *s, const struct token_key *k, const struct secret *file,
		   int64_t now, struct token_request *ret, struct diag *d)
{
	static const struct provider_names names = { .version = "2020-06-01",
						     .by = { [WORKER_SELECT_CLIENT] = "client_id",
							     [WORKER_SELECT_OBJECT] = "object_id",
							     [WORKER_SELECT_RESOURCE] =
								     "msi_res_id" } };
	char basic[TOKEN_FIELD_MAX - 32];

	ret->direct = true;
	if (provider_add_field(ret, "Metadata", "true") < 0)
		return diag_set(d, -EINVAL, "the request is too long");
	if (file) {
		int r = -EINVAL;

		if (snprintf(basic, sizeof(basic), "Basic %s", secret_text(file)) <
		    (int)sizeof(basic))
			r = provider_add_field(ret, "Authorization", basic);
		secret_wipe(basic, sizeof(basic));
		if (r < 0)
			return diag_set(d, r, "the Arc agent's file is not a key");
	}
	return provider_add_query(ret, s->endpoint, &names, k, d);
}

static int challenge(const struct httpc_reply *r, bool answered, char *path, size_t size,
		     struct diag *d)
{
	if (answered)
		return r->status == 401 ? diag_set(d, -EACCES, "the Arc agent refuses its own key")
					: 0;
	if (r->status == 200)
		return diag_set(d, -EACCES,
				"whoever listens in the Arc agent's place gives tokens without a "
				"challenge: it is not the agent");
	if (r->status != 401)
		return 0;
	return token_challenge_read(r->www_authenticate, path, size) < 0
		       ? diag_set(d, -EACCES, "the Arc agent's challenge is not one")
		       : 1;
}

const struct provider provider_arc = { .schedule = TOKEN_SCHEDULE_LOCAL,
				       .file = -1,
				       .request = request,
				       .challenge = challenge,
				       .echoes = true };
