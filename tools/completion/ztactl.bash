# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# bash completion for ztactl(1)

# Options of a verb, as its --help lists them; kept in step by tests/e2e/test_ctl_completion.py.
_ztactl_options()
{
	case $1 in
	"policy apply") echo "--dry-run --confirm" ;;
	"policy show") echo "--default" ;;
	explain) echo "--name --addr --event --last --port --protocol --cgroup --profile --policy --answer" ;;
	events) echo "-f --follow -n --since --verdict --reason --type --workload" ;;
	top) echo "-n --since" ;;
	services) echo "--presets" ;;
	"token test") echo "--audience --client-id --profile" ;;
	pause) echo "--for --reason --workload" ;;
	resume) echo "--workload" ;;
	quarantine | release) echo "--reason" ;;
	detach) echo "-y --yes" ;;
	esac
}

# What the value of an option can be; exit status 1: it takes none.
_ztactl_values()
{
	case $1 in
	-o | --output) mapfile -t COMPREPLY < <(compgen -W "table json" -- "$2") ;;
	--protocol) mapfile -t COMPREPLY < <(compgen -W "tcp udp icmp" -- "$2") ;;
	--verdict) mapfile -t COMPREPLY < <(compgen -W "allow deny audit redirect" -- "$2") ;;
	--type)
		mapfile -t COMPREPLY < <(compgen -W "egress dns tls socket token policy admin lifecycle" -- "$2")
		;;
	--socket | --policy)
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -f -- "$2")
		;;
	-n | --since | --reason | --workload | --for | --confirm | --name | --addr | --event | \
		--port | --cgroup | --profile | --answer | --audience | --client-id) COMPREPLY=() ;;
	*) return 1 ;;
	esac
}

_ztactl()
{
	local verbs="status policy explain events top workloads services names token pause resume quarantine
		release doctor detach"
	local policy="check apply confirm show diff schema"
	local global="-o --output --socket --no-color -h --help --version"
	local cur=${COMP_WORDS[COMP_CWORD]} verb="" word i skip=0

	COMPREPLY=()
	_ztactl_values "${COMP_WORDS[COMP_CWORD - 1]}" "$cur" && return

	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		if ((skip)); then
			skip=0
		elif [[ $word == -* ]]; then
			_ztactl_values "$word" "" && skip=1
		elif [[ -z $verb ]]; then
			verb=$word
		elif [[ $verb == policy || $verb == token ]]; then
			verb+=" $word"
		fi
	done
	COMPREPLY=()

	if [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_ztactl_options "$verb") $global" -- "$cur")
		return
	fi
	case $verb in
	"") mapfile -t COMPREPLY < <(compgen -W "$verbs" -- "$cur") ;;
	policy) mapfile -t COMPREPLY < <(compgen -W "$policy" -- "$cur") ;;
	token) mapfile -t COMPREPLY < <(compgen -W "list test" -- "$cur") ;;
	"policy check" | "policy apply" | "policy diff")
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		;;
	quarantine | release)
		mapfile -t COMPREPLY < <(compgen -W "$(ztactl workloads --no-color 2>/dev/null |
			awk 'NR > 1 { print $1 }')" -- "$cur")
		;;
	esac
}

complete -F _ztactl ztactl
