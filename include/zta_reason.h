/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Verdicts, reasons and hooks: the one list of each. The text is public interface (events, metrics,
 * ztactl); the number is not, but it is part of the map layout: append only.
 */
#pragma once

/* X(SYMBOL, "text") */
#define ZTA_VERDICTS(X)         \
	X(ALLOW, "allow")       \
	X(REDIRECT, "redirect") \
	X(AUDIT, "audit")       \
	X(DENY, "deny")

/* X(SYMBOL, "text", natural verdict) */
#define ZTA_REASONS(X)                                                         \
	X(NONE, "none", ALLOW)                                                 \
	X(QUARANTINED, "quarantined", DENY)                                    \
	X(INBOUND, "inbound", ALLOW)                                           \
	X(LOOPBACK, "loopback", ALLOW)                                         \
	X(PROTOCOL, "protocol", DENY)                                          \
	X(QUIC, "quic", DENY)                                                  \
	X(IMDS, "imds", DENY)                                                  \
	X(IMDS_ALLOW, "imds", ALLOW)                                           \
	X(IMDS_BROKER, "imds-broker", REDIRECT)                                \
	X(WIRESERVER, "wireserver", DENY)                                      \
	X(RESOLVER, "resolver", ALLOW)                                         \
	X(UNTRUSTED_RESOLVER, "untrusted-resolver", DENY)                      \
	X(SERVICE_NOT_ALLOWED, "service-not-allowed", DENY)                    \
	X(PORT_NOT_ALLOWED, "port-not-allowed", DENY)                          \
	X(NOT_RESOLVED, "not-resolved", DENY)                                  \
	X(PRIVATE_LINK, "private-link", ALLOW)                                 \
	X(AI_PUBLIC, "ai-public", DENY)                                        \
	X(RESOLVES_PUBLIC, "resolves-public", DENY)                            \
	X(EGRESS_RULE, "egress-rule", DENY)                                    \
	X(EGRESS_RULE_ALLOW, "egress-rule", ALLOW)                             \
	X(REBINDING, "rebinding", DENY)                                        \
	X(DEFAULT, "default", ALLOW)                                           \
	X(PUBLIC_EGRESS, "public-egress", DENY)                                \
	X(PRIVATE_EGRESS, "private-egress", DENY)                              \
	X(MALFORMED, "malformed", DENY)                                        \
	X(NO_STORAGE, "no-storage", DENY)                                      \
	X(ADOPTED, "adopted", ALLOW)                                           \
	X(NETWORK, "network", ALLOW) /* ND, DHCP, ICMP errors: never judged */ \
	X(NAME_NOT_ALLOWED, "name-not-allowed", DENY)                          \
	X(SNI_MISMATCH, "sni-mismatch", DENY)                                  \
	X(SNI_PUBLIC, "sni-public", DENY)                                      \
	X(ECH, "ech", DENY)                                                    \
	X(PROXY_AI, "proxy-ai", DENY)                                          \
	X(PROXY_NAME, "proxy-name", DENY)                                      \
	X(CAPTURED_DNS, "captured-dns", ALLOW)

/* X(SYMBOL, "text"): the value of "hook" in events and status */
#define ZTA_HOOKS(X)                    \
	X(CONNECT4, "connect4")         \
	X(CONNECT6, "connect6")         \
	X(SENDMSG4, "sendmsg4")         \
	X(SENDMSG6, "sendmsg6")         \
	X(SOCK_CREATE, "sock_create")   \
	X(SOCKOPS, "sockops")           \
	X(EGRESS, "egress")             \
	X(INGRESS, "ingress")           \
	X(GETPEERNAME4, "getpeername4") \
	X(GETPEERNAME6, "getpeername6")

#define ZTA_ENUM_VERDICT(sym, text) ZTA_VERDICT_##sym,
enum zta_verdict_id { ZTA_VERDICTS(ZTA_ENUM_VERDICT) ZTA_VERDICT_COUNT };

#define ZTA_ENUM_REASON(sym, text, natural) ZTA_REASON_##sym,
enum zta_reason { ZTA_REASONS(ZTA_ENUM_REASON) ZTA_REASON_COUNT };

#define ZTA_ENUM_HOOK(sym, text) ZTA_HOOK_##sym,
enum zta_hook { ZTA_HOOKS(ZTA_ENUM_HOOK) ZTA_HOOK_COUNT };
