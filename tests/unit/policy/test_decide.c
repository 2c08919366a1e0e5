// SPDX-License-Identifier: Apache-2.0
/* Every row of the decision table and every ruling about it, one line each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "compiled.h"

struct row {
	const char *profile, *to, *answers;
	uint32_t flags;
	const char *want;
};

static const char main_policy[] =
	"'mode':'enforce','resolvers':['10.53.0.0/24','168.63.129.16'],"
	"'services':["
	"{'name':'openai','preset':'azure-openai','private_link':['10.20.0.0/24','fd00:20::/64']},"
	"{'name':'vault','preset':'azure-key-vault','private_link':['10.20.0.0/24']},"
	"{'name':'embed','names':['embed.example.internal'],'private_link':['10.20.1.4'],"
	"'ports':[443,'8000-8100'],'require_resolution':false},"
	"{'name':'wide','names':['*.wide.example.com'],'private_link':['10.0.0.0/8'],"
	"'dedicated':false}],"
	"'ai_public':{'names':['*.ai.example.org','tie.example.org'],'cidrs':['203.0.113.0/24']},"
	"'profiles':["
	"{'name':'rag','services':['openai','embed'],'egress':{'rules':["
	"{'action':'allow','cidr':'10.0.0.0/8','ports':[5432],'protocol':'tcp'},"
	"{'action':'allow','cidr':'8.8.4.4','ports':[53]},"
	"{'action':'deny','cidr':'10.0.9.0/24'},"
	"{'action':'allow','names':['*.pages.example.net']},"
	"{'action':'allow','cidr':'198.51.100.0/24','protocol':'icmp'},"
	"{'action':'allow','cidr':'198.51.101.0/24','ports':[80]},"
	"{'action':'allow','names':['in.example.net'],'within':['10.7.0.0/16']},"
	"{'action':'allow','cidr':'203.0.113.0/24'}]}},"
	"{'name':'open','services':['openai'],'egress':{'default':'allow'}},"
	"{'name':'lax','services':['openai','vault'],'require_resolution':false},"
	"{'name':'lifted','ai_public_allow':[{'name':'api.ai.example.org'}],"
	"'egress':{'rules':[{'action':'allow','names':['*.ai.example.org']}]}},"
	"{'name':'metadata','imds':'allow','platform':true},"
	"{'name':'broker','imds':'broker'},"
	"{'name':'no-quic','extends':'no-ai','services':['openai']}]";

/* clang-format off */
static const struct row main_rows[] = {
	/* 1: quarantined */
	{ "host", "tcp 10.9.9.9 443", "", ZTA_ASK_QUARANTINED, "deny quarantined 1" },
	{ "host", "tcp 10.9.9.9 443", "", ZTA_ASK_QUARANTINED | ZTA_ASK_INBOUND, "deny quarantined 1" },
	{ "host", "tcp 127.3.2.1 443", "", ZTA_ASK_QUARANTINED, "allow loopback 3" },
	{ "host", "tcp ::1 443", "", ZTA_ASK_QUARANTINED, "allow loopback 3" },
	{ "host", "tcp 0.0.0.0 443", "", ZTA_ASK_QUARANTINED, "deny quarantined 1" },
	{ "host", "tcp 10.9.9.9 443", "", ZTA_ASK_QUARANTINED | ZTA_ASK_LOCAL, "deny quarantined 1" },
	/* 2: the peer opened it */
	{ "closed", "tcp 8.8.8.8 5555", "", ZTA_ASK_INBOUND, "allow inbound 2" },
	{ "closed", "tcp 169.254.169.254 80", "", ZTA_ASK_INBOUND, "allow inbound 2" },
	/* 3: loopback and own addresses */
	{ "closed", "tcp 127.0.0.1 1", "", 0, "allow loopback 3" },
	{ "closed", "tcp 0.0.0.0 1", "", 0, "allow loopback 3" },
	{ "closed", "udp :: 1", "", 0, "allow loopback 3" },
	{ "closed", "tcp ::ffff:127.0.0.1 1", "", 0, "allow loopback 3" },
	{ "closed", "tcp 10.1.1.1 1", "", ZTA_ASK_LOCAL, "allow loopback 3" },
	{ "closed", "132 127.0.0.1 1", "", 0, "allow loopback 3" },
	{ "closed", "tcp 169.254.169.254 80", "", ZTA_ASK_LOCAL, "deny imds 5" },
	{ "closed", "tcp 168.63.129.16 80", "", ZTA_ASK_LOCAL, "deny wireserver 6" },
	/* unparsable */
	{ "rag", "tcp 10.1.1.1 5432", "", ZTA_ASK_MALFORMED, "deny malformed 0" },
	{ "open", "tcp 8.8.8.8 443", "", ZTA_ASK_MALFORMED, "allow default 15" },
	/* 4: protocols */
	{ "rag", "132 10.1.1.1 5432", "", 0, "deny protocol 4" },
	{ "rag", "tcp 10.1.1.1 5432", "", ZTA_ASK_RAW, "deny protocol 4" },
	{ "open", "132 8.8.8.8 5432", "", 0, "allow default 15" },
	{ "open", "tcp 8.8.8.8 443", "", ZTA_ASK_RAW, "allow default 15" },
	/* 4: quic of no-ai */
	{ "no-ai", "udp 8.8.8.8 443", "", 0, "deny quic 4" },
	{ "no-ai", "tcp 8.8.8.8 443", "", 0, "allow default 15" },
	{ "no-ai", "udp 8.8.8.8 8443", "", 0, "allow default 15" },
	{ "no-ai", "udp 127.0.0.1 443", "", 0, "allow loopback 3" },
	{ "no-ai", "udp 8.8.8.8 443", "", ZTA_ASK_INBOUND, "allow inbound 2" },
	{ "no-ai", "udp 10.20.0.5 443", "", 0, "deny quic 4" },
	{ "no-ai", "udp 169.254.169.254 443", "", 0, "deny quic 4" },
	{ "no-ai", "udp 168.63.129.16 443", "", 0, "deny quic 4" },
	{ "no-quic", "udp 10.20.0.5 443", "m.openai.azure.com=10.20.0.5", 0, "allow private-link 12 service=openai" },
	{ "no-quic", "udp 10.20.0.5 443", "", 0, "deny quic 4" },
	/* 5: IMDS */
	{ "rag", "tcp 169.254.169.254 80", "", 0, "deny imds 5" },
	{ "rag", "icmp 169.254.169.254", "", 0, "deny imds 5" },
	{ "metadata", "tcp 169.254.169.254 80", "", 0, "allow imds 5" },
	{ "metadata", "udp 169.254.169.254 123", "", 0, "allow imds 5" },
	{ "broker", "tcp 169.254.169.254 80", "", ZTA_ASK_BROKER, "redirect imds-broker 5" },
	{ "broker", "tcp 169.254.169.254 443", "", ZTA_ASK_BROKER, "deny imds 5" },
	{ "broker", "udp 169.254.169.254 80", "", ZTA_ASK_BROKER, "deny imds 5" },
	{ "broker", "tcp 169.254.169.254 80", "", 0, "deny imds 5" },
	{ "host", "tcp 169.254.169.254 80", "", 0, "allow imds 5" },
	{ "broker", "tcp 169.254.169.253 80", "", ZTA_ASK_BROKER, "deny private-egress 16" },
	/* 6: wireserver */
	{ "rag", "tcp 168.63.129.16 80", "", 0, "deny wireserver 6" },
	{ "open", "tcp 168.63.129.16 32526", "", 0, "deny wireserver 6" },
	{ "open", "icmp 168.63.129.16", "", 0, "deny wireserver 6" },
	{ "rag", "udp 168.63.129.16 53", "", 0, "allow resolver 7" },
	{ "metadata", "tcp 168.63.129.16 80", "", 0, "deny public-egress 16" },
	{ "host", "tcp 168.63.129.16 80", "", 0, "allow default 15" },
	/* 7, 8: resolvers */
	{ "rag", "udp 10.53.0.10 53", "", 0, "allow resolver 7" },
	{ "closed", "tcp 10.53.0.10 53", "", 0, "allow resolver 7" },
	{ "closed", "icmp 10.53.0.10", "", 0, "deny private-egress 16" },
	{ "closed", "tcp 10.53.0.10 853", "", 0, "deny private-egress 16" },
	{ "rag", "udp 9.9.9.9 53", "", 0, "deny untrusted-resolver 8" },
	{ "rag", "tcp 9.9.9.9 853", "", 0, "deny untrusted-resolver 8" },
	{ "rag", "udp 8.8.4.4 53", "", 0, "allow egress-rule 14 rule=profiles[0].egress.rules[1]" },
	{ "rag", "udp 10.0.9.1 53", "", 0, "deny untrusted-resolver 8 rule=profiles[0].egress.rules[2]" },
	{ "open", "udp 9.9.9.9 53", "", 0, "allow default 15" },
	/* 9: C is not the profile's */
	{ "open", "tcp 10.20.1.4 443", "", 0, "deny service-not-allowed 9 service=embed" },
	{ "closed", "tcp 10.20.0.5 443", "", 0, "deny service-not-allowed 9 service=openai" },
	{ "rag", "tcp 10.20.0.5 443", "v.vault.azure.net=10.20.0.5", 0, "deny service-not-allowed 9 service=vault" },
	{ "no-ai", "tcp 10.20.0.5 443", "", 0, "deny service-not-allowed 9 service=openai" },
	{ "closed", "icmp 10.20.0.5", "", 0, "deny service-not-allowed 9 service=openai" },
	/* 10: port */
	{ "rag", "tcp 10.20.1.4 22", "", 0, "deny port-not-allowed 10 service=embed" },
	{ "rag", "tcp 10.20.0.5 80", "m.openai.azure.com=10.20.0.5", 0, "deny port-not-allowed 10 service=openai" },
	{ "rag", "udp 10.20.1.4 8050", "", 0, "allow private-link 12 service=embed" },
	{ "rag", "icmp 10.20.1.4", "", 0, "allow private-link 12 service=embed" },
	/* 11: resolution */
	{ "rag", "tcp 10.20.0.5 443", "", 0, "deny not-resolved 11 service=openai" },
	{ "rag", "tcp 10.20.0.5 443", "other.example=10.20.0.5", 0, "deny not-resolved 11 service=openai" },
	{ "rag", "tcp 10.20.0.5 443", "m.openai.azure.com=10.20.0.6", 0, "deny not-resolved 11 service=openai" },
	{ "rag", "tcp 10.20.0.5 443", "", ZTA_ASK_ADOPTED, "allow private-link 12 service=openai" },
	{ "rag", "icmp 10.20.0.5", "", 0, "deny not-resolved 11 service=openai" },
	{ "lax", "tcp 10.20.0.5 443", "", 0, "allow private-link 12 service=openai" },
	{ "host", "tcp 10.20.0.5 443", "", 0, "allow private-link 12 service=openai" },
	{ "host", "tcp 10.20.0.5 22", "", 0, "allow private-link 12 service=openai" },
	/* 12 */
	{ "rag", "tcp 10.20.0.5 443", "M.OpenAI.Azure.com.=10.20.0.5", 0, "allow private-link 12 service=openai" },
	{ "rag", "tcp fd00:20::7 443", "m.openai.azure.com=fd00:20::7", 0, "allow private-link 12 service=openai" },
	{ "lax", "tcp 10.20.0.5 443", "v.vault.azure.net=10.20.0.5", 0, "allow private-link 12 service=vault" },
	{ "lax", "tcp 10.20.0.5 443", "v.vault.azure.net=10.20.0.5 m.openai.azure.com=10.20.0.5", 0, "allow private-link 12 service=openai" },
	{ "rag", "tcp 10.20.0.5 443", "v.vault.azure.net=10.20.0.5 m.openai.azure.com=10.20.0.5", 0, "allow private-link 12 service=openai" },
	/* a fence that is not dedicated falls through, unless an answer named it */
	{ "closed", "tcp 10.44.0.1 443", "", 0, "deny private-egress 16" },
	{ "closed", "tcp 10.44.0.1 443", "a.wide.example.com=10.44.0.1", 0, "deny service-not-allowed 9 service=wide" },
	{ "host", "tcp 10.44.0.1 443", "a.wide.example.com=10.44.0.1", 0, "allow private-link 12 service=wide" },
	/* 13 (a): cidrs, whatever names it */
	{ "host", "tcp 203.0.113.7 443", "", 0, "deny ai-public 13" },
	{ "rag", "tcp 203.0.113.7 443", "", 0, "deny ai-public 13" },
	{ "open", "tcp 203.0.113.7 443", "cdn.example=203.0.113.7", 0, "deny ai-public 13" },
	/* 13 (b): every answer says so */
	{ "open", "tcp 20.1.2.3 443", "x.ai.example.org=20.1.2.3", 0, "deny ai-public 13" },
	{ "open", "tcp 20.1.2.3 443", "x.ai.example.org=20.1.2.3 cdn.example=20.1.2.3", 0, "allow default 15" },
	{ "open", "tcp 20.1.2.3 443", "m.openai.azure.com=20.1.2.3", 0, "deny resolves-public 13 service=openai" },
	{ "rag", "tcp 20.1.2.3 443", "m.openai.azure.com=20.1.2.3", 0, "deny resolves-public 13 service=openai" },
	{ "rag", "tcp 10.99.2.3 5432", "m.openai.azure.com=10.99.2.3", 0, "deny resolves-public 13 service=openai" },
	{ "open", "tcp 20.1.2.3 443", "m.openai.azure.com=20.1.2.3 x.ai.example.org=20.1.2.3", 0, "deny ai-public 13 service=openai" },
	{ "open", "tcp 20.1.2.3 443", "m.openai.azure.com=20.1.2.3 cdn.example=20.1.2.3", 0, "allow default 15" },
	/* enforce_private `users`: only who lists the service */
	{ "open", "tcp 20.1.2.3 443", "v.vault.azure.net=20.1.2.3", 0, "allow default 15" },
	{ "rag", "tcp 20.1.2.3 443", "v.vault.azure.net=20.1.2.3", 0, "deny public-egress 16" },
	{ "lax", "tcp 20.1.2.3 443", "v.vault.azure.net=20.1.2.3", 0, "deny resolves-public 13 service=vault" },
	{ "host", "tcp 20.1.2.3 443", "v.vault.azure.net=20.1.2.3", 0, "deny resolves-public 13 service=vault" },
	{ "open", "tcp 20.1.2.3 443", "v.vault.azure.net=20.1.2.3 m.openai.azure.com=20.1.2.3", 0, "allow default 15" },
	/* ai_public_allow lifts row 13 only */
	{ "lifted", "tcp 20.1.2.3 443", "api.ai.example.org=20.1.2.3", 0, "allow egress-rule 14 rule=profiles[3].egress.rules[0]" },
	{ "lifted", "tcp 20.1.2.3 80", "api.ai.example.org=20.1.2.3", 0, "deny public-egress 16" },
	{ "lifted", "tcp 20.1.2.3 443", "x.ai.example.org=20.1.2.3", 0, "deny ai-public 13" },
	{ "lifted", "tcp 203.0.113.7 80", "api.ai.example.org=203.0.113.7", 0, "deny public-egress 16" },
	{ "open", "tcp 20.1.2.3 443", "api.ai.example.org=20.1.2.3", 0, "deny ai-public 13" },
	/* 14: longest prefix, deny on a tie, names as a host */
	{ "rag", "tcp 10.1.1.1 5432", "", 0, "allow egress-rule 14 rule=profiles[0].egress.rules[0]" },
	{ "rag", "udp 10.1.1.1 5432", "", 0, "deny private-egress 16" },
	{ "rag", "tcp 10.0.9.7 5432", "", 0, "deny egress-rule 14 rule=profiles[0].egress.rules[2]" },
	{ "rag", "tcp 20.5.5.5 443", "a.pages.example.net=20.5.5.5", 0, "allow egress-rule 14 rule=profiles[0].egress.rules[3]" },
	{ "rag", "tcp 20.5.5.5 443", "a.b.pages.example.net=20.5.5.5", 0, "allow egress-rule 14 rule=profiles[0].egress.rules[3]" },
	{ "rag", "tcp 20.5.5.5 443", "pages.example.net=20.5.5.5", 0, "deny public-egress 16" },
	{ "rag", "tcp 20.5.5.5 80", "a.pages.example.net=20.5.5.5", 0, "deny public-egress 16" },
	{ "rag", "udp 20.5.5.5 443", "a.pages.example.net=20.5.5.5", 0, "deny public-egress 16" },
	{ "open", "tcp 20.5.5.5 443", "a.pages.example.net=20.5.5.5", 0, "allow default 15" },
	{ "rag", "icmp 198.51.100.1", "", 0, "allow egress-rule 14 rule=profiles[0].egress.rules[4]" },
	{ "rag", "tcp 198.51.100.1 443", "", 0, "deny public-egress 16" },
	{ "rag", "icmp 198.51.101.1", "", 0, "deny public-egress 16" },
	/* rebinding and within */
	{ "rag", "tcp 192.168.7.7 443", "a.pages.example.net=192.168.7.7", 0, "deny rebinding 16" },
	{ "rag", "tcp 169.254.1.1 443", "a.pages.example.net=169.254.1.1", 0, "deny rebinding 16" },
	{ "rag", "tcp 10.7.1.1 443", "in.example.net=10.7.1.1", 0, "allow egress-rule 14 rule=profiles[0].egress.rules[6]" },
	{ "rag", "tcp 10.8.1.1 443", "in.example.net=10.8.1.1", 0, "deny private-egress 16" },
	{ "rag", "tcp 20.8.1.1 443", "in.example.net=20.8.1.1", 0, "deny public-egress 16" },
	/* 15, 16 */
	{ "open", "tcp 8.8.8.8 443", "", 0, "allow default 15" },
	{ "rag", "tcp 8.8.8.8 443", "", 0, "deny public-egress 16" },
	{ "rag", "tcp 192.168.1.1 443", "", 0, "deny private-egress 16" },
	{ "rag", "tcp 100.64.0.1 443", "", 0, "deny private-egress 16" },
	{ "rag", "udp 224.0.0.251 5353", "", 0, "deny public-egress 16" },
	{ "rag", "udp 255.255.255.255 67", "", 0, "deny public-egress 16" },
	{ "rag", "tcp fe80::1 443", "", 0, "deny private-egress 16" },
	{ "rag", "tcp 2600::1 443", "", 0, "deny public-egress 16" },
	/* normalisation */
	{ "rag", "tcp ::ffff:10.1.1.1 5432", "", 0, "allow egress-rule 14 rule=profiles[0].egress.rules[0]" },
	{ "open", "tcp ::ffff:203.0.113.7 443", "", 0, "deny ai-public 13" },
	{ "open", "tcp ::203.0.113.7 443", "", 0, "deny ai-public 13" },
	{ "open", "tcp 64:ff9b::203.0.113.7 443", "", 0, "deny ai-public 13" },
	{ "open", "tcp 2002:cb00:7107::1 443", "", 0, "deny ai-public 13" },
	{ "open", "tcp 2001:0:1:2:3:4:34ff:8ef8 443", "", 0, "deny ai-public 13" },
	{ "open", "tcp 64:ff9b:1::203.0.113.7 443", "", 0, "allow default 15" },
	{ "open", "tcp 64:ff9b::8.8.8.8 443", "", 0, "allow default 15" },
	{ "open", "tcp 64:ff9b::169.254.169.254 80", "", 0, "deny imds 5" },
	{ "broker", "tcp 64:ff9b::169.254.169.254 80", "", ZTA_ASK_BROKER, "deny imds 5" },
	{ "rag", "tcp 64:ff9b::10.1.1.1 5432", "", 0, "deny public-egress 16" },
};

static const char modes_policy[] =
	"'mode':'enforce','services':["
	"{'name':'trial','names':['a.trial.example'],'private_link':['10.30.0.0/24'],'mode':'audit'},"
	"{'name':'hard','names':['a.hard.example'],'private_link':['10.31.0.0/24']}],"
	"'profiles':["
	"{'name':'strict','mode':'enforce','egress':{'rules':["
	"{'action':'deny','cidr':'10.1.0.0/16','mode':'audit'},{'action':'deny','cidr':'10.2.0.0/16'}]}},"
	"{'name':'soft','mode':'audit'},"
	"{'name':'child','extends':'soft','mode':'enforce'},"
	"{'name':'inherits','extends':'soft'}]";

static const struct row modes_rows[] = {
	{ "strict", "tcp 8.8.8.8 443", "", 0, "deny public-egress 16" },
	{ "soft", "tcp 8.8.8.8 443", "", 0, "audit public-egress 16" },
	{ "child", "tcp 8.8.8.8 443", "", 0, "deny public-egress 16" },
	{ "inherits", "tcp 8.8.8.8 443", "", 0, "audit public-egress 16" },
	{ "strict", "tcp 10.1.0.1 443", "", 0, "audit egress-rule 14 rule=profiles[0].egress.rules[0]" },
	{ "strict", "tcp 10.2.0.1 443", "", 0, "deny egress-rule 14 rule=profiles[0].egress.rules[1]" },
	{ "strict", "udp 10.1.0.1 53", "", 0, "audit untrusted-resolver 8 rule=profiles[0].egress.rules[0]" },
	{ "strict", "tcp 10.30.0.1 443", "", 0, "audit service-not-allowed 9 service=trial" },
	{ "strict", "tcp 10.31.0.1 443", "", 0, "deny service-not-allowed 9 service=hard" },
	{ "soft", "tcp 8.8.8.8 443", "", ZTA_ASK_QUARANTINED, "deny quarantined 1" },
	{ "strict", "tcp 8.8.8.8 443", "", ZTA_ASK_WEAK, "audit public-egress 16" },
	{ "strict", "tcp 8.8.8.8 443", "", ZTA_ASK_WEAK | ZTA_ASK_QUARANTINED, "deny quarantined 1" },
	{ "soft", "tcp 127.0.0.1 443", "", 0, "allow loopback 3" },
	{ "selftest", "tcp 8.8.8.8 443", "", ZTA_ASK_WEAK, "deny public-egress 16" },
};

static const char audit_policy[] = "'mode':'audit','profiles':[{'name':'p','imds':'broker'}],"
				   "'ai_public':{'cidrs':['203.0.113.0/24']}";

static const struct row audit_rows[] = {
	{ "p", "tcp 8.8.8.8 443", "", 0, "audit public-egress 16" },
	{ "p", "tcp 169.254.169.254 80", "", ZTA_ASK_BROKER, "audit imds-broker 5" },
	{ "p", "tcp 64:ff9b::203.0.113.7 443", "", 0, "audit ai-public 13" },
	{ "p", "tcp 8.8.8.8 443", "", ZTA_ASK_QUARANTINED, "deny quarantined 1" },
	{ "selftest", "tcp 8.8.8.8 443", "", 0, "deny public-egress 16" },
	{ "host", "tcp 8.8.8.8 443", "", 0, "allow default 15" },
};

static const char names_policy[] =
	"'mode':'enforce','services':["
	"{'name':'s1','names':['*.tie.example.org','*.svc.example.org'],'private_link':['10.40.0.0/24']},"
	"{'name':'s2','names':['*.tie.example.org'],'private_link':['10.41.0.0/24']}],"
	"'ai_public':{'names':['*.ai.example.org','*.svc.example.org']},"
	"'profiles':["
	"{'name':'own','services':['s1','s2'],'egress':{'rules':["
	"{'action':'allow','names':['docs.ai.example.org']},"
	"{'action':'allow','names':['*.example.org','*.plain.example.net']},"
	"{'action':'deny','names':['bad.plain.example.net']},"
	"{'action':'deny','names':['*.shut.example.net']},"
	"{'action':'allow','names':['ok.shut.example.net']},"
	"{'action':'allow','names':['old.example.com'],'expires':'2020-01-01'},"
	"{'action':'allow','names':['new.example.com'],'expires':'2030-03-17'},"
	"{'action':'allow','names':['udp.example.com'],'protocol':'udp','tls':false,'ports':[500]},"
	"{'action':'allow','names':['two.example.com'],'ports':[80]},"
	"{'action':'allow','names':['two.example.com'],'within':['10.66.0.0/16']},"
	"{'action':'deny','cidr':'20.6.6.6'},"
	"{'action':'allow','cidr':'20.7.7.0/24','ports':[443]},"
	"{'action':'deny','names':['never.example.com']}]}},"
	"{'name':'other','services':['s1','s2'],'egress':{'default':'allow'}}]";

static const struct row names_rows[] = {
	/* a rule that is more specific makes the name an ordinary one, for its own profile */
	{ "own", "tcp 20.1.1.1 443", "docs.ai.example.org=20.1.1.1", 0, "allow egress-rule 14 rule=profiles[0].egress.rules[0]" },
	{ "other", "tcp 20.1.1.1 443", "docs.ai.example.org=20.1.1.1", 0, "deny ai-public 13" },
	{ "own", "tcp 20.1.1.1 443", "x.ai.example.org=20.1.1.1", 0, "deny ai-public 13" },
	{ "own", "tcp 20.1.1.1 443", "x.ai.example.org=20.1.1.1 www.example.org=20.1.1.1", 0, "allow egress-rule 14 rule=profiles[0].egress.rules[1]" },
	/* ties: services all count; ai_public before a service */
	{ "own", "tcp 10.41.0.1 443", "a.tie.example.org=10.41.0.1", 0, "allow private-link 12 service=s2" },
	{ "own", "tcp 10.40.0.1 443", "a.tie.example.org=10.40.0.1", 0, "allow private-link 12 service=s1" },
	{ "own", "tcp 20.1.1.1 443", "a.tie.example.org=20.1.1.1", 0, "deny resolves-public 13 service=s1" },
	{ "own", "tcp 20.1.1.1 443", "a.svc.example.org=20.1.1.1", 0, "deny ai-public 13" },
	{ "own", "tcp 10.40.0.1 443", "a.svc.example.org=10.40.0.1", 0, "deny not-resolved 11 service=s1" },
	/* the most specific pattern of a profile decides, denials first among equals */
	{ "own", "tcp 20.1.1.1 443", "a.plain.example.net=20.1.1.1", 0, "allow egress-rule 14 rule=profiles[0].egress.rules[1]" },
	{ "own", "tcp 20.1.1.1 443", "bad.plain.example.net=20.1.1.1", 0, "deny egress-rule 14 rule=profiles[0].egress.rules[2]" },
	{ "own", "tcp 20.1.1.1 443", "x.shut.example.net=20.1.1.1", 0, "deny egress-rule 14 rule=profiles[0].egress.rules[3]" },
	{ "own", "tcp 20.1.1.1 443", "ok.shut.example.net=20.1.1.1", 0, "allow egress-rule 14 rule=profiles[0].egress.rules[4]" },
	{ "own", "tcp 20.1.1.1 443", "ok.shut.example.net=20.1.1.1 x.shut.example.net=20.1.1.1", 0, "deny egress-rule 14 rule=profiles[0].egress.rules[3]" },
	/* expires: valid through that day */
	{ "own", "tcp 20.1.1.1 443", "old.example.com=20.1.1.1", 0, "deny public-egress 16" },
	{ "own", "tcp 20.1.1.1 443", "new.example.com=20.1.1.1", 0, "allow egress-rule 14 rule=profiles[0].egress.rules[6]" },
	/* tls false lifts the limit to TCP */
	{ "own", "udp 20.1.1.1 500", "udp.example.com=20.1.1.1", 0, "allow egress-rule 14 rule=profiles[0].egress.rules[7]" },
	/* two rules for one name, one of them within */
	{ "own", "tcp 20.1.1.1 80", "two.example.com=20.1.1.1", 0, "allow egress-rule 14 rule=profiles[0].egress.rules[8]" },
	{ "own", "tcp 10.66.1.1 443", "two.example.com=10.66.1.1", 0, "allow egress-rule 14 rule=profiles[0].egress.rules[9]" },
	{ "own", "tcp 10.66.1.1 80", "two.example.com=10.66.1.1", 0, "deny rebinding 16" },
	{ "own", "tcp 20.1.1.1 443", "two.example.com=20.1.1.1", 0, "deny public-egress 16" },
	/* against prefixes a name counts as a host */
	{ "own", "tcp 20.6.6.6 443", "a.plain.example.net=20.6.6.6", 0, "deny egress-rule 14 rule=profiles[0].egress.rules[10]" },
	{ "own", "tcp 20.7.7.7 443", "never.example.com=20.7.7.7", 0, "deny egress-rule 14 rule=profiles[0].egress.rules[12]" },
	{ "own", "tcp 20.7.7.7 443", "", 0, "allow egress-rule 14 rule=profiles[0].egress.rules[11]" },
};
/* clang-format on */

static void check(const char *policy, const struct row *rows, size_t n)
{
	struct compiled c;
	size_t wrong = 0;

	compiled_open(&c, policy);
	assert_non_null(c.image);
	for (size_t i = 0; i < n; i++) {
		char *got = compiled_ask(&c, rows[i].profile, rows[i].to, rows[i].answers,
					 rows[i].flags);

		if (strcmp(got, rows[i].want) != 0) {
			print_error("%s: %s [%s] flags %x: %s, not %s\n", rows[i].profile,
				    rows[i].to, rows[i].answers, rows[i].flags, got, rows[i].want);
			wrong++;
		}
		free(got);
	}
	compiled_close(&c);
	assert_int_equal(wrong, 0);
}

#define CHECK(which) check(which##_policy, which##_rows, sizeof(which##_rows) / sizeof(struct row))

static void each_row_applies_in_its_turn(void **state)
{
	CHECK(main);
}

static void the_weakest_mode_wins(void **state)
{
	CHECK(modes);
}

static void audit_passes_everything_but_quarantine(void **state)
{
	CHECK(audit);
}

static void names_decide_by_their_most_specific_pattern(void **state)
{
	CHECK(names);
}

static void a_profile_that_is_not_there_denies(void **state)
{
	struct zta_ask ask = { .addr = { .family = ZTA_V4, .w = { htonl(0x7f000001) } } };
	struct zta_verdict v;
	struct compiled c;

	compiled_open(&c, "'mode':'audit'");
	assert_non_null(c.image);
	for (ask.profile = 0; ask.profile <= ZTA_PROFILE_IDS; ask.profile += ZTA_PROFILE_IDS) {
		explain_judge(c.image, &ask, NULL, &v);
		assert_int_equal(v.verdict, ZTA_VERDICT_DENY);
	}
	compiled_close(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_row_applies_in_its_turn),
		cmocka_unit_test(the_weakest_mode_wins),
		cmocka_unit_test(audit_passes_everything_but_quarantine),
		cmocka_unit_test(names_decide_by_their_most_specific_pattern),
		cmocka_unit_test(a_profile_that_is_not_there_denies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
