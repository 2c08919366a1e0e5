/* SPDX-License-Identifier: Apache-2.0 */
/* Where tokens come from, by name. */
#pragma once

enum token_source {
	TOKEN_SOURCE_CHAIN, /* the first that has one, in Azure's order */
	TOKEN_SOURCE_ENVIRONMENT,
	TOKEN_SOURCE_WORKLOAD,
	TOKEN_SOURCE_APP_SERVICE,
	TOKEN_SOURCE_ARC,
	TOKEN_SOURCE_IMDS,
	TOKEN_SOURCE_CERTIFICATE,
	TOKEN_SOURCE_COUNT
};

/* "chain", "environment", "workload-identity", "app-service", "arc", "imds", "certificate" */
const char *token_source_name(enum token_source s);

/* As strings with NULL at the end: the words of a document. */
extern const char *const token_source_names[TOKEN_SOURCE_COUNT + 1];

/* TOKEN_SOURCE_COUNT when there is none of that name. */
enum token_source token_source_find(const char *name);
