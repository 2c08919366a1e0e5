/* SPDX-License-Identifier: Apache-2.0 */
#include "detach.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/diag.h"
#include "base/host.h"
#include "base/log.h"
#include "daemon/lock.h"
#include "daemon/options.h"
#include "daemon/selftest.h"
#include "kern/object.h"

/* An empty cgroup does no harm: what fails here is not told. */
static void remove_test_cgroup(const struct options *o)
{
	_cleanup_free_ char *mount = NULL;
	_cleanup_close_ int fd = -1;

	if (!o->cgroup && host_mount_find("cgroup2", &mount, NULL) < 0)
		return;
	fd = open(o->cgroup ? o->cgroup : mount, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		(void)unlinkat(fd, SELFTEST_CGROUP, AT_REMOVEDIR);
}

int detach_run(const struct options *o)
{
	struct kern_opts k = { .cgroup = o->cgroup, .bpffs = o->bpffs };
	_cleanup_close_ int lock = -1;
	struct diag diag = { 0 };
	pid_t holder = 0;
	int r;

	r = lock_file(o->run_dir, &lock, &holder);
	if (r == -EBUSY) {
		log_err("daemon: cannot detach while a daemon lives, pid %d; use `ztactl detach`",
			(int)holder);
		return r;
	}
	if (r < 0 && r != -ENOENT) { /* no run directory: no daemon */
		log_err("daemon: cannot lock '%s': %s", o->run_dir, strerror(-r));
		return r;
	}
	r = kern_detach(&k, &diag);
	if (r < 0) {
		log_err("daemon: cannot detach: %s", diag.text);
		return r;
	}
	remove_test_cgroup(o);
	log_info("daemon: detached bpffs=%s", o->bpffs);
	return 0;
}
