// SPDX-License-Identifier: Apache-2.0
// Opens a page in a real Chromium without a network and prints as JSON what a reader would meet.
//     node look.mjs CHROMIUM PAGE.html [SEARCH]
// With WHYOOM_SCREENSHOTS=DIRECTORY it also leaves pictures there: light, dark, phone, paper.
import {chromium} from "playwright-core";
import {basename, join} from "node:path";

const [executablePath, file, search = ""] = process.argv.slice(2);
const browser = await chromium.launch({executablePath, args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]});
const seen = {requests: [], console: [], errors: []};

async function open(options) {
	const context = await browser.newContext({offline: true, colorScheme: "light", viewport: {width: 1280, height: 900}, ...options});
	const page = await context.newPage();
	page.on("request", (request) => {
		if (request.url() !== "file://" + file)
			seen.requests.push(request.url());
	});
	page.on("console", (message) => seen.console.push(message.text()));
	page.on("pageerror", (error) => seen.errors.push(String(error.stack || error)));
	page.on("dialog", (dialog) => {
		seen.errors.push("dialog: " + dialog.message());
		dialog.dismiss();
	});
	await page.goto("file://" + file);
	return page;
}

async function shoot(page, name) {
	if (process.env.WHYOOM_SCREENSHOTS)
		await page.screenshot({fullPage: true,
			path: join(process.env.WHYOOM_SCREENSHOTS, `${basename(file, ".html")}-${name}.png`)});
}

const PATIENCE_MS = 5000;

// The page moves the focus once it is drawn again. What does not come shows in what is seen then.
async function focusAt(page, level) {
	await page.waitForFunction((wanted) => document.activeElement.getAttribute("aria-level") === wanted,
		level, {timeout: PATIENCE_MS}).catch(() => {});
}

const text = (page, selector) => page.locator(selector).first().innerText({timeout: PATIENCE_MS}).catch(() => null);

async function widest(page, selector) {
	return page.evaluate((wanted) => Math.max(0, ...[...document.querySelectorAll(wanted)]
		.map((each) => each.getBoundingClientRect().width)), selector);
}

async function lookAtFlame(page) {
	const flame = "#flame ", own = flame + ".frame.is-own:not(.faded)";
	if (!await page.locator(own).count())
		return null;
	const made = {frames: await page.locator(flame + ".frame").count()};
	const wanted = page.locator(own).filter({hasText: /./});
	const named = page.locator(`${own}[aria-label*="${search || "main."}" i]`);
	const frame = await named.count() ? named.last() : wanted.last();
	made.name = await frame.getAttribute("aria-label");
	await frame.click();
	made.faded = await page.locator(flame + ".frame.faded").count();
	made.zoomed = await page.locator(own).first().getAttribute("aria-label");
	made.whole = await widest(page, flame + "svg");
	made.zoomedWidth = await widest(page, own + " rect");
	made.detail = await text(page, flame + ".frame-detail");
	await page.keyboard.press("Escape");
	made.fadedAfterEscape = await page.locator(flame + ".frame.faded").count();
	// From the root down by the keyboard alone, then in.
	await page.keyboard.press("Home");
	await focusAt(page, "1");
	await page.keyboard.press("ArrowDown");
	await focusAt(page, "2");
	made.below = await page.evaluate(() => document.activeElement.getAttribute("aria-label"));
	made.level = await page.evaluate(() => document.activeElement.getAttribute("aria-level"));
	await page.keyboard.press("Enter");
	await page.locator(flame + ".frame.faded").first().waitFor({timeout: PATIENCE_MS}).catch(() => {});
	made.fadedByKeyboard = await page.locator(flame + ".frame.faded").count();
	await page.keyboard.press("Escape");
	if (search) {
		await page.fill("#search", search);
		made.matched = await text(page, flame + ".matched");
		made.matches = await page.locator(flame + ".frame.match").count();
		await page.fill("#search", "no such function");
		made.matchedNothing = await text(page, flame + ".matched");
		await page.fill("#search", "");
	}
	return made;
}

// What a screen reader would stumble over.
function lint() {
	const found = [], ids = new Set();
	for (const each of document.querySelectorAll("[id]")) {
		if (ids.has(each.id))
			found.push("id twice: " + each.id);
		ids.add(each.id);
	}
	const named = (each) => each.getAttribute("aria-label") || each.getAttribute("aria-labelledby") ||
		each.closest('[aria-hidden="true"]') || each.textContent.trim() || each.labels?.length;
	for (const each of document.querySelectorAll("button, select, input, svg, [role], a, summary, section"))
		if (!named(each))
			found.push("no name: " + each.outerHTML.slice(0, 120));
	for (const each of document.querySelectorAll("[aria-labelledby]"))
		if (!document.getElementById(each.getAttribute("aria-labelledby")))
			found.push("names nothing: " + each.outerHTML.slice(0, 120));
	for (const each of document.querySelectorAll("table"))
		if (!each.caption || [...each.tHead.querySelectorAll("th")].some((head) => head.scope !== "col"))
			found.push("table without caption or heads: " + each.outerHTML.slice(0, 120));
	for (const each of document.querySelectorAll('a[href^="#"]'))
		if (!document.getElementById(each.hash.slice(1)))
			found.push("leads nowhere: " + each.hash);
	return found;
}

// The lowest contrast of text with what is behind it, by WCAG's formula.
function contrast() {
	const number = (colour) => (colour.match(/[\d.]+/g) || []).map(Number);
	const luminance = ([r, g, b]) => [r, g, b].map((part) => part / 255)
		.map((part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
		.reduce((sum, part, i) => sum + part * [0.2126, 0.7152, 0.0722][i], 0);
	const behind = (element) => {
		for (let each = element; each; each = each.parentElement) {
			const colour = number(getComputedStyle(each).backgroundColor);
			if (colour.length === 3 || colour[3] === 1)
				return colour;
		}
		return [255, 255, 255];
	};
	let worst = [21, ""];
	const take = (front, back, what) => {
		const [low, high] = [luminance(front), luminance(back)].sort((a, b) => a - b);
		const ratio = (high + 0.05) / (low + 0.05);
		if (ratio < worst[0])
			worst = [ratio, what];
	};
	for (const each of document.querySelectorAll("p, li, td, th, dt, dd, h1, h2, h3, summary, caption, button:not(:disabled), .tag, .note, .badge, .place, code"))
		if (each.textContent.trim() && each.offsetParent)
			take(number(getComputedStyle(each).color), behind(each), each.outerHTML.slice(0, 100));
	for (const each of document.querySelectorAll(".frame text, svg.ledger text"))
		take(number(getComputedStyle(each).fill), number(getComputedStyle(each.parentElement.querySelector("rect")).fill),
			each.textContent);
	return {ratio: Math.round(worst[0] * 100) / 100, where: worst[1]};
}

// Numbers and places that stand on two lines; what does not fit into what it stands in.
function torn() {
	const found = [], sentence = document.querySelector(".sentence");
	const walker = document.createTreeWalker(sentence, NodeFilter.SHOW_TEXT), places = [];
	let text = "";
	for (let node = walker.nextNode(); node; node = walker.nextNode())
		for (let i = 0; i < node.data.length; i++) {
			places.push([node, i]);
			text += node.data[i];
		}
	for (const match of text.matchAll(/\d+\.\d+|[\w-]{1,16}\.go:\d+/g)) {
		const tops = [0, match[0].length - 1].map((place) => {
			const [node, i] = places[match.index + place], range = document.createRange();
			range.setStart(node, i);
			range.setEnd(node, i + 1);
			return range.getBoundingClientRect().top;
		});
		if (Math.abs(tops[0] - tops[1]) > 8)
			found.push(match[0]);
	}
	for (const each of document.querySelectorAll(".tile, .badge, .facts dd, .legend li, .marks li, button"))
		if (each.offsetParent && each.scrollWidth > each.clientWidth + 1 && each.clientWidth)
			found.push("too wide: " + each.textContent.slice(0, 80));
	return found;
}

// Words of a picture that stand on one another.
function crowded() {
	const found = [];
	for (const picture of document.querySelectorAll("svg")) {
		const boxes = [...picture.querySelectorAll("text")].filter((each) => each.textContent.trim())
			.map((each) => [each.textContent, each.getBoundingClientRect()]).filter(([, box]) => box.width);
		for (let i = 0; i < boxes.length && boxes.length < 400; i++)
			for (let k = i + 1; k < boxes.length; k++) {
				const [one, a] = boxes[i], [other, b] = boxes[k];
				const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
				const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
				if (wide > -3 && high > 4)
					found.push(`${one} on ${other}`);
			}
	}
	return found;
}

const page = await open({});
await page.waitForSelector("#page section");
seen.language = await page.evaluate(() => document.documentElement.lang);
seen.title = await page.title();
seen.headings = await page.locator("h2").allInnerTexts();
seen.verdict = await text(page, "#verdict");
seen.body = await page.evaluate(() => document.body.innerText);
seen.scripts = await page.locator("script").count();
seen.foreign = await page.locator("img, iframe, object, embed, form, link, base, video, audio").count();
seen.owned = await page.evaluate(() => window.owned ?? null);
seen.broken = await page.getByText("could not be shown").count();
seen.chart = await page.locator("#timeline .chart svg").first().getAttribute("aria-label", {timeout: 2000}).catch(() => null);
seen.kills = await page.locator("#timeline .event-kill").count();
seen.flame = await lookAtFlame(page);
seen.differential = await page.locator("#flame-diff .frame").count();
seen.accessibility = await page.evaluate(lint);
seen.tiles = await page.locator(".tile").allInnerTexts();
seen.badges = await page.locator(".badge").allInnerTexts();
seen.crowded = await page.evaluate(crowded);
seen.torn = [];
for (let width = 700; width < 1280; width += 45) {
	await page.setViewportSize({width, height: 900});
	seen.torn.push(...await page.evaluate(torn));
}
await page.setViewportSize({width: 1280, height: 900});
seen.contrast = {light: await page.evaluate(contrast)};
await shoot(page, "light");

await page.selectOption(".theme select", "dark");
seen.contrast.dark = await page.evaluate(contrast);
await page.emulateMedia({media: "print"});
await page.evaluate(() => window.dispatchEvent(new Event("beforeprint")));
seen.closedOnPaper = await page.locator("details:not([open]):not(.long)").count();
seen.paper = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
if (process.env.WHYOOM_SCREENSHOTS)
	await page.pdf({format: "A4", printBackground: true, path: join(process.env.WHYOOM_SCREENSHOTS, `${basename(file, ".html")}.pdf`)});

await page.emulateMedia({media: "screen", colorScheme: "dark"});
await page.selectOption(".theme select", "auto");
seen.darkGround = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
await shoot(page, "dark");

await page.emulateMedia({colorScheme: "light"});
await page.setViewportSize({width: 390, height: 844});
await page.waitForTimeout(100);
seen.torn.push(...await page.evaluate(torn));
seen.crowded.push(...await page.evaluate(crowded));
seen.phone = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
await shoot(page, "phone");

const plain = await open({javaScriptEnabled: false});
seen.withoutScript = await text(plain, "noscript");
await browser.close();
console.log(JSON.stringify(seen));
