/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The policy model: what a document says after parsing. Everything is resolved: presets are names,
 * @sets are prefixes, `extends` is merged, defaults are filled in. Order is the document's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/pool.h"
#include "policy/identity.h"
#include "zta_limits.h"
#include "zta_policy.h"

struct diag_list;

enum policy_mode { POLICY_MODE_ENFORCE, POLICY_MODE_AUDIT };
enum policy_action { POLICY_ACTION_ALLOW, POLICY_ACTION_DENY };
enum policy_imds { POLICY_IMDS_DENY, POLICY_IMDS_ALLOW, POLICY_IMDS_BROKER };
enum policy_dest {
	POLICY_DEST_CIDR,
	POLICY_DEST_NAMES,
	POLICY_DEST_PROXY, /* with names */
	POLICY_DEST_TO,
};
enum policy_to {
	POLICY_TO_KUBERNETES_API,
	POLICY_TO_CLUSTER,
	POLICY_TO_NODE,
	POLICY_TO_SAME_WORKLOAD,
	POLICY_TO_SERVICE,
};

struct policy_prefix {
	struct zta_addr addr; /* masked */
	uint8_t len;	      /* 0..32 or 0..128 */
};

struct policy_prefixes {
	struct policy_prefix *v;
	size_t n;
};

struct policy_ports {
	struct policy_port_range {
		uint16_t lo, hi;
	} * v;	  /* host order, sorted, merged */
	size_t n; /* 0 = all */
};

/* Name patterns, lower case, no trailing dot: "*.openai.azure.com" or "host.example". */
struct policy_names {
	char **v;
	size_t n;
};

struct policy_meta { /* what every object may carry; NULL when absent */
	char *description, *owner, *ticket;
};

struct policy_service {
	char name[ZTA_NAME_LEN + 1];
	struct policy_meta meta;
	enum policy_mode mode;	   /* its own; ENFORCE when absent */
	const char *preset;	   /* static, NULL when none */
	struct policy_names names; /* own and the preset's */
	struct policy_prefixes private_link;
	struct policy_ports ports;
	int require_resolution; /* -1 = the profile's */
	bool dedicated;
	bool enforce_everyone; /* enforce_private */
};

struct policy_proxy {
	char name[ZTA_NAME_LEN + 1];
	struct policy_meta meta;
	struct policy_prefixes cidrs;
	struct policy_ports ports;
};

struct policy_rule {
	char *path;	       /* place where it is written: "profiles[0].egress.rules[1]" */
	unsigned line, column; /* of its destination's value */
	struct policy_meta meta;
	enum policy_mode mode;
	enum policy_action action;
	enum policy_dest dest;
	struct policy_prefixes cidr; /* one, or those of the @set */
	struct policy_names names;   /* own and presets' */
	bool has_within;
	struct policy_prefixes within;
	const struct policy_proxy *proxy;
	enum policy_to to;
	char *to_service; /* "ns/name" */
	struct policy_ports ports;
	uint8_t protos; /* ZTA_PROTO_* */
	bool tls;
	int64_t expires; /* first second (Unix, UTC) at which it is off; INT64_MAX = never */
};

struct policy_ai_allow {
	char *path;
	char *name; /* pattern */
	struct policy_meta meta;
	int64_t expires;
};

struct policy_profile {
	char name[ZTA_NAME_LEN + 1];
	char *path; /* "profiles[0]"; NULL for built-in ones */
	struct policy_meta meta;
	enum policy_mode mode;
	bool builtin;
	bool host;    /* host, or extends it: rows 10 and 11 do not apply only to host itself */
	bool no_quic; /* no-ai and what extends it */
	uint64_t services; /* bit = index in policy.services */
	bool all_services; /* "*" */
	bool require_resolution;
	uint32_t resolution_grace_s;
	enum policy_imds imds;
	struct policy_identity identity;
	bool platform;
	bool dns_listed;
	struct policy_names dns_allow;
	bool egress_allow;
	size_t *rules; /* indices in policy.rules, parent's first */
	size_t n_rules;
	struct policy_ai_allow *ai_allow;
	size_t n_ai_allow;
};

struct policy_k8s_match {		/* parsed and kept; needs Kubernetes to match anything */
	struct policy_names namespaces; /* trailing '*' allowed */
	struct policy_names namespace_labels, labels; /* "key=value" */
	struct policy_names containers;
	char *service_account;
};

struct policy_workload {
	char *path;
	struct policy_meta meta;
	char *cgroup; /* pattern "/system.slice/chat-*.service", NULL when kubernetes */
	struct policy_k8s_match k8s;
	size_t profile; /* index in policy.profiles */
};

struct policy {
	struct pool pool; /* owns all that the pointers below reach */
	char *name;
	int64_t revision;
	struct policy_meta meta;
	enum policy_mode mode;
	struct policy_prefixes resolvers; /* those written as addresses or prefixes */
	bool resolvers_system, resolvers_kubernetes;
	struct policy_prefixes private_ranges;
	struct policy_service *services;
	size_t n_services;
	struct policy_names ai_public_names;
	struct policy_prefixes ai_public_cidrs;
	struct policy_proxy *proxies;
	size_t n_proxies;
	struct policy_rule *rules; /* every written rule once; profiles point here. index = id */
	size_t n_rules;
	struct policy_profile *profiles; /* the document's, then host, no-ai, closed, selftest */
	size_t n_profiles;
	struct policy_workload *workloads;
	size_t n_workloads;
	struct policy_names system_namespaces;
	size_t default_profile, default_pod_profile, unknown_profile; /* indices in profiles */
	char sha256[65]; /* of the accepted bytes, hex */
	char *text;	 /* the accepted bytes */
	size_t text_len;
	size_t n_prefixes; /* different ones, of sets too; n_names: different patterns, of presets
			    */
	size_t n_names;	   /* too. For the summary and the limits */
};

/**
 * policy_parse() - Parse a document
 * @text:	the bytes; need not be NUL-terminated
 * @len:	number of bytes
 * @errors:	gets every error, sorted by place; empty on success
 * @warnings:	gets what never changes the outcome
 * @ret:	caller runs policy_free(); untouched on failure
 *
 * Pure: reads nothing but its arguments and the built-in presets.
 * Return: 0 or -EINVAL (errors say why), -EFBIG over 4 MiB (an error says so too), -ENOMEM.
 */
int policy_parse(const char *text, size_t len, struct diag_list *errors, struct diag_list *warnings,
		 struct policy **ret);
void policy_free(struct policy *p);

/**
 * policy_needs_kubernetes() - What of a policy means nothing without Kubernetes
 * @errors:	gets each `to` rule with its place
 *
 * Return: how many there are, or -ENOMEM.
 */
int policy_needs_kubernetes(const struct policy *p, struct diag_list *errors);

/* The built-in default document (one for machines, one for pods); static storage. */
const char *policy_builtin_text(void);

/* Index of a profile by name, or -ENOENT. */
int policy_find_profile(const struct policy *p, const char *name);
