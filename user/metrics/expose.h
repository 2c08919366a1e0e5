/* SPDX-License-Identifier: Apache-2.0 */
/* /metrics, /healthz and /readyz over HTTP: GET and HEAD only, everything else 405 or 404. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct buf;
struct diag;
struct expose;
struct loop;

struct expose_ops {
	/* Append the metrics. 0 or -errno (told as 500). */
	int (*metrics)(void *ctx, struct buf *out);
	/* Ready? If not, append why, one line. */
	bool (*ready)(void *ctx, struct buf *why);
	void *ctx;
};

/**
 * expose_new() - Serve on a TCP address
 * @addr_port:	"127.0.0.1:9465", "[::1]:0"
 * @ret:	caller runs expose_free()
 *
 * Return: 0, -EINVAL, -EADDRINUSE or what bind() says; @d says why.
 */
int expose_new(struct loop *l, const char *addr_port, const struct expose_ops *ops,
	       struct expose **ret, struct diag *d);
void expose_free(struct expose *e);

/* "127.0.0.1:9465" with the port that was really taken. */
const char *expose_address(const struct expose *e);
