/* SPDX-License-Identifier: Apache-2.0 */
/* The control API's verbs, and the listener for metrics and health. One function for each verb. */
#pragma once

#include <stdbool.h>

struct buf;
struct control_req;
struct daemon;
struct diag;
struct registry_entry;

/* Listen on the control socket and on the metrics address; a taken one fails the start. */
int api_up(struct daemon *d, struct diag *diag);
void api_down(struct daemon *d);

/* As struct control_verb says; @ctx is the daemon. */
int api_status(struct control_req *req, void *ctx);
int api_workloads(struct control_req *req, void *ctx);
int api_services(struct control_req *req, void *ctx);
int api_resolvers(struct control_req *req, void *ctx);
int api_names(struct control_req *req, void *ctx);
int api_token_list(struct control_req *req, void *ctx);
int api_token_test(struct control_req *req, void *ctx);
int api_doctor(struct control_req *req, void *ctx);
int api_explain(struct control_req *req, void *ctx);
int api_events(struct control_req *req, void *ctx);
int api_policy_show(struct control_req *req, void *ctx);
int api_policy_apply(struct control_req *req, void *ctx);
int api_policy_confirm(struct control_req *req, void *ctx);
int api_pause(struct control_req *req, void *ctx);
int api_resume(struct control_req *req, void *ctx);
int api_quarantine(struct control_req *req, void *ctx);
int api_release(struct control_req *req, void *ctx);
int api_flush(struct control_req *req, void *ctx);
int api_detach(struct control_req *req, void *ctx);

/* The metrics, as they stand now. 0 or -errno. */
int snapshot_render(struct daemon *d, struct buf *out);

/*
 * Does `workloads` list this cgroup? What is matched, quarantined or paused, and the attach point;
 * not one whose entry is about to be taken back, or stands in for its children.
 */
bool workload_is_told(const struct registry_entry *e);
