// SPDX-License-Identifier: Apache-2.0
#include "resolve_child.h"

#include <cap-ng.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "daemon/resolve_plan.h"

#define TIMEOUT_MS 1000
#define ROUND_S	   30 /* resolvers that are all silent hold it up no longer */

/* No capabilities, no files, no children; the end with the daemon. */
static bool give_up_rights(int fd)
{
	static const int none[] = { RLIMIT_FSIZE, RLIMIT_NPROC, RLIMIT_CORE };
	const struct rlimit zero = { 0, 0 };

	(void)prctl(PR_SET_NAME, "ztad: resolver"); /* for people */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || dup2(fd, STDIN_FILENO) < 0 ||
	    close_range(STDIN_FILENO + 1, ~0U, 0) < 0)
		return false;
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		if (setrlimit(none[i], &zero) < 0)
			return false;
	capng_clear(CAPNG_SELECT_ALL);
	return capng_apply(CAPNG_SELECT_CAPS) == 0;
}

/* Return: false when nobody reads any more. */
static bool look_up(const struct resolve_plan *plan, size_t index, uint32_t family)
{
	const struct lookup_servers servers = { .v = plan->servers,
						.n = plan->n_servers,
						.port = LOOKUP_PORT,
						.timeout_ms = TIMEOUT_MS };
	struct resolve_report report;
	struct dns_name name;

	memset(&report, 0, sizeof(report));
	report.index = (uint32_t)index;
	report.family = family;
	report.error = dns_name_read(plan->names[index], &name);
	if (report.error == 0)
		report.error = lookup_ask(&servers, &name,
					  family == ZTA_V4 ? DNS_TYPE_A : DNS_TYPE_AAAA,
					  &report.lookup);
	return send(STDIN_FILENO, &report, sizeof(report), MSG_NOSIGNAL) == sizeof(report);
}

static void __attribute__((noreturn)) run(const struct resolve_plan *plan, int fd)
{
	if (!give_up_rights(fd))
		_exit(1);
	(void)signal(SIGALRM, SIG_DFL);
	(void)alarm(ROUND_S); /* what was not asked by then is told as not answered */
	for (size_t i = 0; i < plan->n_names; i++)
		if (!look_up(plan, i, ZTA_V4) || !look_up(plan, i, ZTA_V6))
			break;
	_exit(0);
}

pid_t resolve_child_start(const struct resolve_plan *plan, int *ret_fd)
{
	_cleanup_close_ int near = -1, far = -1;
	int fds[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
		return -errno;
	near = fds[0];
	far = fds[1];
	pid = fork();
	if (pid == 0)
		run(plan, far);
	if (pid < 0)
		return -errno;
	*ret_fd = take_fd(near);
	return pid;
}

int resolve_child_read(int fd, const struct resolve_plan *plan, struct resolve_report *ret)
{
	ssize_t n = recv(fd, ret, sizeof(*ret), MSG_DONTWAIT);

	if (n <= 0)
		return n == 0 ? 0 : -errno;
	if (n != sizeof(*ret) || ret->index >= plan->n_names ||
	    (ret->family != ZTA_V4 && ret->family != ZTA_V6))
		return -EBADMSG;
	if (ret->error == 0 && !dns_answer_is_sound(&ret->lookup.answer))
		return -EBADMSG;
	return 1;
}
