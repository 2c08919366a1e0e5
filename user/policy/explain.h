/* SPDX-License-Identifier: Apache-2.0 */
/* Why a destination is allowed or denied, by the decision that the kernel runs. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/image.h"
#include "policy/policy.h"

struct zta_ask;
struct zta_verdict;

/* One live answer: @name was answered with @addr (normalised). */
struct explain_answer {
	const char *name;
	struct zta_addr addr;
};

struct explain_in {
	const struct policy *policy;
	const struct policy_image *image; /* compiled from it */
	size_t profile;			  /* index in policy.profiles */
	struct zta_addr addr;		  /* destination; need not be normalised */
	uint16_t port;			  /* 0 for icmp */
	uint8_t proto;			  /* IPPROTO_TCP, _UDP, _ICMP (echo of both families) */
	const struct explain_answer *answers;
	size_t n_answers;
	const struct zta_addr *own; /* addresses of the machine (row 3), normalised */
	size_t n_own;
	uint32_t ask_flags;	  /* other ZTA_ASK_*; off line ZTA_ASK_BROKER */
	const char *name;	  /* explain_name(): the name asked about; else NULL */
	const char *const *chain; /* explain_name(): the names that it leads to, without itself */
	size_t n_chain;
	const struct zta_addr *hosts; /* explain_name(): what the hosts file gives it; no answer */
	size_t n_hosts;
	bool looked_up; /* explain_name(): answers and chain are what resolvers said, not supposed
			 */
	bool absent;	/* explain_name(): resolvers say that there is no such name */
	const char *zone_server; /* who answers for its private-link zone, NULL = not known */
};

/**
 * explain_addr() - The explain object for one address
 * @ret: new reference, shape of CONTRACT 4.1: verdict, reason, row, profile, mode, enforced,
 *	address, carried, port, protocol, service, rule, name, hint; what does not apply is absent
 *
 * "verdict" is deny or audit by what would happen; "enforced" is false when mode is audit.
 * Return: 0 or -ENOMEM.
 */
int explain_addr(const struct explain_in *in, json_t **ret);

/**
 * explain_name() - The addresses that @in->answers give for @in->name, each explained
 * @ret: {"name","chain","addresses","verdict","hints"}, the verdict being the worst of them: none
 *	when there is no address; hints say what is wrong with the name, by diagnose_name(), when it
 *	was looked up
 *
 * Return: 0, -ENODATA (no answer is for that name, and nobody says that there is none) or -ENOMEM.
 */
int explain_name(const struct explain_in *in, json_t **ret);

/**
 * answers_for() - What a set of answers means for one address
 * @in:	 policy, image, answers
 * @addr: normalised
 * @out: as the kernel would have learnt it
 */
void answers_for(const struct explain_in *in, const struct zta_addr *addr, struct zta_answers *out);

/**
 * explain_judge() - The decision for an address and for the IPv4 address inside it
 * @image: tables
 * @ask:   addr and carried as zta_normalise() leaves them, answers for addr
 * @inner: answers for the address inside, NULL = none
 */
void explain_judge(const struct policy_image *image, const struct zta_ask *ask,
		   const struct zta_answers *inner, struct zta_verdict *ret);
