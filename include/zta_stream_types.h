/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Where the reader of a connection's first octets stands (zta_stream.h). */
#pragma once

#include "zta_dns_types.h"

#define ZTA_STREAM_PIECE      16    /* octets that are needed at once, at most */
#define ZTA_STREAM_HELLO_MAX  16384 /* a longer ClientHello is malformed */
#define ZTA_STREAM_RECORD_MAX (16384 + 256)
#define ZTA_STREAM_EXT_NAME   0
#define ZTA_STREAM_EXT_ECH    0xfe0d

enum zta_stream_state {
	ZTA_STREAM_FIRST,
	ZTA_STREAM_TUNNEL, /* the first octet inside a proxy's tunnel */
	ZTA_STREAM_METHOD,
	ZTA_STREAM_TARGET,
	ZTA_STREAM_SCHEME,
	ZTA_STREAM_AUTHORITY,
	ZTA_STREAM_PORT,
	ZTA_STREAM_VERSION, /* of a CONNECT */
	ZTA_STREAM_FIELDS,
	ZTA_STREAM_HANDSHAKE, /* from here on: inside records */
	ZTA_STREAM_SESSION,
	ZTA_STREAM_CIPHERS,
	ZTA_STREAM_COMPRESSION,
	ZTA_STREAM_EXTENSIONS,
	ZTA_STREAM_EXTENSION,
	ZTA_STREAM_NAME_HEAD,
	ZTA_STREAM_NAME,
	ZTA_STREAM_REQUEST, /* from here on it waits: a request's authority is to be judged */
	ZTA_STREAM_HELLO,   /* a ClientHello was read */
	ZTA_STREAM_OTHER,   /* neither of both */
	ZTA_STREAM_MALFORMED,
	ZTA_STREAM_DENIED, /* what was judged is denied; `passed`: nevertheless it may pass */
};

#define ZTA_STREAM_PROXY   (1U << 0) /* it goes to a proxy: requests are read */
#define ZTA_STREAM_NAMED   (1U << 1) /* the hello has a server name */
#define ZTA_STREAM_ECH	   (1U << 2)
#define ZTA_STREAM_CONNECT (1U << 3) /* the request is a CONNECT */
#define ZTA_STREAM_LITERAL (1U << 4) /* inside [ ] */
#define ZTA_STREAM_INSIDE  (1U << 5) /* the hello stands in a tunnel */
#define ZTA_STREAM_BODY	   (1U << 6) /* this header field says whether there is a body */

#define ZTA_PASSED_BY_MODE  1 /* until policy changes */
#define ZTA_PASSED_BY_STATE 2 /* while a pause lasts, or the daemon is gone */

struct zta_stream {
	__u64 seed;	 /* of the hash */
	__u64 hash;	 /* of the name so far: zta_dns_finish(); first octets of a field */
	__u64 epoch;	 /* DENIED: under which */
	__u32 next;	 /* TCP sequence number of the next octet */
	__u32 skip;	 /* octets to pass over */
	__u32 record;	 /* octets left of the record */
	__u32 hello;	 /* octets left of the hello */
	__u32 left;	 /* octets left of the name; octets so far of method or field */
	__u32 extension; /* octets left of the extension behind the name */
	__u32 name_len;
	__u32 port; /* of an authority, 0 = none */
	__u8 state; /* enum zta_stream_state */
	__u8 need;
	__u8 have;
	__u8 flags; /* ZTA_STREAM_* */
	__u8 record_have;
	__u8 line;   /* what ended the authority; enum zta_stream_line */
	__u8 denied; /* DENIED: the state before */
	__u8 passed; /* DENIED: ZTA_PASSED_* */
	__u8 record_buf[16];
	__u8 buf[2 * ZTA_STREAM_PIECE];
	char text[ZTA_DNS_TEXT];
};
