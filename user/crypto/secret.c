// SPDX-License-Identifier: Apache-2.0
#include "crypto/secret.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "crypto/hash.h"

struct secret {
	size_t pages; /* bytes of the mapping */
	size_t room, len;
	bool locked;
	char data[];
};

int secret_alloc(size_t room, struct secret **ret)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t pages = (sizeof(struct secret) + room + 1 + page - 1) / page * page;
	struct secret *s;

	s = mmap(NULL, pages, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (s == MAP_FAILED)
		return -ENOMEM;
	(void)madvise(s, pages, MADV_DONTDUMP);	  /* there are no core dumps in the worker anyway */
	(void)madvise(s, pages, MADV_WIPEONFORK); /* nor children */
	s->pages = pages;
	s->room = room;
	s->locked = mlock(s, pages) == 0;
	*ret = s;
	return 0;
}

int secret_append(struct secret *s, const void *data, size_t len)
{
	if (len > s->room - s->len)
		return -ENOBUFS;
	memcpy(s->data + s->len, data, len);
	s->len += len; /* what follows is zero: the NUL */
	return 0;
}

int secret_new(const void *data, size_t len, struct secret **ret)
{
	struct secret *s;
	int r = secret_alloc(len, &s);

	if (r < 0)
		return r;
	(void)secret_append(s, data, len); /* the room was made for it */
	*ret = s;
	return 0;
}

int secret_read(int fd, size_t max, struct secret **ret)
{
	_cleanup_secret_ struct secret *s = NULL;
	int r = secret_alloc(max + 1, &s);

	if (r < 0)
		return r;
	while (s->len < s->room) {
		ssize_t n = pread(fd, s->data + s->len, s->room - s->len, (off_t)s->len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		s->len += (size_t)n;
	}
	if (s->len > max)
		return -EFBIG;
	*ret = take_ptr(s);
	return 0;
}

const char *secret_text(const struct secret *s)
{
	return s->data;
}

char *secret_bytes(struct secret *s)
{
	return s->data;
}

size_t secret_len(const struct secret *s)
{
	return s->len;
}

bool secret_locked(const struct secret *s)
{
	return s->locked;
}

bool secret_equal(const struct secret *a, const struct secret *b)
{
	return a->len == b->len && CRYPTO_memcmp(a->data, b->data, a->len) == 0;
}

void secret_tag(const struct secret *s, char ret[SECRET_TAG])
{
	char hex[HASH_HEX_LEN];

	if (hash_sha256_hex(s->data, s->len, hex) < 0)
		strcpy(hex, "????????");
	memcpy(ret, hex, SECRET_TAG - 1);
	ret[SECRET_TAG - 1] = '\0';
}

void secret_wipe(void *data, size_t len)
{
	OPENSSL_cleanse(data, len);
}

void secret_free(struct secret *s)
{
	size_t pages;

	if (!s)
		return;
	pages = s->pages;
	secret_wipe(s, pages);
	(void)munmap(s, pages); /* unlocks it too */
}
