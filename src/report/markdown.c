// SPDX-License-Identifier: Apache-2.0
// In: a report's JSON. Out: Markdown for a ticket.
#include "report/markdown.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cleanup.h"
#include "base/i18n.h"
#include "report/markdown_priv.h"

// A list of texts, or one text.
static void write_items(struct strbuf *out, const char *title, const json_t *items)
{
	const char *one = json_string_value(items);
	if ((!one || !one[0]) && !json_array_size(items))
		return;
	md_add_heading(out, title);
	if (one) {
		md_add(out, i18n_text(one));
		strbuf_add(out, "\n");
	}
	for (size_t i = 0; i < json_array_size(items); i++) {
		const char *item = json_string_value(json_array_get(items, i));
		strbuf_add(out, "- ");
		md_add(out, i18n_text(item));
		strbuf_add(out, "\n");
	}
}

static const char *ending_of(const char *cause)
{
	static const struct {
		const char *cause, *text;
	} endings[] = {
		{"cgroup-oom", N_("killed by the kernel at the cgroup's memory limit")},
		{"global-oom", N_("killed by the kernel: the machine had no memory left")},
		{"systemd-oomd", N_("killed by systemd-oomd, not by the kernel")},
		{"starved", N_("ended itself: the kernel gave it no more memory below the cgroup's "
			       "limit")},
		{"signal", N_("ended by a signal; the kernel counted no OOM kill")},
		{"exit", N_("exited")},
		{"none", N_("still running when the watch ended")},
	};
	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
		if (strcmp(endings[i].cause, cause) == 0)
			return _(endings[i].text);
	return _("ended; nobody said how");
}

static void write_verdict(const json_t *report, struct strbuf *out)
{
	const json_t *verdict = json_object_get(report, "verdict");
	const json_t *guilty = json_object_get(verdict, "guilty");
	const json_t *identity = json_object_get(report, "identity");
	const json_t *kill = json_object_get(report, "kill");
	strbuf_add(out, "# ");
	md_add(out, md_text_at(identity, "command"));
	strbuf_add(out, ": ");
	md_add(out, json_is_object(kill) ? ending_of(md_text_at(kill, "cause")) : _("its memory"));
	strbuf_add(out, "\n\n**");
	md_add(out, i18n_text(md_text_at(verdict, "sentence")));
	strbuf_add(out, "**\n\n");
	if (md_text_at(guilty, "function")[0]) {
		strbuf_addf(out, "- **%s**: ", _("Function"));
		md_add_frame(out, guilty);
		strbuf_add(out, "\n");
	}
	md_add_code_fact(out, _("It allocates through"), md_text_at(guilty, "calls"));
	if (json_is_true(json_object_get(verdict, "determined")))
		md_add_fact(out, _("confidence"), i18n_text(md_text_at(verdict, "confidence")));
	if (strcmp(md_text_at(verdict, "status"), "cause") == 0 && md_text_at(verdict, "title")[0])
		md_add_fact(out, _("cause"), i18n_text(md_text_at(verdict, "title")));
	md_add_code_fact(out, _("rule"), md_text_at(verdict, "rule"));
	md_add_code_fact(out, _("fingerprint"), md_text_at(verdict, "fingerprint"));
	md_add_fact(out, _("why now"), i18n_text(md_text_at(report, "trigger")));
}

static void write_reasons(const json_t *report, struct strbuf *out)
{
	const json_t *verdict = json_object_get(report, "verdict");
	write_items(out, _("How it was narrowed down"), json_object_get(verdict, "steps"));
	write_items(out, _("On the timeline"), json_object_get(verdict, "timeline"));
	write_items(out, _("Proof"), json_object_get(verdict, "evidence"));
	write_items(out, _("Fix"), json_object_get(verdict, "fix"));
	write_items(out, _("Relief, until it is fixed"), json_object_get(verdict, "relief"));
	write_items(out, _("What would refute it"), json_object_get(verdict, "refuted_by"));
	write_items(out, _("What to capture next"), json_object_get(verdict, "next_capture"));
}

static void write_bytes(struct strbuf *out, const char *name, const json_t *object, const char *key)
{
	if (md_int_at(object, key) >= 0)
		md_add_fact(out, name, md_bytes_at(object, key).text);
}

// Why it was this one: who used more, what else was killed.
static void write_others(const json_t *kill, struct strbuf *out)
{
	const json_t *consumer = json_object_get(kill, "consumer");
	int64_t pid = md_int_at(consumer, "pid");
	if (md_int_at(kill, "oom_score_adj") > 0) {
		char number[32];
		snprintf(number, sizeof number, "%" PRId64, md_int_at(kill, "oom_score_adj"));
		md_add_fact(out, "oom_score_adj", number);
	}
	if (pid > 0 && pid != md_int_at(kill, "pid")) {
		_cleanup_free_ char *text =
			alloc_format("%" PRId64 " (%s), %s", pid, md_text_at(consumer, "name"),
				     md_bytes_at(consumer, "rss_bytes").text);
		md_add_fact(out, _("used more than it"), text);
	}
	md_add_code_fact(out, _("killed by systemd-oomd"), md_text_at(kill, "oomd_cgroup"));
	if (json_is_true(json_object_get(kill, "group_kill")))
		md_add_fact(out, _("the whole cgroup was killed"), "memory.oom.group");
}

static void write_kill(const json_t *report, struct strbuf *out)
{
	const json_t *kill = json_object_get(report, "kill");
	if (!json_is_object(kill))
		return;
	md_add_heading(out, _("Kill"));
	md_add(out, ending_of(md_text_at(kill, "cause")));
	strbuf_add(out, "\n\n");
	md_add_fact(out, _("when"), md_text_at(kill, "time"));
	write_bytes(out, _("limit"), kill, "limit_bytes");
	md_add_code_fact(out, _("cgroup"), md_text_at(kill, "limit_cgroup"));
	write_bytes(out, _("usage at the kill"), kill, "usage_bytes");
	write_bytes(out, _("its anonymous memory"), kill, "anon_rss_bytes");
	write_bytes(out, _("its files"), kill, "file_rss_bytes");
	write_others(kill, out);
	md_add_fact(out, _("known from"), i18n_text(md_text_at(kill, "exit_source")));
	if (json_is_true(json_object_get(kill, "held")))
		md_add_fact(out, _("held by whyoom"),
			    human_duration(md_int_at(kill, "held_ns")).text);
	if (!md_text_at(kill, "kernel_line")[0])
		return;
	md_begin_block(out);
	md_add_line(out, md_text_at(kill, "kernel_line"));
	md_end_block(out);
}

static void write_runtime(const json_t *report, struct strbuf *out)
{
	const json_t *stats = json_object_get(report, "memstats");
	char number[32];
	if (!json_object_get(stats, "HeapAlloc"))
		return;
	md_add_heading(out, _("Go runtime"));
	write_bytes(out, _("heap"), stats, "HeapAlloc");
	write_bytes(out, _("live after the last collection"), stats, "live_after_last_gc_bytes");
	write_bytes(out, "GOMEMLIMIT", stats, "gomemlimit_bytes");
	snprintf(number, sizeof number, "%" PRId64, md_int_at(stats, "gogc"));
	md_add_fact(out, "GOGC", md_int_at(stats, "gogc") < 0 ? "off" : number);
	snprintf(number, sizeof number, "%" PRId64, md_int_at(stats, "NumGC"));
	md_add_fact(out, _("collections"), number);
}

static void write_evidence(const json_t *report, struct strbuf *out)
{
	const json_t *evidence = json_object_get(report, "evidence");
	const char *caveat = i18n_text(md_text_at(evidence, "layout_caveat"));
	md_add_heading(out, _("Quality of the evidence"));
	md_add_fact(out, _("mode"), i18n_text(md_text_at(evidence, "mode")));
	md_add_fact(out, _("taken"), md_text_at(evidence, "taken"));
	md_add_fact(out, _("taken in"), human_duration(md_int_at(evidence, "duration_ns")).text);
	md_add_fact(out, _("version"), caveat);
	md_add_code_fact(out, _("not found"), md_text_at(evidence, "missing_symbols"));
	if (json_is_true(json_object_get(evidence, "torn")))
		md_add_fact(out, _("torn"), _("the target went on before everything was read"));
	if (json_is_true(json_object_get(evidence, "target_ended")))
		md_add_fact(
			out, _("torn"),
			_("the target ended while it was read: what is above may be incomplete"));
}

static void write_provenance(const json_t *report, struct strbuf *out)
{
	const json_t *identity = json_object_get(report, "identity");
	const json_t *container = json_object_get(identity, "container");
	char pid[32];
	snprintf(pid, sizeof pid, "%" PRId64, md_int_at(identity, "pid"));
	md_add_heading(out, _("Provenance"));
	md_add_fact(out, _("process"), pid);
	md_add_code_fact(out, _("binary"), md_text_at(identity, "executable"));
	md_add_code_fact(out, _("build ID"), md_text_at(identity, "build_id"));
	md_add_code_fact(out, _("Go version"), md_text_at(identity, "go_version"));
	md_add_code_fact(out, _("package"), md_text_at(identity, "main_package"));
	md_add_code_fact(out, _("module"), md_text_at(identity, "module"));
	md_add_code_fact(out, _("version"), md_text_at(identity, "module_version"));
	md_add_code_fact(out, _("revision"), md_text_at(identity, "vcs_revision"));
	md_add_code_fact(out, _("container"), md_text_at(container, "id"));
	md_add_code_fact(out, _("image"), md_text_at(container, "image"));
	md_add_code_fact(out, _("pod"), md_text_at(container, "pod_name"));
	md_add_code_fact(out, _("cgroup"), md_text_at(identity, "cgroup"));
	_cleanup_free_ char *version =
		alloc_format("whyoom %s", md_text_at(report, "whyoom_version"));
	md_add_fact(out, _("written by"), version);
}

void report_write_markdown(const json_t *report, struct strbuf *out)
{
	write_verdict(report, out);
	write_reasons(report, out);
	write_kill(report, out);
	md_write_memory(report, out);
	md_write_heap(report, out);
	md_write_goroutines(report, out);
	write_items(out, _("What it is not"),
		    json_object_get(json_object_get(report, "verdict"), "rejected"));
	write_runtime(report, out);
	write_evidence(report, out);
	write_provenance(report, out);
}
