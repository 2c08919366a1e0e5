/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon as a whole: what its rooms share. Each room that has a life of its own has NAME_up()
 * and NAME_down(), called by the stages in main.c; down() must do for what up() left half done.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "daemon/config.h"
#include "daemon/options.h"
#include "daemon/store.h"
#include "metrics/metrics.h"

struct answers;
struct control_server;
struct desk;
struct dispatch;
struct expose;
struct inforce;
struct journal;
struct kern;
struct loop;
struct monitor;
struct names;
struct pause;
struct quarantine;
struct recall;
struct registry;
struct reload;
struct resolve_check;
struct selftest;
struct why;
struct worker;

struct daemon {
	struct options options;
	struct config config;
	int lock_fd;
	uint64_t started; /* CLOCK_MONOTONIC ns */
	struct store store;
	struct loop *loop;
	struct names *names;
	struct answers *answers;
	struct journal *journal; /* NULL: could not be opened, records are lost and counted */
	uint64_t journal_tried;	 /* CLOCK_MONOTONIC ns of the last attempt to open it */
	uint64_t journal_lost;	 /* decisions that were never handed to a journal */
	struct control_server *control;
	struct recall *recalls; /* searches of the journal that a client waits for */
	struct expose *expose;
	struct kern *kern;
	struct registry *registry;
	struct inforce *inforce;
	int broker_fd;		 /* where the broker listens, -1 = nowhere */
	char broker_address[64]; /* the same in words, "" = nowhere */
	struct desk *desk;	 /* of the broker */
	struct why *why;	 /* last denials, for workloads themselves */
	struct dispatch *dispatch;
	struct monitor *monitor;
	struct reload *reload;
	struct resolve_check *resolve_check;
	struct pause *pause;
	struct quarantine *quarantine;
	struct selftest *selftest;
	struct worker *worker;
	uint64_t netns; /* cookie of our own network namespace, 0 = not known */
	uint64_t reloads[METRICS_RELOAD_COUNT];
	bool attached;	 /* by us, or adopted */
	bool ready_told; /* READY=1 went out */
	bool detached;	 /* by POST /v1/detach: the end */
};
