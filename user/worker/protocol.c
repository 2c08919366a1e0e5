// SPDX-License-Identifier: Apache-2.0
#include "worker/protocol.h"

uint32_t worker_message_size(uint32_t type)
{
	switch (type) {
	case WORKER_CONFIG:
		return sizeof(struct worker_config);
	case WORKER_ANSWER:
		return sizeof(struct worker_answer);
	case WORKER_OPENED:
		return sizeof(struct worker_opened);
	case WORKER_TEST:
		return sizeof(struct worker_test);
	case WORKER_WHY:
		return sizeof(struct worker_why);
	case WORKER_ASK:
		return sizeof(struct worker_ask);
	case WORKER_GONE:
		return sizeof(struct worker_gone);
	case WORKER_OPEN:
		return sizeof(struct worker_open);
	case WORKER_TOLD:
		return sizeof(struct worker_told);
	case WORKER_ENTRY:
		return sizeof(struct worker_entry);
	case WORKER_COUNTED:
		return sizeof(struct worker_counted);
	case WORKER_LISTEN:
	case WORKER_LIST:
	case WORKER_READY:
		return sizeof(struct worker_head);
	default:
		return 0;
	}
}
