// SPDX-License-Identifier: Apache-2.0
// A flame graph, the root above: search, zoom, own code highlighted, by mouse, touch and keyboard.
import {useEffect, useMemo, useRef, useState} from "preact/hooks";
import {Fragment, h, t} from "./text.js";
import {bytes, percent, place, shortName, signedBytes} from "./format.js";
import {Code, OWNERS, ownerClass} from "./parts.jsx";
import {cut} from "./ledger.jsx";
import {useWidth} from "./size.js";

// Frames narrower than that are not drawn; zooming shows them.
const ROW = 20, LETTER = 6.9, NARROW = 2;

export const MODES = {
	now: {label: () => t("held now"), value: (node) => node.now},
	published: {label: () => t("published by the runtime"), value: (node) => node.published},
	grown: {label: () => t("growth only"), value: (node) => node.grown, change: true},
	difference: {label: () => t("held now, coloured by change"), value: (node) => node.now, change: true},
};

function childrenOf(node, value) {
	return [...node.children.values()].filter((child) => value(child) > 0)
		.sort((a, b) => value(b) - value(a));
}

// The frames that are wide enough to be seen: those above `zoom` at full width, and all below it.
function layout(zoom, value, width) {
	const made = [];
	for (let above = zoom.parent; above; above = above.parent)
		made.unshift({node: above, x: 0, size: width, faded: true});
	const scale = width / (value(zoom) || 1);
	const place = (node, x) => {
		made.push({node, x, size: value(node) * scale, faded: false});
		let at = x;
		for (const child of childrenOf(node, value)) {
			const size = value(child) * scale;
			if (size < NARROW)
				break;
			place(child, at);
			at += size;
		}
	};
	place(zoom, 0);
	return made;
}

function changeClass(node) {
	const change = node.now - node.before, most = Math.max(node.now, node.before);
	const part = most ? change / most : 0;
	if (Math.abs(part) < 0.02)
		return "change-none";
	return (part > 0 ? "grew-" : "shrank-") + Math.min(4, Math.ceil(Math.abs(part) * 4));
}

function nameOf(node) {
	return node.parent ? node.func.function : t("all of the Go heap");
}

function sentence(node, mode, total) {
	const value = mode.value(node);
	const parts = [nameOf(node), `${bytes(value)} (${percent(value, total)})`];
	if (mode.change)
		parts.push(t("change {0}", signedBytes(node.now - node.before)));
	if (node.func.owner === "own")
		parts.push(t("own code"));
	return parts.join(", ");
}

function Detail({node, total, hasBefore}) {
	return <div class="frame-detail" aria-live="polite">
		<p><Code>{nameOf(node)}</Code> {node.parent ? <span class={"tag " + ownerClass(node.func.owner)}>
			{(OWNERS[node.func.owner] || OWNERS.std)()}</span> : null}</p>
		<p class="note">{node.parent ? <Fragment><bdi>{place({file: node.func.file, line: node.line})}</bdi>{" · "}</Fragment> : null}
			{t("{0} now ({1}), {2} published", bytes(node.now), percent(node.now, total), bytes(node.published))}
			{hasBefore ? t(", {0} at the baseline, change {1}", bytes(node.before), signedBytes(node.now - node.before)) : ""}</p>
	</div>;
}

function matches(node, wanted) {
	return node.parent && (node.func.function.toLowerCase().includes(wanted) ||
		node.func.file.toLowerCase().includes(wanted));
}

function matchedBytes(node, wanted, value) {
	if (matches(node, wanted))
		return value(node);
	let sum = 0;
	for (const child of node.children.values())
		sum += matchedBytes(child, wanted, value);
	return sum;
}

function Frame({box, index, mode, total, wanted, focused, focusable}) {
	const {node, x, size, faded} = box;
	const room = Math.floor((size - 8) / LETTER);
	const hit = wanted && matches(node, wanted);
	const colour = !node.parent ? "owner-root" : mode.change ? changeClass(node) : ownerClass(node.func.owner);
	return <g class={["frame", colour, node.func.owner === "own" ? "is-own" : "", faded ? "faded" : "",
		wanted ? (hit ? "match" : "no-match") : "", focused ? "focused" : ""].filter(Boolean).join(" ")}
		data-index={index} role="treeitem" tabindex={focusable ? "0" : "-1"} aria-level={node.depth + 1}
		aria-label={sentence(node, mode, total)}>
		<rect x={x} y={node.depth * ROW} width={Math.max(0.7, size - 0.6)} height={ROW - 1} rx="2" />
		{room > 2 ? <text x={x + 4} y={node.depth * ROW + 14}>{cut(node.parent ? shortName(nameOf(node)) : nameOf(node), room)}</text> : null}
	</g>;
}

function step(node, key, value) {
	const beside = node.parent ? childrenOf(node.parent, value) : [node];
	const at = beside.indexOf(node);
	switch (key) {
	case "ArrowUp":
		return node.parent;
	case "ArrowDown":
		return childrenOf(node, value)[0];
	case "ArrowLeft":
		return beside[at - 1];
	case "ArrowRight":
		return beside[at + 1];
	default:
		return null;
	}
}

export function Flame({id, title, graph, modes, wanted}) {
	const [modeName, setMode] = useState(modes[0]);
	const [zoom, setZoom] = useState(graph.root);
	const [pointed, setPointed] = useState(null);
	const [focus, setFocus] = useState(graph.root);
	const [ref, width] = useWidth(1000);
	const svg = useRef(null), keyed = useRef(false);
	const mode = MODES[modeName], total = mode.value(graph.root);
	const boxes = useMemo(() => layout(zoom, mode.value, width), [zoom, modeName, width]);
	const depth = 1 + boxes.reduce((all, box) => Math.max(all, box.node.depth), 0);
	const nodeAt = (event) => {
		const frame = event.target.closest && event.target.closest("[data-index]");
		return frame ? boxes[Number(frame.getAttribute("data-index"))].node : null;
	};
	useEffect(() => {
		if (!keyed.current || !svg.current)
			return;
		keyed.current = false;
		const index = boxes.findIndex((box) => box.node === focus);
		const element = svg.current.querySelector(`[data-index="${index}"]`);
		if (element)
			element.focus();
	});
	const zoomTo = (node) => {
		keyed.current = true; // the keyboard goes on where the pointer was
		setZoom(node);
		setFocus(node);
	};
	const keys = (event) => {
		const next = step(focus, event.key, mode.value);
		if (event.key === "Enter" || event.key === " ")
			zoomTo(focus);
		else if (event.key === "Escape" || event.key === "Home")
			zoomTo(graph.root);
		else if (next)
			setFocus(next);
		else
			return;
		if (next && !boxes.some((box) => box.node === next))
			setZoom(next.parent || next);
		keyed.current = true;
		event.preventDefault();
	};
	const hit = wanted ? matchedBytes(graph.root, wanted, mode.value) : 0;
	const shown = pointed || focus;
	return <figure class="flame" id={id}>
		<figcaption><h3>{title}</h3>
			<div class="buttons">
				{modes.length > 1 ? modes.map((name) => <button type="button" aria-pressed={name === modeName ? "true" : "false"}
					onClick={() => setMode(name)}>{MODES[name].label()}</button>) : null}
				<button type="button" class="reset" disabled={zoom === graph.root} onClick={() => { zoomTo(graph.root); keyed.current = false; }}>{t("zoom out")}</button>
				{wanted ? <output class="matched">{t("{0} matched: {1}", bytes(hit), percent(hit, total) || "0%")}</output> : null}
			</div></figcaption>
		{total > 0 ? <Fragment>
			<div ref={ref} class="flame-scroll">
				<svg ref={svg} viewBox={`0 0 ${width} ${depth * ROW}`} role="tree" aria-label={title}
					onClick={(event) => { const node = nodeAt(event); if (node) zoomTo(node); }}
					onPointerMove={(event) => setPointed(nodeAt(event))} onPointerLeave={() => setPointed(null)}
					onFocusIn={(event) => { const node = nodeAt(event); if (node) setFocus(node); }} onKeyDown={keys}>
					{boxes.map((box, i) => <Frame key={box.node.id} box={box} index={i} mode={mode} total={total} wanted={wanted}
						focused={box.node === shown} focusable={box.node === focus} />)}
				</svg>
			</div>
			<Detail node={shown} total={graph.root.now} hasBefore={graph.hasBefore} />
		</Fragment> : <p class="absent" ref={ref}>{t("Nothing of this in the profile.")}</p>}
	</figure>;
}
