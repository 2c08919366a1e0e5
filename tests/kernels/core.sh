#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# core.sh: the main paths on whatever kernel this runs on: the real ztad, real sockets, two network
# namespaces. Made for a guest of tools/vm-run (busybox and what tests/kernels/run copies to /w),
# where everything is ours. Ends with "N passed, M failed, K skipped".
set -u

cd /w || exit
mount=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/self/mounts)
agent=$mount/zta-core/agent outside=$mount/zta-core/outside
mkdir -p "$agent/app-1" "$agent/other" "$outside"
mkdir -p /run/zt
passed=0 failed=0
ztad=

tell() {
	if [ "$1" = ok ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
	echo "$1: $2"
}

expect() { # TEXT WANTED COMMAND...: the output has to begin with WANTED
	text=$1 wanted=$2
	shift 2
	got=$("$@" 2>&1)
	case $got in
	"$wanted"*) tell ok "$text" ;;
	*) tell "not ok" "$text: expected '$wanted', got '$got'" ;;
	esac
}

holds() { # TEXT COMMAND...: exits 0
	text=$1
	shift
	if got=$("$@" 2>&1); then tell ok "$text"; else tell "not ok" "$text: $got"; fi
}

await() { # TEXT COMMAND...: within 20 s
	text=$1 tries=0
	shift
	until "$@" >/dev/null 2>&1; do
		tries=$((tries + 1))
		if [ $tries -gt 200 ]; then
			tell "not ok" "not within 20 s: $text"
			cat /run/zt/log
			return 1
		fi
		usleep 100000
	done
	tell ok "$text"
}

within() { # CGROUP NAMESPACE COMMAND...: becomes it (call it in a subshell)
	group=$1 netns=$2
	shift 2
	exec ./run_in -c "$group" -n "/run/netns/$netns" "$@"
}
talk() { # CGROUP WHAT ADDRESS [PORT]
	within "$agent/$1" machine ./talk "$2" "$3" "${4:-443}"
}
ctl() { ./ztactl --socket /run/zt/ztad.sock "$@"; }

network() {
	for ns in machine far; do
		ip netns add $ns
		ip -n $ns link set lo up
	done
	ip -n machine link add up0 type veth peer name up0 netns far
	ip -n machine addr add 10.9.9.1/24 dev up0
	ip -n machine addr add fd00:9::1/64 dev up0 nodad
	ip -n far addr add 10.9.9.2/24 dev up0
	ip -n far addr add fd00:9::2/64 dev up0 nodad
	for address in 10.20.0.4/32 20.1.2.3/32 fd00:20::4/128 2600::9/128; do
		ip -n far addr add $address dev lo
	done
	for ns in machine far; do ip -n $ns link set up0 up; done
	ip -n machine route add default via 10.9.9.2
	ip -n machine -6 route add default via fd00:9::2
	ip -n far route add default via 10.9.9.1
	within "$outside" far ./talk serve :: 443 far >/run/zt/far 2>&1 &
	await "a server on both families" grep -q listening /run/zt/far
}

policy() { # DEFAULT REVISION
	cat <<END
{ "apiVersion": "zta/v1", "kind": "Policy", "metadata": { "name": "core", "revision": $2 },
  "mode": "enforce",
  "services": [ { "name": "openai", "preset": "azure-openai", "require_resolution": false,
    "private_link": ["10.20.0.0/24", "fd00:20::/64"] } ],
  "profiles": [ { "name": "rag", "services": ["openai"], "egress": { "default": "$1" } } ],
  "workloads": [ { "match": { "cgroup": "/app-*" }, "profile": "rag" } ] }
END
}

start_ztad() {
	within "$outside" machine ./ztad --cgroup "$agent" --run-dir /run/zt --state-dir /run/zt/state \
		--bpffs /sys/fs/bpf/zta-core --policy /run/zt/policy.json --metrics off \
		>>/run/zt/log 2>&1 &
	ztad=$!
	await "$1" ctl status
}

refusals() { # WHEN
	expect "$1: private end point, IPv4" "answered: far" talk app-1 connect 10.20.0.4
	expect "$1: private end point, IPv6" "answered: far" talk app-1 connect fd00:20::4
	expect "$1: public, IPv4" EPERM talk app-1 connect 20.1.2.3
	expect "$1: public, IPv6" EPERM talk app-1 connect 2600::9
	expect "$1: public, IPv4-mapped" EPERM talk app-1 connect ::ffff:20.1.2.3
	expect "$1: public, datagram" EPERM talk app-1 datagram 20.1.2.3
	expect "$1: raw socket" EPERM talk app-1 raw 20.1.2.3
	mkdir -p "$agent/app-1/child"
	expect "$1: child cgroup" EPERM talk app-1/child connect 20.1.2.3
	expect "$1: outside the policy" "answered: far" talk other connect 20.1.2.3
	mkdir "$agent/app-$2"
	expect "$1: a cgroup made just now" EPERM talk "app-$2" connect 20.1.2.3
	expect "$1: loopback" ECONNREFUSED talk app-1 connect 127.0.0.1 9
	expect "$1: a health probe from outside" "answered: well" \
		within "$outside" far ./talk connect 10.9.9.1 8080
}

apply_default() { # DEFAULT REVISION
	policy "$1" "$2" >/run/zt/applied.json
	ctl policy apply /run/zt/applied.json
}

recorded() {
	ctl -o json events --verdict deny | grep 20.1.2.3 | grep -q public-egress
}

network
expect "control: public without ztad" "answered: far" talk app-1 connect 20.1.2.3
expect "control: raw socket without ztad" "a raw socket" talk app-1 raw 20.1.2.3
within "$agent/app-1" machine ./talk serve 0.0.0.0 8080 well >/run/zt/well 2>&1 &
await "a server in the workload" grep -q listening /run/zt/well

policy deny 1 >/run/zt/policy.json
start_ztad "ztad is healthy"
refusals "enforcing" a
await "the denial is in the journal" recorded
expect "explain names the row" "" ctl explain --addr 10.20.0.4 --cgroup /app-1

holds "policy apply" apply_default allow 2
expect "the new policy holds" "answered: far" talk app-1 connect 20.1.2.3
holds "policy apply, back" apply_default deny 3
expect "the old policy holds again" EPERM talk app-1 connect 20.1.2.3
holds "pause" ctl pause --for 10m --reason test
expect "paused" "answered: far" talk app-1 connect 20.1.2.3
holds "resume" ctl resume
expect "resumed" EPERM talk app-1 connect 20.1.2.3
holds "quarantine" ctl quarantine /app-1 --reason test
expect "quarantined: the private end point too" EPERM talk app-1 connect 10.20.0.4
holds "release" ctl release /app-1

kill -9 "$ztad"
wait "$ztad" 2>/dev/null
refusals "ztad dead" b
start_ztad "a new ztad adopts the pins"
refusals "adopted" c

kill -TERM "$ztad"
wait "$ztad"
ended=$?
expect "ztad ends cleanly" 0 echo $ended
expect "enforcement stays" EPERM talk app-1 connect 20.1.2.3
holds "detach" ./ztad --cgroup "$agent" --run-dir /run/zt --bpffs /sys/fs/bpf/zta-core --detach
expect "detached" "answered: far" talk app-1 connect 20.1.2.3

[ "$failed" -eq 0 ] || cat /run/zt/log
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
