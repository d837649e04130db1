// SPDX-License-Identifier: Apache-2.0
// Markdown from standard input as HTML, by a renderer that trusts it.
import {readFileSync} from "node:fs";
import markdownit from "markdown-it";

const renderer = markdownit({html: true, linkify: true, typographer: false});
renderer.linkify.set({fuzzyLink: false, fuzzyEmail: true});
process.stdout.write(renderer.render(readFileSync(0, "utf8")));
