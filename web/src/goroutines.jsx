// SPDX-License-Identifier: Apache-2.0
// Goroutines in groups, each with one stack.
import {useState} from "preact/hooks";
import {Fragment, h, t} from "./text.js";
import {bytes, count, duration, isNumber, percent, place} from "./format.js";
import {Absent, Code, Section, Stack, absence} from "./parts.jsx";

const SHOWN = 12;

function Group({group, total, open}) {
	const frames = Array.isArray(group.frames) ? group.frames.filter(Boolean) : [];
	const own = frames.find((frame) => frame.owner === "own");
	const state = group.wait_reason || group.state || "";
	return <details class="group" open={open}>
		<summary><b class="group-count">{count(group.count)}</b>
			<span class="group-state">{t(state)}{isNumber(group.waited_at_least_ns) && group.waited_at_least_ns > 0
				? t(", {0} or longer", duration(group.waited_at_least_ns)) : ""}</span>
			{own || frames[0] ? <span class="group-where"><Code>{(own || frames[0]).function}</Code></span> : null}
			<span class="group-bar" aria-hidden="true"><svg viewBox="0 0 100 4" preserveAspectRatio="none">
				<rect width={total ? Math.max(0.5, 100 * group.count / total) : 0} height="4" /></svg></span>
		</summary>
		<p class="note">{t("{0} of all goroutines; stacks {1}; for example goroutine {2}", percent(group.count, total) || "0%",
			bytes(group.stack_bytes), group.example_id)}</p>
		{frames.length ? <Stack frames={frames} more={group.more_frames} />
			: <p class="absent">{group.no_stack ? t("No stack: {0}", t(group.no_stack)) : t("No stack.")}</p>}
		{group.created_by ? <p class="created">{t("created by")} <Code>{group.created_by.function}</Code>
			<span class="place"><bdi>{place(group.created_by)}</bdi></span></p> : null}
	</details>;
}

function Groups({title, groups, total, open}) {
	const [all, setAll] = useState(false);
	if (!groups.length)
		return null;
	return <Fragment><h3>{title}</h3>
		{(all ? groups : groups.slice(0, SHOWN)).map((group, i) => <Group group={group} total={total} open={open && i === 0} />)}
		{groups.length > SHOWN && !all ? <button type="button" onClick={() => setAll(true)}>
			{t("show all {0}", groups.length)}</button> : null}</Fragment>;
}

export function Goroutines({model}) {
	const part = model.report.goroutines;
	if (absence(part))
		return <Section id="goroutines" title={t("Goroutines")}><Absent part={part} /></Section>;
	const groups = Array.isArray(part.groups) ? part.groups.filter((group) => group && isNumber(group.count)) : [];
	const states = Object.entries(part.states || {}).filter(([, number]) => isNumber(number))
		.sort((a, b) => b[1] - a[1]);
	return <Section id="goroutines" title={t("Goroutines")}
		lead={t("{0} of the program, {1} of the runtime; stacks {2}.", count(part.count), count(part.runtime_own), bytes(part.stack_bytes))}>
		<ul class="chips">{states.map(([state, number]) => <li><b>{count(number)}</b> {t(state)}</li>)}</ul>
		{groups.length ? <Fragment>
			<Groups title={t("Groups: same state, stack and creator")} groups={groups.filter((group) => !group.system)} total={part.count} open={true} />
			{groups.some((group) => group.system) ? <details class="behind long"><summary>{t("The runtime's own")}</summary>
				<Groups title={t("The runtime's own")} groups={groups.filter((group) => group.system)} total={part.runtime_own} open={false} /></details> : null}
		</Fragment> : <p class="note">{t("This report has no stacks of goroutines; goroutines.txt beside it has.")}</p>}
	</Section>;
}
