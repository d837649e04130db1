// SPDX-License-Identifier: Apache-2.0
// What the sections are made of.
import {Fragment, h, t} from "./text.js";
import {place} from "./format.js";

export function Section({id, title, lead, kind, children}) {
	return <section id={id} class={kind || null} aria-labelledby={id + "-title"}>
		<h2 id={id + "-title"}>{title}</h2>
		{lead ? <p class="lead">{lead}</p> : null}
		{children}
	</section>;
}

// What a part of a report says when it is not there: {"absent": {"message", "hint"}}.
export function absence(part) {
	if (!part || typeof part !== "object")
		return {message: t("not in this report"), hint: ""};
	return part.absent || null;
}

export function Absent({part}) {
	const absent = absence(part) || {};
	return <p class="absent">{t("Not there: {0}", t(absent.message || ""))}
		{absent.hint ? <Fragment><br />{t(absent.hint)}</Fragment> : null}</p>;
}

// `columns`: [{head, number}]. `rows`: arrays of cells, each a text or an element; the first one is
// the row's header.
export function Table({caption, columns, rows, more}) {
	return <div class="scroll" tabindex="0" role="region" aria-label={caption}>
		<table>
			<caption>{caption}</caption>
			<thead><tr>{columns.map((column) =>
				<th scope="col" class={column.number ? "number" : null}>{column.head}</th>)}
			</tr></thead>
			<tbody>{rows.map((row) => <tr class={row.class || null}>{(row.cells || row).map((cell, i) =>
				i === 0 ? <th scope="row" class={columns[0].number ? "number" : null}>{cell}</th>
					: <td class={columns[i].number ? "number" : null}>{cell}</td>)}</tr>)}
			</tbody>
		</table>
		{more ? <p class="note">{more}</p> : null}
	</div>;
}

// Names with their values; those that are not there are left out.
export function Facts({items}) {
	const there = items.filter((item) => item && item[1] !== null && item[1] !== undefined &&
		item[1] !== "");
	return <dl class="facts">{there.map(([name, value, note]) => <div>
		<dt>{name}</dt><dd>{value}{note ? <span class="note"> {note}</span> : null}</dd>
	</div>)}</dl>;
}

const LONG = 24; // characters: a shorter word, or a number, goes to the next line as a whole

// Paths and names may break behind their separators.
export function breakable(text) {
	return String(text).split(/(?<= )/).map((word) => word.length < LONG ? word
		: word.split(/(?<=[/.])(?!\d)/).map((part) => <Fragment>{part}<wbr /></Fragment>));
}

export function Code({children}) {
	return <code><bdi>{typeof children === "string" ? breakable(children) : children}</bdi></code>;
}

// The wide picture's numbers, for readers who cannot see it and for paper.
export function Behind({title, long, children}) {
	return <details class={long ? "behind long" : "behind"}><summary>{title || t("The numbers behind the picture")}</summary>
		{children}</details>;
}

export const OWNERS = {
	own: () => t("own code"),
	dep: () => t("dependency"),
	std: () => t("standard library"),
	runtime: () => t("Go runtime"),
};

export function ownerClass(owner) {
	return Object.prototype.hasOwnProperty.call(OWNERS, owner) ? "owner-" + owner : "owner-std";
}

export function Stack({frames, more}) {
	return <ol class="stack">{frames.map((frame) => <li class={ownerClass(frame.owner)}>
		<Code>{frame.function}</Code>
		{frame.owner === "own" ? <span class="own-mark"> {t("own code")}</span> : null}
		<span class="place"><bdi>{breakable(place(frame))}</bdi></span>
	</li>)}{more > 0 ? <li class="note">{t("{0} more frames", more)}</li> : null}</ol>;
}
