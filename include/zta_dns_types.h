/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A DNS message that is being read (zta_dns.h), and its limits. */
#pragma once

#include "zta_decide_types.h"
#include "zta_names.h"

#define ZTA_DNS_BYTES	  4096 /* a longer message is read so far */
#define ZTA_DNS_HEAD	  12
#define ZTA_DNS_NAME_MAX  253 /* octets of a name as text */
#define ZTA_DNS_STEPS	  272 /* octets, NUL, pointers of a name */
#define ZTA_DNS_RECORDS	  160 /* of an answer; the rest is not read */
#define ZTA_DNS_TTL_MAX	  (7 * 86400)
#define ZTA_DNS_TEXT	  512
#define ZTA_DNS_TEXT_LAST 260 /* where the last octet of a name, the first of its text, stands */

#define ZTA_DNS_A     1
#define ZTA_DNS_CNAME 5
#define ZTA_DNS_AAAA  28
#define ZTA_DNS_IN    1

/* Flags of the header, its second 16 bits */
#define ZTA_DNS_QR     0x8000
#define ZTA_DNS_OPCODE 0x7800
#define ZTA_DNS_TC     0x0200
#define ZTA_DNS_RCODE  0x000f

#define ZTA_DNS_NXDOMAIN 3

struct zta_dns {
	__u32 number;	    /* of the kernel's room */
	__u32 len;	    /* octets of the message in m */
	__u32 at;	    /* next record */
	__u32 left;	    /* records of the answer section that were not read yet */
	__u64 seed;	    /* of the hashes */
	__u64 hash;	    /* of the last name read, 48 bits */
	__u64 question;	    /* of the name that was asked for */
	__u64 want;	    /* hash of the owner whose records count now */
	__u64 pointer_hash; /* of the name at `pointer`, which most owners point to */
	__u32 pointer;
	__u32 name_len; /* octets of the last name read, 0 = the root */
	__u32 ttl;	/* smallest of the chain and of the last record, seconds */
	__u32 chain_ttl;
	__u16 id;
	__u16 flags;
	__u16 type; /* of the question, host byte order */
	__u16 pad;
	struct zta_addr addr;	 /* of the last address record */
	__u32 zero;		 /* always: ZTA_DNS_FORGET() */
	char text[ZTA_DNS_TEXT]; /* the name backwards, NUL behind it */
	__u8 m[ZTA_DNS_BYTES];
};
