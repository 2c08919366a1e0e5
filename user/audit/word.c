// SPDX-License-Identifier: Apache-2.0
#include "audit/word.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "zta_policy.h"
#include "zta_reason.h"

#define WORD(sym, text)		   text,
#define REASON(sym, text, natural) text,

static const char *const verdicts[] = { ZTA_VERDICTS(WORD) };
static const char *const reasons[] = { ZTA_REASONS(REASON) };
static const char *const hooks[] = { ZTA_HOOKS(WORD) };

const char *word_verdict(unsigned int verdict)
{
	return verdict < ZTA_VERDICT_COUNT ? verdicts[verdict] : NULL;
}

const char *word_reason(unsigned int reason)
{
	return reason < ZTA_REASON_COUNT ? reasons[reason] : NULL;
}

const char *word_hook(unsigned int hook)
{
	return hook < ZTA_HOOK_COUNT ? hooks[hook] : NULL;
}

const char *word_protocol(uint8_t proto, char ret[WORD_PROTOCOL_LEN])
{
	switch (proto) {
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return "icmp";
	case IPPROTO_SCTP:
		return "sctp";
	case IPPROTO_DCCP:
		return "dccp";
	case IPPROTO_UDPLITE:
		return "udplite";
	case IPPROTO_RAW:
		return "raw";
	default:
		(void)snprintf(ret, WORD_PROTOCOL_LEN, "%u", proto); /* three digits at most */
		return ret;
	}
}

const char *word_address(const struct zta_addr *a, char ret[INET6_ADDRSTRLEN])
{
	if (a->family == ZTA_V4)
		return inet_ntop(AF_INET, a->w, ret, INET6_ADDRSTRLEN);
	if (a->family == ZTA_V6)
		return inet_ntop(AF_INET6, a->w, ret, INET6_ADDRSTRLEN);
	return NULL;
}
