// SPDX-License-Identifier: Apache-2.0
/*
 * lookup NAME PORT: what every client does. getaddrinfo() of the C library this was linked with,
 * then connect() to each address in the order given. Prints "ADDRESS ERRNO" a line, 0 for success;
 * exit 2 and the library's words when the name has no address. First line: microseconds of the
 * look-up.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 3000

static long long now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static int try(const struct addrinfo *a)
{
	int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK, 0), e = 0;
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	socklen_t len = sizeof(e);

	if (fd < 0)
		return errno;
	if (connect(fd, a->ai_addr, a->ai_addrlen) < 0) {
		e = errno;
		if (e == EINPROGRESS)
			e = poll(&p, 1, PATIENCE_MS) == 1 ? 0 : ETIMEDOUT;
		if (!e)
			(void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &len);
	}
	close(fd);
	return e;
}

int main(int argc, char **argv)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *all;
	long long began = now_us();
	char text[64];
	int r;

	if (argc != 3)
		errx(125, "usage: lookup NAME PORT");
	r = getaddrinfo(argv[1], argv[2], &hints, &all);
	printf("%lld\n", now_us() - began);
	if (r) {
		printf("%s\n", gai_strerror(r));
		return 2;
	}
	for (struct addrinfo *a = all; a; a = a->ai_next) {
		getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof(text), NULL, 0, NI_NUMERICHOST);
		printf("%s %d\n", text, try(a));
	}
	return 0;
}
