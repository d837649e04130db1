// SPDX-License-Identifier: Apache-2.0
// The samples of the report's last seconds and of the stored timeline as one list by time, and the
// events that lie in it.
import {isNumber, parseTime} from "./format.js";

export const METRICS = ["usage_bytes", "limit_bytes", "anon_bytes", "file_bytes", "rss_bytes",
	"heap_live_bytes", "heap_goal_bytes", "goroutines", "fds", "threads"];

function valueOf(metric) {
	return isNumber(metric) && metric >= 0 ? metric : null;
}

function point(sample) {
	const at = parseTime(sample && sample.time);
	if (at === null)
		return null;
	const made = {at};
	for (const name of METRICS)
		made[name] = valueOf(sample[name]);
	return made;
}

// The stored timeline has one list of columns and a row for each stretch of time.
function storedPoints(timeline) {
	const columns = Array.isArray(timeline.columns) ? timeline.columns : [];
	return (Array.isArray(timeline.rows) ? timeline.rows : []).filter(Array.isArray).map((row) => {
		// A row stands for a stretch of time: it is drawn in its middle.
		const at = row[columns.indexOf("time_s")] + (row[columns.indexOf("width_s")] || 0) / 2;
		const made = {at: at * 1000};
		for (const name of METRICS)
			made[name] = valueOf(row[columns.indexOf(name)]);
		return isNumber(at) ? made : null;
	});
}

function eventsOf(timeline) {
	return (Array.isArray(timeline.events) ? timeline.events : [])
		.map((event) => ({at: parseTime(event.time), kind: String(event.kind || ""), text: String(event.text || "")}))
		.filter((event) => event.at !== null);
}

function ownEvents(report) {
	const times = {
		kill: report.kill && report.kill.time,
		baseline: report.baseline && report.baseline.taken,
		evidence: report.evidence && report.evidence.taken,
	};
	return Object.entries(times).map(([kind, time]) => ({at: parseTime(time), kind, text: ""}))
		.filter((event) => event.at !== null);
}

// What began to grow when, and marks that the stored timeline does not have.
function eventsOfCourse(report, known) {
	const course = report.course || {};
	const numbers = Array.isArray(course.numbers) ? course.numbers : [];
	const marks = Array.isArray(course.marks) ? course.marks : [];
	return numbers.filter((each) => each && each.grew === true && each.from_start !== true)
		.map((each) => ({at: parseTime(each.began), kind: "growth", text: String(each.what || "")}))
		.concat(marks.filter(Boolean).map((each) =>
			({at: parseTime(each.time), kind: String(each.kind || ""), text: String(each.text || "")}))
			.filter((mark) => !known.some((event) => event.kind === mark.kind && event.text === mark.text)))
		.filter((event) => event.at !== null);
}

export function collect(model) {
	const report = model.report, timeline = model.timeline || {};
	const recent = (Array.isArray(report.timeline) ? report.timeline : []).map(point).filter(Boolean);
	const stored = storedPoints(timeline).filter(Boolean);
	// Where there are samples of the watch itself, the coarser ones would draw what was not there.
	for (const each of stored)
		if (recent.length && each.at >= recent[0].at - 1000)
			for (const name of ["usage_bytes", "anon_bytes", "file_bytes"])
				each[name] = null;
	const points = stored.concat(recent).sort((a, b) => a.at - b.at);
	const own = ownEvents(report);
	const killed = own.some((event) => event.kind === "kill");
	const told = eventsOf(timeline);
	const events = told.concat(eventsOfCourse(report, told))
		.filter((event) => !killed || !["kill", "incident", "end"].includes(event.kind))
		.concat(own).sort((a, b) => a.at - b.at);
	return {points, events, stored: stored.length};
}

// One value a pixel at most, the largest of each: a peak is never lost.
export function thin(points, name, from, to, columns) {
	const width = (to - from) / columns || 1, made = [];
	let column = -1;
	for (const each of points) {
		if (each[name] === null || each.at < from || each.at > to)
			continue;
		const at = Math.floor((each.at - from) / width);
		if (at !== column || !made.length)
			made.push({at: each.at, value: each[name]});
		else if (each[name] >= made[made.length - 1].value)
			made[made.length - 1] = {at: each.at, value: each[name]};
		column = at;
	}
	return made;
}
