/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the broker listens. The monitor binds the socket and tells the kernel programs; the worker
 * listens on it. The socket stays open here, so that clients wait for a new worker when one ended.
 */
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include "zta_identity.h"

struct daemon;
struct diag;

#define LISTENER_DEFAULT "127.0.0.1:9466"
#define LISTENER_OFF	 "off"

struct listener_address {
	struct sockaddr_storage sa;
	socklen_t len;
};

/* "ADDR:PORT" or "[ADDR6]:PORT", one address, port 0 = a free one. 0 or -EINVAL. */
int listener_parse(const char *text, struct listener_address *ret);

/* A socket that somebody has bound in the words of the kernel programs. 0 or -errno. */
int listener_broker(int fd, struct zta_broker *ret);

/* An address that is taken fails the start when it was given, else only the broker is missing. */
int listener_up(struct daemon *d, struct diag *diag);
void listener_down(struct daemon *d);

/* After the programs are loaded: calls of IMDS lead there, or nowhere. */
int listener_announce(struct daemon *d, struct diag *diag);
