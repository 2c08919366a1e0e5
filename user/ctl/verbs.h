/* SPDX-License-Identifier: Apache-2.0 */
/* Every verb, each defined in its own cmd_<verb>.c together with its options and help. */
#pragma once

#include "ctl/ctl.h"

extern const struct ctl_verb cmd_status;
extern const struct ctl_verb cmd_policy_check;
extern const struct ctl_verb cmd_policy_apply;
extern const struct ctl_verb cmd_policy_confirm;
extern const struct ctl_verb cmd_policy_show;
extern const struct ctl_verb cmd_policy_diff;
extern const struct ctl_verb cmd_policy_schema;
extern const struct ctl_verb cmd_explain;
extern const struct ctl_verb cmd_events;
extern const struct ctl_verb cmd_workloads;
extern const struct ctl_verb cmd_services;
extern const struct ctl_verb cmd_names;
extern const struct ctl_verb cmd_top;
extern const struct ctl_verb cmd_pause;
extern const struct ctl_verb cmd_resume;
extern const struct ctl_verb cmd_quarantine;
extern const struct ctl_verb cmd_release;
extern const struct ctl_verb cmd_token_list;
extern const struct ctl_verb cmd_token_test;
extern const struct ctl_verb cmd_doctor;
extern const struct ctl_verb cmd_detach;
