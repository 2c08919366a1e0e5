// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/str.h"
#include "base/diag.h"
#include "policy/names.h"
#include "policy/prefix.h"
#include "policy/presets.h"
#include "policy/schema.h"

static void test_every_name_and_zone_is_a_pattern(void **state)
{
	const struct preset *v;
	const char *why;
	size_t n;

	v = preset_list(&n);
	assert_true(n > 0);
	for (size_t i = 0; i < n; i++) {
		assert_ptr_equal(preset_find(v[i].name), &v[i]);
		assert_non_null(v[i].names[0]);
		for (size_t j = 0; v[i].names[j]; j++)
			if (name_pattern_check(v[i].names[j], &why) < 0)
				fail_msg("%s %s", v[i].names[j], why);
		for (size_t j = 0; v[i].zones[j]; j++)
			assert_true(str_starts(v[i].zones[j], "privatelink."));
	}
	assert_null(preset_find("azure"));
}

static void test_every_prefix_is_public(void **state)
{
	struct policy_prefix prefix;
	const struct preset *v;
	size_t n, found = 0;
	struct diag d;

	v = preset_list(&n);
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; v[i].prefixes && v[i].prefixes[j]; j++, found++) {
			if (prefix_parse(v[i].prefixes[j], &prefix, &d) < 0)
				fail_msg("%s", d.text);
			assert_true(prefix.addr.family == ZTA_V4 ? prefix.len >= 16
								 : prefix.len >= 32);
			assert_false(str_starts(v[i].prefixes[j], "10."));
			assert_false(str_starts(v[i].prefixes[j], "f"));
		}
	assert_true(found > 20);
}

/* Each service of the public cloud and, where there is one, of the others. */
static void test_names_of_each_cloud(void **state)
{
	static const struct {
		const char *preset, *names[4];
	} v[] = {
		{ "azure-openai", { "a.openai.azure.com", "a.openai.azure.us" } },
		{ "azure-ai-services",
		  { "a.cognitiveservices.azure.com", "a.cognitiveservices.azure.us",
		    "a.cognitiveservices.azure.cn" } },
		{ "azure-ai-foundry", { "a.services.ai.azure.com", "a.services.ai.azure.us" } },
		{ "azure-ai-search", { "a.search.windows.net", "a.search.windows.us" } },
		{ "azure-ml",
		  { "x.workspace.westeurope.api.azureml.ms", "x.api.ml.azure.us",
		    "x.api.ml.azure.cn" } },
		{ "azure-key-vault",
		  { "a.vault.azure.net", "a.vault.usgovcloudapi.net", "a.vault.azure.cn" } },
		{ "azure-storage-blob",
		  { "a.blob.core.windows.net", "a.blob.core.usgovcloudapi.net",
		    "a.blob.core.chinacloudapi.cn" } },
		{ "azure-cosmos-db",
		  { "a.documents.azure.com", "a.documents.azure.us", "a.documents.azure.cn" } },
		{ "azure-monitor",
		  { "westeurope-5.in.applicationinsights.azure.com",
		    "westeurope.livediagnostics.monitor.azure.com",
		    "x-abcd.westeurope-1.ingest.monitor.azure.com",
		    "dc.services.visualstudio.com" } },
		{ "azure-event-hubs",
		  { "a.servicebus.windows.net", "a.servicebus.usgovcloudapi.net",
		    "a.servicebus.chinacloudapi.cn" } },
		{ "public-ai",
		  { "m.westeurope.models.ai.azure.com", "models.inference.ai.azure.com",
		    "westeurope.api.cognitive.microsoft.com", "api.openai.com" } },
		{ "entra",
		  { "login.microsoftonline.com", "login.microsoftonline.us",
		    "login.partner.microsoftonline.cn" } },
		{ "arm",
		  { "management.azure.com", "management.usgovcloudapi.net",
		    "management.chinacloudapi.cn" } },
		{ "mcr",
		  { "mcr.microsoft.com", "westeurope.data.mcr.microsoft.com", "mcr.azure.cn" } },
	};

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		for (size_t k = 0; k < 4 && v[i].names[k]; k++) {
			const struct preset *p = preset_find(v[i].preset);
			bool found = false;

			for (size_t j = 0; p->names[j]; j++)
				found |= name_match(p->names[j], v[i].names[k]);
			if (!found)
				fail_msg("%s has no %s", v[i].preset, v[i].names[k]);
		}
}

static void test_no_name_stands_twice(void **state)
{
	const struct preset *v;
	size_t n;

	v = preset_list(&n);
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; v[i].names[j]; j++)
			for (size_t k = i; k < n; k++)
				for (size_t l = k == i ? j + 1 : 0; v[k].names[l]; l++)
					if (!strcmp(v[i].names[j], v[k].names[l]))
						fail_msg("%s: %s and %s", v[i].names[j], v[i].name,
							 v[k].name);
}

/* A host in a private-link zone of a service belongs to that service, not to public-ai. */
static void test_public_ai_covers_no_private_link(void **state)
{
	const struct preset *ai = preset_find("public-ai"), *v;
	size_t n;

	assert_non_null(ai);
	v = preset_list(&n);
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; v[i].zones[j]; j++) {
			_cleanup_free_ char *host = str_dup_printf("x.%s", v[i].zones[j]);

			for (size_t k = 0; ai->names[k]; k++)
				assert_false(name_match(ai->names[k], host));
		}
}

static bool has_word(const json_t *words, const char *name)
{
	const json_t *word;
	size_t i;

	json_array_foreach (words, i, word)
		if (!strcmp(json_string_value(word), name))
			return true;
	return false;
}

static json_t *walk(json_t *o, const char *path)
{
	_cleanup_free_ char *copy = strdup(path);

	for (char *rest = copy, *step; o && (step = strsep(&rest, "/"));)
		o = json_object_get(o, step);
	return o;
}

static void test_the_schema_has_the_same_presets(void **state)
{
	static const char *const paths[] = {
		[PRESET_SERVICE] = "properties/services/items/properties/preset/enum",
		[PRESET_AI_PUBLIC] = "properties/ai_public/properties/presets/items/enum",
		[PRESET_RULE] =
			"properties/profiles/items/properties/egress/properties/rules/items/"
			"properties/presets/items/enum",
	};
	json_t *schema = policy_schema();
	const struct preset *v;
	size_t n, found = 0, words = 0;

	v = preset_list(&n);
	for (size_t i = 0; i < n; i++)
		found += has_word(walk(schema, paths[v[i].use]), v[i].name);
	for (size_t i = 0; i < 3; i++)
		words += json_array_size(walk(schema, paths[i]));
	assert_int_equal(found, n);
	assert_int_equal(words, n);
	json_decref(schema);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_name_and_zone_is_a_pattern),
		cmocka_unit_test(test_every_prefix_is_public),
		cmocka_unit_test(test_names_of_each_cloud),
		cmocka_unit_test(test_no_name_stands_twice),
		cmocka_unit_test(test_public_ai_covers_no_private_link),
		cmocka_unit_test(test_the_schema_has_the_same_presets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
