// SPDX-License-Identifier: Apache-2.0
/*
 * What a policy document may look like. The parser checks documents against these tables and
 * policy_schema() prints them; what depends on more than one value is checked by the readers, and
 * stated for the schema in `extra`.
 */
#include "base/json.h"
#include "policy/parse.h"

#define TABLES(...) ((const struct shape_member *const[]){ __VA_ARGS__, NULL })
#define WORDS(...)  ((const char *const[]){ __VA_ARGS__, NULL })
#define ANY_OF(...) ((const struct shape *const[]){ __VA_ARGS__, NULL })

#define MEMBER(n, s, ...)                            \
	{                                            \
		.name = n, .shape = s, ##__VA_ARGS__ \
	}

#define NAME_PATTERN   "^[a-z0-9-]{1,32}$"
#define GUID_PATTERN   "^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$"
#define PREFIX_PATTERN "^(@[a-z0-9-]{1,32}|[0-9A-Fa-f:.]+(/[0-9]{1,3})?)$"

/* --- values */
static const struct shape text = { .kind = SHAPE_STRING };
static const struct shape filled_text = { .kind = SHAPE_STRING, .min = 1 };
/* What stands in every record of the journal: a record has a largest size. */
static const struct shape policy_name = { .kind = SHAPE_STRING, .min = 1, .max = ZTA_TEXT_MAX };
static const struct shape short_text = { .kind = SHAPE_STRING, .max = ZTA_TEXT_MAX };
static const struct shape boolean = { .kind = SHAPE_BOOL };
static const struct shape thing_name = { .kind = SHAPE_STRING, .pattern = NAME_PATTERN };
static const struct shape date = { .kind = SHAPE_STRING,
				   .what = "a date, \"YYYY-MM-DD\"",
				   .pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$" };
static const struct shape mode = { .kind = SHAPE_WORD, .words = WORDS("enforce", "audit") };

static const struct shape prefix = { .kind = SHAPE_STRING,
				     .what = "an IP prefix or \"@set\"",
				     .pattern = PREFIX_PATTERN };
static const struct shape prefixes = { .kind = SHAPE_LIST,
				       .what = "a list of IP prefixes",
				       .item = &prefix };
static const struct shape some_prefixes = {
	.kind = SHAPE_LIST, .what = "a list of IP prefixes", .min = 1, .item = &prefix
};
static const struct shape resolver = { .kind = SHAPE_STRING,
				       .what = "an IP prefix, \"system\" or \"kubernetes\"",
				       .pattern = "^(system|kubernetes|@[a-z0-9-]{1,32}|"
						  "[0-9A-Fa-f:.]+(/[0-9]{1,3})?)$" };
static const struct shape resolvers = { .kind = SHAPE_LIST, .item = &resolver };

static const struct shape port_number = { .kind = SHAPE_INTEGER, .min = 1, .max = 65535 };
static const struct shape port_range = { .kind = SHAPE_STRING,
					 .pattern = "^[1-9][0-9]{0,4}-[1-9][0-9]{0,4}$" };
static const struct shape port = { .kind = SHAPE_EITHER,
				   .what = "a port (a number) or a range (\"N-M\")",
				   .either = ANY_OF(&port_number, &port_range) };
static const struct shape ports = {
	.kind = SHAPE_LIST, .what = "a list of ports", .min = 1, .item = &port
};

static const struct shape name_pattern = {
	.kind = SHAPE_STRING,
	.what = "a name",
	.pattern = "^([*][.][A-Za-z0-9_-]{1,63}[.])?"
		   "[A-Za-z0-9_-]{1,63}([.][A-Za-z0-9_-]{1,63})*[.]?$"
};
static const struct shape names = {
	.kind = SHAPE_LIST, .what = "a list of names", .max = ZTA_NAMES_MAX, .item = &name_pattern
};
static const struct shape some_names = {
	.kind = SHAPE_LIST, .what = "a list of names", .min = 1, .item = &name_pattern
};

/* The presets by use: test_presets asserts that presets.c has the same. */
static const struct shape service_preset = {
	.kind = SHAPE_WORD,
	.words = WORDS("azure-openai", "azure-ai-services", "azure-ai-foundry", "azure-ai-search",
		       "azure-ml", "azure-key-vault", "azure-storage-blob", "azure-cosmos-db",
		       "azure-monitor", "azure-event-hubs")
};
static const struct shape ai_preset = { .kind = SHAPE_WORD, .words = WORDS("public-ai") };
static const struct shape ai_presets = { .kind = SHAPE_LIST, .item = &ai_preset };
static const struct shape rule_preset = { .kind = SHAPE_WORD,
					  .words = WORDS("entra", "arm", "mcr") };
static const struct shape rule_presets = { .kind = SHAPE_LIST, .min = 1, .item = &rule_preset };

/* --- objects */
static const struct shape_member notes[] = { MEMBER("description", &text),
					     MEMBER("owner", &short_text),
					     MEMBER("ticket", &short_text),
					     {} };

static const struct shape_member metadata_members[] = {
	MEMBER("name", &policy_name, .required = true),
	MEMBER("revision", &(const struct shape){ .kind = SHAPE_INTEGER, .max = JSON_INT_MAX },
	       .def = "0"),
	{}
};

/* In this one object any name is a set's; a note is told from a set by its type. */
static const struct shape set_or_note = { .kind = SHAPE_EITHER,
					  .what = "a list of IP prefixes",
					  .either = ANY_OF(&prefixes, &text) };
static const struct shape_member set_members[] = { MEMBER("description", &set_or_note),
						   MEMBER("owner", &set_or_note),
						   MEMBER("ticket", &set_or_note),
						   {} };
static const struct shape sets = { .kind = SHAPE_MAP,
				   .pattern = NAME_PATTERN,
				   .max = ZTA_SETS_MAX,
				   .item = &prefixes,
				   .members = TABLES(set_members) };

static const struct shape_member service_members[] = {
	MEMBER("name", &thing_name, .required = true),
	MEMBER("preset", &service_preset),
	MEMBER("names", &some_names),
	MEMBER("private_link", &some_prefixes, .required = true,
	       .note = "the fence: where answers must lie"),
	MEMBER("ports", &ports, .def = "[443]"),
	MEMBER("require_resolution", &boolean, .note = "default: the profile's"),
	MEMBER("dedicated", &boolean, .def = "true"),
	MEMBER("enforce_private",
	       &(const struct shape){ .kind = SHAPE_WORD, .words = WORDS("everyone", "users") },
	       .note = "default: everyone for AI presets and without a preset, else users"),
	MEMBER("mode", &mode),
	{}
};
static const struct shape service = {
	.kind = SHAPE_OBJECT,
	.members = TABLES(service_members, notes),
	.extra = "{\"anyOf\":[{\"required\":[\"preset\"]},{\"required\":[\"names\"]}]}"
};

static const struct shape_member ai_public_members[] = {
	MEMBER("presets", &ai_presets), MEMBER("names", &names), MEMBER("cidrs", &prefixes), {}
};

static const struct shape_member proxy_members[] = {
	MEMBER("name", &thing_name, .required = true),
	MEMBER("cidrs", &some_prefixes, .required = true),
	MEMBER("ports", &ports, .note = "default: all"),
	{}
};
static const struct shape proxy = { .kind = SHAPE_OBJECT, .members = TABLES(proxy_members, notes) };

/* --- profiles */
static const struct shape_member ai_allow_members[] = {
	MEMBER("name", &name_pattern, .required = true), MEMBER("expires", &date), {}
};
static const struct shape ai_allow = { .kind = SHAPE_OBJECT,
				       .members = TABLES(ai_allow_members, notes) };

static const struct shape_member dns_members[] = {
	MEMBER("names",
	       &(const struct shape){ .kind = SHAPE_WORD, .words = WORDS("any", "listed") },
	       .def = "\"any\""),
	MEMBER("allow", &names),
	{}
};

static const struct shape_member to_members[] = {
	MEMBER("service",
	       &(const struct shape){ .kind = SHAPE_STRING,
				      .pattern = "^[a-z0-9-]{1,63}/[a-z0-9-]{1,63}$" },
	       .required = true),
	{}
};
static const struct shape to = {
	.kind = SHAPE_EITHER,
	.what = "a destination in the cluster",
	.either = ANY_OF((&(const struct shape){ .kind = SHAPE_WORD,
						 .words = WORDS("kubernetes-api", "cluster", "node",
								"same-workload") }),
			 (&(const struct shape){ .kind = SHAPE_OBJECT,
						 .members = TABLES(to_members, notes) }))
};

static const struct shape audience = { .kind = SHAPE_STRING,
				       .what = "an audience",
				       .pattern = "^[A-Za-z0-9._~:/-]{1,256}$" };
static const struct shape_member identity_members[] = {
	MEMBER("client_id", &(const struct shape){ .kind = SHAPE_STRING, .pattern = GUID_PATTERN },
	       .note = "default: the system-assigned identity"),
	MEMBER("audiences",
	       &(const struct shape){ .kind = SHAPE_LIST,
				      .what = "a list of audiences",
				      .min = 1,
				      .max = ZTA_AUDIENCES_MAX,
				      .item = &audience },
	       .required = true, .note = "what is not listed is denied"),
	MEMBER("rate_per_minute",
	       &(const struct shape){ .kind = SHAPE_INTEGER, .min = 1, .max = ZTA_RATE_MAX },
	       .def = "60", .note = "tokens that one workload gets"),
	{}
};

static const struct shape action = { .kind = SHAPE_WORD, .words = WORDS("allow", "deny") };
static const struct shape_member rule_members[] = {
	MEMBER("action", &action, .required = true),
	MEMBER("cidr", &prefix),
	MEMBER("names", &some_names),
	MEMBER("presets", &rule_presets),
	MEMBER("within", &some_prefixes, .note = "where the answer must lie too"),
	MEMBER("proxy", &thing_name),
	MEMBER("to", &to),
	MEMBER("ports", &ports, .note = "default: all; with names: 443"),
	MEMBER("protocol",
	       &(const struct shape){ .kind = SHAPE_WORD,
				      .words = WORDS("tcp", "udp", "icmp", "any") },
	       .def = "\"any\""),
	MEMBER("tls", &boolean, .def = "true"),
	MEMBER("mode", &mode),
	MEMBER("expires", &date, .note = "allow rules only: valid through that day, UTC"),
	{}
};
static const struct shape rule = {
	.kind = SHAPE_OBJECT,
	.members = TABLES(rule_members, notes),
	.extra = "{\"oneOf\":[{\"required\":[\"cidr\"]},{\"required\":[\"to\"]},"
		 "{\"anyOf\":[{\"required\":[\"names\"]},{\"required\":[\"presets\"]}]}],"
		 "\"dependentSchemas\":{\"proxy\":{\"anyOf\":[{\"required\":[\"names\"]},"
		 "{\"required\":[\"presets\"]}]},"
		 "\"expires\":{\"properties\":{\"action\":{\"const\":\"allow\"}}}}}"
};

static const struct shape_member egress_members[] = {
	MEMBER("default", &action, .def = "\"deny\""),
	MEMBER("rules",
	       &(const struct shape){ .kind = SHAPE_LIST, .max = ZTA_RULES_MAX, .item = &rule }),
	{}
};

static const struct shape service_list = {
	.kind = SHAPE_EITHER,
	.what = "a list of services or \"*\"",
	.either = ANY_OF((&(const struct shape){ .kind = SHAPE_WORD, .words = WORDS("*") }),
			 (&(const struct shape){ .kind = SHAPE_LIST, .item = &thing_name }))
};
static const struct shape_member profile_members[] = {
	MEMBER("name", &thing_name, .required = true),
	MEMBER("mode", &mode),
	MEMBER("extends", &thing_name, .note = "lists append, the rest replaces"),
	MEMBER("services", &service_list, .def = "[]"),
	MEMBER("require_resolution", &boolean, .def = "true"),
	MEMBER("resolution_grace_s",
	       &(const struct shape){ .kind = SHAPE_INTEGER, .max = UINT32_MAX }, .def = "3600"),
	MEMBER("imds",
	       &(const struct shape){ .kind = SHAPE_WORD,
				      .words = WORDS("deny", "allow", "broker") },
	       .def = "\"deny\""),
	MEMBER("identity", &(const struct shape){ .kind = SHAPE_OBJECT,
						  .members = TABLES(identity_members, notes) }),
	MEMBER("platform", &boolean, .def = "false"),
	MEMBER("ai_public_allow", &(const struct shape){ .kind = SHAPE_LIST,
							 .max = ZTA_RULES_MAX,
							 .item = &ai_allow }),
	MEMBER("dns", &(const struct shape){ .kind = SHAPE_OBJECT,
					     .members = TABLES(dns_members, notes) }),
	MEMBER("egress", &(const struct shape){ .kind = SHAPE_OBJECT,
						.members = TABLES(egress_members, notes) }),
	{}
};
static const struct shape profile = { .kind = SHAPE_OBJECT,
				      .members = TABLES(profile_members, notes) };

/* --- workloads */
static const struct shape some_text = { .kind = SHAPE_LIST, .min = 1, .item = &filled_text };
static const struct shape namespaces = { .kind = SHAPE_EITHER,
					 .what = "a namespace or a list of them",
					 .either = ANY_OF(&filled_text, &some_text) };
static const struct shape labels = { .kind = SHAPE_MAP,
				     .pattern = "^[A-Za-z0-9._/-]{1,317}$",
				     .item = &text };
static const struct shape_member kubernetes_members[] = {
	MEMBER("namespace", &namespaces), MEMBER("namespaceLabels", &labels),
	MEMBER("labels", &labels),	  MEMBER("serviceAccount", &filled_text),
	MEMBER("containers", &some_text), {}
};
static const struct shape_member match_members[] = {
	MEMBER("cgroup", &(const struct shape){ .kind = SHAPE_STRING, .pattern = "^/" }),
	MEMBER("kubernetes", &(const struct shape){ .kind = SHAPE_OBJECT,
						    .members = TABLES(kubernetes_members, notes) }),
	{}
};
static const struct shape match = {
	.kind = SHAPE_OBJECT,
	.members = TABLES(match_members, notes),
	.extra = "{\"oneOf\":[{\"required\":[\"cgroup\"]},{\"required\":[\"kubernetes\"]}]}"
};
static const struct shape_member workload_members[] = { MEMBER("match", &match, .required = true),
							MEMBER("profile", &thing_name,
							       .required = true),
							{} };
static const struct shape workload = { .kind = SHAPE_OBJECT,
				       .members = TABLES(workload_members, notes) };

/* --- the document */
static const struct shape_member policy_members[] = {
	MEMBER("apiVersion", &(const struct shape){ .kind = SHAPE_WORD, .words = WORDS("zta/v1") },
	       .required = true),
	MEMBER("kind", &(const struct shape){ .kind = SHAPE_WORD, .words = WORDS("Policy") },
	       .required = true),
	MEMBER("metadata",
	       &(const struct shape){ .kind = SHAPE_OBJECT,
				      .members = TABLES(metadata_members, notes) },
	       .required = true),
	MEMBER("mode", &mode, .required = true),
	MEMBER("resolvers", &resolvers, .def = "[\"system\"]"),
	MEMBER("prefixes", &sets),
	MEMBER("private_ranges", &prefixes,
	       .def = "[\"10.0.0.0/8\",\"172.16.0.0/12\",\"192.168.0.0/16\",\"fc00::/7\","
		      "\"100.64.0.0/10\",\"169.254.0.0/16\",\"fe80::/10\"]"),
	MEMBER("services", &(const struct shape){ .kind = SHAPE_LIST,
						  .max = ZTA_SERVICES_MAX,
						  .item = &service }),
	MEMBER("ai_public", &(const struct shape){ .kind = SHAPE_OBJECT,
						   .members = TABLES(ai_public_members, notes) }),
	MEMBER("proxies",
	       &(const struct shape){ .kind = SHAPE_LIST, .max = ZTA_PROXIES_MAX, .item = &proxy }),
	MEMBER("profiles", &(const struct shape){ .kind = SHAPE_LIST,
						  .max = ZTA_PROFILES_MAX,
						  .item = &profile }),
	MEMBER("workloads", &(const struct shape){ .kind = SHAPE_LIST,
						   .max = ZTA_WORKLOADS_MAX,
						   .item = &workload }),
	MEMBER("default_profile", &thing_name, .def = "\"host\""),
	MEMBER("default_pod_profile", &thing_name, .def = "\"host\""),
	MEMBER("unknown_profile", &thing_name, .def = "\"no-ai\""),
	MEMBER("system_namespaces",
	       &(const struct shape){ .kind = SHAPE_LIST, .item = &filled_text },
	       .def = "[\"kube-system\",\"gatekeeper-system\",\"calico-system\",\"tigera-"
		      "operator\"]"),
	{}
};
const struct shape policy_shape = { .kind = SHAPE_OBJECT,
				    .members = TABLES(policy_members, notes) };
