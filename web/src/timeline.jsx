// SPDX-License-Identifier: Apache-2.0
// Growth over time, with marks and the kill.
import {scaleLinear, scaleUtc} from "d3-scale";
import {area, line} from "d3-shape";
import {useMemo, useState} from "preact/hooks";
import {Fragment, h, t} from "./text.js";
import {bytes, clock, count, duration, isNumber, shifted, time, zone} from "./format.js";
import {Behind, Section, Table} from "./parts.jsx";
import {collect, thin} from "./series.js";
import {useWidth} from "./size.js";

const LINES = [
	["usage_bytes", () => t("charged to the cgroup")],
	["anon_bytes", () => t("anonymous memory")],
	["file_bytes", () => t("page cache")],
	["rss_bytes", () => t("resident memory")],
	["heap_live_bytes", () => t("Go heap")],
	["heap_goal_bytes", () => t("heap goal")],
];
const SMALL = [
	["goroutines", () => t("goroutines")],
	["fds", () => t("open files")],
	["threads", () => t("threads")],
];
const EVENTS = {
	kill: () => t("kill"), incident: () => t("incident"), mark: () => t("mark"), hand: () => t("mark"),
	restart: () => t("restart"), binary: () => t("another binary"), limit: () => t("another limit"),
	end: () => t("end"), clock: () => t("clock set"), snapshot: () => t("capture"),
	growth: () => t("growth"), capture: () => t("capture"), baseline: () => t("baseline"), evidence: () => t("evidence taken"),
};
const LETTERS = {kill: "✕", baseline: "B", evidence: "E", mark: "M", hand: "M", restart: "R",
	binary: "V", growth: "G", limit: "L", end: "•", clock: "C", incident: "I"};
// So few samples are shown as such: nothing is known of what lies between.
const SPARSE = 12;
const WIDE = 68; // pixels: a time below the chart, and some room
const APART = 17; // pixels: letters in circles that stand nearer lie on one another
const MARGIN = {top: 26, right: 12, bottom: 24, left: 64};
const RANGES = [[null, () => t("all")], [3600e3, () => "1 h"], [600e3, () => "10 min"], [60e3, () => "1 min"],
	[10e3, () => "10 s"], [2e3, () => "2 s"]];

const GROWN = {memory: () => t("memory"), heap: () => t("Go heap"), goroutines: () => t("goroutines"),
	fds: () => t("open files"), threads: () => t("threads")};

function eventName(event) {
	if (event.kind === "growth")
		return t("{0}: growth begins", GROWN[event.text] ? GROWN[event.text]() : event.text);
	const name = EVENTS[event.kind] ? EVENTS[event.kind]() : event.kind;
	return event.text ? `${name}: ${event.text}` : name;
}

function ticksOf(most, height) {
	// Steps that are round in binary units.
	const steps = [];
	for (let unit = 1; unit <= 2 ** 50; unit *= 1024)
		for (const each of [1, 2, 4, 8, 16, 32, 64, 128, 256, 512])
			steps.push(each * unit);
	const wanted = Math.max(2, Math.floor(height / 40));
	const step = steps.find((each) => most / each <= wanted) || most;
	const ticks = [];
	for (let at = 0; at <= most * 1.0001; at += step)
		ticks.push(at);
	return ticks;
}

function limitOf(model, points) {
	const kill = model.report.kill || {}, cgroup = model.report.cgroup || {};
	if (isNumber(kill.limit_bytes))
		return kill.limit_bytes;
	if (isNumber(cgroup.limit_bytes))
		return cgroup.limit_bytes;
	for (let i = points.length - 1; i >= 0; i--)
		if (points[i].limit_bytes !== null)
			return points[i].limit_bytes;
	return null;
}

function Axis({x, width, height}) {
	const format = x.tickFormat();
	const spanMs = x.domain()[1] - x.domain()[0];
	const ticks = x.ticks(Math.max(2, Math.floor(width / 110)));
	const step = ticks.length > 1 ? Math.ceil(WIDE / (x(ticks[1]) - x(ticks[0]))) : 1;
	return <g class="axis">{ticks.filter((at, i) => i % step === 0).map((at) =>
		<g transform={`translate(${x(at)},0)`}>
			<line y1={MARGIN.top} y2={height - MARGIN.bottom} class="grid" />
			<text y={height - 8} text-anchor="middle">{spanMs > 86400e3 ? format(at)
				: spanMs < 20e3 ? at.toISOString().slice(14, 21) : at.toISOString().slice(11, 19)}</text>
		</g>)}</g>;
}

function Events({events, x, height}) {
	let last = -100;
	const kills = events.filter((event) => event.kind === "kill").map((event) => x(shifted(event.at)));
	return <g class="events">{events.map((event) => {
		const at = x(shifted(event.at)), kill = event.kind === "kill";
		const shown = kill || (at - last > APART && kills.every((other) => Math.abs(at - other) > APART));
		if (shown)
			last = at;
		return <g class={"event event-" + (EVENTS[event.kind] ? event.kind : "other")}>
			<title>{`${time(event.at)} ${eventName(event)}`}</title>
			<line x1={at} x2={at} y1={MARGIN.top - 6} y2={height - MARGIN.bottom} />
			{shown && LETTERS[event.kind] ? <Fragment>
				<circle cx={at} cy={MARGIN.top - 14} r="8" />
				<text x={at} y={MARGIN.top - 10} text-anchor="middle">{LETTERS[event.kind]}</text>
			</Fragment> : null}
		</g>;
	})}</g>;
}

function nearest(points, at) {
	let low = 0, high = points.length - 1;
	while (low < high) {
		const middle = (low + high) >> 1;
		if (points[middle].at < at)
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 && at - points[low - 1].at < points[low].at - at ? low - 1 : low;
}

function Cursor({point, x, y, height, names}) {
	const at = x(shifted(point.at));
	return <g class="cursor"><line x1={at} x2={at} y1={MARGIN.top} y2={height - MARGIN.bottom} />
		{names.filter((name) => point[name] !== null).map((name) =>
			<circle cx={at} cy={y(point[name])} r="3.5" class={"line-" + name} />)}</g>;
}

function Chart({points, events, from, to, limit, cursor, setCursor, summary}) {
	const [ref, width] = useWidth(900);
	const height = width < 560 ? 240 : 320;
	const inside = points.filter((point) => point.at >= from && point.at <= to);
	const shown = LINES.filter(([name]) => inside.filter((point) => point[name] !== null).length > 1);
	const most = Math.max(limit || 0, 1, ...shown.map(([name]) =>
		inside.reduce((all, point) => Math.max(all, point[name] || 0), 0)));
	const x = scaleUtc([shifted(from), shifted(to)], [MARGIN.left, width - MARGIN.right]);
	const y = scaleLinear([0, most * 1.06], [height - MARGIN.bottom, MARGIN.top]);
	const path = line((each) => x(shifted(each.at)), (each) => y(each.value));
	const filled = area((each) => x(shifted(each.at)), y(0), (each) => y(each.value));
	const columns = Math.max(100, width - MARGIN.left - MARGIN.right);
	const move = (event) => {
		const box = event.currentTarget.getBoundingClientRect();
		const at = x.invert((event.clientX - box.left) * width / box.width);
		setCursor(nearest(points, from + (at - shifted(from))));
	};
	const keys = (event) => {
		const step = {ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10}[event.key];
		if (!step && event.key !== "Home" && event.key !== "End")
			return;
		event.preventDefault();
		const start = cursor === null ? points.length - 1 : cursor + (step || 0);
		const goal = event.key === "Home" ? 0 : event.key === "End" ? points.length - 1 : start;
		setCursor(Math.min(points.length - 1, Math.max(0, goal)));
	};
	const current = cursor === null ? null : points[cursor];
	return <div ref={ref} class="chart">
		<svg viewBox={`0 0 ${width} ${height}`} role="slider" tabindex="0" aria-label={summary}
			aria-valuemin="0" aria-valuemax={points.length - 1}
			aria-valuenow={cursor === null ? points.length - 1 : cursor}
			aria-valuetext={readout(current || points[points.length - 1])}
			onPointerMove={move} onPointerDown={move} onPointerLeave={() => setCursor(null)} onKeyDown={keys}>
			<Axis x={x} width={width} height={height} />
			<g class="axis">{ticksOf(most, height).map((value) => <g>
				<line x1={MARGIN.left} x2={width - MARGIN.right} y1={y(value)} y2={y(value)} class="grid" />
				<text x={MARGIN.left - 6} y={y(value) + 4} text-anchor="end">{bytes(value)}</text></g>)}</g>
			{shown.map(([name], i) => {
				const made = thin(points, name, from, to, columns);
				return <Fragment>
					{i === 0 ? <path d={filled(made)} class="area" /> : null}
					<path d={path(made)} class={"line line-" + name} />
					{made.length <= SPARSE ? made.map((each) => <circle cx={x(shifted(each.at))} cy={y(each.value)}
						r="3" class={"dot line-" + name} />) : null}
				</Fragment>;
			})}
			{limit ? <g class="limit">
				<line x1={MARGIN.left} x2={width - MARGIN.right} y1={y(limit)} y2={y(limit)} />
				<text x={MARGIN.left + 6} y={y(limit) - 5}>{t("limit {0}", bytes(limit))}</text></g> : null}
			<Events events={events.filter((event) => event.at >= from && event.at <= to)} x={x} height={height} />
			{current && current.at >= from && current.at <= to
				? <Cursor point={current} x={x} y={y} height={height} names={shown.map(([name]) => name)} /> : null}
		</svg>
		<ul class="legend">{shown.map(([name, label]) => <li><i class={"swatch line-" + name} />{label()}</li>)}</ul>
		<p class="readout">{current ? readout(current)
			: t("Point at the chart, or move along it with the arrow keys. Times are {0}.", zone())}</p>
	</div>;
}

function readout(point) {
	if (!point)
		return "";
	const values = LINES.concat(SMALL).filter(([name]) => point[name] !== null)
		.map(([name, label]) => `${label()} ${name.endsWith("_bytes") ? bytes(point[name]) : count(point[name])}`);
	return `${time(point.at)}: ${values.join(", ")}`;
}

function Spark({points, name, label, from, to}) {
	const made = thin(points, name, from, to, 300);
	if (made.length < 2)
		return null;
	const most = Math.max(1, ...made.map((each) => each.value));
	const x = scaleLinear([from, to], [2, 298]), y = scaleLinear([0, most], [46, 4]);
	const first = made[0].value, last = made[made.length - 1].value;
	return <figure class="spark">
		<figcaption>{label} <b>{count(first)} → {count(last)}</b></figcaption>
		<svg viewBox="0 0 300 50" preserveAspectRatio="none" role="img"
			aria-label={t("{0}: from {1} to {2}, at most {3}", label, count(first), count(last), count(most))}>
			<path d={line((each) => x(each.at), (each) => y(each.value))(made)} class="line" /></svg>
	</figure>;
}

function rowsOf(points) {
	const step = Math.max(1, Math.ceil(points.length / 60));
	return points.filter((point, i) => i % step === 0 || i === points.length - 1);
}

export function Timeline({model}) {
	const {points, events, stored} = useMemo(() => collect(model), [model]);
	const [range, setRange] = useState(null);
	const [cursor, setCursor] = useState(null);
	if (points.length < 2)
		return <Section id="timeline" title={t("Timeline")}>
			<p class="absent">{t("No timeline: this process was not watched. `whyoom watch` stores one.")}</p>
		</Section>;
	const first = points[0].at;
	const last = Math.max(points[points.length - 1].at, ...events.map((event) => event.at));
	const all = last - first;
	const padding = (range || all) * 0.02;
	const from = range ? Math.max(first, last - range) : first, to = last + padding;
	const limit = limitOf(model, points);
	// What a process that is being killed still has says nothing about how it lived.
	const ends = events.find((event) => event.kind === "kill");
	const alive = ends ? points.filter((point) => point.at < ends.at) : points;
	const charged = points.filter((point) => point.at >= from && point.usage_bytes !== null);
	const start = charged[0] || points[0], end = charged[charged.length - 1] || points[points.length - 1];
	const most = points.reduce((all, point) => Math.max(all, point.at >= from ? point.usage_bytes || 0 : 0), 0);
	const summary = t("Charged memory: {0} at first, {1} at most, over {2}.", bytes(start.usage_bytes), bytes(most),
		duration((end.at - start.at) * 1e6));
	const used = LINES.concat(SMALL).filter(([name]) => points.some((point) => point[name] !== null));
	const ranges = RANGES.filter(([ms]) => ms === null || ms < all);
	return <Section id="timeline" title={t("Timeline")} lead={summary}>
		{ranges.length > 1 ? <div class="buttons" role="group" aria-label={t("Stretch of time before the end")}>
			{ranges.map(([ms, label]) => <button type="button" aria-pressed={range === ms ? "true" : "false"}
				onClick={() => setRange(ms)}>{label()}</button>)}</div> : null}
		<Chart points={points} events={events} from={from} to={to} limit={limit} cursor={cursor}
			setCursor={setCursor} summary={summary} />
		<div class="sparks">{SMALL.map(([name, label]) =>
			<Spark points={alive} name={name} label={label()} from={from} to={last} />)}</div>
		{events.length ? <ul class="marks">{events.filter((event) => event.kind !== "snapshot").slice(-12).map((event) => <li>
			<b class={"mark mark-" + (EVENTS[event.kind] ? event.kind : "other")}>{LETTERS[event.kind] || "·"}</b>
			<time>{clock(event.at)}</time> {eventName(event)}</li>)}</ul> : null}
		{stored ? null : <p class="note">{t("These are the last samples before the end; no stored timeline was found.")}</p>}
		<Behind long={true}>
			<Table caption={t("Samples ({0})", zone())}
				columns={[{head: t("time")}].concat(used.map(([, label]) => ({head: label(), number: true})))}
				rows={rowsOf(points).map((point) => [<time>{time(point.at)}</time>].concat(used.map(([name]) =>
					point[name] === null ? "" : name.endsWith("_bytes") ? bytes(point[name]) : count(point[name]))))} />
			{events.length ? <Table caption={t("Events")} columns={[{head: t("time")}, {head: t("what")}]}
				rows={events.slice(-200).map((event) => [<time>{time(event.at)}</time>, eventName(event)])} /> : null}
		</Behind>
	</Section>;
}
