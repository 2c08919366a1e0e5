// SPDX-License-Identifier: Apache-2.0
/* Entra's token endpoint, asked with an assertion: a federated token, or one that we sign. */
#include "token/provider.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/diag.h"
#include "crypto/assertion.h"
#include "crypto/rand.h"
#include "crypto/secret.h"
#include "net/http.h"

#define JWT_LETTERS                                                      \
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789" \
	"-_."
#define BODY_MAX 2048 /* without the assertion */

static int write_url(const struct token_site *s, const struct token_key *k, bool through_proxy,
		     char *url, size_t size)
{
	char base[WORKER_TEXT + 1];

	if (through_proxy)
		(void)snprintf(base, sizeof(base), "%s/", s->proxy_url);
	else
		(void)snprintf(base, sizeof(base), "%s", s->authority);
	return snprintf(url, size, "%s%s/oauth2/v2.0/token", base, k->tenant_id) < (int)size
		       ? 0
		       : -EINVAL;
}

/* "…net/" becomes "…net//.default": the audience's own slash stays. */
static int write_body(const struct token_key *k, const char *assertion, size_t len,
		      struct secret **ret)
{
	_cleanup_secret_ struct secret *body = NULL;
	char text[BODY_MAX];
	int r;

	(void)snprintf(text, sizeof(text), "grant_type=client_credentials&client_id=");
	if (http_encode(text, sizeof(text), k->selected) < 0 ||
	    strlen(text) + strlen("&scope=") >= sizeof(text))
		return -EINVAL;
	(void)strcat(text, "&scope=");
	if (http_encode(text, sizeof(text), k->audience) < 0 ||
	    http_encode(text, sizeof(text), "/.default") < 0)
		return -EINVAL;
	r = secret_alloc(sizeof(text) + 256 + len, &body);
	if (r < 0)
		return r;
	if (secret_append(body, text, strlen(text)) < 0)
		return -EINVAL;
	(void)snprintf(text, sizeof(text),
		       "&client_assertion_type=urn%%3Aietf%%3Aparams%%3Aoauth%%3A"
		       "client-assertion-type%%3Ajwt-bearer&client_assertion=");
	if (secret_append(body, text, strlen(text)) < 0 || secret_append(body, assertion, len) < 0)
		return -EINVAL;
	*ret = take_ptr(body);
	return 0;
}

static int finish(const struct token_key *k, const char *assertion, size_t len,
		  struct token_request *ret, struct diag *d)
{
	char uuid[RAND_UUID_LEN];

	rand_uuid(uuid);
	if (!*k->tenant_id)
		return diag_set(d, -EINVAL, "no tenant: say tokens.tenant_id or AZURE_TENANT_ID");
	if (k->selector != WORKER_SELECT_CLIENT)
		return diag_set(d, -EINVAL,
				"Entra is asked for an application by its client id, and none is "
				"named: in the profile, tokens.client_id or AZURE_CLIENT_ID");
	if (provider_add_field(ret, "Content-Type", "application/x-www-form-urlencoded") < 0 ||
	    provider_add_field(ret, "client-request-id", uuid) < 0 ||
	    write_body(k, assertion, len, &ret->body) < 0)
		return diag_set(d, -EINVAL, "the request is too long");
	return 0;
}

static int workload(const struct token_site *s, const struct token_key *k,
		    const struct secret *file, int64_t now, struct token_request *ret,
		    struct diag *d)
{
	bool proxy = *s->proxy_url;
	const char *text;
	size_t len;

	if (!file)
		return diag_set(d, -EINVAL, "there is no federated token");
	text = secret_text(file);
	len = strspn(text, JWT_LETTERS);
	if (!len || text[len + strspn(text + len, " \t\r\n")])
		return diag_set(d, -EINVAL, "the federated token file does not hold a token");
	if (write_url(s, k, proxy, ret->url, sizeof(ret->url)) < 0 ||
	    (proxy && provider_add_field(ret, "Host", s->proxy_host) < 0))
		return diag_set(d, -EINVAL, "the token endpoint is too long");
	ret->direct = proxy;
	ret->connect_to = *s->proxy_at ? s->proxy_at : NULL;
	return finish(k, text, len, ret, d);
}

static int certificate(const struct token_site *s, const struct token_key *k,
		       const struct secret *file, int64_t now, struct token_request *ret,
		       struct diag *d)
{
	_cleanup_secret_ struct secret *assertion = NULL;
	const char *why = "";
	int r;

	if (!file)
		return diag_set(d, -EINVAL, "there is no certificate");
	if (write_url(s, k, false, ret->url, sizeof(ret->url)) < 0)
		return diag_set(d, -EINVAL, "the token endpoint is too long");
	r = assertion_make(file, ret->url, k->selected, now, &assertion, &why);
	if (r < 0)
		return diag_set(d, r, "%s", r == -EINVAL ? why : "out of memory");
	return finish(k, secret_text(assertion), secret_len(assertion), ret, d);
}

const struct provider provider_workload = { .schedule = TOKEN_SCHEDULE_ENTRA,
					    .file = WORKER_FILE_FEDERATED,
					    .request = workload };
const struct provider provider_certificate = { .schedule = TOKEN_SCHEDULE_ENTRA,
					       .file = WORKER_FILE_CERTIFICATE,
					       .request = certificate };
