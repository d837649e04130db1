# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
# The parts that ./dev is made of. Sourced, from the root of the tree.

go_package=golang-1.19-go # only to fetch the toolchains, where no newer Go is on PATH
demo_go=1.26.8
kernel_package=linux-image-cloud-amd64 # of the guest
system_packages="systemd systemd-oomd" # of the guest that has a systemd

die() {
	echo "dev: $*" >&2
	exit 1
}

usage_error() {
	echo "dev: no such command: $*; ./dev prints them" >&2
	exit 2
}

step() {
	printf '\n== %s\n' "$*"
}

# as_root COMMAND...: with the settings that our scripts look at, and Go's caches of the caller.
as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
		return
	fi
	command -v sudo >/dev/null || die "this needs root, and there is no sudo: $*"
	set -- env "PATH=$PATH" "$@"
	for name in WHYOOM WHYOOM_CACHE WHYOOM_DEMO_LIMIT_MIB WHYOOM_DEMO_RATE_MIB WHYOOM_DEMO_OUT \
		WHYOOM_TESTS_ALL UBSAN_OPTIONS; do
		eval "value=\${$name:-}"
		# shellcheck disable=SC2154 # set by eval
		[ -z "$value" ] || {
			shift
			set -- env "$name=$value" "$@"
		}
	done
	sudo "$@"
}

# need_packages "NAME...": installs the Debian packages that are missing; no network if none is.
need_packages() {
	missing=
	for package in $1; do
		is_installed "$package" || missing="$missing $package"
	done
	[ -n "$missing" ] || return 0
	command -v apt-get >/dev/null || die "not a Debian; install what corresponds to:$missing"
	echo "installing:$missing"
	as_root apt-get update -q
	# shellcheck disable=SC2086 # a list of words
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
}

is_installed() {
	case $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) in
		installed*) true ;;
		*) false ;;
	esac
}

# Node.js and npm, of Debian or of others: they make the HTML face of a report.
need_node() {
	for tool in node npm; do
		command -v "$tool" >/dev/null || {
			need_packages "nodejs npm"
			return
		}
	done
}

# A browser, and what drives it: tests/browser.
need_browser() {
	command -v chromium >/dev/null || need_packages chromium
	modules=tests/browser/node_modules
	cmp -s tests/browser/package-lock.json "$modules/.installed-lock" && return
	(cd tests/browser && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) ||
		die "npm could not install what tests/browser/package-lock.json names"
	cp tests/browser/package-lock.json "$modules/.installed-lock"
}

# need_go VERSION
need_go() {
	tools/go-toolchain --have-bootstrap || need_packages "ca-certificates $go_package"
	tools/go-toolchain "$1" >/dev/null
}

# need_go_versions: all that the tests look at.
need_go_versions() {
	while read -r version; do
		need_go "$version" </dev/null
	done <tests/targets/versions
}

# need_containers "NAME...": unless there are runtimes already, of Debian or of others that exclude Debian's.
need_containers() {
	for tool in runc containerd ctr; do
		command -v "$tool" >/dev/null || {
			need_packages "$1"
			return
		}
	done
}

# need_kernel: sets $kernel. It is taken out of Debian's package into the cache, not installed.
need_kernel() {
	kernels=${WHYOOM_CACHE:-$PWD/.cache}/kernel
	kernel=$kernels/vmlinuz
	[ ! -f "$kernel" ] || return 0
	command -v apt-get >/dev/null || die "not a Debian; put a kernel with cgroup v2 at $kernel"
	as_root apt-get update -q
	package=$(apt-cache depends "$kernel_package" | sed -n 's/^ *Depends: \(linux-image-.*\)/\1/p')
	[ -n "$package" ] || die "no package $kernel_package is known here"
	rm -rf "$kernels"
	mkdir -p "$kernels/package"
	(cd "$kernels" && apt-get download -q "$package")
	dpkg-deb -x "$kernels/$package"_*.deb "$kernels/package"
	mv "$kernels/package/boot"/vmlinuz-* "$kernel"
	rm -rf "$kernels/package" "$kernels"/*.deb
}

# need_system: sets $system, a folder with a real systemd and all that it needs. It is taken out of
# Debian's packages into the cache, not installed: this machine gets no service by that.
need_system() {
	system=${WHYOOM_CACHE:-$PWD/.cache}/system
	[ ! -x "$system/usr/lib/systemd/systemd-oomd" ] || return 0
	command -v apt-get >/dev/null || die "not a Debian; put a tree with systemd and systemd-oomd at $system"
	[ -n "$(apt-cache pkgnames systemd-oomd)" ] || as_root apt-get update -q
	rm -rf "$system"
	mkdir -p "$system/packages" "$system/usr/bin" "$system/usr/sbin" "$system/usr/lib" "$system/usr/lib64"
	for folder in bin sbin lib lib64; do
		ln -s "usr/$folder" "$system/$folder"
	done
	# shellcheck disable=SC2046,SC2086 # lists of words
	(cd "$system/packages" && apt-get download -q $system_packages $(libraries_of_system))
	for package in "$system/packages"/*.deb; do
		dpkg-deb --fsys-tarfile "$package" | tar -x -C "$system" --keep-directory-symlink \
			--no-same-owner --exclude=./usr/share/doc --exclude=./usr/share/man \
			--exclude=./usr/share/locale
	done
	rm -rf "$system/packages"
}

# The packages with libraries that those of the system need, directly or not.
libraries_of_system() {
	# shellcheck disable=SC2086 # a list of words
	apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks \
		--no-replaces --no-enhances $system_packages | grep -E '^(lib[a-z0-9.-]+|zlib1g|mount)$' |
		grep -v -E '^lib(elogind|textwrap|newt|slang|debian)' | sort -u
}

# configure FOLDER [MESON OPTION...]: once.
configure() {
	[ -f "$1/build.ninja" ] || meson setup "$@"
}

# c_sources_with COMMAND...: runs it with every C file of ours as arguments.
c_sources_with() {
	find src tests \( -name '*.c' -o -name '*.h' \) -print0 | xargs -0 -r "$@"
}

gofmt_path() {
	go=$(tools/go-toolchain "$demo_go")
	echo "${go%/*}/gofmt"
}

go_is_formatted() {
	unformatted=$("$(gofmt_path)" -l demo tests/targets tests/targets-old tests/incidents bench/rivals) || return 1
	[ -z "$unformatted" ] || {
		echo "$unformatted"
		return 1
	}
}

# Seeds and logs of other people are full of words that are none.
spell() {
	git ls-files -z --cached --others --exclude-standard -- . \
		':!:LICENSE*' ':!:**/go.sum' ':!:tests/fuzz/*seeds*' ':!:tests/incidents' |
		xargs -0 codespell --ignore-words-list=inout,ans,flate
}

# check NAME COMMAND...: says how it went and collects the failures in $failed.
check() {
	name=$1
	shift
	if "$@"; then
		echo "ok: $name"
	else
		echo "FAILED: $name"
		failed="${failed:-} $name"
	fi
}

# fuzz_all SECONDS: what a fuzzer finds new goes to build-fuzz/corpus, what breaks to build-fuzz.
fuzz_all() {
	fuzzers=$(find build-fuzz/tests/fuzz -maxdepth 1 -type f -perm -u+x -name 'fuzz-*' | sort)
	[ -n "$fuzzers" ] || die "there are no fuzzers in build-fuzz/tests/fuzz"
	for fuzzer in $fuzzers; do
		fuzz_one "$fuzzer" "$1"
	done
}

# fuzz_one PROGRAM SECONDS
fuzz_one() {
	subject=${1##*/fuzz-}
	corpus=build-fuzz/corpus/$subject
	mkdir -p "$corpus"
	step "fuzz $subject for $2 s"
	set -- "$1" -max_total_time="$2" -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
		-artifact_prefix="build-fuzz/$subject-" "$corpus"
	[ ! -d "tests/fuzz/seeds/$subject" ] || set -- "$@" "tests/fuzz/seeds/$subject"
	"$@"
}
