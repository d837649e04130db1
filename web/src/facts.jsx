// SPDX-License-Identifier: Apache-2.0
// The kill, the runtime's numbers, how good the evidence is, where it comes from.
import {Fragment, h, t} from "./text.js";
import {bytes, count, duration, isNumber, time, zone} from "./format.js";
import {Absent, Code, Facts, Section, absence} from "./parts.jsx";

const CAUSES = {
	"cgroup-oom": () => t("killed by the kernel at the cgroup's memory limit"),
	"global-oom": () => t("killed by the kernel: the machine had no memory left"),
	"systemd-oomd": () => t("killed by systemd-oomd, not by the kernel"),
	starved: () => t("ended itself: the kernel gave it no more memory below the cgroup's limit"),
	signal: () => t("ended by a signal; the kernel counted no OOM kill"),
	exit: () => t("exited"),
	unknown: () => t("ended; nobody said how"),
	none: () => t("still running when the watch ended"),
};

export function killSentence(kill) {
	const ending = (CAUSES[kill.cause] || CAUSES.unknown)();
	return isNumber(kill.signal) ? t("{0}, signal {1}", ending, kill.signal) : ending;
}

// The last rise of anonymous memory: from the lowest point before the highest one to that.
function growthOf(timeline) {
	const samples = (Array.isArray(timeline) ? timeline : []).filter((each) => each && isNumber(each.anon_bytes));
	let high = 0, low = 0;
	samples.forEach((each, i) => { high = each.anon_bytes >= samples[high].anon_bytes ? i : high; });
	samples.slice(0, high).forEach((each, i) => { low = each.anon_bytes <= samples[low].anon_bytes ? i : low; });
	const first = samples[low], last = samples[high];
	const seconds = first ? (Date.parse(last.time) - Date.parse(first.time)) / 1e3 : 0;
	if (!(seconds > 0) || last.anon_bytes <= first.anon_bytes)
		return [null, null];
	return [`${bytes(first.anon_bytes)} → ${bytes(last.anon_bytes)}`,
		t("in {0}, {1}/s", duration(seconds * 1e9), bytes((last.anon_bytes - first.anon_bytes) / seconds))];
}

function groupOf(kill) {
	if (!kill.group_kill)
		return null;
	return kill.victim_count > 1 ? t("memory.oom.group: {0} processes", kill.victim_count) : "memory.oom.group";
}

function known(value, show) {
	return isNumber(value) ? show(value) : null;
}

export function Kill({model}) {
	const kill = model.report.kill;
	if (!kill)
		return <Section id="kill" title={t("Kill")}><p class="absent">{t("The process lives; nothing was killed.")}</p></Section>;
	return <Section id="kill" title={t("Kill")} lead={killSentence(kill)}>
		<Facts items={[
			[t("when"), time(kill.time), zone()],
			[t("limit"), known(kill.limit_bytes, bytes), kill.limit_cgroup],
			[t("usage at the kill"), known(kill.usage_bytes, bytes)],
			[t("highest usage"), known(kill.peak_bytes, bytes)],
			[t("victim"), `${kill.victim || ""} ${t("process {0}", kill.pid)}`],
			[t("its anonymous memory"), known(kill.anon_rss_bytes, bytes)],
			[t("its files"), known(kill.file_rss_bytes, bytes)],
			[t("anonymous memory grew"), ...growthOf(model.report.timeline)],
			["oom_score_adj", kill.oom_score_adj ? String(kill.oom_score_adj) : null],
			[t("the whole cgroup was killed"), groupOf(kill)],
			[t("killed by systemd-oomd"), kill.oomd_cgroup || null],
			[t("exit code"), known(kill.exit_code, String)],
			[t("used more than it"), kill.consumer && kill.consumer.pid !== kill.pid
				? `${kill.consumer.name} ${t("process {0}", kill.consumer.pid)}` : null,
				kill.consumer ? bytes(kill.consumer.rss_bytes) : null],
			[t("counter oom_kill"), isNumber(kill.oom_kills_after) ? `${isNumber(kill.oom_kills_before) ? kill.oom_kills_before : "?"} → ${kill.oom_kills_after}` : null],
			[t("known from"), t(kill.exit_source || "")],
			[t("held by whyoom"), kill.held ? duration(kill.held_ns) : null,
				kill.evidence_held ? t("the evidence was taken meanwhile") : t("the evidence is from before")],
			[t("inferred"), kill.inferred ? t("from signal 9 and the counter: the kernel's log was not seen") : null],
		]} />
		{kill.kernel_line ? <Fragment><h3>{t("The kernel's own words")}</h3>
			<pre class="kernel" tabindex="0"><bdi>{kill.kernel_line}</bdi></pre></Fragment> : null}
	</Section>;
}

export function Runtime({model}) {
	const stats = model.report.memstats;
	if (absence(stats))
		return <Section id="runtime" title={t("Go runtime")}><Absent part={stats} /></Section>;
	return <Section id="runtime" title={t("Go runtime")}>
		<Facts items={[
			[t("heap"), bytes(stats.HeapAlloc), t("in {0} objects", count(stats.HeapObjects))],
			[t("live after the last collection"), bytes(stats.live_after_last_gc_bytes)],
			[t("idle heap"), bytes(stats.HeapIdle), t("of it returned to the OS {0}", bytes(stats.HeapReleased))],
			[t("goroutine stacks"), bytes(stats.StackInuse), t("StackInuse, with what is free in them")],
			[t("collections"), count(stats.NumGC), t("pauses {0} in all", duration(stats.PauseTotalNs))],
			["GOGC", stats.gogc < 0 ? "off" : String(stats.gogc)],
			["GOMEMLIMIT", isNumber(stats.gomemlimit_bytes) ? bytes(stats.gomemlimit_bytes) : t("none")],
			["GOMAXPROCS", isNumber(stats.gomaxprocs) ? String(stats.gomaxprocs) : null],
		]} />
	</Section>;
}

function doubts(evidence) {
	const made = [];
	if (evidence.layout_caveat)
		made.push(t(evidence.layout_caveat));
	if (evidence.torn)
		made.push(t("the target went on before everything was read"));
	if (evidence.target_ended)
		made.push(t("the target ended while it was read: what is above may be incomplete"));
	if (evidence.symbols_from_code)
		made.push(t("symbols were found by the code of the runtime: the binary has no symbol table"));
	if (evidence.missing_symbols)
		made.push(t("symbols not found: {0}", evidence.missing_symbols));
	if (evidence.sample_rate_bytes > 0 && !evidence.profile_consistent)
		made.push(t("a collection came in between: values of the profile may be torn"));
	if (evidence.damaged_buckets || evidence.failed_spans || evidence.failed_stacks || evidence.table_failures)
		made.push(t("not read: {0} buckets, {1} spans, {2} stacks, {3} table entries", count(evidence.damaged_buckets || 0),
			count(evidence.failed_spans || 0), count(evidence.failed_stacks || 0), count(evidence.table_failures || 0)));
	if (evidence.failed_reads > 0)
		made.push(t("{0} reads failed", count(evidence.failed_reads)));
	return made;
}

export function Evidence({model}) {
	const evidence = model.report.evidence || {}, kill = model.report.kill;
	const found = doubts(evidence);
	const before = kill ? (Date.parse(kill.time) - Date.parse(evidence.taken)) * 1e6 : NaN;
	return <Section id="evidence" title={t("Quality of the evidence")}>
		<p class={found.length ? "verdict-warn" : "verdict-good"}>{found.length
			? t("There are {0} reservations:", found.length) : t("Nothing is known that speaks against it.")}</p>
		{found.length ? <ul>{found.map((text) => <li>{text}</li>)}</ul> : null}
		<Facts items={[
			[t("mode"), t(evidence.mode || "")],
			[t("taken"), time(evidence.taken), isNumber(before) && before > 0 ? t("{0} before the end", duration(before)) : null],
			[t("taken in"), duration(evidence.duration_ns)],
			[t("longest pause of the target"), evidence.target_pause_ns > 0 ? duration(evidence.target_pause_ns) : t("none")],
			[t("reads"), count(evidence.reads), bytes(evidence.read_bytes)],
			[t("heap profile"), evidence.sample_rate_bytes > 0
				? t("one sample for each {0} allocated, scaled as pprof does", bytes(evidence.sample_rate_bytes)) : t("not known")],
			[t("goroutines that ran"), evidence.running_stacks > 0 ? t("{0} without a stack", count(evidence.running_stacks)) : null],
		]} />
	</Section>;
}

export function Provenance({model}) {
	const report = model.report, identity = report.identity || {}, container = identity.container || {};
	const pod = container.pod_name ? `${container.pod_namespace}/${container.pod_name}` : container.pod_uid;
	const code = (text) => text ? <Code>{text}</Code> : null;
	return <Section id="provenance" title={t("Provenance")}>
		<Facts items={[
			[t("process"), `${identity.pid} ${identity.command || ""}`],
			[t("binary"), code(identity.executable)],
			[t("build ID"), code(identity.build_id)],
			[t("Go version"), identity.go_version],
			[t("package"), code(identity.main_package)],
			[t("module"), code(identity.module), identity.module_version],
			[t("revision"), code(identity.vcs_revision)],
			[t("started"), identity.started ? time(identity.started) : null],
			[t("container"), code([container.name, container.id].filter(Boolean).join(" "))],
			[t("image"), code(container.image)], [t("pod"), code(pod)],
			[t("cgroup"), code(identity.cgroup)],
			[t("baseline"), report.baseline ? time(report.baseline.taken) : t("none")],
			[t("incident"), code(model.directory)],
			[t("written by"), `whyoom ${report.whyoom_version || model.whyoom_version || ""}`],
		]} />
	</Section>;
}
