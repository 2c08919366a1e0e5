// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation
 *
 * The worker talks to networks and to workloads, so everything it does not need for that is taken
 * from it, in stages that each hold by itself:
 *
 *  1 descriptors   none of the monitor's but the pair (maps, journal and control socket stay away)
 *  2 the end       it dies with the monitor
 *  3 user          another uid, nobody's group, no supplementary groups: the kernel takes the
 *                  effective, permitted and ambient capabilities with the uid
 *  - exec          of the monitor's own binary: fresh memory, a layout of its own. The policy, the
 *                  keys of maps and whatever else the monitor knows are not in it
 *  4 not traced    not dumpable: no core, no ptrace, /proc/PID belongs to root
 *  5 limits        no core; as many descriptors as clients need
 *  6 capabilities  none in any set, and no_new_privs: nothing gives any back
 *  7 system calls  a list of those that sockets, TLS and a resolver need; files are opened only to
 *                  be read. What is for taking over machines kills it; what is not on the list
 *                  does not exist
 *
 * Stages 1 to 3 run between fork() and exec() of a process that has threads: system calls only.
 */
#include "worker/isolate.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/diag.h"

/* --- 1 to 3: before exec */

static int keep_only(int channel)
{
	if (channel != WORKER_FD) {
		if (dup2(channel, WORKER_FD) < 0)
			return -errno;
	} else if (fcntl(channel, F_SETFD, 0) < 0) {
		return -errno;
	}
	/* the binary's own descriptor is among them: it is closed by exec, not before */
	return syscall(SYS_close_range, WORKER_FD + 1, ~0U, CLOSE_RANGE_CLOEXEC) < 0 &&
			       errno != EINVAL
		       ? -errno
		       : 0; /* before Linux 5.11: all of ours are close-on-exec anyhow */
}

/* System calls, not libc's functions: those speak to all threads, of which there are none here. */
static int become(uid_t uid, gid_t gid)
{
	if (syscall(SYS_setgroups, 0, NULL) < 0 || syscall(SYS_setresgid, gid, gid, gid) < 0 ||
	    syscall(SYS_setresuid, uid, uid, uid) < 0)
		return -errno;
	return 0;
}

int isolate_before_exec(int channel, uid_t uid, gid_t gid)
{
	pid_t monitor = getppid();
	int r;

	r = keep_only(channel);
	if (r < 0)
		return r;
	r = become(uid, gid);
	if (r < 0)
		return r;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) /* after the uid: a change of it clears this */
		return -errno;
	return getppid() == monitor ? 0 : -ESRCH;
}

/* --- 4 to 7: in the worker */

static int not_traced(void)
{
	return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ? -errno : 0;
}

/*
 * Every page, as it is touched: tokens pass through buffers of libraries too. Locked memory counts
 * against a limit only where that is low; then it is the secrets alone (crypto/secret).
 */
static bool lock_memory(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur == RLIM_INFINITY &&
	       mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0;
}

static int limits(void)
{
	const struct rlimit zero = { 0, 0 };
	struct rlimit files;

	if (setrlimit(RLIMIT_CORE, &zero) < 0 || getrlimit(RLIMIT_NOFILE, &files) < 0)
		return -errno;
	files.rlim_cur = files.rlim_max;
	return setrlimit(RLIMIT_NOFILE, &files) < 0 ? -errno : 0;
}

static int capabilities(void)
{
	capng_clear(CAPNG_SELECT_ALL);
	if (capng_apply(CAPNG_SELECT_CAPS) < 0)
		return -EPERM;
	if (capng_get_caps_process() < 0 || capng_have_capabilities(CAPNG_SELECT_CAPS) > CAPNG_NONE)
		return -EPERM;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

static const int allowed[] = {
	/* the loop, sockets */
	SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_pwait2), SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(select),
	SCMP_SYS(pselect6), SCMP_SYS(eventfd2), SCMP_SYS(timerfd_create), SCMP_SYS(timerfd_settime),
	SCMP_SYS(pipe2), SCMP_SYS(socketpair), SCMP_SYS(connect), SCMP_SYS(bind), SCMP_SYS(listen),
	SCMP_SYS(accept), SCMP_SYS(accept4), SCMP_SYS(sendto), SCMP_SYS(recvfrom),
	SCMP_SYS(sendmsg), SCMP_SYS(recvmsg), SCMP_SYS(sendmmsg), SCMP_SYS(recvmmsg),
	SCMP_SYS(shutdown), SCMP_SYS(getsockname), SCMP_SYS(getpeername), SCMP_SYS(getsockopt),
	SCMP_SYS(setsockopt), SCMP_SYS(ioctl), SCMP_SYS(fcntl),
	/* descriptors and files to read */
	SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(pread64), SCMP_SYS(write), SCMP_SYS(writev),
	SCMP_SYS(close), SCMP_SYS(close_range), SCMP_SYS(dup), SCMP_SYS(fstat), SCMP_SYS(stat),
	SCMP_SYS(lstat), SCMP_SYS(newfstatat), SCMP_SYS(statx), SCMP_SYS(lseek), SCMP_SYS(access),
	SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(readlink), SCMP_SYS(readlinkat),
	SCMP_SYS(getdents64), SCMP_SYS(getcwd), SCMP_SYS(uname), SCMP_SYS(statfs),
	SCMP_SYS(fstatfs), SCMP_SYS(sysinfo),
	/* memory, threads (the resolver's), time, signals, the end */
	SCMP_SYS(brk), SCMP_SYS(mmap), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(mprotect),
	SCMP_SYS(madvise), SCMP_SYS(mlock), SCMP_SYS(mlock2), SCMP_SYS(munlock), SCMP_SYS(futex),
	SCMP_SYS(set_robust_list), SCMP_SYS(rseq), SCMP_SYS(sched_yield),
	SCMP_SYS(sched_getaffinity), SCMP_SYS(membarrier), SCMP_SYS(getrandom), SCMP_SYS(gettid),
	SCMP_SYS(getpid), SCMP_SYS(getppid), SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid),
	SCMP_SYS(getegid), SCMP_SYS(prlimit64), SCMP_SYS(getrlimit), SCMP_SYS(getrusage),
	SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres), SCMP_SYS(clock_nanosleep),
	SCMP_SYS(nanosleep), SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(restart_syscall),
	SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigtimedwait), SCMP_SYS(sigaltstack), SCMP_SYS(exit), SCMP_SYS(exit_group)
};

/* Nothing of ours, nor of a library's, calls these: whoever does has taken the worker over. */
static const int deadly[] = { SCMP_SYS(execve),
			      SCMP_SYS(execveat),
			      SCMP_SYS(fork),
			      SCMP_SYS(vfork),
			      SCMP_SYS(ptrace),
			      SCMP_SYS(process_vm_readv),
			      SCMP_SYS(process_vm_writev),
			      SCMP_SYS(pidfd_getfd),
			      SCMP_SYS(bpf),
			      SCMP_SYS(perf_event_open),
			      SCMP_SYS(userfaultfd),
			      SCMP_SYS(io_uring_setup),
			      SCMP_SYS(io_uring_enter),
			      SCMP_SYS(io_uring_register),
			      SCMP_SYS(setns),
			      SCMP_SYS(unshare),
			      SCMP_SYS(mount),
			      SCMP_SYS(umount2),
			      SCMP_SYS(pivot_root),
			      SCMP_SYS(chroot),
			      SCMP_SYS(open_by_handle_at),
			      SCMP_SYS(init_module),
			      SCMP_SYS(finit_module),
			      SCMP_SYS(delete_module),
			      SCMP_SYS(kexec_load),
			      SCMP_SYS(kexec_file_load),
			      SCMP_SYS(keyctl),
			      SCMP_SYS(add_key),
			      SCMP_SYS(request_key),
			      SCMP_SYS(setuid),
			      SCMP_SYS(setgid),
			      SCMP_SYS(setresuid),
			      SCMP_SYS(setresgid),
			      SCMP_SYS(setgroups),
			      SCMP_SYS(capset) };

/*
 * By argument: files are opened to be read, sockets are of four families, a signal goes to itself
 * only (abort), clone makes threads. clone3 cannot be looked into: "there is none" makes libc use
 * clone.
 */
static int conditional(scmp_filter_ctx f)
{
	static const int families[] = { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK };
	static const int openers[] = { SCMP_SYS(open), SCMP_SYS(openat) };
	const uint64_t self = (uint64_t)getpid();
	const struct scmp_arg_cmp reading[] = {
		SCMP_A1_64(SCMP_CMP_MASKED_EQ, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY),
		SCMP_A2_64(SCMP_CMP_MASKED_EQ, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY),
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof(families) / sizeof(families[0]); i++)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
				     SCMP_A0_64(SCMP_CMP_EQ, (uint64_t)families[i]));
	for (size_t i = 0; r == 0 && i < sizeof(openers) / sizeof(openers[0]); i++)
		r = seccomp_rule_add_array(f, SCMP_ACT_ALLOW, openers[i], 1, &reading[i]);
	if (r == 0)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
				     SCMP_A0_64(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
	if (r == 0)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
				     SCMP_A0_64(SCMP_CMP_EQ, self));
	if (r == 0) /* names of threads */
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1,
				     SCMP_A0_64(SCMP_CMP_EQ, PR_SET_NAME));
	if (r == 0) /* names of anonymous memory, by newer libcs */
		r = seccomp_rule_add(f, SCMP_ACT_ERRNO(EINVAL), SCMP_SYS(prctl), 1,
				     SCMP_A0_64(SCMP_CMP_EQ, 0x53564d41));
	return r;
}

static int system_calls(void)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
	int r = f ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < sizeof(allowed) / sizeof(allowed[0]); i++)
		r = seccomp_rule_add(f, SCMP_ACT_ALLOW, allowed[i], 0);
	for (size_t i = 0; r == 0 && i < sizeof(deadly) / sizeof(deadly[0]); i++)
		r = seccomp_rule_add(f, SCMP_ACT_KILL_PROCESS, deadly[i], 0);
	if (r == 0)
		r = conditional(f);
	if (r == 0)
		r = seccomp_load(f);
	seccomp_release(f);
	return r;
}

int isolate_in_worker(bool *ret_locked, struct diag *d)
{
	static const struct {
		const char *name;
		int (*enter)(void);
	} stages[] = {
		{ "not traced", not_traced },
		{ "limits", limits },
		{ "capabilities", capabilities },
		{ "system calls", system_calls },
	};
	bool locked = lock_memory(); /* the filter has no mlockall */
	int r;

	for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++) {
		r = stages[i].enter();
		if (r < 0)
			return diag_set(d, r, "isolation failed at '%s':", stages[i].name);
	}
	*ret_locked = locked;
	return 0;
}
