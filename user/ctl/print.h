/* SPDX-License-Identifier: Apache-2.0 */
/* Text for people: colours, durations, times; text chosen by others is made harmless. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PRINT_TIME_LEN	   32
#define PRINT_DURATION_LEN 32

enum print_style {
	PRINT_PLAIN,
	PRINT_BOLD,
	PRINT_DIM,
	PRINT_RED,
	PRINT_GREEN,
	PRINT_YELLOW,
	PRINT_CYAN,
	PRINT_STYLE_COUNT
};

/* Begin and end of a style; "" without colour. */
const char *print_on(bool color, enum print_style s);
const char *print_off(bool color, enum print_style s);

/* Style of "allow", "deny", ...; PRINT_PLAIN for other words. */
enum print_style print_verdict_style(const char *verdict);

/**
 * print_clean() - Copy of @text without anything that steers a terminal
 *
 * Control characters, bidirectional overrides and bytes that are no text stand as \xNN: names of
 * processes and cgroups are chosen by workloads.
 * Return: malloc'd text, NULL without memory.
 */
char *print_clean(const char *text);

/* Print "  label      value" on stdout; the value is cleaned; what is "" is left out altogether. */
void print_field(bool color, const char *label, enum print_style s, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Columns that clean @text takes on a terminal. */
size_t print_width(const char *text);

/* "45s", "12m 3s", "2h 5m", "3d 4h". */
const char *print_duration(uint64_t seconds, char ret[static PRINT_DURATION_LEN]);

/* An RFC 3339 time as local "2026-11-23 20:25:01"; "-" when it is none. */
const char *print_time(const char *rfc3339, char ret[static PRINT_TIME_LEN]);

/* Members of JSON objects by dotted path; "" or 0 when absent or of another type. */
const json_t *print_member(const json_t *v, const char *path);
const char *print_string(const json_t *v, const char *path);
json_int_t print_integer(const json_t *v, const char *path);
