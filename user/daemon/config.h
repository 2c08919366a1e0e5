/* SPDX-License-Identifier: Apache-2.0 */
/* ztad.json: what the daemon is told besides its command line. Every member is optional. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "token/source.h"

struct diag;
struct diag_list;

#define CONFIG_BYTES_MAX (1024 * 1024)

/* Strings are owned; NULL = not given. */
struct config {
	char *cluster;
	char *node_id;
	bool existing_keep; /* sockets older than the programs: kept, else judged */
	bool log_allowed;
	bool orphan_audit;	  /* weaken to audit when no daemon lives; else keep enforcing */
	uint64_t orphan_after_ns; /* for that long */
	struct {
		uint64_t segment_bytes; /* 0 = the journal's default, each of them */
		uint64_t retain_bytes;
		uint64_t retain_ns;
		unsigned int fsync_ms;
	} journal;
	struct {
		char **names; /* exact ones, besides the policy's */
		size_t n_names;
		uint64_t interval_ns;
	} resolve_check;
	char *proxy, *no_proxy, *ca_file; /* for what the worker calls; no_proxy joined by ',' */
	char *worker_user;
	char *broker_listen; /* "ADDR:PORT", "off" */
	struct {
		enum token_source source; /* TOKEN_SOURCE_CHAIN unless said */
		char *authority;	  /* "https://login.microsoftonline.us/" */
		char *tenant_id, *client_id;
		char *token_file, *certificate_file;
		char *imds_endpoint;
		char *kubelet_dir; /* NULL = POD_KUBELET */
	} tokens;
};

/* What holds when nothing is said. Looks at KUBERNETES_SERVICE_HOST for the orphan's default. */
void config_defaults(struct config *c);

/**
 * config_parse() - Read a document
 * @errors:	gets every error with its place, sorted
 * @ret:	overwritten with defaults and what the document says; caller runs config_free();
 *		untouched on failure
 *
 * Return: 0, -EINVAL (errors say why) or -ENOMEM.
 */
int config_parse(const char *text, size_t len, struct diag_list *errors, struct config *ret);

/**
 * config_load() - config_parse() of a file
 * @must_exist:	false: a file that is not there says nothing
 *
 * Return: as config_parse(), or a negative errno (@d says why).
 */
int config_load(const char *path, bool must_exist, struct diag_list *errors, struct config *ret,
		struct diag *d);

void config_free(struct config *c);
