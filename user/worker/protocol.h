/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the monitor and the worker say to each other: one struct a message over a SOCK_SEQPACKET
 * pair, at most one descriptor with it. Both ends are the same binary, so there is no version and
 * no byte order; but the worker talks to strangers, so the monitor believes no length, string or
 * number of it.
 *
 * No token and no key ever travels here: only descriptors of files that hold them.
 */
#pragma once

#include <stdint.h>

#include "zta_limits.h"

#define WORKER_TEXT	256   /* addresses, paths, sentences; NUL included */
#define WORKER_GUID	37    /* NUL included */
#define WORKER_SELECTED 256   /* an identity by any of its names; NUL included */
#define WORKER_WORD	32    /* "imds", "audience-not-allowed"; NUL included */
#define WORKER_WHY_MAX	32768 /* octets of JSON */

enum worker_type {
	/* monitor -> worker */
	WORKER_CONFIG = 1, /* the first one; descriptor: ca_file, or none */
	WORKER_LISTEN,	   /* descriptor: a bound TCP socket for the broker */
	WORKER_ANSWER,	   /* to WORKER_ASK; descriptor: the pod's projected token, or none */
	WORKER_OPENED,	   /* to WORKER_OPEN; descriptor, or none and an error */
	WORKER_TEST,	   /* have a token for this, say how it went */
	WORKER_LIST,	   /* what is cached? */
	WORKER_WHY,	   /* to a WORKER_ASK that wanted it */
	/* worker -> monitor */
	WORKER_READY = 32, /* isolated and configured */
	WORKER_ASK,	   /* who has this nonce, and may it have this token? */
	WORKER_OPEN,	   /* a file that the worker may not open by itself */
	WORKER_TOLD,	   /* how a WORKER_ASK or a WORKER_TEST ended */
	WORKER_ENTRY,	   /* to WORKER_LIST, one a cached token; then one with last = 1 */
	WORKER_GONE,	   /* no more of a connection */
	WORKER_COUNTED,	   /* requests made to a source, since the last of these */
};

struct worker_head {
	uint32_t type;
	uint32_t id; /* pairs an answer with what it answers; 0 = none */
};

/* Where tokens come from (enum token_source; 0 = the chain), "" = not given. */
struct worker_config {
	struct worker_head head;
	uint32_t source;
	uint32_t has_ca; /* 1: what the descriptor gives is believed, and nothing else */
	char authority[WORKER_TEXT]; /* "https://login.microsoftonline.us/" */
	char tenant_id[WORKER_GUID];
	char client_id[WORKER_GUID];
	char imds_endpoint[WORKER_TEXT];
	char proxy[WORKER_TEXT];
	char no_proxy[WORKER_TEXT];
};

/* How an identity is named in a request (as enum broker_selector). */
enum worker_selector {
	WORKER_SELECT_NONE,
	WORKER_SELECT_CLIENT,
	WORKER_SELECT_OBJECT,
	WORKER_SELECT_RESOURCE,
	WORKER_SELECTOR_COUNT
};

/*
 * Ids of asks are the worker's, those of tests and lists the monitor's: this bit tells them apart
 * in WORKER_TOLD.
 */
#define WORKER_ID_ASK 0x80000000U

struct worker_ask {
	struct worker_head head;
	uint64_t conn;	/* the connection it came on: its nonce counts once, for all asks of it */
	uint64_t nonce; /* as its octets stood on the wire */
	uint8_t has_nonce;
	uint8_t what;	  /* enum broker_what */
	uint8_t selector; /* enum worker_selector */
	uint8_t pad;
	uint32_t refusal;	  /* HTTP status when refused by its own words, 0 = well-formed */
	char reason[WORKER_WORD]; /* of that refusal */
	char audience[ZTA_AUDIENCE_MAX + 4];
	char selected[WORKER_SELECTED];
};

struct worker_gone {
	struct worker_head head;
	uint64_t conn;
};

struct worker_answer {
	struct worker_head head;
	uint32_t reason;	     /* enum broker_reason: 0 = granted */
	uint32_t retry_s;	     /* when refused for its rate */
	uint64_t subject;	     /* the pod whose projected token comes along; 0 = no pod */
	char client_id[WORKER_GUID]; /* the identity to be; "" = the system-assigned one */
	char tenant_id[WORKER_GUID]; /* "" = the configured one */
	char pad[6];
};

struct worker_why {
	struct worker_head head;
	uint32_t len;
	char json[WORKER_WHY_MAX];
};

/* Which file: the worker names no path of its own, save the last part of an Arc challenge. */
enum worker_file {
	WORKER_FILE_FEDERATED,	 /* tokens.token_file, else AZURE_FEDERATED_TOKEN_FILE */
	WORKER_FILE_CERTIFICATE, /* tokens.certificate_file, else AZURE_CLIENT_CERTIFICATE_PATH */
	WORKER_FILE_PROXY_CA,	 /* AZURE_KUBERNETES_CA_FILE */
	WORKER_FILE_ARC,	 /* below /var/opt/azcmagent/tokens, by name */
	WORKER_FILE_COUNT
};

struct worker_open {
	struct worker_head head;
	uint32_t file;		/* enum worker_file */
	char name[WORKER_TEXT]; /* of WORKER_FILE_ARC: as the challenge gave it, whole path */
	uint32_t pad;
};

struct worker_opened {
	struct worker_head head;
	int32_t error; /* 0 and a descriptor, or a negative errno */
	uint32_t pad;
};

struct worker_test {
	struct worker_head head;
	uint32_t selector; /* enum worker_selector */
	uint32_t pad;
	char audience[ZTA_AUDIENCE_MAX + 4];
	char selected[WORKER_SELECTED];
};

struct worker_told {
	struct worker_head head;
	int32_t error;	 /* 0, or a negative errno */
	uint32_t status; /* HTTP status that the source said last, 0 = none */
	uint32_t cached;
	uint32_t retry_s;
	int64_t expires;	     /* Unix time; 0 = none was had */
	char source[WORKER_WORD];    /* "imds"; "" = none */
	char client_id[WORKER_GUID]; /* in the token; "" = not told */
	char object_id[WORKER_GUID];
	char text[WORKER_TEXT]; /* why not, for people; never any of a token */
	char pad[6];
};

struct worker_entry {
	struct worker_head head;
	uint32_t last;
	uint32_t waiting; /* requests that wait for it */
	int64_t expires;  /* Unix time; 0 = none is held */
	int64_t refresh;  /* Unix time of the next refresh */
	char source[WORKER_WORD];
	char audience[ZTA_AUDIENCE_MAX + 4];
	char identity[WORKER_SELECTED];
	char text[WORKER_TEXT]; /* the last failure, "" = none */
};

enum worker_result {
	WORKER_RESULT_OK,
	WORKER_RESULT_REFUSED,	   /* 4xx that a retry would not mend */
	WORKER_RESULT_THROTTLED,   /* 429 */
	WORKER_RESULT_UNAVAILABLE, /* 404, 410, 5xx, no answer */
	WORKER_RESULT_INVALID,	   /* an answer that is none, or for another identity */
	WORKER_RESULT_COUNT
};

#define WORKER_SOURCES 8 /* at least TOKEN_SOURCE_COUNT */

struct worker_counted {
	struct worker_head head;
	uint64_t requests[WORKER_SOURCES][WORKER_RESULT_COUNT];
	uint64_t unlocked; /* secrets that could not be locked in memory */
};

union worker_message {
	struct worker_head head;
	struct worker_config config;
	struct worker_ask ask;
	struct worker_gone gone;
	struct worker_answer answer;
	struct worker_why why;
	struct worker_open open;
	struct worker_opened opened;
	struct worker_test test;
	struct worker_told told;
	struct worker_entry entry;
	struct worker_counted counted;
};

/* Octets of a message of that type, 0 = there is none. */
uint32_t worker_message_size(uint32_t type);
