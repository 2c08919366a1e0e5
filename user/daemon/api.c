/* SPDX-License-Identifier: Apache-2.0 */
#include "api.h"

#include <errno.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/diag.h"
#include "base/log.h"
#include "base/str.h"
#include "control/server.h"
#include "daemon/daemon.h"
#include "daemon/health.h"
#include "daemon/recall.h"
#include "metrics/expose.h"

static const struct control_verb verbs[] = {
	{ "GET", "/v1/status", false, NULL, api_status },
	{ "GET", "/v1/workloads", false, NULL, api_workloads },
	{ "GET", "/v1/services", false, NULL, api_services },
	{ "GET", "/v1/names", false, NULL, api_names },
	{ "GET", "/v1/token/list", false, NULL, api_token_list },
	{ "POST", "/v1/token/test", true, "audience client_id profile", api_token_test },
	{ "GET", "/v1/doctor", false, NULL, api_doctor },
	{ "GET", "/v1/explain", false,
	  "addr name answer resolved hosts chain absent zone_server event last port protocol "
	  "cgroup profile",
	  api_explain },
	{ "GET", "/v1/resolvers", false, NULL, api_resolvers },
	{ "GET", "/v1/events", false, "n since follow verdict reason type workload", api_events },
	{ "GET", "/v1/policy", false, NULL, api_policy_show },
	{ "GET", "/v1/policy/show", false, NULL, api_policy_show },
	{ "POST", "/v1/policy", true, "dry-run confirm", api_policy_apply },
	{ "POST", "/v1/policy/confirm", true, NULL, api_policy_confirm },
	{ "POST", "/v1/pause", true, "for reason workload", api_pause },
	{ "POST", "/v1/resume", true, "workload", api_resume },
	{ "POST", "/v1/quarantine", true, "target reason", api_quarantine },
	{ "POST", "/v1/release", true, "target reason", api_release },
	{ "POST", "/v1/flush", true, NULL, api_flush },
	{ "POST", "/v1/detach", true, NULL, api_detach },
};

static int render_metrics(void *ctx, struct buf *out)
{
	return snapshot_render(ctx, out);
}

static bool ready(void *ctx, struct buf *why)
{
	return health_ready(ctx, why);
}

int api_up(struct daemon *d, struct diag *diag)
{
	_cleanup_free_ char *path = str_dup_printf("%s/ztad.sock", d->options.run_dir);
	struct control_opts o = {
		.path = path,
		.verbs = verbs,
		.n_verbs = sizeof(verbs) / sizeof(verbs[0]),
		.ctx = d,
	};
	struct expose_ops ops = { .metrics = render_metrics, .ready = ready, .ctx = d };
	int r;

	if (!path)
		return diag_set(diag, -ENOMEM, "out of memory");
	r = control_server_new(d->loop, &o, &d->control, diag);
	if (r < 0 || !d->options.metrics)
		return r;
	r = expose_new(d->loop, d->options.metrics, &ops, &d->expose, diag);
	if (r == 0)
		log_info("daemon: metrics at http://%s/metrics", expose_address(d->expose));
	return r;
}

void api_down(struct daemon *d)
{
	expose_free(d->expose);
	d->expose = NULL;
	recall_down(d);
	control_server_free(d->control);
	d->control = NULL;
}
