/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The broker: HTTP towards workloads. It reads requests, has each judged by the monitor, fetches
 * the token of a granted one and replies. It decides nothing itself. Speaks to neither monitor nor
 * sources: whoever makes it does that.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/judge.h"
#include "broker/reply.h"
#include "broker/request.h"

struct broker;
struct loop;

#define BROKER_CLIENTS_MAX 2048
#define BROKER_BACKLOG	   4096

/* The connection of a request. Its nonce counts once: for all requests on it, and no other. */
struct broker_conn {
	uint64_t id;	/* counted from 1 */
	uint64_t nonce; /* as its octets stood in the SYN */
	bool vouched;	/* there was one */
};

/* Why there is no token: a sentence for the client, and what it may do. */
struct broker_failure {
	unsigned int status; /* 503: later; 400: never so */
	unsigned int retry_after_s;
	const char *text;
};

/* Exactly one of @t and @f; both borrowed for the call. */
typedef void (*broker_fetched)(void *arg, const struct broker_token *t,
			       const struct broker_failure *f);

struct broker_ops {
	/*
	 * A request to be judged, whatever it is; answered by broker_verdict() or broker_why() with
	 * its @id, not from inside. One at a time for each connection. 0 or -errno.
	 */
	int (*ask)(void *ctx, uint32_t id, const struct broker_conn *c,
		   const struct broker_request *q);
	/*
	 * A token for what was granted, from inside broker_verdict() whose @grant it gets. Never
	 * blocks; @done comes now or later, once, but not after broker_free().
	 */
	void (*fetch)(void *ctx, const struct broker_request *q, const void *grant,
		      broker_fetched done, void *arg);
	/* What became of it: @t or NULL, and a sentence ("" when granted). */
	void (*told)(void *ctx, uint32_t id, enum broker_reason reason,
		     const struct broker_token *t, const char *text);
	/* No more of that connection, after all told() of it. */
	void (*gone)(void *ctx, const struct broker_conn *c);
	void *ctx;
};

/* Before a socket listens: let the kernel keep what SYNs say. 0 or -errno. */
int broker_save_syn(int fd);

/* @fd: a bound socket after broker_save_syn(); taken, also on failure. 0 or -errno. */
int broker_new(struct loop *l, int fd, const struct broker_ops *ops, struct broker **ret);
void broker_free(struct broker *b);

/*
 * The monitor's answers; for a request that does not wait (any more) they are passed over.
 * BROKER_GRANTED goes on to fetch() with @grant, which is borrowed for the call.
 */
void broker_verdict(struct broker *b, uint32_t id, enum broker_reason reason,
		    unsigned int retry_after_s, const void *grant);
void broker_why(struct broker *b, uint32_t id, const char *json, size_t len);
