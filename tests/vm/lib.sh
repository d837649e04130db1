# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# What the players of both guests share: tests/vm/init and tests/vm/system-play. Sourced.
# shellcheck disable=SC3045 # the shell is busybox's

# shellcheck disable=SC2034 # the players use it
MIB=1048576
patience_s=40 # for each command of whyoom

# ---- handing over ----

# put NAME [FILE]: a file, or standard input.
put() {
	echo "$1 $(base64 -w 0 "${2:--}")" >/dev/ttyS1
}

# put_value NAME WORD...
put_value() {
	name=$1
	shift
	echo "$*" | put "$name"
}

begin() {
	put_value "$1/started" "$(cut -d' ' -f1 /proc/uptime)"
}

# run NAME COMMAND...: never longer than it has patience; what comes of it is kept for put_run.
run() {
	name=$1
	shift
	code=0
	timeout -s KILL $patience_s "$@" >"/tmp/$name.out" 2>"/tmp/$name.err" || code=$?
	echo $code >"/tmp/$name.exit"
}

# put_run NAME: the output, the messages and the exit code, and the incident if there is one.
put_run() {
	for part in out err exit; do
		put "$1/$part" "/tmp/$1.$part"
	done
	put_incident "$1"
}

# put_incident NAME: the files of the incident that its watch wrote.
put_incident() {
	for incident in "/tmp/$1-incidents"/incident-*; do
		[ -d "$incident" ] || continue
		put_value "$1/incident" "$incident"
		for file in report.json report.txt ledger.json goroutines.txt manifest.json; do
			put "$1/$file" "$incident/$file"
		done
	done
}

# ---- waiting ----

# await COMMAND...: false when it stays so for 40 seconds.
await() {
	deadline=$(($(uptime_s) + 40))
	until "$@" 2>/dev/null; do
		[ "$(uptime_s)" -lt "$deadline" ] || return 1
		usleep 100000
	done
}

uptime_s() {
	cut -d. -f1 /proc/uptime
}

# end PID...: only what is not expected to end by itself.
end() {
	kill -KILL "$@" 2>/dev/null
	wait "$@" 2>/dev/null
}

has_ended() {
	! kill -0 "$1" 2>/dev/null
}

# play SCENARIO ARGUMENT...: unless the kernel's command line has only=NAME,NAME... without it.
play() {
	case ,${only:-$1}, in
		*,"$1",*) "$@" ;;
	esac
}
