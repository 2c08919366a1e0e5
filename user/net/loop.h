/* SPDX-License-Identifier: Apache-2.0 */
/* The event loop: file descriptors, timers, signals, on one thread. The door to libevent. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct loop_event;
struct event_base;

typedef void (*loop_fn)(void *ctx);

/**
 * loop_new() - Make a loop
 * @ret:	caller runs loop_free(); untouched on failure
 *
 * Ignores SIGPIPE for the process: a peer that goes away is an error of write(), never our end.
 * Return: 0 or -ENOMEM.
 */
int loop_new(struct loop **ret);

/* After every loop_event, httpd and control server on it has been freed. NULL is fine. */
void loop_free(struct loop *l);

/**
 * loop_run() - Run until loop_quit()
 *
 * Return: 0 after loop_quit(), -EIO when the kernel's poll interface failed.
 */
int loop_run(struct loop *l);

/* Ends loop_run() after the callback that is running. A later loop_run() starts afresh. */
void loop_quit(struct loop *l);

/**
 * loop_add_fd() - Call @fn whenever @fd can be read
 * @fd:	stays the caller's; must outlive the event
 *
 * Return: the event, caller runs loop_event_free() (also from @fn); NULL when out of memory.
 */
struct loop_event *loop_add_fd(struct loop *l, int fd, loop_fn fn, void *ctx);

/* The same when @fd can be written. */
struct loop_event *loop_add_fd_write(struct loop *l, int fd, loop_fn fn, void *ctx);

/* Call @fn after @ms, and again every @ms when @repeat. @ms 0: on the next turn of the loop. */
struct loop_event *loop_add_timer(struct loop *l, uint64_t ms, bool repeat, loop_fn fn, void *ctx);

/* (Re)start a timer with a new time, also one that has fired. */
int loop_timer_set(struct loop_event *e, uint64_t ms);

/* Stop a timer; loop_timer_set() starts it again. */
void loop_timer_stop(struct loop_event *e);

/* Call @fn when signal @signo has arrived (on the loop, not in signal context). */
struct loop_event *loop_add_signal(struct loop *l, int signo, loop_fn fn, void *ctx);

/* NULL is fine. Safe inside the event's own callback. */
void loop_event_free(struct loop_event *e);

/* For net/ only. */
struct event_base *loop_base(struct loop *l);
