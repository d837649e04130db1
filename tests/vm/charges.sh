# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# Scenarios of tests/vm/init: what a cgroup pays for that is not the heap of its program, and what
# whyoom says of it; swap; page cache that can be taken back. Sourced.
# shellcheck disable=SC3045,SC3043,SC2154 # the shell is busybox's; init sets the variables

# start_lab MIB PROGRAM ARGUMENT...: a program of tests/incidents, which waits for lab_go. Sets $group
# and $pid.
start_lab() {
	make_group "$case_name" "$1"
	shift
	prepare_go
	# shellcheck disable=SC2016 # the inner shell expands it
	sh -c 'cd /files && echo $$ >"$0/cgroup.procs" && exec "$@"' "$group" "$@" \
		</tmp/go >/tmp/target.out 2>&1 &
	pid=$!
	await grep -q '^ready ' /tmp/target.out
	put_value "$case_name/pid" "$pid"
}

# put_account: of the cgroup and of its program, with the kernel's own figures before and after.
put_account() {
	put_kernel before
	run "$case_name-account" whyoom account --cgroup "$group" --json
	put_kernel after
	put_run "$case_name-account"
	grep -e '^Vm' -e '^Rss' "/proc/$pid/status" | put "$case_name/status"
	run "$case_name-process" whyoom account "$pid" --json
	put_run "$case_name-process"
}

put_kernel() {
	for file in memory.current memory.swap.current memory.stat; do
		put "$case_name/$1-$file" "$group/$file"
	done
}

# lab_case NAME MIB FIELD PROGRAM ARGUMENT...: what `why` says while it grows, and the account then. It
# looks from the time on that FIELD of memory.stat is 18 MiB.
lab_case() {
	case_name=$1
	begin "$case_name"
	field=$3
	mib=$2
	shift 3
	start_lab "$mib" "$@"
	go
	await has_of "$field" 18 || await has_of "$field" 18
	run "$case_name" whyoom why "$pid" --json --for 6s
	put_run "$case_name"
	put_account
	end "$pid"
}

# has_of FIELD MIB
has_of() {
	[ "$(sed -n "s/^$1 //p" "$group/memory.stat")" -gt $(($2 * MIB)) ]
}

# Half of what it took is in swap.
swapped() {
	case_name=swapped
	begin "$case_name"
	mkswap /dev/disk/swap >/dev/null && swapon /dev/disk/swap
	make_group "$case_name" 96
	echo $((192 * MIB)) >"$group/memory.swap.max"
	start "$group" eater -rate 60 -size 144
	await has_swapped 45 || await has_swapped 45
	usleep 500000
	put_value "$case_name/pid" "$pid"
	put_account
	end "$pid"
	begin swap-kill
	case_name=swap-kill
	make_group "$case_name" 64
	echo $((32 * MIB)) >"$group/memory.swap.max"
	eat "$group" -rate 40
	put_value "$case_name/pid" "$pid"
	watch_beside "$case_name" --pid "$pid"
	go
	put_watch "$case_name"
	put_end "$case_name" "$pid"
	swapoff /dev/disk/swap
}

has_swapped() {
	[ "$(cat "$group/memory.swap.current")" -gt $(($1 * MIB)) ]
}

# Its log fills the cgroup with page cache; then the kernel is asked for it.
cache() {
	lab_case cache 192 file healthy-page-cache
	case_name=reclaim
	begin "$case_name"
	start_lab 192 healthy-page-cache
	go
	await has_of file 100 || await has_of file 100
	sync
	usleep 1000000
	put_account
	# It says EAGAIN where something was still to be written; what is left is what counts.
	echo $((96 * MIB)) >"$group/memory.reclaim"
	usleep 1000000
	echo $((96 * MIB)) >"$group/memory.reclaim"
	put_value "$case_name/left" "$(cat "$group/memory.current")"
	end "$pid"
}

beside_the_heap() {
	mkdir -p /files
	mount -t ext4 /dev/disk/files /files
	lab_case names 160 slab_reclaimable kernel-memory
	lab_case tables 160 pagetables kernel-memory tables
	lab_case sockets 256 sock socket-buffers
	cache
	umount /files
}
