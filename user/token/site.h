/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where tokens come from on this machine: what ztad.json says, else what Azure's hosts put into the
 * environment, read in the order of Azure's own libraries. Pure.
 */
#pragma once

#include <stdbool.h>

#include "token/source.h"
#include "worker/protocol.h"

struct diag;

struct token_site {
	enum token_source source;    /* decided: never TOKEN_SOURCE_CHAIN */
	bool chained;		     /* by the environment; else by ztad.json */
	char authority[WORKER_TEXT]; /* with a '/' at its end */
	char tenant_id[WORKER_GUID]; /* Entra; "" = not known */
	char client_id[WORKER_GUID]; /* when a profile names none; "" = system-assigned */
	char endpoint[WORKER_TEXT];  /* IMDS: without a path; App Service, Arc: whole */
	char header[WORKER_TEXT];    /* X-IDENTITY-HEADER */
	/* AKS identity bindings: the token endpoint is asked through this */
	char proxy_url[WORKER_TEXT];  /* "https://SNI[:PORT][/PATH]", "" = none */
	char proxy_at[WORKER_TEXT];   /* "HOST:PORT" to connect to instead; "" = as it says */
	char proxy_host[WORKER_TEXT]; /* Host field */
	const char *proxy_ca_data;    /* PEM; borrowed from the environment; NULL: a file */
};

/**
 * token_site_read() - Decide
 * @env:	getenv()
 *
 * Return: 0, or -EINVAL and @d says what is wrong or missing; @ret holds what could be read.
 */
int token_site_read(const struct worker_config *c, char *(*env)(const char *name),
		    struct token_site *ret, struct diag *d);
