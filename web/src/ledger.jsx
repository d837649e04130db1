// SPDX-License-Identifier: Apache-2.0
// Where every byte is, as a picture that sums.
import {Fragment, clean, h, t} from "./text.js";
import {bytes, isNumber, percent} from "./format.js";
import {Absent, Section, absence} from "./parts.jsx";
import {useWidth} from "./size.js";

const ROW = 34, LEVELS = 3;
// By the beginning of a row's key, the longest first.
const KINDS = [["go.heap.objects", "objects"], ["go.heap.live", "objects"], ["go.heap.young", "young"],
	["go.heap.idle", "idle"], ["go.heap", "waste"], ["go.stacks", "stacks"], ["go.metadata", "metadata"],
	["go", "go"], ["anon", "anon"], ["file", "cache"], ["cache", "cache"], ["mapped", "cache"],
	["shmem", "shmem"], ["kernel", "kernel"], ["native", "native"], ["swap", "kernel"]];

function kindOf(row) {
	if (row.unexplained)
		return "unexplained";
	const found = KINDS.find(([prefix]) => row.key === prefix || row.key.startsWith(prefix + "."));
	return found ? found[1] : "other";
}

function rowsOf(ledger) {
	return (Array.isArray(ledger.rows) ? ledger.rows : [])
		.filter((row) => row && isNumber(row.bytes) && isNumber(row.depth))
		.map((row) => ({...row, key: String(row.key || ""), label: String(row.label || ""), note: String(row.note || "")}));
}

// Each row's box: below its parent, beside its siblings; widths are bytes.
function boxes(rows) {
	const starts = [0], made = [];
	for (const row of rows) {
		starts.length = row.depth + 1;
		const start = starts[row.depth] || 0;
		const size = Math.max(0, row.bytes);
		made.push({row, start, size});
		starts[row.depth] = start + size;
		starts[row.depth + 1] = start;
	}
	return made;
}

function Picture({ledger, rows}) {
	const [ref, width] = useWidth(900);
	const total = ledger.total_bytes || 1;
	const shown = boxes(rows).filter((box) => box.row.depth < LEVELS && box.size * width / total >= 1);
	const depth = 1 + Math.max(0, ...shown.map((box) => box.row.depth));
	return <div ref={ref}>
		<svg class="ledger" viewBox={`0 0 ${width} ${(depth + 1) * ROW}`} role="img"
			aria-label={t("The memory as boxes: each line's parts stand below it. The table has the same numbers.")}>
			<g><rect x="0" y="0" width={width} height={ROW - 2} class="box box-total" />
				<text x="8" y={ROW / 2 + 4}>{`${bytes(total)} ${t(ledger.label || "")}`}</text></g>
			{shown.map((box) => {
				const x = box.start * width / total, size = box.size * width / total;
				const label = `${t(box.row.label)} ${bytes(box.row.bytes)}`;
				const room = Math.floor((size - 12) / 8); // of the widest words
				return <g>
					<title>{`${label} (${percent(box.row.bytes, total)})`}</title>
					<rect x={x} y={(box.row.depth + 1) * ROW} width={Math.max(1, size - 1)} height={ROW - 2}
						class={"box box-" + kindOf(box.row)} />
					{room > 4 ? <text x={x + 8} y={(box.row.depth + 1.5) * ROW + 4}>{cut(label, room)}</text> : null}
				</g>;
			})}
		</svg>
	</div>;
}

// Wide characters take two places, and what is hidden as many as it is shown with.
export function cut(whole, room) {
	const text = clean(whole);
	let used = 0, end = 0;
	for (const character of text) {
		used += character.codePointAt(0) >= 0x1100 ? 2 : 1;
		if (used > room)
			return text.slice(0, Math.max(0, end - 1)) + "…";
		end += character.length;
	}
	return text;
}

function Rows({ledger, rows}) {
	const total = ledger.total_bytes;
	const top = rows.filter((row) => row.depth === 0).reduce((sum, row) => sum + row.bytes, 0);
	return <div class="scroll" tabindex="0" role="region" aria-label={t(ledger.label || "")}>
		<table class="ledger-table">
			<caption>{t("Every line is part of the {0} {1}", bytes(total), t(ledger.label || ""))}</caption>
			<thead><tr><th scope="col">{t("what")}</th><th scope="col" class="number">{t("size")}</th>
				<th scope="col" class="number">{t("share")}</th></tr></thead>
			<tbody>{rows.map((row) => <tr class={"depth-" + Math.min(4, row.depth)}>
				<th scope="row"><i class={"swatch box-" + kindOf(row)} aria-hidden="true" />
					<span>{t(row.label)}{row.note ? <span class="note"> {t(row.note)}</span> : null}
						{row.estimated ? <span class="tag">{t("estimated")}</span> : null}
						{row.reclaimable ? <span class="tag">{t("reclaimable")}</span> : null}</span></th>
				<td class="number">{bytes(row.bytes)}</td><td class="number">{percent(row.bytes, total)}</td></tr>)}
			</tbody>
			<tfoot><tr><th scope="row">{t("sum of the first level")}</th><td class="number">{bytes(top)}</td>
				<td class="number">{top === total ? t("exact") : t("differs from the total by {0}", bytes(top - total))}</td></tr></tfoot>
		</table>
	</div>;
}

function OneLedger({ledger, open}) {
	const rows = rowsOf(ledger);
	return <div class="one-ledger">
		<Picture ledger={ledger} rows={rows} />
		<details class="behind" open={open}><summary>{t("The numbers behind the picture")}</summary>
			<Rows ledger={ledger} rows={rows} /></details>
	</div>;
}

function Headroom({cgroup}) {
	const bites = cgroup && cgroup.headroom && cgroup.headroom.bites;
	if (!bites || !isNumber(bites.headroom_bytes))
		return null;
	return <p>{t("Up to the limit of {0} ({1}) there are {2} left; {3} of what is charged could be taken back.",
		bytes(bites.limit_bytes), bites.path || "", bytes(bites.headroom_bytes), bytes(bites.reclaimable_bytes))}</p>;
}

export function Memory({model}) {
	const report = model.report;
	const cgroup = absence(report.ledger) ? null : report.ledger;
	const process = absence(report.process_ledger) ? null : report.process_ledger;
	// A cgroup without a limit (a shell's, say) is nobody's budget: then the process comes first.
	const limited = cgroup && isNumber(report.cgroup && report.cgroup.limit_bytes);
	const whole = <Fragment key="cgroup">
		<h3>{t("The cgroup")}</h3>
		{cgroup ? <OneLedger ledger={cgroup} open={limited} /> : <Absent part={report.ledger} />}
		{report.kill ? null : <Headroom cgroup={report.cgroup} />}
	</Fragment>;
	const alone = <Fragment key="process">
		<h3>{t("The process alone")}</h3>
		{process ? <OneLedger ledger={process} open={!limited} /> : <Absent part={report.process_ledger} />}
	</Fragment>;
	const files = [["cache", t("Files in the page cache")], ["shmem", t("Shared memory and tmpfs")]]
		.map(([key, title]) => [title, report.cgroup && report.cgroup[key]])
		.filter(([, ledger]) => ledger && ledger.total_bytes >= 1 << 20);
	return <Section id="memory" title={t("Memory")}
		lead={t("Where every byte is. The parts of a line sum to it; what is not explained has a line of its own.")}>
		{limited ? [whole, alone] : [alone, whole]}
		{files.map(([title, ledger]) => <Fragment><h3>{title}</h3><OneLedger ledger={ledger} open={false} /></Fragment>)}
	</Section>;
}
