// SPDX-License-Identifier: Apache-2.0
// The width that a picture has, as the window changes.
import {useEffect, useRef, useState} from "preact/hooks";

export function useWidth(initial) {
	const ref = useRef(null);
	const [width, setWidth] = useState(initial);
	useEffect(() => {
		const measure = () => {
			const now = ref.current ? Math.round(ref.current.clientWidth) : 0;
			if (now > 0 && !window.matchMedia("print").matches)
				setWidth(now);
		};
		measure();
		const observer = new ResizeObserver(measure);
		observer.observe(ref.current);
		return () => observer.disconnect();
	}, []);
	return [ref, width];
}
