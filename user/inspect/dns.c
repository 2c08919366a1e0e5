// SPDX-License-Identifier: Apache-2.0
/*
 * Theory of operation
 *
 * A cursor walks the message; every octet is taken through take(), which knows where the end is.
 * Names are decompressed with two rules that end every loop: a pointer must lead before the place
 * where the name it stands in began (each jump shortens what is left to walk), and a name has at
 * most 255 octets. The records are walked twice: once for the CNAMEs, from which the chain is
 * followed, once for the addresses of its last name.
 */
#include "inspect/dns.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define HEADER	    12
#define FLAG_QR	    0x8000
#define FLAG_TC	    0x0200
#define OPCODE	    0x7800
#define CLASS_IN    1
#define LABEL_MAX   63
#define POINTER	    0xc0
#define CNAMES_MAX  64 /* in one message: more than any chain that is followed */
#define TYPE_OPT    41
#define TTL_INVALID 0x80000000U

struct cursor {
	const uint8_t *msg;
	size_t len, at;
};

struct record {
	struct dns_name owner;
	uint16_t type, class;
	uint32_t ttl;
	size_t data, len; /* place in the message */
};

struct cname {
	struct dns_name owner, target;
};

/* -ENODATA: the message ends here. */
static int take(struct cursor *c, size_t n, const uint8_t **ret)
{
	if (c->len - c->at < n)
		return -ENODATA;
	*ret = c->msg + c->at;
	c->at += n;
	return 0;
}

static int take16(struct cursor *c, uint16_t *ret)
{
	const uint8_t *p;
	int r = take(c, 2, &p);

	if (r == 0)
		*ret = (uint16_t)(p[0] << 8 | p[1]);
	return r;
}

static int take32(struct cursor *c, uint32_t *ret)
{
	uint16_t high = 0, low = 0;
	int r = take16(c, &high);

	if (r == 0)
		r = take16(c, &low);
	if (r == 0)
		*ret = (uint32_t)high << 16 | low;
	return r;
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

static int add_label(struct dns_name *n, const uint8_t *label, size_t len)
{
	if ((size_t)n->len + 1 + len > DNS_NAME_MAX - 1) /* the root's octet is to come */
		return -EBADMSG;
	n->wire[n->len++] = (uint8_t)len;
	for (size_t i = 0; i < len; i++)
		n->wire[n->len++] = lower(label[i]);
	return 0;
}

/* @walk stands behind the first octet of a pointer; it goes to where that leads. */
static int follow(struct cursor *walk, uint8_t high, size_t *limit)
{
	const uint8_t *low;
	size_t to;
	int r = take(walk, 1, &low);

	if (r < 0)
		return r;
	to = (size_t)(high & ~POINTER) << 8 | *low;
	if (to >= *limit)
		return -EBADMSG;
	*limit = walk->at = to;
	return 0;
}

static int take_name(struct cursor *c, struct dns_name *ret)
{
	struct cursor walk = *c;
	size_t limit = c->at;
	bool jumped = false;
	const uint8_t *p;
	int r;

	ret->len = 0;
	for (;;) {
		r = take(&walk, 1, &p);
		if (r < 0 || !*p)
			break;
		if ((*p & POINTER) == POINTER) {
			r = follow(&walk, *p, &limit);
			if (r == 0 && !jumped)
				c->at += 2;
			jumped = true;
		} else if (*p > LABEL_MAX) {
			r = -EBADMSG;
		} else {
			const uint8_t *label;
			size_t n = *p;

			r = take(&walk, n, &label);
			if (r == 0)
				r = add_label(ret, label, n);
			if (r == 0 && !jumped)
				c->at = walk.at;
		}
		if (r < 0)
			return r;
	}
	if (r < 0)
		return r;
	ret->wire[ret->len++] = 0;
	if (!jumped)
		c->at = walk.at;
	return 0;
}

static int take_record(struct cursor *c, struct record *ret)
{
	const uint8_t *data;
	uint16_t len = 0;
	int r = take_name(c, &ret->owner);

	if (r == 0)
		r = take16(c, &ret->type);
	if (r == 0)
		r = take16(c, &ret->class);
	if (r == 0)
		r = take32(c, &ret->ttl);
	if (r == 0)
		r = take16(c, &len);
	ret->data = c->at;
	ret->len = len;
	return r < 0 ? r : take(c, len, &data);
}

/* The name that is the whole of a record's data. */
static int record_name(const struct cursor *c, const struct record *rec, struct dns_name *ret)
{
	struct cursor inner = { c->msg, rec->data + rec->len, rec->data };
	int r = take_name(&inner, ret);

	return r < 0 || inner.at != inner.len ? -EBADMSG : 0;
}

/* Of all records of the answer section, in their order. A message that ends early is cut. */
static int each_record(const struct cursor *start, size_t n, struct dns_answer *a,
		       int (*fn)(void *ctx, const struct cursor *c, const struct record *rec),
		       void *ctx)
{
	struct cursor c = *start;
	struct record rec;
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++) {
		r = take_record(&c, &rec);
		if (r == -ENODATA) {
			a->cut = true;
			return 0;
		}
		if (r == 0 && rec.class == CLASS_IN)
			r = fn(ctx, &c, &rec);
	}
	return r;
}

struct cnames {
	struct cname v[CNAMES_MAX];
	size_t n;
};

static int collect_cname(void *ctx, const struct cursor *c, const struct record *rec)
{
	struct cnames *to = ctx;

	if (rec->type != DNS_TYPE_CNAME)
		return 0;
	if (to->n == CNAMES_MAX)
		return -EBADMSG;
	to->v[to->n].owner = rec->owner;
	return record_name(c, rec, &to->v[to->n++].target);
}

/* A record that stands there twice says nothing new; two targets for a name say nothing at all. */
static int next_link(const struct cnames *from, const struct dns_name *name,
		     const struct dns_name **ret)
{
	*ret = NULL;
	for (size_t i = 0; i < from->n; i++) {
		if (!dns_name_equal(&from->v[i].owner, name))
			continue;
		if (*ret && !dns_name_equal(*ret, &from->v[i].target))
			return -EBADMSG;
		*ret = &from->v[i].target;
	}
	return 0;
}

static bool was_there(const struct dns_answer *a, const struct dns_name *name)
{
	for (size_t i = 0; i < a->n_chain; i++)
		if (dns_name_equal(&a->chain[i], name))
			return true;
	return dns_name_equal(&a->question, name);
}

/* Who asks for CNAME itself gets a chain of one. */
static int follow_chain(const struct cnames *from, struct dns_answer *a)
{
	const struct dns_name *name = &a->question, *next;
	int r;

	while ((r = next_link(from, name, &next)) == 0 && next) {
		if (was_there(a, next))
			return -EBADMSG;
		if (a->n_chain == DNS_CHAIN_MAX) {
			a->more = true;
			return 0;
		}
		a->chain[a->n_chain] = *next;
		name = &a->chain[a->n_chain++];
	}
	return r;
}

/* MNAME, the first of what the record holds. */
static int read_authority(const struct cursor *c, const struct record *rec, struct dns_name *ret)
{
	struct cursor inner = { c->msg, rec->data + rec->len, rec->data };

	return take_name(&inner, ret) < 0 ? -EBADMSG : 0;
}

static int collect(void *ctx, const struct cursor *c, const struct record *rec)
{
	struct dns_answer *a = ctx;
	const struct dns_name *last = a->n_chain ? &a->chain[a->n_chain - 1] : &a->question;
	size_t size = rec->type == DNS_TYPE_A ? 4 : 16;
	struct dns_address *to;

	if (rec->type == DNS_TYPE_SOA && a->type == DNS_TYPE_SOA &&
	    dns_name_equal(&rec->owner, last))
		return read_authority(c, rec, &a->authority);
	if (rec->type != DNS_TYPE_A && rec->type != DNS_TYPE_AAAA)
		return 0;
	if (rec->len != size)
		return -EBADMSG;
	if (rec->type != a->type && a->type != DNS_TYPE_ANY)
		return 0;
	if (!dns_name_equal(&rec->owner, last))
		return 0;
	if (a->n_addresses == ZTA_DNS_ADDRS) {
		a->more = true;
		return 0;
	}
	to = &a->addresses[a->n_addresses++];
	*to = (struct dns_address){ 0 };
	to->addr.family = rec->type == DNS_TYPE_A ? ZTA_V4 : ZTA_V6;
	memcpy(to->addr.w, c->msg + rec->data, size);
	to->ttl_s = rec->ttl < TTL_INVALID ? rec->ttl : 0;
	return 0;
}

/* Header and question: who asked what. @ret_answers: records that the header promises. */
static int read_question(struct cursor *c, struct dns_answer *a, uint16_t *ret_answers,
			 const char **why)
{
	uint16_t flags = 0, questions = 0, rest[2], class = 0;
	int r = take16(c, &a->id);

	r = r < 0 ? r : take16(c, &flags);
	r = r < 0 ? r : take16(c, &questions);
	r = r < 0 ? r : take16(c, ret_answers);
	r = r < 0 ? r : take16(c, &rest[0]);
	r = r < 0 ? r : take16(c, &rest[1]);
	*why = "it is shorter than a header";
	if (r < 0)
		return r;
	a->rcode = flags & 0xf;
	a->truncated = flags & FLAG_TC;
	*why = flags & FLAG_QR ? "it answers no standard query" : "it is a query";
	if (!(flags & FLAG_QR) || (flags & OPCODE))
		return -EBADMSG;
	*why = "it does not have one question";
	if (questions != 1)
		return -EBADMSG;
	*why = "its question cannot be read";
	r = take_name(c, &a->question);
	r = r < 0 ? r : take16(c, &a->type);
	r = r < 0 ? r : take16(c, &class);
	return r < 0 || class != CLASS_IN ? -EBADMSG : 0;
}

int dns_answer_read(const void *msg, size_t len, struct dns_answer *ret, const char **ret_why)
{
	struct cursor c = { msg, len, 0 };
	struct cnames cnames = { .n = 0 };
	const char *why, **to = ret_why ? ret_why : &why;
	uint16_t answers = 0;

	*ret = (struct dns_answer){ 0 };
	if (read_question(&c, ret, &answers, to) < 0)
		return -EBADMSG;
	*to = "a record cannot be read";
	if (each_record(&c, answers, ret, collect_cname, &cnames) < 0)
		return -EBADMSG;
	*to = "its chain of names leads back or apart";
	if (follow_chain(&cnames, ret) < 0)
		return -EBADMSG;
	*to = "an address has another size than addresses have";
	return each_record(&c, answers, ret, collect, ret) < 0 ? -EBADMSG : 0;
}

static bool name_is_sound(const struct dns_name *n)
{
	size_t at = 0;

	while (at < n->len && n->wire[at] && n->wire[at] <= LABEL_MAX)
		at += 1 + (size_t)n->wire[at];
	return at + 1 == n->len && !n->wire[at];
}

bool dns_answer_is_sound(const struct dns_answer *a)
{
	if (a->n_chain > DNS_CHAIN_MAX || a->n_addresses > ZTA_DNS_ADDRS ||
	    !name_is_sound(&a->question) || (a->authority.len && !name_is_sound(&a->authority)))
		return false;
	for (size_t i = 0; i < a->n_chain; i++)
		if (!name_is_sound(&a->chain[i]))
			return false;
	for (size_t i = 0; i < a->n_addresses; i++)
		if (a->addresses[i].addr.family != ZTA_V4 && a->addresses[i].addr.family != ZTA_V6)
			return false;
	return true;
}

size_t dns_query_write(const struct dns_name *name, uint16_t type, uint16_t id,
		       uint8_t ret[DNS_QUERY_MAX])
{
	const uint8_t header[HEADER] = { id >> 8, id & 0xff, 0x01, 0, 0, 1, 0, 0, 0, 0, 0, 1 };
	const uint8_t end[4] = { type >> 8, type & 0xff, 0, CLASS_IN };
	const uint8_t edns[11] = { 0, 0, TYPE_OPT, DNS_UDP_MAX >> 8, DNS_UDP_MAX & 0xff };
	uint8_t *at = ret;

	at = (uint8_t *)mempcpy(at, header, sizeof(header));
	at = (uint8_t *)mempcpy(at, name->wire, name->len);
	at = (uint8_t *)mempcpy(at, end, sizeof(end));
	at = (uint8_t *)mempcpy(at, edns, sizeof(edns));
	return (size_t)(at - ret);
}

/* One octet of a label from text. Return: characters used, 0 = not an octet. */
static size_t read_octet(const char *text, uint8_t *ret)
{
	unsigned int n = 0;

	if (*text != '\\') {
		*ret = (uint8_t)*text;
		return 1;
	}
	if (text[1] < '0' || text[1] > '9') {
		*ret = (uint8_t)text[1];
		return text[1] ? 2 : 0;
	}
	for (int i = 1; i <= 3; i++) {
		if (text[i] < '0' || text[i] > '9')
			return 0;
		n = n * 10 + (unsigned int)(text[i] - '0');
	}
	*ret = (uint8_t)n;
	return n <= UINT8_MAX ? 4 : 0;
}

int dns_name_read(const char *text, struct dns_name *ret)
{
	uint8_t label[LABEL_MAX];
	size_t len = 0, used;

	ret->len = 0;
	if (!*text)
		return -EINVAL;
	if (!strcmp(text, "."))
		text++;
	while (*text) {
		if (len == LABEL_MAX)
			return -EINVAL;
		used = read_octet(text, &label[len]);
		if (!used || *text == '.')
			return -EINVAL; /* an empty label */
		len++;
		text += used;
		if (*text && *text != '.')
			continue;
		if (add_label(ret, label, len) < 0)
			return -EINVAL;
		len = 0;
		text += *text == '.';
	}
	ret->wire[ret->len++] = 0;
	return 0;
}

static char *write_octet(uint8_t c, char *to)
{
	if (c <= ' ' || c > '~')
		return to + sprintf(to, "\\%03u", c); /* four octets: DNS_TEXT_LEN counts them */
	if (c == '.' || c == '\\')
		*to++ = '\\';
	*to++ = (char)c;
	return to;
}

void dns_name_text(const struct dns_name *n, char ret[DNS_TEXT_LEN])
{
	const uint8_t *at = n->wire;
	char *to = ret;

	while (*at) {
		const uint8_t *end = at + 1 + *at;

		if (to > ret)
			*to++ = '.';
		for (at++; at < end; at++)
			to = write_octet(*at, to);
	}
	if (to == ret)
		*to++ = '.';
	*to = '\0';
}

bool dns_name_equal(const struct dns_name *a, const struct dns_name *b)
{
	return a->len == b->len && !memcmp(a->wire, b->wire, a->len);
}
