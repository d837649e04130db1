// SPDX-License-Identifier: Apache-2.0
// The answer, its proof, what to do.
import {h, t} from "./text.js";
import {bytes, count, duration, isNumber, percent, place, signedBytes} from "./format.js";
import {Code, Section, breakable} from "./parts.jsx";

function texts(list) {
	return Array.isArray(list) ? list.map(textOf).filter(Boolean) : [];
}

// A text, or an object that has one: rules say more and more about what they found.
function textOf(item) {
	if (typeof item === "string")
		return item;
	if (!item || typeof item !== "object")
		return "";
	const first = item.text || item.sentence || item.cause || item.name || item.title || "";
	const second = item.because || item.reason || item.number || item.why || "";
	return [first, second].filter((part) => typeof part === "string" && part).join(": ");
}

function listOf(value) {
	if (Array.isArray(value))
		return texts(value);
	const one = textOf(value);
	return one ? [one] : [];
}

const CONFIDENCE = {
	high: () => t("high confidence"),
	medium: () => t("medium confidence"),
	low: () => t("low confidence"),
};

function Badge({verdict}) {
	if (!verdict.determined)
		return <span class="badge badge-none">{t("not determined")}</span>;
	const level = CONFIDENCE[verdict.confidence] ? verdict.confidence : "low";
	return <span class={"badge badge-" + level}>
		<svg class="meter" viewBox="0 0 18 10" aria-hidden="true">{["low", "medium", "high"].map((name, i, all) =>
			<rect x={i * 6} y={6 - 3 * i} width="4" height={4 + 3 * i}
				class={i <= all.indexOf(level) ? "on" : "off"} />)}</svg>
		{CONFIDENCE[level]()}</span>;
}

// Older reports say only whether there is a verdict.
function statusOf(verdict) {
	return verdict.determined ? verdict.status || "cause" : "not-determined";
}

// Whom the bytes of a verdict belong to: a setting or a class of memory holds nothing itself. What is
// healthy is nobody's fault.
function holderOf(verdict) {
	const status = statusOf(verdict), named = verdict.guilty && verdict.guilty.function;
	if (status === "cause")
		return named ? t("held by the cause") : t("memory it is about");
	return status === "holder" ? t("the largest holder") : null;
}

function Naming({verdict}) {
	const status = statusOf(verdict), name = t(verdict.title || verdict.cause || verdict.rule || "");
	if (status === "healthy")
		return <span class="badge badge-high">{t("healthy")}</span>;
	if (status === "holder")
		return <span class="badge">{t("the largest holder, no fault")}</span>;
	return name ? <span class="badge">{t("cause: {0}", name)}</span> : null;
}

function Tile({name, value, note}) {
	return <div class="tile"><dt>{name}</dt><dd>{value}</dd>
		{note ? <dd class="note">{note}</dd> : null}</div>;
}

function Tiles({report, verdict}) {
	const cgroup = report.cgroup && !report.cgroup.absent ? report.cgroup : {};
	const kill = report.kill || {};
	const limit = isNumber(kill.limit_bytes) ? kill.limit_bytes : cgroup.limit_bytes;
	const usage = isNumber(kill.usage_bytes) ? kill.usage_bytes : cgroup.usage_bytes;
	const resident = report.process_ledger && report.process_ledger.total_bytes;
	const memory = isNumber(limit) && isNumber(usage) ? usage : isNumber(resident) ? resident : usage;
	const seconds = report.baseline ? span(report.baseline.taken, report.evidence.taken) : null;
	const tiles = [];
	if (!isNumber(limit) && isNumber(resident))
		tiles.push(<Tile name={t("resident memory")} value={bytes(resident)} note={t("no limit")} />);
	else if (isNumber(usage))
		tiles.push(<Tile name={report.kill ? t("charged at the end") : t("charged now")}
			value={bytes(usage)} note={isNumber(limit) ? t("limit {0}", bytes(limit)) : t("no limit")} />);
	const holder = holderOf(verdict);
	// Of goroutines and classes of memory the bytes are what they grew by, where that is known.
	const all = !(verdict.grown_bytes > 0) || verdict.growth_share > 0;
	if (holder && all && verdict.bytes > 0 && !isWhole(verdict))
		tiles.push(<Tile name={holder} value={bytes(verdict.bytes)}
			note={verdict.bytes <= memory ? t("{0} of the memory", percent(verdict.bytes, memory)) : null} />);
	if (holder && verdict.grown_bytes > 0)
		tiles.push(<Tile name={t("its growth")} value={signedBytes(verdict.grown_bytes)}
			note={seconds ? t("in {0}", duration(seconds)) : t("since the baseline")} />);
	if (report.goroutines && isNumber(report.goroutines.count))
		tiles.push(<Tile name={t("goroutines")} value={count(report.goroutines.count)}
			note={t("stacks {0}", bytes(report.goroutines.stack_bytes))} />);
	return <dl class="tiles">{tiles}</dl>;
}

// A setting, or a limit that is too small, holds nothing: its bytes are all that was there.
function isWhole(verdict) {
	return !(verdict.guilty && verdict.guilty.function) && verdict.share > 0.99;
}

function span(from, to) {
	const ns = (Date.parse(to) - Date.parse(from)) * 1e6;
	return ns > 0 ? ns : null;
}

function Guilty({guilty}) {
	if (!guilty || !guilty.function)
		return null;
	return <div class="guilty">
		<p class="guilty-name"><span class="label">{t("Function")}</span> <Code>{guilty.function}</Code></p>
		{guilty.file ? <p><span class="label">{t("Line")}</span> <Code>{place(guilty)}</Code></p> : null}
		{guilty.calls ? <p><span class="label">{t("It allocates through")}</span> <Code>{guilty.calls}</Code></p> : null}
	</div>;
}

function Items({title, items, kind}) {
	if (!items.length)
		return null;
	return <div class={"block " + (kind || "")}><h3>{title}</h3>
		{items.length === 1 ? <p>{breakable(items[0])}</p> : <ul>{items.map((item) => <li>{breakable(item)}</li>)}</ul>}</div>;
}

export function verdictOf(model) {
	const report = model.report || {};
	const own = report.verdict || {};
	const translated = report.translations && report.translations[model.language];
	return translated && translated.verdict ? {...own, ...translated.verdict} : own;
}

export function Verdict({model}) {
	const report = model.report, verdict = verdictOf(model);
	return <Section id="verdict" title={t("Verdict")} kind={"is-" + statusOf(verdict)}>
		<p class="sentence">{breakable(t(verdict.sentence || t("This report has no verdict.")))}</p>
		<p class="badges"><Badge verdict={verdict} />
			<Naming verdict={verdict} />
			{typeof verdict.fingerprint === "string" && verdict.fingerprint
				? <span class="badge" title={t("the same on every machine with the same trouble")}>
					{t("fingerprint {0}", verdict.fingerprint)}</span> : null}
		</p>
		{report.trigger ? <p class="trigger"><span class="label">{t("Why now")}</span> {breakable(t(report.trigger))}</p> : null}
		<Guilty guilty={verdict.guilty} />
		<Tiles report={report} verdict={verdict} />
		<Items title={t("How it was narrowed down")} items={texts(verdict.steps)} />
		<Items title={t("On the timeline")} items={texts(verdict.timeline)} />
		<Items title={t("Proof")} items={texts(verdict.evidence)} kind="proof" />
		<div class="columns">
			<Items title={t("Fix")} items={listOf(verdict.fix)} kind="fix" />
			<Items title={t("Relief, until it is fixed")} items={listOf(verdict.relief)} kind="relief" />
			<Items title={t("What would refute it")} items={listOf(verdict.refuted_by)} />
			<Items title={t("What to capture next")} items={listOf(verdict.next_capture)} kind="next" />
		</div>
	</Section>;
}

export function Rejected({model}) {
	const verdict = verdictOf(model);
	const items = texts(verdict.rejected).concat(texts(verdict.alternatives));
	return <Section id="rejected" title={t("What it is not")}
		lead={t("Other causes that were looked at, each with the number that speaks against it.")}>
		{items.length ? <ul class="plain">{items.map((item) => <li>{breakable(item)}</li>)}</ul>
			: <p class="absent">{t("No other cause was weighed.")}</p>}
	</Section>;
}

