// SPDX-License-Identifier: Apache-2.0
/*
 * rounds COUNT RATE PORT FIRST NAME...: look a fresh name up (getaddrinfo), connect to the address
 * it gives at once, COUNT times, RATE a second (0: as fast as it goes). Names are made for
 * answerer: the address in digits, "-", a number, in front of each NAME in turn; addresses count up
 * from FIRST, each is used once. Prints "ROUNDS LOOKUPS-FAILED CONNECTS-REFUSED CONNECTS-FAILED
 * MICROSECONDS".
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static long failed, refused, broken;

static long long now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void wait_until(long long then)
{
	struct timespec t = { then / 1000000000, then % 1000000000 };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL))
		;
}

static void once(const char *name, const char *port)
{
	struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM }, *a;
	struct linger reset = { 1, 0 }; /* nothing waits for late segments */
	int fd;

	if (getaddrinfo(name, port, &hints, &a)) {
		failed++;
		return;
	}
	fd = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	if (fd < 0)
		broken++;
	else if (connect(fd, a->ai_addr, a->ai_addrlen) < 0)
		*(errno == EPERM ? &refused : &broken) += 1;
	close(fd);
	freeaddrinfo(a);
}

int main(int argc, char **argv)
{
	long long began = now_ns();
	char name[256];
	struct in_addr first;
	long count, rate;

	if (argc < 6 || inet_pton(AF_INET, argv[4], &first) != 1)
		errx(125, "usage: rounds COUNT RATE PORT FIRST NAME...");
	count = atol(argv[1]);
	rate = atol(argv[2]);
	for (long i = 0; i < count; i++) {
		if (rate)
			wait_until(began + i * 1000000000LL / rate);
		snprintf(name, sizeof(name), "%08lx-%lx.%s", (unsigned long)ntohl(first.s_addr) + i,
			 i, argv[5 + i % (argc - 5)]);
		once(name, argv[3]);
	}
	printf("%ld %ld %ld %ld %lld\n", count, failed, refused, broken, (now_ns() - began) / 1000);
	return 0;
}
