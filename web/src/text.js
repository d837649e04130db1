// SPDX-License-Identifier: Apache-2.0
// Texts: the page's own in the reader's language, and foreign ones made harmless. Every string that
// becomes part of the page goes through h(), which cleans it; nothing is ever parsed as HTML.
import {Fragment, h as create} from "preact";

let messages = {};

export function useMessages(table) {
	messages = Object.assign(Object.create(null), table);
}

// t() puts values for {0}, {1}. Texts that the report took from a fixed list are looked up too.
export function t(text, ...values) {
	const found = messages[text];
	return (typeof found === "string" ? found : String(text)).replace(/\{(\d)\}/g,
		(whole, index) => (index in values ? String(values[index]) : whole));
}

// Control characters, characters that turn the direction of text, that cannot be seen: shown as what
// they are, so that no name looks like another.
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb]|[\udb40][\udc00-\udfff]/g;

export function clean(text) {
	return text.replace(HIDDEN, (found) =>
		`<U+${found.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}>`);
}

function cleanChild(child) {
	if (typeof child === "string")
		return clean(child);
	return Array.isArray(child) ? child.map(cleanChild) : child;
}

const SHOWN = ["data-label", "title", "aria-label", "placeholder", "value", "summary", "label"];

export function h(type, props, ...children) {
	const safe = {...props};
	if (typeof type === "string") {
		delete safe.dangerouslySetInnerHTML;
		for (const name of SHOWN)
			if (typeof safe[name] === "string")
				safe[name] = clean(safe[name]);
	}
	return create(type, safe, ...children.map(cleanChild));
}

export {Fragment};
