/* SPDX-License-Identifier: Apache-2.0 */
/* A blocking client of the control API, for ztactl. */
#pragma once

#include <stddef.h>

struct diag;

#define CONTROL_REPLY_MAX (64UL * 1024 * 1024)
#define CONTROL_TIMEOUT_MS \
	30000 /* for each step that waits for the daemon; streams wait for ever */

struct control_request {
	const char *socket; /* path */
	const char *method;
	const char *target; /* path and query, see control_target_add() */
	const void *body;   /* NULL: none */
	size_t len;
	unsigned int timeout_ms; /* 0: CONTROL_TIMEOUT_MS */
};

struct control_reply_in {
	int status;
	char *body; /* NUL-terminated after @len bytes; caller frees */
	size_t len;
};

/**
 * control_call() - One request, the whole reply
 * @ret:	filled on success, whatever the status; untouched on failure
 *
 * Return: 0; -ENOENT or -ECONNREFUSED nobody listens, -ECONNRESET or -ETIMEDOUT the daemon went
 * away or does not answer (exit 3: control_unreachable()); -EACCES the socket may not be opened
 * (exit 4, as is a reply 403); -EPROTO what came is not HTTP; -EFBIG; -ENOMEM. @d says why.
 */
int control_call(const struct control_request *rq, struct control_reply_in *ret, struct diag *d);
void control_reply_in_free(struct control_reply_in *r);

/**
 * control_stream() - One request, the reply line by line
 * @fn:		one line without its newline, NUL-terminated; non-zero ends the call
 * @ret:	of a reply that is not 200: status and body; of 200: status, no body
 *
 * Return: 0 at the end of the stream, what @fn returned if that was not 0, or as control_call()
 * (-EINTR when a signal came while waiting).
 */
int control_stream(const struct control_request *rq,
		   int (*fn)(void *ctx, const char *line, size_t len), void *ctx,
		   struct control_reply_in *ret, struct diag *d);

/* True for a result that means "daemon unreachable" (exit code 3). */
int control_unreachable(int r);

/* Append "?name=value" or "&name=value", encoded; @value NULL adds nothing. -E2BIG: no room. */
int control_target_add(char *target, size_t size, const char *name, const char *value);
