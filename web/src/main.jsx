// SPDX-License-Identifier: Apache-2.0
// The page of one report: reads its model, shows the sections. Text only, never HTML.
import {Component, render} from "preact";
import {useEffect, useState} from "preact/hooks";
import {Fragment, h, t, useMessages} from "./text.js";
import {time, useOffset, zone} from "./format.js";
import {Evidence, Kill, Provenance, Runtime, killSentence} from "./facts.jsx";
import {Goroutines} from "./goroutines.jsx";
import {Heap} from "./heap.jsx";
import {Memory} from "./ledger.jsx";
import {Timeline} from "./timeline.jsx";
import {Rejected, Verdict} from "./verdict.jsx";

const SECTIONS = [
	["verdict", () => t("Verdict"), Verdict], ["timeline", () => t("Timeline"), Timeline],
	["memory", () => t("Memory"), Memory], ["heap", () => t("Go heap"), Heap],
	["goroutines", () => t("Goroutines"), Goroutines], ["kill", () => t("Kill"), Kill],
	["rejected", () => t("What it is not"), Rejected], ["runtime", () => t("Go runtime"), Runtime],
	["evidence", () => t("Quality of the evidence"), Evidence], ["provenance", () => t("Provenance"), Provenance],
];

// On paper everything is open.
function usePrint() {
	useEffect(() => {
		const opened = [];
		const before = () => document.querySelectorAll("details:not([open]):not(.long)").forEach((each) => {
			each.open = true;
			opened.push(each);
		});
		const after = () => opened.splice(0).forEach((each) => { each.open = false; });
		window.addEventListener("beforeprint", before);
		window.addEventListener("afterprint", after);
		return () => {
			window.removeEventListener("beforeprint", before);
			window.removeEventListener("afterprint", after);
		};
	}, []);
}

const THEMES = [["auto", () => t("as the system")], ["light", () => t("light")], ["dark", () => t("dark")]];

function Theme() {
	const [theme, setTheme] = useState("auto");
	useEffect(() => { document.documentElement.dataset.theme = theme; }, [theme]);
	return <label class="theme"><span>{t("colours")}</span>
		<select onChange={(event) => setTheme(event.currentTarget.value)}>{THEMES.map(([name, label]) =>
			<option value={name} selected={name === theme}>{label()}</option>)}</select></label>;
}

function Head({model}) {
	const report = model.report, identity = report.identity || {};
	return <header>
		<p class="brand"><b>whyoom</b> <span>{t("why this Go process uses so much memory")}</span></p>
		<h1><bdi>{identity.command || t("unnamed process")}</bdi> <span class="pid">{t("process {0}", identity.pid)}</span></h1>
		<p class={report.kill ? "state state-dead" : "state state-alive"}>{report.kill
			? `${killSentence(report.kill)}, ${time(report.kill.time)}` : t("alive when it was looked at, {0}", time((report.evidence || {}).taken))} ({zone()})</p>
		<Theme />
	</header>;
}

// A part that breaks leaves the others.
class Guard extends Component {
	static getDerivedStateFromError() {
		return {broken: true};
	}

	render({component: Part, id, title, model}, {broken}) {
		if (!broken)
			return <Part model={model} />;
		return <section id={id}><h2>{title}</h2>
			<p class="absent">{t("This part of the report could not be shown.")}</p></section>;
	}
}

function Page({model}) {
	usePrint();
	return <Fragment>
		<a class="skip" href="#verdict">{t("To the verdict")}</a>
		<Head model={model} />
		<nav aria-label={t("Sections")}><ul>{SECTIONS.map(([id, title]) =>
			<li><a href={"#" + id}>{title()}</a></li>)}</ul></nav>
		<main>{SECTIONS.map(([id, title, component]) =>
			<Guard id={id} title={title()} component={component} model={model} />)}</main>
		<footer><p>{t("Made by whyoom {0}. This file needs no network and sends nothing.", model.whyoom_version || "")}</p></footer>
	</Fragment>;
}

const model = JSON.parse(document.getElementById("model").textContent);
model.report = model.report && typeof model.report === "object" ? model.report : {};
useMessages(model.messages);
useOffset(model.utc_offset_s);
render(<Page model={model} />, document.getElementById("page"));
