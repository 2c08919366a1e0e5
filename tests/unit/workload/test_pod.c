// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "workload/pod.h"

#define U   "0d1f1c5a-6b1e-4c3a-9d52-7a4c2f0b9e11"
#define U_  "0d1f1c5a_6b1e_4c3a_9d52_7a4c2f0b9e11"
#define V   "ffffffff-6b1e-4c3a-9d52-7a4c2f0b9e11"
#define VOL "pods/" U "/volumes/kubernetes.io~projected"

static void test_cgroups_of_both_drivers(void **state)
{
	static const struct {
		const char *path;
		int want;
	} cases[] = {
		{ "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" U_ ".slice",
		  0 },
		{ "/kubepods.slice/kubepods-pod" U_ ".slice/cri-containerd-0a.scope", 0 },
		{ "/kubepods/besteffort/pod" U "/0a", 0 },
		{ "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod" U_ ".slice", 0 },
		/* the outermost counts */
		{ "/kubepods/pod" U "/ctr/kubepods/pod" V, 0 },
		{ "/kubepods/besteffort", -ENXIO },
		{ "/kubepods.slice", -ENXIO },
		{ "/kubepods/pod" U "0", -ENXIO },
		{ "/kubepods/xpod" U, -ENXIO },
		{ "/kubepods/podg" U, -ENXIO },
		{ "/kubepods/pod0D1F1C5A-6b1e-4c3a-9d52-7a4c2f0b9e11", -ENXIO },
		{ "/system.slice/pod" U, -ENOENT },
		{ "/", -ENOENT },
		{ "", -ENOENT },
	};
	char uid[POD_UID_LEN];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(pod_of_cgroup(cases[i].path, uid), cases[i].want);
		if (cases[i].want == 0)
			assert_string_equal(uid, U);
	}
	assert_int_not_equal(pod_subject(U), pod_subject(V));
}

static char dir[64];

static void run(const char *fmt, ...)
{
	char cmd[1024];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(cmd, sizeof(cmd), fmt, args);
	va_end(args);
	assert_int_equal(system(cmd), 0); /* NOLINT: words of ours */
}

static int set_up(void **state)
{
	strcpy(dir, "/tmp/zta-pod-XXXXXX");
	assert_non_null(mkdtemp(dir));
	run("mkdir -p %s/" VOL "/other %s/" VOL "/azure-identity-token/..1", dir, dir);
	run("cd %s/" VOL "/azure-identity-token && echo one >..1/azure-identity-token && "
	    "ln -s ..1 ..data && ln -s ..data/azure-identity-token azure-identity-token",
	    dir);
	return 0;
}

static int tear_down(void **state)
{
	run("rm -rf %s", dir);
	return 0;
}

static void holds(int fd, const char *want)
{
	char text[64] = "";

	assert_true(fd >= 0);
	assert_true(read(fd, text, sizeof(text) - 1) > 0);
	assert_string_equal(text, want);
	close(fd);
}

static void test_the_newest_token(void **state)
{
	holds(pod_token_open(dir, U), "one\n");
	run("cd %s/" VOL "/azure-identity-token && mkdir ..2 && echo two >..2/azure-identity-token "
	    "&& ln -sfn ..2 ..data",
	    dir);
	holds(pod_token_open(dir, U), "two\n");
	assert_int_equal(pod_token_open(dir, V), -ENOENT);
	assert_int_equal(pod_token_open(dir, "../" V), -EINVAL);
	run("mv %s/" VOL "/azure-identity-token %s/" VOL
	    "/azure-workload-identity-reserved-0a && rm -r %s/" VOL "/other",
	    dir, dir, dir);
	holds(pod_token_open(dir, U), "two\n");
	run("rm -r %s/" VOL "/azure-workload-identity-reserved-0a", dir);
	assert_int_equal(pod_token_open(dir, U), -ENOENT);
}

static void test_no_symlink_leads_elsewhere(void **state)
{
	run("echo secret >%s/azure-identity-token", dir);
	run("cd %s/" VOL "/azure-identity-token && ln -sfn ../../../../.. ..data", dir);
	assert_int_equal(pod_token_open(dir, U), -ELOOP);
	run("cd %s/" VOL "/azure-identity-token && ln -sfn .. ..data", dir);
	assert_int_equal(pod_token_open(dir, U), -ELOOP);
	run("cd %s/" VOL "/azure-identity-token && ln -sfn ..1 ..data && rm "
	    "..1/azure-identity-token && ln -s %s/azure-identity-token ..1/",
	    dir, dir);
	assert_int_equal(pod_token_open(dir, U), -ELOOP);
	run("cd %s/" VOL "/azure-identity-token && rm -r ..1 && ln -s %s ..1", dir, dir);
	assert_int_equal(pod_token_open(dir, U), -ELOOP);
	run("cd %s/" VOL " && rm -r azure-identity-token && ln -s %s azure-identity-token", dir,
	    dir);
	assert_int_equal(pod_token_open(dir, U), -ELOOP);
	run("cd %s/pods && mv " U " away && ln -s away " U, dir);
	assert_int_equal(pod_token_open(dir, U), -ELOOP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cgroups_of_both_drivers),
		cmocka_unit_test_setup_teardown(test_the_newest_token, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_symlink_leads_elsewhere, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
