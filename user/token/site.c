// SPDX-License-Identifier: Apache-2.0
#include "token/site.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/diag.h"
#include "base/str.h"

#define AUTHORITY "https://login.microsoftonline.com/"
#define IMDS	  "http://169.254.169.254"
#define ARC	  "http://127.0.0.1:40342/metadata/identity/oauth2/token"

typedef char *(*env_fn)(const char *name);

static const char *said(env_fn env, const char *name)
{
	const char *v = env(name);

	return v ? v : "";
}

/* The first that says something. Too long: said by whoever uses it, since it is not a URL then. */
static void take(char *to, size_t size, const char *first, const char *second)
{
	const char *s = *first ? first : second;

	(void)snprintf(to, size, "%s", strlen(s) < size ? s : "");
}

/* --- which one */

enum group { GROUP_ENVIRONMENT = 1, GROUP_WORKLOAD = 2, GROUP_MANAGED = 4, GROUP_ALL = 7 };

/* AZURE_TOKEN_CREDENTIALS, as Azure's libraries read it; 0 = a word that leaves nothing to us. */
static unsigned int groups_of(const char *word)
{
	static const struct {
		const char *word;
		unsigned int groups;
	} words[] = {
		{ "", GROUP_ALL },
		{ "prod", GROUP_ALL },
		{ "EnvironmentCredential", GROUP_ENVIRONMENT },
		{ "WorkloadIdentityCredential", GROUP_WORKLOAD },
		{ "ManagedIdentityCredential", GROUP_MANAGED },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcasecmp(word, words[i].word))
			return words[i].groups;
	return 0;
}

static enum token_source managed(env_fn env)
{
	if (*said(env, "IDENTITY_ENDPOINT") && *said(env, "IDENTITY_HEADER"))
		return TOKEN_SOURCE_APP_SERVICE;
	if (*said(env, "IDENTITY_ENDPOINT") && *said(env, "IMDS_ENDPOINT"))
		return TOKEN_SOURCE_ARC;
	return TOKEN_SOURCE_IMDS;
}

static int choose(env_fn env, enum token_source *ret, struct diag *d)
{
	const char *word = said(env, "AZURE_TOKEN_CREDENTIALS");
	unsigned int groups = groups_of(word);
	bool entra = *said(env, "AZURE_TENANT_ID") && *said(env, "AZURE_CLIENT_ID");

	if (!groups)
		return diag_set(d, -EINVAL,
				"AZURE_TOKEN_CREDENTIALS is '%s': known are prod, "
				"EnvironmentCredential, WorkloadIdentityCredential and "
				"ManagedIdentityCredential",
				word);
	if ((groups & GROUP_ENVIRONMENT) && entra && *said(env, "AZURE_CLIENT_CERTIFICATE_PATH"))
		*ret = TOKEN_SOURCE_ENVIRONMENT;
	else if ((groups & GROUP_WORKLOAD) && entra && *said(env, "AZURE_FEDERATED_TOKEN_FILE"))
		*ret = TOKEN_SOURCE_WORKLOAD;
	else if (groups & GROUP_MANAGED)
		*ret = managed(env);
	else
		return diag_set(d, -EINVAL,
				"AZURE_TOKEN_CREDENTIALS is '%s', but its variables are not all "
				"set",
				word);
	return 0;
}

/* --- what it needs */

static bool is_plain_url(const char *url, const char *scheme)
{
	return str_starts(url, scheme) && url[strlen(scheme)] && !strpbrk(url, "@#\\ \t\r\n\"");
}

static int read_proxy(env_fn env, struct token_site *s, struct diag *d)
{
	const char *url = said(env, "AZURE_KUBERNETES_TOKEN_PROXY");
	const char *sni = said(env, "AZURE_KUBERNETES_SNI_NAME");
	const char *file = said(env, "AZURE_KUBERNETES_CA_FILE");
	const char *data = said(env, "AZURE_KUBERNETES_CA_DATA");
	const char *host = url + strlen("https://"), *path;
	int n;

	if (!*url)
		return *sni || *file || *data
			       ? diag_set(d, -EINVAL,
					  "AZURE_KUBERNETES_SNI_NAME or _CA_... is set, but not "
					  "AZURE_KUBERNETES_TOKEN_PROXY")
			       : 0;
	if (!is_plain_url(url, "https://") || strchr(url, '?'))
		return diag_set(d, -EINVAL,
				"AZURE_KUBERNETES_TOKEN_PROXY is not an https URL without user, "
				"query and fragment");
	if (!*file == !*data)
		return diag_set(d, -EINVAL,
				"set one of AZURE_KUBERNETES_CA_FILE and AZURE_KUBERNETES_CA_DATA");
	path = host + strcspn(host, "/");
	n = snprintf(s->proxy_host, sizeof(s->proxy_host), "%.*s", (int)(path - host), host);
	if (n >= (int)sizeof(s->proxy_host))
		return diag_set(d, -EINVAL, "AZURE_KUBERNETES_TOKEN_PROXY is too long");
	n = snprintf(s->proxy_url, sizeof(s->proxy_url), "https://%s%s", *sni ? sni : s->proxy_host,
		     path);
	if (n >= (int)sizeof(s->proxy_url) || strpbrk(sni, "/@?# "))
		return diag_set(d, -EINVAL, "AZURE_KUBERNETES_SNI_NAME is not a name");
	while (n > 0 && s->proxy_url[n - 1] == '/')
		s->proxy_url[--n] = '\0';
	if (*sni) {
		bool port = strrchr(s->proxy_host, ':') > strrchr(s->proxy_host, ']');

		n = snprintf(s->proxy_at, sizeof(s->proxy_at), "%s%s", s->proxy_host,
			     port ? "" : ":443");
		if (n >= (int)sizeof(s->proxy_at))
			return diag_set(d, -EINVAL, "AZURE_KUBERNETES_TOKEN_PROXY is too long");
	}
	s->proxy_ca_data = *data ? data : NULL;
	return 0;
}

/* Also where tokens come from elsewhere: a pod's own assertion is for Entra in any case. */
static int read_authority(const struct worker_config *c, env_fn env, struct token_site *s,
			  struct diag *d)
{
	size_t len;

	take(s->authority, sizeof(s->authority) - 1, c->authority,
	     said(env, "AZURE_AUTHORITY_HOST"));
	if (!*s->authority)
		(void)strcpy(s->authority, AUTHORITY);
	if (!is_plain_url(s->authority, "https://") || strchr(s->authority, '?'))
		return diag_set(d, -EINVAL, "the authority '%s' is not an https URL", s->authority);
	len = strlen(s->authority);
	if (s->authority[len - 1] != '/')
		(void)strcpy(s->authority + len, "/");
	take(s->tenant_id, sizeof(s->tenant_id), c->tenant_id, said(env, "AZURE_TENANT_ID"));
	return read_proxy(env, s, d);
}

static int read_entra(const struct worker_config *c, env_fn env, struct token_site *s,
		      struct diag *d)
{
	take(s->client_id, sizeof(s->client_id), c->client_id, said(env, "AZURE_CLIENT_ID"));
	return *s->tenant_id
		       ? 0
		       : diag_set(d, -EINVAL, "no tenant: say tokens.tenant_id or AZURE_TENANT_ID");
}

static int read_managed(const struct worker_config *c, env_fn env, struct token_site *s,
			struct diag *d)
{
	const char *given = said(env, "IDENTITY_ENDPOINT");

	take(s->client_id, sizeof(s->client_id), c->client_id,
	     *said(env, "MANAGED_IDENTITY_CLIENT_ID") ? said(env, "MANAGED_IDENTITY_CLIENT_ID")
						      : said(env, "AZURE_CLIENT_ID"));
	if (s->source == TOKEN_SOURCE_IMDS) {
		take(s->endpoint, sizeof(s->endpoint), c->imds_endpoint,
		     *said(env, "AZURE_POD_IDENTITY_AUTHORITY_HOST")
			     ? said(env, "AZURE_POD_IDENTITY_AUTHORITY_HOST")
			     : IMDS);
		if (*s->endpoint && s->endpoint[strlen(s->endpoint) - 1] == '/')
			s->endpoint[strlen(s->endpoint) - 1] = '\0';
	} else {
		take(s->endpoint, sizeof(s->endpoint), given,
		     s->source == TOKEN_SOURCE_ARC ? ARC : "");
	}
	if (!is_plain_url(s->endpoint, "http://") &&
	    !(s->source == TOKEN_SOURCE_APP_SERVICE && is_plain_url(s->endpoint, "https://")))
		return diag_set(d, -EINVAL, "the endpoint of %s is not a URL: '%s'",
				token_source_name(s->source), s->endpoint);
	if (s->source != TOKEN_SOURCE_APP_SERVICE)
		return 0;
	if (*said(env, "IDENTITY_SERVER_THUMBPRINT"))
		return diag_set(d, -EINVAL,
				"this looks like Service Fabric, which is not a source of tokens "
				"here");
	take(s->header, sizeof(s->header), said(env, "IDENTITY_HEADER"), "");
	if (!*s->header || strpbrk(s->header, "\r\n"))
		return diag_set(d, -EINVAL, "IDENTITY_HEADER is missing or not a header");
	return 0;
}

int token_site_read(const struct worker_config *c, char *(*env)(const char *name),
		    struct token_site *ret, struct diag *d)
{
	int r;

	*ret = (struct token_site){ .source = (enum token_source)c->source };
	r = read_authority(c, env, ret, d);
	if (r == 0 && c->source == TOKEN_SOURCE_CHAIN) {
		ret->chained = true;
		r = choose(env, &ret->source, d);
	}
	if (r < 0)
		return r;
	return ret->source == TOKEN_SOURCE_WORKLOAD || ret->source == TOKEN_SOURCE_CERTIFICATE ||
			       ret->source == TOKEN_SOURCE_ENVIRONMENT
		       ? read_entra(c, env, ret, d)
		       : read_managed(c, env, ret, d);
}
