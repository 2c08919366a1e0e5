/* SPDX-License-Identifier: Apache-2.0 */
/* Asking the daemon: targets, replies as JSON, and the exit code of each way to fail. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "control/client.h"
#include "ctl/ctl.h"
#include "net/http.h"

struct ctl_args;

#define CALL_TARGET_MAX (HTTP_HEAD_MAX - 512) /* the rest of the head needs little */

struct call {
	const char *method;
	const void *body;
	size_t len;
	size_t n_members;     /* of the query: HTTP_QUERIES_MAX are read */
	bool too_long;	      /* a member found no room */
	const char *not_utf8; /* a member that JSON cannot hold */
	char target[CALL_TARGET_MAX];
};

void call_init(struct call *q, const char *method, const char *path);

/* Add a query member; @value NULL adds nothing. */
void call_add(struct call *q, const char *name, const char *value);

/* Add what was given of an option, under the option's name, as often as it was given. */
void call_add_option(struct call *q, const struct ctl_args *a, const char *name);

/* The request for the client; CTL_USAGE when a member cannot be sent. */
enum ctl_exit call_request(const struct ctl *c, const struct call *q, struct control_request *ret);

/**
 * call_failed() - Say why the client failed, and with which exit code that ends
 * @r:	negative errno of control_call() or control_stream()
 */
enum ctl_exit call_failed(const struct ctl *c, int r, const char *why);

/**
 * call_refused() - Say what the daemon refused, and with which exit code that ends
 *
 * 400 is wrong usage, 403 denied, everything else failed.
 */
enum ctl_exit call_refused(const struct ctl *c, int status, const char *body, size_t len);

/**
 * call_reply() - Ask; the reply as it came
 * @ret:	caller runs control_reply_in_free(); its status is not judged
 * Return: CTL_OK, or an exit code after having said why.
 */
enum ctl_exit call_reply(const struct ctl *c, const struct call *q, struct control_reply_in *ret);

/* The document of a reply 200; otherwise as call_refused(). */
enum ctl_exit call_document(const struct ctl *c, const struct control_reply_in *reply,
			    json_t **ret);

/**
 * call_json() - Ask; the document of a reply 200
 * @ret:	new reference
 * Return: CTL_OK, or an exit code after having said why.
 */
enum ctl_exit call_json(const struct ctl *c, const struct call *q, json_t **ret);

/**
 * call_print() - Ask; with -o json print the document
 * @ret:	new reference; NULL when nothing is left to print
 * Return: CTL_OK, or an exit code after having said why.
 */
enum ctl_exit call_print(const struct ctl *c, const struct call *q, json_t **ret);

/* Ask for nothing but to know that the daemon answers. Return: as call_json(). */
enum ctl_exit call_reach(const struct ctl *c);
