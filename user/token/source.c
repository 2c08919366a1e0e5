// SPDX-License-Identifier: Apache-2.0
#include "token/source.h"

#include <stddef.h>
#include <string.h>

const char *const token_source_names[TOKEN_SOURCE_COUNT + 1] = {
	[TOKEN_SOURCE_CHAIN] = "chain",
	[TOKEN_SOURCE_ENVIRONMENT] = "environment",
	[TOKEN_SOURCE_WORKLOAD] = "workload-identity",
	[TOKEN_SOURCE_APP_SERVICE] = "app-service",
	[TOKEN_SOURCE_ARC] = "arc",
	[TOKEN_SOURCE_IMDS] = "imds",
	[TOKEN_SOURCE_CERTIFICATE] = "certificate",
};

const char *token_source_name(enum token_source s)
{
	return s < TOKEN_SOURCE_COUNT ? token_source_names[s] : "unknown";
}

enum token_source token_source_find(const char *name)
{
	size_t i = 0;

	while (i < TOKEN_SOURCE_COUNT && strcmp(name, token_source_names[i]))
		i++;
	return (enum token_source)i;
}
