// SPDX-License-Identifier: Apache-2.0
/*
 * The policy of a machine that has none: nothing is blocked, and what is reported is AI traffic
 * that leaves by a public address.
 */
#include <unistd.h>

#include "policy/policy.h"

#define SERVICE_ACCOUNT "/var/run/secrets/kubernetes.io/serviceaccount"

#define HEAD                                            \
	"{\n"                                           \
	"  \"apiVersion\": \"zta/v1\",\n"               \
	"  \"kind\": \"Policy\",\n"                     \
	"  \"metadata\": { \"name\": \"built-in\" },\n" \
	"  \"mode\": \"audit\",\n"                      \
	"  \"resolvers\": "

/* A service that is named as its preset. */
#define FENCE(preset)                      \
	"    { \"name\": \"" preset "\", " \
	"\"preset\": \"" preset "\",\n"    \
	"      \"private_link\": "         \
	"[\"@private\"], "                 \
	"\"dedicated\": false }"

#define SETS                                                      \
	",\n"                                                     \
	"  \"prefixes\": {\n"                                     \
	"    \"private\": [\"10.0.0.0/8\", \"172.16.0.0/12\", "   \
	"\"192.168.0.0/16\",\n"                                   \
	"                \"100.64.0.0/10\", \"169.254.0.0/16\", " \
	"\"fc00::/7\", \"fe80::/10\"]\n"                          \
	"  },\n"                                                  \
	"  \"services\": [\n"

#define TAIL                                                   \
	"\n  ],\n"                                             \
	"  \"ai_public\": { \"presets\": [\"public-ai\"] },\n" \
	"  \"default_profile\": \"host\",\n"                   \
	"  \"default_pod_profile\": \"host\",\n"               \
	"  \"unknown_profile\": \"host\"\n"                    \
	"}\n"

#define OPENAI	 FENCE("azure-openai") ",\n"
#define SERVICES FENCE("azure-ai-services") ",\n"
#define FOUNDRY	 FENCE("azure-ai-foundry") ",\n"
#define SEARCH	 FENCE("azure-ai-search") ",\n"
#define ML	 FENCE("azure-ml")
#define REST	 SETS OPENAI SERVICES FOUNDRY SEARCH ML TAIL

const char *policy_builtin_text(void)
{
	static const char machine[] = HEAD "[\"system\"]" REST;
	static const char pod[] = HEAD "[\"system\", \"kubernetes\"]" REST;

	return access(SERVICE_ACCOUNT, F_OK) == 0 ? pod : machine;
}
