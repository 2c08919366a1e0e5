/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Every limit that a document, a map or a record runs into, read by both compilers. */
#pragma once

/* Policy document. Each is tested at n and n + 1. */
#define ZTA_POLICY_BYTES_MAX (4 * 1024 * 1024)
#define ZTA_POLICY_DEPTH_MAX 32
#define ZTA_SERVICES_MAX     64
#define ZTA_NAMES_MAX	     10000
#define ZTA_PREFIXES_MAX     65536
#define ZTA_PROFILES_MAX     256
#define ZTA_RULES_MAX	     1024 /* a profile, inherited ones included */
#define ZTA_WORKLOADS_MAX    4096
#define ZTA_SETS_MAX	     256
#define ZTA_EXTENDS_MAX	     4
#define ZTA_NAME_LEN	     32	   /* profile, service, set names */
#define ZTA_AUDIENCES_MAX    64	   /* an identity */
#define ZTA_AUDIENCE_MAX     256   /* octets */
#define ZTA_RATE_MAX	     60000 /* tokens a minute */
#define ZTA_TEXT_MAX	     253   /* metadata.name, owner, ticket: they stand in records */

/* Compiled policy. */
#define ZTA_PROFILE_IDS	  512	/* ids stay with a name over policies: room for old ones */
#define ZTA_LIST_MAX	  64	/* rules that one address can be asked about, after merging */
#define ZTA_LISTS_MAX	  65536 /* rule entries of all lists together */
#define ZTA_PREFIX_NODES  (ZTA_PREFIXES_MAX + 64) /* + the built-in private ranges */
#define ZTA_NAMED_MAX	  16384			  /* (profile, name pattern) pairs */
#define ZTA_ANSWER_GROUPS 8 /* name patterns that one address can answer for */
#define ZTA_NAME_NODES                                                                             \
	32768		      /* patterns, those that "listed" profiles may ask for once more each \
			       */
#define ZTA_PATTERN_IDS 16384 /* ids stay with a pattern over policies: room for old ones */
#define ZTA_PROXIES_MAX 32

/* Live answers. */
#define ZTA_LEARNT_MAX                                                                             \
	65536		       /* (namespace, address) of the machine's and known pods' namespaces \
				*/
#define ZTA_OTHERS_MAX	 16384 /* of all other namespaces */
#define ZTA_OTHERS_RATE	 50    /* new ones a second and workload */
#define ZTA_OTHERS_BURST 1024
#define ZTA_BUCKETS_MAX	 4096 /* workloads in such namespaces, the latest */
#define ZTA_TEXTS_MAX	 8192
#define ZTA_QUERIES_MAX	 16384
#define ZTA_QUERY_S	 30  /* an answer that takes longer is not believed */
#define ZTA_ANSWER_MIN_S 10  /* an answer serves the connection it was asked for, TTL 0 or not */
#define ZTA_DNS_ADDRS	 100 /* addresses of one answer that are learnt */

/* Workloads: cgroups and the patterns that match them. */
#define ZTA_CGROUPS_MAX	   16384 /* matched cgroups alive at once */
#define ZTA_CGROUP_LEVELS  32
#define ZTA_COMPONENT_LEN  128	 /* one component of a cgroup path, NUL included */
#define ZTA_MIDDLE_LEN	   64	 /* from a component's first '*' to its last, NUL included */
#define ZTA_GLOB_NODES	   16384 /* nodes of the pattern tree */
#define ZTA_GLOB_EDGES	   4096	 /* components with a '*' */
#define ZTA_GLOBS_PER_NODE 16
#define ZTA_GLOB_STATES	   8 /* pattern nodes that one cgroup can stand on at once */

/* Sockets and events. */
#define ZTA_UDP_PEERS	      65536
#define ZTA_UDP_PEER_S	      120
#define ZTA_LOCAL_MAX	      4096 /* own addresses of known namespaces */
#define ZTA_FOLD_MAX	      16384
#define ZTA_FOLD_BURST	      64 /* new destinations a second and workload before folding widens */
#define ZTA_COUNTERS_MAX      4096
#define ZTA_DENIAL_RING_BYTES (2 * 1024 * 1024)
#define ZTA_NOTE_RING_BYTES   (256 * 1024)
#define ZTA_COMM_LEN	      16
