/* SPDX-License-Identifier: Apache-2.0 */
/* A client assertion for Entra (RFC 7523), signed with a certificate's key: PS256, x5t#S256. */
#pragma once

#include <stdint.h>

struct secret;

#define ASSERTION_LIFE_S 600

/**
 * assertion_make() - Sign one
 * @pem:	an RSA private key and its certificate, in any order, without a pass phrase
 * @audience:	the token endpoint
 * @client_id:	issuer and subject
 * @now:	Unix time
 * @ret_why:	a static sentence on -EINVAL
 *
 * Return: 0, -EINVAL (no key, no certificate, they do not belong together, not RSA), -ENOMEM.
 */
int assertion_make(const struct secret *pem, const char *audience, const char *client_id,
		   int64_t now, struct secret **ret, const char **ret_why);
