// SPDX-License-Identifier: Apache-2.0
// Numbers as people read them, the same way as the text form; null and undefined are not known.
import {t} from "./text.js";

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

export function isNumber(value) {
	return typeof value === "number" && Number.isFinite(value);
}

// Three digits: 1.02 GiB, 31.2 MiB, 256 MiB, 0 B.
export function bytes(value) {
	if (!isNumber(value))
		return t("not known");
	let size = Math.abs(value), unit = 0;
	while (size >= 1024 && unit < UNITS.length - 1) {
		size /= 1024;
		unit++;
	}
	const digits = unit === 0 || size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2;
	return `${value < 0 ? "-" : ""}${size.toFixed(digits)} ${UNITS[unit]}`;
}

export function signedBytes(value) {
	return isNumber(value) && value > 0 ? "+" + bytes(value) : bytes(value);
}

export function count(value) {
	return isNumber(value) ? value.toLocaleString("en-US") : t("not known");
}

export function percent(part, whole) {
	if (!isNumber(part) || !isNumber(whole) || whole === 0)
		return "";
	const share = 100 * part / whole, size = Math.abs(share);
	const near = size > 99 && size < 99.95; // "100%" is said of all only
	return `${share.toFixed((size >= 10 && !near) || share === 0 ? 0 : 1)}%`;
}

export function duration(ns) {
	if (!isNumber(ns))
		return t("not known");
	const size = Math.abs(ns);
	if (size < 1e6)
		return `${Math.round(ns / 1e3)} us`;
	if (size < 1e9)
		return `${(ns / 1e6).toFixed(size < 1e7 ? 1 : 0)} ms`;
	const seconds = ns / 1e9;
	if (seconds < 60)
		return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
	const minutes = Math.floor(seconds / 60);
	if (minutes < 60)
		return `${minutes}m${String(Math.floor(seconds % 60)).padStart(2, "0")}s`;
	return `${Math.floor(minutes / 60)}h${String(minutes % 60).padStart(2, "0")}m`;
}

// Times are shown as the clock of the machine stood where the page was made: the same as in the
// text form and in that machine's logs, whoever reads it wherever.
let offsetMs = 0;

export function useOffset(seconds) {
	offsetMs = isNumber(seconds) && Math.abs(seconds) <= 86400 ? seconds * 1000 : 0;
}

export function parseTime(text) {
	const ms = typeof text === "string" ? Date.parse(text) : NaN;
	return Number.isNaN(ms) ? null : ms;
}

// For scales that know UTC only: their "UTC" is then the machine's clock.
export function shifted(ms) {
	return new Date(ms + offsetMs);
}

export function zone() {
	const minutes = Math.abs(offsetMs) / 60000;
	if (!minutes)
		return "UTC";
	const hours = String(Math.floor(minutes / 60)).padStart(2, "0");
	return `UTC${offsetMs < 0 ? "-" : "+"}${hours}:${String(minutes % 60).padStart(2, "0")}`;
}

export function time(value, digits = 3) {
	const ms = typeof value === "number" ? value : parseTime(value);
	if (ms === null || !Number.isFinite(ms) || Math.abs(ms) > 8e15)
		return t("not known");
	const text = shifted(ms).toISOString();
	return `${text.slice(0, 10)} ${text.slice(11, digits ? 20 + digits : 19)}`;
}

export function clock(ms) {
	return shifted(ms).toISOString().slice(11, 19);
}

// "/root/go/pkg/mod/a@v1/b.go" -> "a@v1/b.go"; the standard library's likewise.
export function shortPath(file) {
	const parts = String(file || "").split(/\/pkg\/mod\/golang\.org\/toolchain@[^/]*\/src\/|\/go\/src\/|\/pkg\/mod\//);
	return parts[parts.length - 1];
}

// "example.com/a/b.(*T).M" -> "b.(*T).M", also within the type arguments.
export function shortName(name) {
	return String(name).replace(/(?:[^/\s[\](),*{}]+\/)+/g, "");
}

export function place(frame) {
	if (!frame || !frame.file)
		return "";
	return shortPath(frame.file) + (frame.line > 0 ? ":" + frame.line : "");
}
