// SPDX-License-Identifier: Apache-2.0
// In: functions and files. Out: whose they are, and their modules.
#include "crash/owner.h"

#include "base/i18n.h"

static const struct span module_cache = {"/pkg/mod/", 9};
// What a web page that hides e-mail addresses makes of "module@version".
static const struct span hidden = {"[email\302\240protected]", 18};
static const struct span hidden_plain = {"[email protected]", 17};

struct span owner_package(const char *function)
{
	struct span name = span_of(function);
	size_t bracket = span_find_char(name, '[');
	struct span front = span_first(name, bracket);
	size_t slash = span_find_last(front, '/');
	size_t start = slash == SPAN_NONE ? 0 : slash + 1;
	size_t dot = span_find_char(span_from(front, start), '.');
	return dot == SPAN_NONE ? front : span_first(front, start + dot);
}

static bool is_within(struct span path, struct span folder)
{
	return folder.length && span_starts(path, folder) &&
	       (path.length == folder.length || path.at[folder.length] == '/' ||
		folder.at[folder.length - 1] == '/');
}

// Else it was built with -trimpath.
static bool is_absolute(struct span file)
{
	return file.length > 2 && (file.at[0] == '/' || file.at[1] == ':');
}

static bool has_domain(struct span package)
{
	struct span first = span_first(package, span_find_char(package, '/'));
	return span_find_char(first, '.') != SPAN_NONE;
}

static bool is_runtime(struct span package)
{
	return span_equals(package, SPAN("runtime")) ||
	       is_within(package, SPAN("runtime/internal")) ||
	       is_within(package, SPAN("internal/runtime")) ||
	       span_equals(package, SPAN("panic")) ||
	       span_equals(package, SPAN("internal/bytealg")) ||
	       span_starts(package, SPAN("_cgo")) || span_starts(package, SPAN("x_cgo")) ||
	       span_equals(package, SPAN("runtime/cgo"));
}

// ---- places ----

static void find_goroot(struct places *places, const struct crash_frame *frame)
{
	size_t at = span_find(span_of(frame->file), SPAN("/src/runtime/"));
	if (!places->goroot.length && at != SPAN_NONE &&
	    !has_domain(owner_package(frame->function)))
		places->goroot = span_first(span_of(frame->file), at + 5);
}

// Of "/home/dev/shop/cmd/server/main.go": "/home/dev/shop".
static void find_main(struct places *places, const struct crash_frame *frame)
{
	struct span file = span_of(frame->file);
	size_t slash = span_find_last(file, '/');
	if (places->main_folder.length || slash == SPAN_NONE ||
	    !span_equals(owner_package(frame->function), SPAN("main")) ||
	    span_has(file, module_cache))
		return;
	struct span folder = span_first(file, slash);
	size_t cmd = span_find(folder, SPAN("/cmd/"));
	places->main_folder = span_first(folder, cmd);
}

// The import path of the main folder, from a package of its own whose file is below it: file
// "/home/dev/shop/export/x.go" and package "example.com/shop/export" share "/export".
static void find_module(struct places *places, const struct crash_frame *frame)
{
	struct span package = owner_package(frame->function), file = span_of(frame->file);
	size_t slash = span_find_last(file, '/');
	if (places->main_module.length || slash == SPAN_NONE || !places->main_folder.length ||
	    !is_within(file, places->main_folder) || span_equals(package, SPAN("main")))
		return;
	struct span below = span_from(span_first(file, slash), places->main_folder.length);
	if (span_ends(package, below) && package.length > below.length)
		places->main_module = span_first(package, package.length - below.length);
}

static void each_frame(const struct crash *crash, struct places *places,
		       void (*look)(struct places *, const struct crash_frame *))
{
	VEC_FOREACH (group, &crash->groups) {
		for (size_t i = 0; i < group->depth; i++)
			look(places, &group->frames[i]);
		look(places, &group->creator);
	}
}

// GOPATH: "/home/dev/go/src/example.com/shop" is "example.com/shop".
static void module_of_gopath(struct places *places)
{
	size_t src = span_find(places->main_folder, SPAN("/src/"));
	if (places->main_module.length || src == SPAN_NONE)
		return;
	struct span path = span_from(places->main_folder, src + 5);
	if (path.length)
		places->main_module = path;
}

void places_find(const struct crash *crash, struct crash_log *log, struct places *places)
{
	(void)log;
	*places = (struct places){0};
	each_frame(crash, places, find_goroot);
	each_frame(crash, places, find_main);
	each_frame(crash, places, find_module);
	module_of_gopath(places);
}

// ---- frames ----

// "!azure" is "Azure" in the module cache.
static const char *decode_module(struct crash_log *log, struct span path)
{
	char name[512];
	size_t used = 0;
	for (size_t i = 0; i < path.length && used < sizeof name - 1; i++) {
		char c = path.at[i];
		if (c == '!' && i + 1 < path.length && path.at[i + 1] >= 'a' &&
		    path.at[i + 1] <= 'z')
			c = (char)(path.at[++i] - 'a' + 'A');
		name[used++] = c;
	}
	return crash_text(log, (struct span){name, used});
}

// The package's first `count` elements.
static struct span elements(struct span package, int count)
{
	size_t end = 0;
	while (end < package.length && (package.at[end] != '/' || --count > 0))
		end++;
	return span_first(package, end);
}

static int module_elements(struct span package)
{
	return span_starts(package, SPAN("gopkg.in/")) ||
			       span_starts(package, SPAN("golang.org/")) ||
			       span_starts(package, SPAN("google.golang.org/")) ||
			       span_starts(package, SPAN("go.uber.org/")) ||
			       span_starts(package, SPAN("example.com/"))
		       ? 2
		       : 3;
}

static void set(struct crash_frame *frame, enum crash_owner owner, const char *module,
		const char *version)
{
	frame->owner = owner;
	frame->module = module;
	frame->module_version = version;
}

// "example.com/riot@v0.10.0/engine.go", below the module cache or with -trimpath.
static bool set_versioned(struct crash_log *log, struct crash_frame *frame, struct span path)
{
	size_t at = span_find_char(path, '@');
	if (at == SPAN_NONE)
		return false;
	struct span rest = span_from(path, at + 1);
	struct span version = span_first(rest, span_find_char(rest, '/'));
	struct span module = span_first(path, at);
	if (span_equals(module, SPAN("golang.org/toolchain"))) {
		set(frame, CRASH_OWNER_STANDARD, "", "");
		return true;
	}
	set(frame, CRASH_OWNER_THIRD_PARTY, decode_module(log, module), crash_text(log, version));
	return true;
}

// "github.com/go-ego/[email protected]/segment.go" of package github.com/go-ego/riot.
static bool set_hidden(struct crash_log *log, struct crash_frame *frame, struct span path)
{
	size_t at = span_find(path, hidden_plain);
	at = at == SPAN_NONE ? span_find(path, hidden) : at;
	struct span package = owner_package(frame->function);
	if (at == SPAN_NONE)
		return false;
	struct span front = span_first(path, at);
	const char *module = "";
	if (span_starts(package, front)) {
		size_t rest = span_find_char(span_from(package, at), '/');
		size_t length = rest == SPAN_NONE ? package.length : at + rest;
		module = crash_text(log, span_first(package, length));
	}
	set(frame, CRASH_OWNER_THIRD_PARTY, module, "");
	return true;
}

static bool set_by_cache(struct crash_log *log, struct crash_frame *frame)
{
	struct span file = span_of(frame->file);
	size_t cache = span_find(file, module_cache);
	struct span path = cache == SPAN_NONE ? file : span_from(file, cache + module_cache.length);
	bool trimmed = cache == SPAN_NONE && file.length && !is_absolute(file);
	if (cache == SPAN_NONE && !trimmed)
		return false;
	return set_versioned(log, frame, path) || set_hidden(log, frame, path);
}

static bool is_standard(const struct places *places, const struct crash_frame *frame)
{
	struct span file = span_of(frame->file), package = owner_package(frame->function);
	if (places->goroot.length && span_starts(file, places->goroot))
		return true;
	bool below_goroot = (span_has(file, SPAN("/go/src/")) && span_has(file, package)) ||
			    span_has(file, SPAN("/libgo/go/")) ||
			    span_has(file, SPAN("/libgo/runtime/")); // gccgo's
	bool trimmed = !is_absolute(file);
	return !has_domain(package) && !span_equals(package, SPAN("main")) &&
	       !is_within(package, places->main_module) && (trimmed || below_goroot) &&
	       !is_within(file, places->main_folder);
}

static void set_by_package(const struct places *places, struct crash_log *log,
			   struct crash_frame *frame)
{
	struct span package = owner_package(frame->function), file = span_of(frame->file);
	if (span_has(file, SPAN("/vendor/"))) {
		set(frame, CRASH_OWNER_THIRD_PARTY,
		    crash_text(log, elements(package, module_elements(package))), "");
		return;
	}
	bool own = span_equals(package, SPAN("main")) || is_within(file, places->main_folder) ||
		   is_within(package, places->main_module);
	// GOPATH: packages of everybody lie side by side.
	size_t src = span_find(file, SPAN("/src/"));
	bool gopath = src != SPAN_NONE && span_starts(span_from(file, src + 5), package);
	if (!own && gopath && has_domain(package) && places->main_module.length) {
		struct span root = elements(places->main_module, module_elements(package));
		own = is_within(package, root);
		if (!own) {
			set(frame, CRASH_OWNER_THIRD_PARTY,
			    crash_text(log, elements(package, module_elements(package))), "");
			return;
		}
	}
	set(frame, CRASH_OWNER_OWN, crash_text(log, places->main_module), "");
}

void owner_set(const struct places *places, struct crash_log *log, struct crash_frame *frame)
{
	struct span package = owner_package(frame->function);
	set(frame, CRASH_OWNER_UNKNOWN, "", "");
	if (!package.length)
		return;
	if (is_runtime(package))
		set(frame, CRASH_OWNER_RUNTIME, "", "");
	else if (set_by_cache(log, frame))
		return;
	else if (is_standard(places, frame))
		set(frame, CRASH_OWNER_STANDARD, "", "");
	else if (frame->file[0])
		set_by_package(places, log, frame);
	else if (is_within(package, places->main_module) || span_equals(package, SPAN("main")))
		set(frame, CRASH_OWNER_OWN, crash_text(log, places->main_module), "");
	else if (has_domain(package))
		set(frame, CRASH_OWNER_THIRD_PARTY,
		    crash_text(log, elements(package, module_elements(package))), "");
	else
		set(frame, CRASH_OWNER_STANDARD, "", "");
}

const char *crash_owner_name(enum crash_owner owner)
{
	static const char *const names[] = {N_("not known"), N_("own code"), N_("third party"),
					    N_("standard library"), N_("runtime")};
	return names[owner];
}
