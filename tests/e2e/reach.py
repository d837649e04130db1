# SPDX-License-Identifier: Apache-2.0
"""The places of the matrix (Go versions and build forms), and the table that a run of it writes."""

import re

from harness import ROOT, TARGETS, VERSIONS

BEGIN, END = "<!-- written by ./dev test --all -->", "<!-- end -->"
OLD_VERSION = "1.18.10"  # one before those that all other tests run on
OTHER_MACHINE = "arm64"  # forms that begin so do not run here


def versions_of(path):
    """["1.22.12", "1.25.14-greenteagc", ...]"""
    lines = (line.split("#")[0].split() for line in path.read_text().splitlines())
    return ["-".join(words) for words in lines if words]


def forms_of(version):
    """{form: program}: what tests/targets/build made, and what tests/targets/build-forms did."""
    folder = TARGETS / f"go{version}"
    found = {"plain": folder / "allocs", "stripped": folder / "allocs-stripped"}
    for path in sorted(folder.glob("forms/*/allocs")):
        if not path.parent.name.startswith(OTHER_MACHINE):
            found.setdefault(path.parent.name, path)
    return found


def places(all_versions):
    """[(version, form)]; the fast subset has the two forms that are always there."""
    if not all_versions:
        return [(version, form) for version in [OLD_VERSION, *VERSIONS]
                for form in ("plain", "stripped")]
    return [(version, form) for version in versions_of(ROOT / "tests/targets/versions-all")
            for form in forms_of(version)]


class Results:
    """What a run of the matrix found: "ok", "refused" with a reason, or "FAILS"."""

    def __init__(self):
        self.cells = {}  # (version, form, check) -> "ok", "FAILS" or a reason
        self.reasons = []

    def add(self, version, form, check, result):
        self.cells[version, form, check] = result

    def _cell(self, result):
        if result in ("ok", "FAILS", ""):
            return result
        if result not in self.reasons:
            self.reasons.append(result)
        return f"refused ({self.reasons.index(result) + 1})"

    def _summary(self, version, form, checks):
        """Of all checks of one form."""
        results = {check: self._cell(self.cells.get((version, form, check), ""))
                   for check in checks}
        different = set(results.values())
        if len(different) == 1:
            return different.pop()
        others = [check for check, result in results.items() if result == "ok"]
        if len(different) == 2 and len(others) == 1:
            return f"{(different - {'ok'}).pop()}; {others[0]}: ok"
        return "; ".join(f"{check}: {result}" for check, result in results.items()
                         if result not in ("", "ok"))

    def table(self):
        versions, forms, checks = ([*dict.fromkeys(key[i] for key in self.cells)]
                                   for i in range(3))
        lines = ["Built plainly:", "", *heading(checks)]
        for version in versions:
            cells = (self._cell(self.cells.get((version, "plain", check), ""))
                     for check in checks)
            lines.append(f"| {version} | {' | '.join(cells)} |")
        others = [form for form in forms if form != "plain"]
        lines += ["", "Other forms, all checks together:", "", *heading(others)]
        for version in versions:
            cells = (self._summary(version, form, checks) for form in others)
            lines.append(f"| {version} | {' | '.join(cells)} |")
        lines += ["", *(f"({i}) {reason}  " for i, reason in enumerate(self.reasons, 1))]
        return "\n".join(lines).rstrip() + "\n"

    def write(self, path):
        """Between the two marks of a file, else as the whole file."""
        block = f"{BEGIN}\n\n{self.table()}\n{END}"
        text = path.read_text() if path.exists() else ""
        if BEGIN in text and END in text:
            pattern = re.escape(BEGIN) + ".*?" + re.escape(END)
            text = re.sub(pattern, lambda _: block, text, flags=re.DOTALL)
        else:
            text = f"{text}{block}\n"
        path.write_text(text)


def heading(columns):
    return [f"| Go | {' | '.join(columns)} |", f"|---|{'---|' * len(columns)}"]
