// SPDX-License-Identifier: Apache-2.0
// The heap's stacks as a tree from the root to the allocation, and as tables of who holds what.
import {isNumber} from "./format.js";
import {t} from "./text.js";

const ROOT = {name: "", file: "", owner: "root"};

let nodes = 0;

function node(fn, func, parent, line) {
	return {id: nodes++, fn, func, parent, line, depth: parent ? parent.depth + 1 : 0, children: new Map(),
		now: 0, published: 0, before: 0, selfNow: 0, selfBefore: 0, grown: 0};
}

function add(into, stack) {
	into.now += stack.now;
	into.published += stack.published;
	into.before += stack.before;
}

function readStacks(graph) {
	const functions = Array.isArray(graph.functions) ? graph.functions : [];
	const frames = Array.isArray(graph.frames) ? graph.frames : [];
	const stacks = [];
	for (const row of Array.isArray(graph.stacks) ? graph.stacks : []) {
		if (!Array.isArray(row) || row.length < 3 || !row.slice(0, 3).every(isNumber))
			continue;
		const calls = row.slice(3).map((index) => frames[index]).filter((frame) => frame && functions[frame[0]])
			.map((frame) => ({fn: frame[0], line: frame[1], function: String(functions[frame[0]].name || ""),
				file: String(functions[frame[0]].file || ""), owner: String(functions[frame[0]].owner || "std")}));
		stacks.push({now: row[0], published: row[1], before: row[2], calls});
	}
	const rest = Array.isArray(graph.left_out) ? graph.left_out : [];
	if (rest[0] > 0)
		stacks.push({now: rest[1], published: rest[2], before: rest[3], calls: [{fn: -1, line: 0,
			function: t("({0} smaller stacks)", rest[0]), file: "", owner: "std"}]});
	return stacks;
}

// What the stacks below gained, those that shrank left out: the widths of the picture of growth.
function sumGrowth(each) {
	each.grown = Math.max(0, each.selfNow - each.selfBefore);
	for (const child of each.children.values())
		each.grown += sumGrowth(child);
	return each.grown;
}

function buildTree(stacks) {
	const root = node(-2, ROOT, null, 0);
	for (const stack of stacks) {
		let at = root;
		add(root, stack);
		for (let i = stack.calls.length - 1; i >= 0; i--) {
			const call = stack.calls[i];
			let child = at.children.get(call.fn);
			if (!child)
				at.children.set(call.fn, child = node(call.fn, call, at, call.line));
			at = child;
			add(at, stack);
		}
		at.selfNow += stack.now;
		at.selfBefore += stack.before;
	}
	sumGrowth(root);
	return root;
}

function row(table, key, call) {
	if (!table.has(key))
		table.set(key, {function: call.function, file: call.file, line: call.line, owner: call.owner,
			now: 0, published: 0, before: 0, calls: 0, through: new Map()});
	return table.get(key);
}

// Each stack counts for the nearest frame of the program's own code, as the verdict counts.
function buildOwn(stacks) {
	const table = new Map();
	for (const stack of stacks) {
		const at = stack.calls.findIndex((call) => call.owner === "own");
		if (at < 0)
			continue;
		const made = row(table, stack.calls[at].fn + ":" + stack.calls[at].line, stack.calls[at]);
		add(made, stack);
		const through = at > 0 ? stack.calls[at - 1].function : "";
		made.through.set(through, (made.through.get(through) || 0) + stack.now);
	}
	return [...table.values()].map((each) => ({...each,
		through: [...each.through].sort((a, b) => b[1] - a[1])[0][0]}));
}

function buildFunctions(stacks) {
	const table = new Map();
	for (const stack of stacks) {
		const seen = new Set();
		stack.calls.forEach((call, i) => {
			const made = row(table, call.fn, call);
			if (i === 0)
				add(made, stack);
			if (!seen.has(call.fn))
				made.calls += stack.now;
			seen.add(call.fn);
		});
	}
	return [...table.values()];
}

export function readGraph(graph) {
	if (!graph || typeof graph !== "object")
		return null;
	const stacks = readStacks(graph);
	return {stacks, hasBefore: graph.before === true, root: buildTree(stacks),
		own: buildOwn(stacks), functions: buildFunctions(stacks)};
}
