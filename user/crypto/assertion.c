// SPDX-License-Identifier: Apache-2.0
#include "crypto/assertion.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "crypto/b64.h"
#include "crypto/hash.h"
#include "crypto/rand.h"
#include "crypto/secret.h"

#define PART_MAX      1536
#define SIGNATURE_MAX 1024 /* RSA of 8192 bits */

/* No pass phrase is asked for: there is nobody to ask. */
static int no_phrase(char *buf, int size, int rw, void *ctx)
{
	return -1;
}

static const char *read_pem(const struct secret *pem, EVP_PKEY **key, X509 **cert)
{
	BIO *bio = BIO_new_mem_buf(secret_text(pem), (int)secret_len(pem));

	if (!bio)
		return "out of memory";
	*key = PEM_read_bio_PrivateKey(bio, NULL, no_phrase, NULL);
	BIO_free(bio);
	bio = BIO_new_mem_buf(secret_text(pem), (int)secret_len(pem));
	*cert = bio ? PEM_read_bio_X509(bio, NULL, no_phrase, NULL) : NULL;
	BIO_free(bio);
	ERR_clear_error();
	if (!*key)
		return "the certificate file has no private key that can be read (PEM, no pass "
		       "phrase)";
	if (!*cert)
		return "the certificate file has no certificate (PEM)";
	if (EVP_PKEY_get_base_id(*key) != EVP_PKEY_RSA)
		return "the key is not an RSA key";
	if (X509_check_private_key(*cert, *key) != 1) {
		ERR_clear_error();
		return "the private key does not belong to the certificate";
	}
	return NULL;
}

/* base64(header) '.' base64(claims) */
static int write_parts(const X509 *cert, const char *audience, const char *client_id, int64_t now,
		       struct secret *to)
{
	char thumb[B64_LEN(HASH_BYTES)], uuid[RAND_UUID_LEN], json[PART_MAX];
	char text[B64_LEN(PART_MAX)];
	uint8_t sum[HASH_BYTES];
	unsigned int len = sizeof(sum);
	int n;

	if (X509_digest(cert, EVP_sha256(), sum, &len) != 1)
		return -ENOMEM;
	b64_encode(sum, len, thumb);
	n = snprintf(json, sizeof(json), "{\"alg\":\"PS256\",\"typ\":\"JWT\",\"x5t#S256\":\"%s\"}",
		     thumb);
	b64_encode(json, (size_t)n, text); /* it fits */
	if (secret_append(to, text, strlen(text)) < 0 || secret_append(to, ".", 1) < 0)
		return -ENOMEM;
	rand_uuid(uuid);
	n = snprintf(json, sizeof(json),
		     "{\"aud\":\"%s\",\"iss\":\"%s\",\"sub\":\"%s\",\"jti\":\"%s\",\"nbf\":%" PRId64
		     ",\"exp\":%" PRId64 "}",
		     audience, client_id, client_id, uuid, now, now + ASSERTION_LIFE_S);
	if (n >= (int)sizeof(json))
		return -EINVAL;
	b64_encode(json, (size_t)n, text);
	return secret_append(to, text, strlen(text)) < 0 ? -ENOMEM : 0;
}

/* RSASSA-PSS, SHA-256, a salt as long as the hash (RFC 7518, section 3.5). */
static int sign(EVP_PKEY *key, struct secret *to)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	char text[B64_LEN(SIGNATURE_MAX)];
	uint8_t signature[SIGNATURE_MAX];
	size_t len = sizeof(signature);
	EVP_PKEY_CTX *pss;
	int r = -EINVAL;

	if (md && (size_t)EVP_PKEY_get_size(key) <= sizeof(signature) &&
	    EVP_DigestSignInit(md, &pss, EVP_sha256(), NULL, key) == 1 &&
	    EVP_PKEY_CTX_set_rsa_padding(pss, RSA_PKCS1_PSS_PADDING) == 1 &&
	    EVP_PKEY_CTX_set_rsa_pss_saltlen(pss, RSA_PSS_SALTLEN_DIGEST) == 1 &&
	    EVP_DigestSign(md, signature, &len, (const uint8_t *)secret_text(to), secret_len(to)) ==
		    1) {
		b64_encode(signature, len, text);
		r = secret_append(to, ".", 1) < 0 || secret_append(to, text, strlen(text)) < 0
			    ? -ENOMEM
			    : 0;
	}
	EVP_MD_CTX_free(md);
	ERR_clear_error();
	return r;
}

int assertion_make(const struct secret *pem, const char *audience, const char *client_id,
		   int64_t now, struct secret **ret, const char **ret_why)
{
	_cleanup_secret_ struct secret *to = NULL;
	EVP_PKEY *key = NULL;
	X509 *cert = NULL;
	const char *why = read_pem(pem, &key, &cert);
	int r = why ? -EINVAL : secret_alloc(2 * B64_LEN(PART_MAX) + B64_LEN(SIGNATURE_MAX), &to);

	if (r == 0)
		r = write_parts(cert, audience, client_id, now, to);
	if (r == 0) {
		r = sign(key, to);
		why = "the key cannot sign with PS256";
	}
	EVP_PKEY_free(key);
	X509_free(cert);
	if (r == 0)
		*ret = take_ptr(to);
	else if (r == -EINVAL)
		*ret_why = why ? why : "names are too long";
	return r;
}
