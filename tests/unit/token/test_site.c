// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/diag.h"
#include "token/site.h"

static const char *const *variables; /* "NAME=value", NULL ends them */

static char *env(const char *name)
{
	size_t len = strlen(name);

	for (const char *const *v = variables; v && *v; v++)
		if (!strncmp(*v, name, len) && (*v)[len] == '=')
			return (char *)*v + len + 1;
	return NULL;
}

static int read_site(const struct worker_config *c, const char *const *vars, struct token_site *s)
{
	struct diag d = { 0 };
	int r;

	variables = vars;
	r = token_site_read(c, env, s, &d);
	if (r < 0)
		assert_string_not_equal(d.text, "");
	return r;
}

#define VARS(...)                               \
	(const char *const[])                   \
	{                                       \
		__VA_ARGS__ __VA_OPT__(, ) NULL \
	}
#define ENTRA "AZURE_TENANT_ID=t", "AZURE_CLIENT_ID=c"

static void chain_is(const char *const *vars, int want)
{
	const struct worker_config c = { 0 };
	struct token_site s;

	assert_int_equal(read_site(&c, vars, &s), want < 0 ? want : 0);
	if (want >= 0) {
		assert_int_equal(s.source, want);
		assert_true(s.chained);
	}
}

static void test_the_order_of_the_chain(void **state)
{
	chain_is(VARS(), TOKEN_SOURCE_IMDS);
	chain_is(VARS(ENTRA), TOKEN_SOURCE_IMDS);
	chain_is(VARS(ENTRA, "AZURE_FEDERATED_TOKEN_FILE=/f", "IDENTITY_ENDPOINT=http://a/",
		      "IDENTITY_HEADER=h"),
		 TOKEN_SOURCE_WORKLOAD);
	chain_is(VARS(ENTRA, "AZURE_FEDERATED_TOKEN_FILE=/f", "AZURE_CLIENT_CERTIFICATE_PATH=/c"),
		 TOKEN_SOURCE_ENVIRONMENT);
	chain_is(VARS("AZURE_FEDERATED_TOKEN_FILE=/f"), TOKEN_SOURCE_IMDS);
	chain_is(VARS("IDENTITY_ENDPOINT=http://a/", "IDENTITY_HEADER=h"),
		 TOKEN_SOURCE_APP_SERVICE);
	chain_is(VARS("IDENTITY_ENDPOINT=http://a/", "IMDS_ENDPOINT=http://b"), TOKEN_SOURCE_ARC);
	chain_is(VARS("IDENTITY_ENDPOINT=http://a/", "IDENTITY_HEADER=h",
		      "IDENTITY_SERVER_THUMBPRINT=00"),
		 -EINVAL); /* Service Fabric */
}

static void test_the_chain_is_told(void **state)
{
	chain_is(VARS("AZURE_TOKEN_CREDENTIALS=prod"), TOKEN_SOURCE_IMDS);
	chain_is(VARS("AZURE_TOKEN_CREDENTIALS=dev"), -EINVAL);
	chain_is(VARS("AZURE_TOKEN_CREDENTIALS=AzureCliCredential"), -EINVAL);
	chain_is(VARS("AZURE_TOKEN_CREDENTIALS=WORKLOADIDENTITYCREDENTIAL", ENTRA,
		      "AZURE_FEDERATED_TOKEN_FILE=/f", "AZURE_CLIENT_CERTIFICATE_PATH=/c"),
		 TOKEN_SOURCE_WORKLOAD);
	chain_is(VARS("AZURE_TOKEN_CREDENTIALS=WorkloadIdentityCredential", ENTRA), -EINVAL);
	chain_is(VARS("AZURE_TOKEN_CREDENTIALS=ManagedIdentityCredential", ENTRA,
		      "AZURE_FEDERATED_TOKEN_FILE=/f"),
		 TOKEN_SOURCE_IMDS);
}

static void test_configuration_goes_before_the_environment(void **state)
{
	struct worker_config c = { .source = TOKEN_SOURCE_CERTIFICATE,
				   .authority = "https://login.microsoftonline.us",
				   .tenant_id = "T",
				   .client_id = "C" };
	struct token_site s;

	assert_int_equal(read_site(&c, VARS(ENTRA, "AZURE_AUTHORITY_HOST=https://x/"), &s), 0);
	assert_string_equal(s.authority, "https://login.microsoftonline.us/");
	assert_string_equal(s.tenant_id, "T");
	assert_string_equal(s.client_id, "C");
	assert_false(s.chained);
	memset(&c, 0, sizeof(c));
	c.source = TOKEN_SOURCE_WORKLOAD;
	assert_int_equal(read_site(&c, VARS(ENTRA, "AZURE_AUTHORITY_HOST=https://x/"), &s), 0);
	assert_string_equal(s.authority, "https://x/");
	assert_int_equal(read_site(&c, VARS(ENTRA), &s), 0);
	assert_string_equal(s.authority, "https://login.microsoftonline.com/");
	assert_int_equal(read_site(&c, VARS(ENTRA, "AZURE_AUTHORITY_HOST=http://x/"), &s), -EINVAL);
	assert_int_equal(read_site(&c, VARS("AZURE_CLIENT_ID=c"), &s), -EINVAL);
	c.source = TOKEN_SOURCE_IMDS;
	assert_int_equal(
		read_site(&c, VARS("AZURE_CLIENT_ID=a", "MANAGED_IDENTITY_CLIENT_ID=m"), &s), 0);
	assert_string_equal(s.client_id, "m");
	assert_string_equal(s.endpoint, "http://169.254.169.254");
	c.source = TOKEN_SOURCE_APP_SERVICE;
	assert_int_equal(read_site(&c, VARS("IDENTITY_ENDPOINT=http://a/"), &s), -EINVAL);
	assert_int_equal(read_site(&c, VARS("IDENTITY_ENDPOINT=ftp://a/", "IDENTITY_HEADER=h"), &s),
			 -EINVAL);
}

#define PROXY "AZURE_KUBERNETES_TOKEN_PROXY=https://10.0.0.1:8443/p/"
#define CA    "AZURE_KUBERNETES_CA_FILE=/ca"

static void test_identity_bindings(void **state)
{
	const struct worker_config c = { .source = TOKEN_SOURCE_WORKLOAD };
	struct token_site s;

	assert_int_equal(read_site(&c, VARS(ENTRA, PROXY, CA, "AZURE_KUBERNETES_SNI_NAME=sni"), &s),
			 0);
	assert_string_equal(s.proxy_url, "https://sni/p");
	assert_string_equal(s.proxy_at, "10.0.0.1:8443");
	assert_string_equal(s.proxy_host, "10.0.0.1:8443");
	assert_int_equal(read_site(&c, VARS(ENTRA, PROXY, "AZURE_KUBERNETES_CA_DATA=pem"), &s), 0);
	assert_string_equal(s.proxy_url, "https://10.0.0.1:8443/p");
	assert_string_equal(s.proxy_at, "");
	assert_string_equal(s.proxy_ca_data, "pem");
	assert_int_equal(read_site(&c, VARS(ENTRA, PROXY), &s), -EINVAL);
	assert_int_equal(read_site(&c, VARS(ENTRA, CA), &s), -EINVAL);
	assert_int_equal(read_site(&c, VARS(ENTRA, PROXY, CA, "AZURE_KUBERNETES_CA_DATA=x"), &s),
			 -EINVAL);
	assert_int_equal(
		read_site(&c, VARS(ENTRA, CA, "AZURE_KUBERNETES_TOKEN_PROXY=http://a/"), &s),
		-EINVAL);
	assert_int_equal(
		read_site(&c, VARS(ENTRA, CA, "AZURE_KUBERNETES_TOKEN_PROXY=https://u@a/"), &s),
		-EINVAL);
	assert_int_equal(
		read_site(&c, VARS(ENTRA, CA, "AZURE_KUBERNETES_TOKEN_PROXY=https://a/?q"), &s),
		-EINVAL);
	assert_int_equal(
		read_site(&c, VARS(ENTRA, CA, "AZURE_KUBERNETES_TOKEN_PROXY=https://a/#f"), &s),
		-EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_order_of_the_chain),
		cmocka_unit_test(test_the_chain_is_told),
		cmocka_unit_test(test_configuration_goes_before_the_environment),
		cmocka_unit_test(test_identity_bindings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
