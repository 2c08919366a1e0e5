// SPDX-License-Identifier: Apache-2.0
/* Replies of token sources, refusals, claims and challenges: any bytes. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/secret.h"
#include "token/reply.h"

#define NOW 1781900000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data, *why = NULL;
	struct token_reply reply = { 0 };
	struct token_refusal refusal;
	struct token_claims claims;
	char *field = malloc(size + 1), path[64];
	int64_t t;

	if (!field)
		return 0;
	memcpy(field, data, size);
	field[size] = '\0';
	if (token_reply_read(text, size, NOW, &reply, &why) == 0) {
		assert(reply.expires > NOW && reply.expires <= NOW + TOKEN_LIFE_MAX);
		assert(!reply.refresh || reply.refresh < reply.expires);
		assert(secret_len(reply.token) && *reply.type);
		secret_free(reply.token);
	}
	token_refusal_read(text, size, &refusal);
	for (const char *c = refusal.text; *c; c++)
		assert((unsigned char)*c >= 0x20);
	(void)token_claims_read(text, size, &claims);
	if (token_challenge_read(field, path, sizeof(path)) == 0)
		assert(*path && !strchr(path, '"'));
	(void)token_time_read(field, &t);
	free(field);
	return 0;
}
