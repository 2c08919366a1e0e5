// SPDX-License-Identifier: Apache-2.0
/*
 * The loaded programs decide as the same text does in user space: thousands of generated questions
 * through BPF_PROG_TEST_RUN, and hundreds through real sockets, made in cgroups of each profile in
 * a network namespace that leads nowhere. PARITY_SEED repeats a run.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "kern/maps.h"
#include "kern/object.h"
#include "parity/gen.h"
#include "policy/apply.h"
#include "policy/image_tables.h"
#include "policy/prefix.h"
#include "unit/policy/compiled.h"
#include "workload/registry.h"
#include "zta_test.h"

#define RUN_POLICIES	40
#define RUN_CASES	200
#define SOCKET_POLICIES 12
#define SOCKET_CASES	150

struct world {
	char cgroup[256], bpffs[64];
	struct kern *kern;
	struct registry *registry;
	uint64_t seed;
	pid_t puppet;
	int strings; /* to the puppet */
};

/* A generated policy in force. */
struct force {
	struct policy *policy;
	struct policy_image *image;
	struct rng rng;
};

static int cgroup_mount(char ret[128])
{
	FILE *f = setmntent("/proc/self/mounts", "r");
	int r = -ENODEV;

	for (struct mntent *m = getmntent(f); m; m = getmntent(f)) {
		if (!strcmp(m->mnt_type, "cgroup2")) {
			snprintf(ret, 128, "%s", m->mnt_dir);
			r = 0;
			break;
		}
	}
	endmntent(f);
	return r;
}

static int setup(void **state)
{
	static struct world w;
	const struct kern_opts o = { .cgroup = w.cgroup, .bpffs = w.bpffs };
	const char *seed = getenv("PARITY_SEED");
	struct diag d = {};
	char mount[128];

	if (cgroup_mount(mount) < 0)
		return -1;
	snprintf(w.cgroup, sizeof(w.cgroup), "%s/zta-parity-%d", mount, getpid());
	snprintf(w.bpffs, sizeof(w.bpffs), "/sys/fs/bpf/zta-parity-%d", getpid());
	w.seed = seed ? strtoull(seed, NULL, 0) : (uint64_t)time(NULL);
	print_message("PARITY_SEED=%llu\n", (unsigned long long)w.seed);
	*state = &w;
	if (mkdir(w.cgroup, 0755) < 0)
		return -1;
	w.registry = registry_new();
	if (kern_open(&o, &w.kern, &d) < 0)
		print_error("%s\n", d.text);
	return w.kern && w.registry ? 0 : -1;
}

static void remove_cgroups(const char *root)
{
	static const char *const names[] = {
		"p0", "p1", "p2", "p3", "p4", "host", "no-ai", "closed"
	};
	char path[512];

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		snprintf(path, sizeof(path), "%s/%s", root, names[i]);
		(void)rmdir(path); /* not every run makes it */
	}
	(void)rmdir(root); /* a failure shows in the next run's listing, nothing hangs on it */
}

static int teardown(void **state)
{
	struct world *w = *state;
	struct diag d = {};
	int r = 0;

	if (w->puppet > 0) {
		close(w->strings);
		(void)waitpid(w->puppet, NULL, 0); /* it ends with its socket */
	}
	if (w->kern && kern_remove(w->kern, &d) < 0) {
		print_error("%s\n", d.text);
		r = -1;
	}
	kern_close(w->kern);
	registry_free(w->registry);
	remove_cgroups(w->cgroup);
	return r;
}

static void put_in_force(struct world *w, uint64_t which, struct force *f)
{
	const struct compile_opts o = { .generation = (uint32_t)which + 1, .now = GEN_NOW };
	struct diag d = {};
	char *text;

	*f = (struct force){ .rng.state = (w->seed * 0x9e3779b97f4a7c15ULL + which) | 1 };
	text = gen_policy(&f->rng);
	f->policy = compiled_parse(text);
	free(text);
	assert_int_equal(policy_compile(f->policy, &o, &f->image, NULL), 0);
	if (policy_apply(w->kern, f->image, w->registry, &d) < 0)
		fail_msg("%s", d.text);
}

static void free_force(struct force *f)
{
	policy_image_free(f->image);
	policy_free(f->policy);
}

static void decide(const struct force *f, const struct parity_case *c, struct zta_verdict *ret)
{
	struct zta_ask ask = {
		.addr = c->addr,
		.profile = f->image->profile_id[c->profile],
		.flags = c->flags,
		.port = c->port,
		.proto = c->proto,
	};

	zta_normalise(&ask.addr, &ask.carried);
	explain_judge(f->image, &ask, NULL, ret);
}

static void tell(const struct force *f, const struct parity_case *c)
{
	char text[INET6_ADDRSTRLEN];

	addr_format(&c->addr, text);
	print_error("%s\nprofile %s to %s port %u protocol %u flags %x\n", f->policy->text,
		    f->policy->profiles[c->profile].name, text, c->port, c->proto, c->flags);
}

/* One question to the loaded program. */
static void run(int program, const struct force *f, const struct parity_case *c,
		struct zta_test_case *ret)
{
	struct {
		uint8_t pad[ZTA_TEST_PAD];
		struct zta_test_case t;
	} in = {}, out = {};
	LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = &in, .data_size_in = sizeof(in),
		    .data_out = &out, .data_size_out = sizeof(out));

	in.t.addr = c->addr;
	in.t.profile = f->image->profile_id[c->profile];
	in.t.flags = c->flags;
	in.t.port = c->port;
	in.t.proto = c->proto;
	assert_int_equal(bpf_prog_test_run_opts(program, &o), 0);
	assert_int_equal(o.retval, 0);
	*ret = out.t;
}

static void the_loaded_program_decides_alike(void **state)
{
	struct world *w = *state;
	int program = kern_program_fd(w->kern, "zta_decide_test");

	assert_true(program >= 0);
	for (uint64_t i = 0; i < RUN_POLICIES; i++) {
		struct force f;

		put_in_force(w, i, &f);
		for (int k = 0; k < RUN_CASES; k++) {
			struct zta_test_case got;
			struct zta_verdict want;
			struct parity_case c;

			gen_case(&f.rng, f.policy, &c);
			decide(&f, &c, &want);
			run(program, &f, &c, &got);
			if (got.verdict == want.verdict && got.reason == want.reason &&
			    got.row == want.row && got.rule == want.rule &&
			    got.verdict_flags == want.flags && got.services == want.services)
				continue;
			tell(&f, &c);
			fail_msg("kernel: %u %u %u rule %d services %llx flags %x, not "
				 "%u %u %u rule %d services %llx flags %x",
				 got.verdict, got.reason, got.row, (int)got.rule,
				 (unsigned long long)got.services, got.verdict_flags, want.verdict,
				 want.reason, want.row, (int)want.rule,
				 (unsigned long long)want.services, want.flags);
		}
		free_force(&f);
	}
}

/* What the puppet is asked to do; it answers with an errno, 0 = it went. */
struct order {
	struct zta_addr addr;
	uint16_t port;
	uint8_t proto;
	bool connected;
};

static int reach(const struct order *o)
{
	struct sockaddr_in6 a6 = { .sin6_family = AF_INET6, .sin6_port = htons(o->port) };
	struct sockaddr_in a4 = { .sin_family = AF_INET,
				  .sin_port = htons(o->port),
				  .sin_addr.s_addr = o->addr.w[0] };
	bool v6 = o->addr.family == ZTA_V6;
	struct sockaddr *a = v6 ? (struct sockaddr *)&a6 : (struct sockaddr *)&a4;
	socklen_t len = v6 ? sizeof(a6) : sizeof(a4);
	int fd = socket(a->sa_family,
			(o->proto == IPPROTO_TCP ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK |
				SOCK_CLOEXEC,
			0);
	ssize_t r;

	if (fd < 0)
		return errno;
	memcpy(&a6.sin6_addr, o->addr.w, 16);
	r = o->connected ? connect(fd, a, len) : sendto(fd, "x", 1, MSG_DONTWAIT, a, len);
	r = r < 0 ? errno : 0;
	close(fd);
	return (int)r;
}

/* A process in a network namespace of its own; it ends with the other end of @fd. */
static void be_puppet(int fd)
{
	int r = unshare(CLONE_NEWNET);
	struct order o;

	if (!r)
		r = system("ip link set lo up && ip link add d0 type veth peer name d1 && "
			   "ip addr add 192.0.2.1/24 dev d0 && "
			   "ip -6 addr add 3fff::1/64 dev d0 nodad && ip link set d1 up && ip link "
			   "set d0 up && "
			   "ip route add default dev d0 && ip -6 route add default dev d0");
	if (write(fd, &r, sizeof(r)) != sizeof(r) || r)
		_exit(1);
	while (read(fd, &o, sizeof(o)) == sizeof(o)) {
		r = reach(&o);
		if (write(fd, &r, sizeof(r)) != sizeof(r))
			break;
	}
	_exit(0);
}

static void start_puppet(struct world *w)
{
	int fds[2], r;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	w->puppet = fork();
	assert_true(w->puppet >= 0);
	if (!w->puppet) {
		close(fds[0]);
		be_puppet(fds[1]);
	}
	close(fds[1]);
	w->strings = fds[0];
	assert_int_equal(read(w->strings, &r, sizeof(r)), sizeof(r));
	assert_int_equal(r, 0);
}

static void move_puppet(const struct world *w, const char *profile)
{
	char path[512], pid[16];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", w->cgroup, profile);
	(void)mkdir(path, 0755); /* it may be there already */
	snprintf(path, sizeof(path), "%s/%s/cgroup.procs", w->cgroup, profile);
	snprintf(pid, sizeof(pid), "%d", w->puppet);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, pid, strlen(pid)), (ssize_t)strlen(pid));
	close(fd);
}

/* What a socket cannot ask, or where another rule of the kernel's comes first. */
static bool askable(const struct force *f, const struct parity_case *c, bool connected)
{
	if ((c->proto != IPPROTO_TCP && c->proto != IPPROTO_UDP) || !c->port)
		return false;
	if (!connected && (c->proto == IPPROTO_TCP || c->addr.family == ZTA_V6))
		return false;
	/* what it sends is no query, which a profile with listed names may not ask a resolver */
	if (!connected && c->port == 53 && f->policy->profiles[c->profile].dns_listed)
		return false;
	return c->addr.w[0] != htonl(0xffffffff) &&
	       strcmp(f->policy->profiles[c->profile].name, "selftest") != 0;
}

static void ask_sockets(struct world *w, struct force *f, size_t counts[ZTA_VERDICT_COUNT])
{
	for (int i = 0; i < SOCKET_CASES; i++) {
		struct zta_verdict want;
		struct parity_case c;
		struct order o;
		int r;

		gen_case(&f->rng, f->policy, &c);
		c.flags = 0;
		o = (struct order){ c.addr, c.port, c.proto, rng_below(&f->rng, 3) };
		if (!askable(f, &c, o.connected))
			continue;
		decide(f, &c, &want);
		move_puppet(w, f->policy->profiles[c.profile].name);
		assert_int_equal(write(w->strings, &o, sizeof(o)), sizeof(o));
		assert_int_equal(read(w->strings, &r, sizeof(r)), sizeof(r));
		counts[want.verdict]++;
		if ((r == EPERM) == (want.verdict == ZTA_VERDICT_DENY))
			continue;
		tell(f, &c);
		fail_msg("%s: %s, decided %u %u %u", o.connected ? "connect" : "sendto",
			 strerror(r), want.verdict, want.reason, want.row);
	}
}

static void sockets_meet_the_same_decision(void **state)
{
	size_t counts[ZTA_VERDICT_COUNT] = {};
	struct world *w = *state;
	struct diag d = {};
	struct force f;

	for (uint64_t i = 0; i < SOCKET_POLICIES; i++) {
		put_in_force(w, 1000 + i, &f);
		if (!i) { /* programs are attached with a policy in force */
			if (kern_attach(w->kern, &d) < 0)
				fail_msg("%s", d.text);
			assert_int_equal(
				kern_ctl_set(w->kern, ZTA_CTL_EXISTING, ZTA_EXISTING_JUDGE), 0);
			start_puppet(w);
		}
		ask_sockets(w, &f, counts);
		free_force(&f);
	}
	print_message("sockets: %zu denied, %zu allowed, %zu would be denied\n",
		      counts[ZTA_VERDICT_DENY], counts[ZTA_VERDICT_ALLOW],
		      counts[ZTA_VERDICT_AUDIT]);
	assert_true(counts[ZTA_VERDICT_DENY] > 50 && counts[ZTA_VERDICT_ALLOW] > 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_loaded_program_decides_alike),
		cmocka_unit_test(sockets_meet_the_same_decision),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
