// SPDX-License-Identifier: Apache-2.0
// Who holds the Go heap, and who made it grow.
import {useMemo, useState} from "preact/hooks";
import {Fragment, h, t} from "./text.js";
import {bytes, percent, place, signedBytes} from "./format.js";
import {Absent, Behind, Code, OWNERS, Section, Stack, absence, breakable, ownerClass} from "./parts.jsx";
import {Flame} from "./flame.jsx";
import {readGraph} from "./graph.js";

const ROWS = 25, STACKS = 12;

function Name({row, tag}) {
	return <Fragment><Code>{row.function}</Code>
		<span class="place"><bdi>{breakable(place(row))}</bdi> {tag}</span></Fragment>;
}

function columnsOf(hasBefore, last) {
	return [
		{key: "now", head: t("now"), value: (row) => row.now},
		last,
		{key: "published", head: t("published"), value: (row) => row.published},
		hasBefore ? {key: "before", head: t("at the baseline"), value: (row) => row.before} : null,
		hasBefore ? {key: "change", head: t("change"), value: (row) => row.now - row.before, signed: true} : null,
	].filter(Boolean);
}

function SortTable({caption, rows, columns, total, name}) {
	const [by, setBy] = useState(columns[0].key);
	const [all, setAll] = useState(false);
	const column = columns.find((each) => each.key === by) || columns[0];
	// What holds nothing itself is only of interest with what it calls.
	const sorted = rows.filter((row) => by === "calls" || row.now || row.published || row.before)
		.sort((a, b) => column.value(b) - column.value(a));
	const shown = all ? sorted : sorted.slice(0, ROWS);
	return <div class="scroll" tabindex="0" role="region" aria-label={caption}><table class="holders">
		<caption>{caption}</caption>
		<thead><tr><th scope="col">{t("function")}</th>{columns.map((each) => <th scope="col" class="number" aria-sort={each.key === by ? "descending" : "none"}>
			<button type="button" class="sort" onClick={() => setBy(each.key)}>{each.head}<span aria-hidden="true">{each.key === by ? " ▾" : ""}</span></button></th>)}
		</tr></thead>
		<tbody>{shown.map((row) => <tr class={row.owner === "own" ? "row-own" : null}>
			<th scope="row">{name(row)}</th>
			{columns.map((each, i) => <td class="number" data-label={each.head}>{each.signed ? signedBytes(each.value(row)) : bytes(each.value(row))}
				{i === 0 ? <span class="share"> {percent(each.value(row), total)}</span> : null}</td>)}</tr>)}</tbody>
	</table>
	{sorted.length > ROWS && !all ? <button type="button" onClick={() => setAll(true)}>{t("show all {0}", sorted.length)}</button> : null}
	</div>;
}

function Holders({graph}) {
	const total = graph.root.now;
	return <Fragment>
		<h3>{t("Holders: your own code")}</h3>
		<p class="note">{t("Each allocation counts for the nearest function of your own modules above it.")}</p>
		{graph.own.length ? <SortTable caption={t("What your own functions hold")} rows={graph.own} total={total}
			columns={columnsOf(graph.hasBefore, {key: "share", head: t("share"), value: (row) => row.now}).filter((column) => column.key !== "share")}
			name={(row) => <Fragment><Name row={row} />{row.through ? <span class="note">{t("through {0}", row.through)}</span> : null}</Fragment>} />
			: <p class="absent">{t("No stack of the profile has a function of your own code.")}</p>}
		<h3>{t("Holders: every function")}</h3>
		<SortTable caption={t("What each function holds itself, and with what it calls")} rows={graph.functions} total={total}
			columns={columnsOf(graph.hasBefore, {key: "calls", head: t("with calls"), value: (row) => row.calls})}
			name={(row) => <Name row={row} tag={<span class={"tag " + ownerClass(row.owner)}>{(OWNERS[row.owner] || OWNERS.std)()}</span>} />} />
	</Fragment>;
}

function Stacks({stacks, total}) {
	const largest = [...stacks].filter((stack) => stack.now > 0).sort((a, b) => b.now - a.now).slice(0, STACKS);
	return <Behind title={t("The largest stacks, as text")}>
		{largest.map((stack) => <div class="one-stack">
			<p><b>{bytes(stack.now)}</b> {percent(stack.now, total)}
				<span class="note"> {t("allocated by")}</span></p>
			<Stack frames={stack.calls} more={0} /></div>)}
	</Behind>;
}

function Untouched({of}) {
	if (!of || !(of.bytes > 0))
		return null;
	return <p class="note">{of.object_size > 0
		? t("{0} of the heap's objects have no memory: allocated and not written to so far, most of it in objects of {1}; the ledger counts what is there.",
			bytes(of.bytes), bytes(of.object_size))
		: t("{0} of the heap's objects have no memory: allocated and not written to so far; the ledger counts what is there.",
			bytes(of.bytes))}</p>;
}

export function Heap({model}) {
	const report = model.report;
	const graph = useMemo(() => readGraph(model.graph), [model]);
	const [search, setSearch] = useState("");
	const wanted = search.trim().toLowerCase();
	if (!graph || !graph.stacks.length)
		return <Section id="heap" title={t("Go heap")}>
			{absence(report.heap) ? <Absent part={report.heap} /> : <p class="absent">{t("There is no heap profile here.")}</p>}
		</Section>;
	return <Section id="heap" title={t("Go heap")}
		lead={t("{0} in use now; {1} published, which is what /debug/pprof/heap would show, up to two collections old.",
			bytes(graph.root.now), bytes(graph.root.published))}>
		<Untouched of={report.heap && report.heap.untouched} />
		<div class="search"><label for="search">{t("Search functions and files")}</label>
			<input id="search" type="search" value={search} autocomplete="off" spellcheck={false}
				onInput={(event) => setSearch(event.currentTarget.value)} />
			<ul class="legend">{["own", "dep", "std", "runtime"].map((owner) =>
				<li><i class={"swatch " + ownerClass(owner)} />{OWNERS[owner]()}</li>)}</ul></div>
		<Flame id="flame" title={t("Flame graph: who holds it")} graph={graph} modes={["now", "published"]} wanted={wanted} />
		{graph.hasBefore ? <Fragment>
			<Flame id="flame-diff" title={t("Differential flame graph: what grew since the baseline")} graph={graph}
				modes={["grown", "difference"]} wanted={wanted} />
			<ul class="legend"><li><i class="swatch grew-4" />{t("grew")}</li><li><i class="swatch change-none" />{t("the same")}</li>
				<li><i class="swatch shrank-4" />{t("shrank")}</li><li><i class="swatch outlined" />{t("own code is outlined")}</li></ul>
		</Fragment> : <p class="note">{t("No baseline: there is nothing to compare with, so no growth is shown.")}</p>}
		<p class="note keys">{t("Click or Enter: zoom. Arrow keys: move. Esc: zoom out.")}</p>
		<Stacks stacks={graph.stacks} total={graph.root.now} />
		<Holders graph={graph} />
	</Section>;
}
