// SPDX-License-Identifier: Apache-2.0
/*
 * talk WHAT ADDRESS PORT [TEXT]: one real socket, and what became of it, in a line.
 *
 *	serve     TCP listener: says "listening", gives TEXT to whoever comes, for ever
 *	connect   TCP: "answered: TEXT"; ADDRESS may be a name, which the system's resolver looks up
 *	datagram  UDP: "sent"
 *	raw       raw ICMP socket: "a raw socket"
 *
 * What was refused prints the errno and when it came: "EPERM after 0.1 ms". Exit 0 either way.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct endpoint {
	struct sockaddr_storage address;
	socklen_t len;
};

static void endpoint_find(const char *name, const char *port, struct endpoint *ret)
{
	const struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM };
	struct addrinfo *found;
	int r = getaddrinfo(name, port, &hints, &found);

	if (r)
		errx(2, "%s: %s", name, gai_strerror(r));
	memcpy(&ret->address, found->ai_addr, found->ai_addrlen);
	ret->len = found->ai_addrlen;
	freeaddrinfo(found);
}

static struct endpoint endpoint_parse(const char *address, const char *port)
{
	struct endpoint e = { 0 };
	struct sockaddr_in *v4 = (struct sockaddr_in *)&e.address;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&e.address;
	unsigned short number = htons((unsigned short)strtoul(port, NULL, 10));

	if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = number;
		e.len = sizeof(*v4);
	} else if (inet_pton(AF_INET6, address, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = number;
		e.len = sizeof(*v6);
	} else {
		endpoint_find(address, port, &e);
	}
	return e;
}

static void serve(const struct endpoint *e, const char *text)
{
	int fd = socket(e->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	signal(SIGPIPE, SIG_IGN);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int)) ||
	    bind(fd, (const struct sockaddr *)&e->address, e->len) || listen(fd, 16))
		err(1, "serve");
	puts("listening");
	fflush(stdout);
	for (;;) {
		int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

		if (peer < 0)
			continue;
		(void)!write(peer, text, strlen(text)); /* the client may be gone already */
		close(peer);
	}
}

/* 0 and what happened in text, or -1 and errno. */
static int attempt(const char *what, const struct endpoint *e, char *text, size_t size)
{
	const struct sockaddr *to = (const struct sockaddr *)&e->address;
	struct timeval patience = { .tv_sec = 5 };
	char got[128] = "";
	int fd, type;

	type = !strcmp(what, "raw")	   ? SOCK_RAW
	       : !strcmp(what, "datagram") ? SOCK_DGRAM
					   : SOCK_STREAM;
	fd = socket(e->address.ss_family, type | SOCK_CLOEXEC, type == SOCK_RAW ? IPPROTO_ICMP : 0);
	if (fd < 0)
		return -1;
	if (type == SOCK_RAW) {
		snprintf(text, size, "a raw socket");
		return 0;
	}
	if (type == SOCK_DGRAM) {
		snprintf(text, size, "sent");
		return sendto(fd, "x", 1, 0, to, e->len) == 1 ? 0 : -1;
	}
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) ||
	    connect(fd, to, e->len) || recv(fd, got, sizeof(got) - 1, MSG_WAITALL) < 0)
		return -1;
	snprintf(text, size, "answered: %s", got);
	return 0;
}

static double milliseconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

int main(int argc, char **argv)
{
	struct endpoint e;
	char text[160];
	double start;

	if (argc < 4)
		errx(2, "usage: talk serve|connect|datagram|raw ADDRESS PORT [TEXT]");
	e = endpoint_parse(argv[2], argv[3]);
	if (!strcmp(argv[1], "serve"))
		serve(&e, argc > 4 ? argv[4] : "hello");
	start = milliseconds();
	if (!attempt(argv[1], &e, text, sizeof(text)))
		puts(text);
	else
		printf("%s after %.1f ms\n", strerrorname_np(errno), milliseconds() - start);
	return 0;
}
