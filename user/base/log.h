/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log: one line to stderr, "wing: what, consequence key=value". Only daemon/, gateway/,
 * control/ and ctl/ call it. Under systemd (JOURNAL_STREAM is set) a line starts with its priority
 * as <n>, elsewhere with its word. Line breaks and control characters inside are written as '?'.
 */
#pragma once

enum log_level { LOG_LEVEL_ERR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Lines above this level are dropped. Default: info. */
void log_set_level(enum log_level level);

void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_err(...)   log_line(LOG_LEVEL_ERR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)  log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)
