// SPDX-License-Identifier: Apache-2.0
// Bundles web/src and writes it as C: what the HTML face of a report is made of.
//     node build.mjs NPM required|optional OUTPUT.c WORK-DIRECTORY
// The packages are installed into the work directory, by the lock file and without their scripts;
// nothing in the source tree changes. Where that fails (no network), an optional build says so and
// writes a bundle without a page.
import {spawnSync} from "node:child_process";
import {createHash} from "node:crypto";
import {cpSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync} from "node:fs";
import {createRequire} from "node:module";
import {dirname, join, resolve} from "node:path";
import {fileURLToPath} from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const [npm, need, output, workArgument] = process.argv.slice(2);
const work = resolve(workArgument);

function install() {
	mkdirSync(work, {recursive: true});
	const stamp = join(work, "installed");
	const lock = readFileSync(join(here, "package-lock.json"), "utf8");
	if (existsSync(stamp) && readFileSync(stamp, "utf8") === lock)
		return;
	for (const name of ["package.json", "package-lock.json", ".npmrc"])
		cpSync(join(here, name), join(work, name));
	const run = spawnSync(npm, ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
		{cwd: work, stdio: ["ignore", "ignore", "inherit"]});
	if (run.status !== 0)
		throw new Error("npm could not install what web/package-lock.json names");
	writeFileSync(stamp, lock);
}

function bundle() {
	cpSync(join(here, "src"), join(work, "src"), {recursive: true});
	const esbuild = createRequire(join(work, "package.json"))("esbuild");
	const options = {
		bundle: true, minify: true, write: false, target: "es2020", charset: "ascii",
		legalComments: "none", absWorkingDir: work,
		define: {"process.env.NODE_ENV": '"production"'},
	};
	const script = esbuild.buildSync({...options, entryPoints: ["src/main.jsx"], format: "iife",
		jsx: "transform", jsxFactory: "h", jsxFragment: "Fragment"});
	const style = esbuild.buildSync({...options, entryPoints: ["src/style.css"]});
	return {script: script.outputFiles[0].text, style: style.outputFiles[0].text};
}

// Every t("...") of the page, and tn("one", "many").
function messages() {
	const found = new Set();
	for (const name of readdirSync(join(here, "src")).sort()) {
		const text = name.endsWith(".css") ? "" : readFileSync(join(here, "src", name), "utf8");
		for (const match of text.matchAll(/\bt\(\s*("(?:[^"\\]|\\.)*")/g))
			found.add(JSON.parse(match[1]));
	}
	return [...found];
}

function hash(text) {
	return "sha256-" + createHash("sha256").update(text, "utf8").digest("base64");
}

// A literal of C, in pieces that compilers take.
function literal(text) {
	const lines = [];
	for (let at = 0; at < text.length; at += 96)
		lines.push('\t"' + Array.from(Buffer.from(text.slice(at, at + 96), "utf8"), (byte) =>
			byte === 0x5c ? "\\\\" : byte === 0x22 ? '\\"' : byte === 0x3f ? "\\?" :
			byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) :
			"\\" + byte.toString(8).padStart(3, "0")).join("") + '"');
	return lines.join("\n") || '""';
}

function source(made) {
	const head = '// Made by web/build.mjs.\n#include "report/page_bundle.h"\n\n';
	if (!made)
		return head + "const struct page_bundle page_bundle = {0};\n";
	if (/<\/(script|style)|<!--/i.test(made.script + made.style))
		throw new Error("the bundle would end its own element");
	return head +
		`static const char style[] =\n${literal(made.style)};\n` +
		`static const char script[] =\n${literal(made.script)};\n` +
		"static const char *const messages[] = {\n" +
		messages().map((text) => literal(text) + ",\n").join("") + "\tNULL,\n};\n" +
		"const struct page_bundle page_bundle = {\n\t.style = style, .script = script,\n" +
		`\t.style_hash = "${hash(made.style)}",\n\t.script_hash = "${hash(made.script)}",\n` +
		"\t.messages = messages,\n};\n";
}

let made = null;
try {
	install();
	made = bundle();
} catch (error) {
	if (need === "required")
		throw error;
	console.error(`HTML reports are left out: ${error.message}`);
}
writeFileSync(output, source(made));
