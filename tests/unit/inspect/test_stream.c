// SPDX-License-Identifier: Apache-2.0
/*
 * ClientHellos, as the kernel reads them: what real clients send first (tests/names/hellos.txt) and
 * what others could; whole, in any two pieces, octet by octet, cut short. However octets come, the
 * same is judged.
 */
#include <stdlib.h>
#include <string.h>

#include "stream_making.h"

/* --- real clients */

static void from_hex(const char *hex, struct flight *f)
{
	for (f->n = 0; hex[0] && hex[1] && hex[0] != '\n'; hex += 2) {
		char two[3] = { hex[0], hex[1], 0 }, *end;

		assert_true(f->n < FLIGHT_MAX);
		f->octets[f->n++] = strtoul(two, &end, 16);
		assert_ptr_equal(end, two + 2);
	}
}

static void each_flight(void (*check)(const struct flight *f, const char *name))
{
	FILE *in = fopen("tests/names/hellos.txt", "re");
	static struct flight f;
	char *line = NULL, *save;
	size_t room = 0, n = 0;

	if (!in)
		fail_msg("no tests/names/hellos.txt: run this in the top directory");
	while (getline(&line, &room, in) > 0) {
		const char *client, *name, *hex;

		if (line[0] == '#')
			continue;
		client = strtok_r(line, " ", &save);
		name = strtok_r(NULL, " ", &save);
		hex = strtok_r(NULL, " ", &save);
		assert_true(client && name && hex);
		from_hex(hex, &f);
		check(&f, name);
		n++;
	}
	free(line);
	fclose(in);
	assert_true(n >= 16);
}

static void check_client(const struct flight *f, const char *name)
{
	char want[300];

	snprintf(want, sizeof(want), " hello:%s:0", name);
	expect(0, f->octets, f->n, want);
	expect(ZTA_STREAM_PROXY, f->octets, f->n, want);
}

static void real_clients_name_their_server(void **state)
{
	each_flight(check_client);
}

static void check_cut(const struct flight *f, const char *name)
{
	for (uint32_t n = 0; n < f->n; n++)
		assert_string_equal(told_of(0, f->octets, n), "");
}

static void nothing_is_judged_before_the_last_octet(void **state)
{
	each_flight(check_cut);
}

static void check_records(const struct flight *f, const char *name)
{
	static struct flight split;
	uint32_t record = f->octets[3] << 8 | f->octets[4];
	char want[300];

	if (record + 5 != f->n)
		return; /* is in several already */
	snprintf(want, sizeof(want), " hello:%s:0", name);
	for (uint32_t size = 1; size < 64; size += 7) {
		split.n = 0;
		for (uint32_t at = 5; at < f->n; at += size) {
			uint32_t n = f->n - at < size ? f->n - at : size;
			uint8_t head[5] = { 0x16, 3, 1, 0, n };

			memcpy(split.octets + split.n, head, 5);
			memcpy(split.octets + split.n + 5, f->octets + at, n);
			split.n += 5 + n;
		}
		expect(0, split.octets, split.n, want);
	}
}

static void records_of_any_size(void **state)
{
	each_flight(check_records);
}

static void check_noise(const struct flight *f, const char *name)
{
	static struct flight g;

	for (uint32_t at = 0; at < f->n; at++) {
		for (int bit = 0; bit < 8; bit++) {
			g = *f;
			g.octets[at] ^= 1 << bit;
			told_of(ZTA_STREAM_PROXY, g.octets, g.n);
			reading_begin(&parts, ZTA_STREAM_PROXY);
			for (uint32_t i = 0; i < g.n; i++)
				reading_take(&parts, g.octets + i, 1);
			assert_string_equal(parts.told, whole.told);
		}
	}
}

static void any_bit_turned_reads_alike_in_pieces(void **state)
{
	each_flight(check_noise);
}

/* --- hellos that are made */

static void a_hello_without_extensions(void **state)
{
	start(&made);
	made.f.n -= 2;
	set16(&made, 3, made.f.n - 5);
	set16(&made, 7, made.f.n - 9);
	expect(0, made.f.octets, made.f.n, " hello:-:0");

	start(&made);
	finish(&made);
	expect(0, made.f.octets, made.f.n, " hello:-:0");
}

static void names_as_clients_write_them(void **state)
{
	static const char *const rows[][2] = {
		{ "API.Example-AI.com", " hello:api.example-ai.com:0" },
		{ "api.example-ai.com.", " hello:api.example-ai.com.:0" },
		{ "10.20.0.4", " hello:10.20.0.4:0" },
		{ "fd00:20::4", " hello:fd00:20::4:0" },
		{ "x", " hello:x:0" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		start(&made);
		put_extension(&made, 0x1a1a, NULL, 0); /* GREASE */
		put_server_name(&made, rows[i][0], strlen(rows[i][0]));
		put_extension(&made, 21, NULL, 100); /* padding */
		finish(&made);
		expect(0, made.f.octets, made.f.n, rows[i][1]);
	}
}

static void names_up_to_their_limit(void **state)
{
	char name[254], want[300];

	for (uint32_t n = 240; n <= 254; n++) {
		memset(name, 'a', sizeof(name));
		start(&made);
		put_server_name(&made, name, n);
		finish(&made);
		snprintf(want, sizeof(want), " hello:%.*s:0", (int)n, name);
		expect(0, made.f.octets, made.f.n, n <= 253 ? want : " malformed");
	}
}

static void a_nul_in_a_name_is_no_letter(void **state)
{
	start(&made);
	put_server_name(&made, "a.example\0.evil.example", 23);
	finish(&made);
	expect(0, made.f.octets, made.f.n, " hello:a.example\xff.evil.example:0");
}

static void ech_is_told(void **state)
{
	start(&made);
	put_server_name(&made, "a.example", 9);
	put_extension(&made, ZTA_STREAM_EXT_ECH, NULL, 40);
	finish(&made);
	expect(0, made.f.octets, made.f.n, " hello:a.example:0:ech");
}

static void two_names_are_malformed(void **state)
{
	start(&made);
	put_server_name(&made, "a.example", 9);
	put_server_name(&made, "b.example", 9);
	finish(&made);
	expect(0, made.f.octets, made.f.n, " malformed");

	start(&made); /* both in one list */
	put16(&made, ZTA_STREAM_EXT_NAME);
	put16(&made, 26);
	put16(&made, 24);
	for (int i = 0; i < 2; i++) {
		put(&made, "", 1);
		put16(&made, 9);
		put(&made, "a.example", 9);
	}
	finish(&made);
	expect(0, made.f.octets, made.f.n, " malformed");
}

/* Each length of the hello, a little too small or too large: never another name, never a crash. */
static void lengths_that_lie(void **state)
{
	static const int off[] = { -300, -257, -1, 1, 255, 30000 };
	uint32_t places[6];

	for (size_t p = 0; p < sizeof(places) / sizeof(places[0]); p++) {
		for (size_t i = 0; i < sizeof(off) / sizeof(off[0]); i++) {
			uint32_t at, was;

			start(&made);
			put_extension(&made, 16, NULL, 7);
			at = made.f.n;
			put_server_name(&made, "a.example", 9);
			finish(&made);
			places[0] = 7;			 /* of the hello */
			places[1] = made.extensions;	 /* of all extensions */
			places[2] = made.extensions + 4; /* of the first one */
			places[3] = at + 2;		 /* of the server name extension */
			places[4] = at + 4;		 /* of the list */
			places[5] = at + 7;		 /* of the name */
			was = made.f.octets[places[p]] << 8 | made.f.octets[places[p] + 1];
			set16(&made, places[p], was + off[i]);
			told_of(0, made.f.octets, made.f.n);
			same_in_pieces(0, made.f.octets, made.f.n);
			assert_string_not_equal(whole.told, " hello:a.example:0");
			assert_null(strstr(whole.told, " hello"));
		}
	}
}

static void the_longest_hello(void **state)
{
	for (uint32_t more = 0; more < 2; more++) {
		uint32_t n = 4 + ZTA_STREAM_HELLO_MAX + more;
		static struct flight cut;

		start(&made);
		put_server_name(&made, "a.example", 9);
		put_extension(&made, 21, NULL, 5 + n - made.f.n - 4);
		finish(&made);
		assert_int_equal(made.f.n, 5 + n);
		/* in two records: one holds no more than 16384 + 256 */
		cut.n = 0;
		memcpy(cut.octets, made.f.octets, 5 + 8000);
		cut.octets[3] = 8000 >> 8;
		cut.octets[4] = 8000 & 0xff;
		memcpy(cut.octets + 8005, made.f.octets, 5);
		cut.octets[8008] = (n - 8000) >> 8;
		cut.octets[8009] = (n - 8000) & 0xff;
		memcpy(cut.octets + 8010, made.f.octets + 8005, n - 8000);
		cut.n = n + 10;
		assert_string_equal(told_of(0, cut.octets, cut.n),
				    more ? " malformed" : " hello:a.example:0");
	}
}

/* --- records */

static void what_is_no_hello(void **state)
{
	static const struct {
		const char *octets;
		uint32_t n;
		const char *want;
	} rows[] = {
		{ "", 1, " other" },
		{ "SSH-2.0-OpenSSH_9.2\r\n", 21, " other" },
		{ "\x80\x2e\x01\x03\x01", 5, " other" },     /* SSLv2 */
		{ "\x17\x03\x03\x00\x01\x00", 6, " other" }, /* data: no server takes it */
		{ "\x16\x02\x00\x00\x05", 5, " other" },     /* not TLS 1.x */
		{ "\x16\x03\x01\xff\xff", 5, " other" },     /* longer than records are */
		{ "\x16\x03\x01\x00\x04\x02\x00\x00\x00", 9, " other" }, /* another message */
		{ "\x16\x03\x09\x00\x00", 5, " malformed" },		 /* empty */
		{ "\x15\x03\x01\x00\x02\x01\x00", 7, " malformed" },	 /* alert: passed over */
		{ "\x14\x03\x03\x00\x01\x01", 6, " malformed" },	 /* change_cipher_spec */
		{ "\x15\x00\x00\x01\x01", 5, " other" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		expect(0, (const uint8_t *)rows[i].octets, rows[i].n, rows[i].want);
}

static void another_record_inside_the_hello(void **state)
{
	static const uint8_t alert[] = { 0x15, 3, 1, 0, 2, 1, 0 };

	start(&made);
	put_server_name(&made, "a.example", 9);
	finish(&made);
	set16(&made, 3, 20);
	memcpy(made.f.octets + 25, alert, sizeof(alert));
	expect(0, made.f.octets, made.f.n, " malformed");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(real_clients_name_their_server),
		cmocka_unit_test(nothing_is_judged_before_the_last_octet),
		cmocka_unit_test(records_of_any_size),
		cmocka_unit_test(any_bit_turned_reads_alike_in_pieces),
		cmocka_unit_test(a_hello_without_extensions),
		cmocka_unit_test(names_as_clients_write_them),
		cmocka_unit_test(names_up_to_their_limit),
		cmocka_unit_test(a_nul_in_a_name_is_no_letter),
		cmocka_unit_test(ech_is_told),
		cmocka_unit_test(two_names_are_malformed),
		cmocka_unit_test(lengths_that_lie),
		cmocka_unit_test(the_longest_hello),
		cmocka_unit_test(what_is_no_hello),
		cmocka_unit_test(another_record_inside_the_hello),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
