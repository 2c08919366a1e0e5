// SPDX-License-Identifier: Apache-2.0
#include "token/provider.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/diag.h"
#include "crypto/secret.h"
#include "net/http.h"
#include "token/reply.h"

#define USER_ASSIGNED "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/"

const struct provider *provider_of(enum token_source source)
{
	switch (source) {
	case TOKEN_SOURCE_IMDS:
		return &provider_imds;
	case TOKEN_SOURCE_APP_SERVICE:
		return &provider_app;
	case TOKEN_SOURCE_ARC:
		return &provider_arc;
	case TOKEN_SOURCE_WORKLOAD:
		return &provider_workload;
	case TOKEN_SOURCE_ENVIRONMENT:
	case TOKEN_SOURCE_CERTIFICATE:
		return &provider_certificate;
	default:
		return NULL;
	}
}

int provider_add_field(struct token_request *q, const char *name, const char *value)
{
	int n;

	if (q->n_fields == TOKEN_FIELDS || strpbrk(value, "\r\n"))
		return -EINVAL;
	n = snprintf(q->fields[q->n_fields], TOKEN_FIELD_MAX, "%s: %s", name, value);
	if (n >= TOKEN_FIELD_MAX)
		return -EINVAL;
	q->n_fields++;
	return 0;
}

static int add_member(struct token_request *q, const char *name, const char *value)
{
	size_t used = strlen(q->url);
	int n = snprintf(q->url + used, sizeof(q->url) - used, "&%s=", name);

	return n >= (int)(sizeof(q->url) - used) ? -EINVAL
						 : http_encode(q->url, sizeof(q->url), value);
}

int provider_add_query(struct token_request *q, const char *base, const struct provider_names *n,
		       const struct token_key *k, struct diag *d)
{
	const char *by = k->selector == WORKER_SELECT_NONE ? NULL : n->by[k->selector];

	if (k->selector != WORKER_SELECT_NONE && !by)
		return diag_set(d, -EINVAL, "this source cannot be asked for an identity so");
	if (snprintf(q->url, sizeof(q->url), "%s?api-version=%s", base, n->version) >=
		    (int)sizeof(q->url) ||
	    add_member(q, "resource", k->audience) < 0 ||
	    (by && add_member(q, by, k->selected) < 0))
		return diag_set(d, -EINVAL, "the request is too long");
	return 0;
}

static const char *claimed(const struct token_key *k, const char *client, const char *object,
			   const char *resource)
{
	switch (k->selector) {
	case WORKER_SELECT_CLIENT:
		return client;
	case WORKER_SELECT_OBJECT:
		return object;
	default:
		return resource;
	}
}

/* What the reply lacks, the token may say. */
static void fill(char *to, size_t size, const char *from)
{
	if (!*to)
		(void)snprintf(to, size, "%s", from);
}

int provider_check_identity(const struct provider *p, const struct token_key *k,
			    struct token_reply *reply, struct diag *d)
{
	struct token_claims c = { 0 };
	const char *in_token, *in_reply;

	(void)token_claims_read(secret_text(reply->token), secret_len(reply->token), &c);
	if (k->selector == WORKER_SELECT_NONE) {
		if (strcasestr(c.resource_id, USER_ASSIGNED))
			return diag_set(d, -EACCES,
					"the token is a user-assigned identity's, asked was for "
					"the system-assigned one");
	} else {
		in_token = claimed(k, c.client_id, c.object_id, c.resource_id);
		in_reply = claimed(k, reply->client_id, reply->object_id, reply->resource_id);
		if (p->echoes && !*in_reply)
			return diag_set(d, -EACCES,
					"the reply does not repeat the identity that was asked "
					"for");
		if (!*in_token && !*in_reply)
			return diag_set(d, -EACCES, "it cannot be told whose the token is");
		if ((*in_token && strcasecmp(in_token, k->selected)) ||
		    (*in_reply && strcasecmp(in_reply, k->selected)))
			return diag_set(d, -EACCES, "the token is another identity's: '%s'",
					*in_token && strcasecmp(in_token, k->selected) ? in_token
										       : in_reply);
	}
	fill(reply->client_id, sizeof(reply->client_id), c.client_id);
	fill(reply->object_id, sizeof(reply->object_id), c.object_id);
	fill(reply->resource_id, sizeof(reply->resource_id), c.resource_id);
	return 0;
}
