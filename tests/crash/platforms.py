# SPDX-License-Identifier: Apache-2.0
"""How platforms, collectors and people store a crash, one form each, as wrappings.py has them: each
takes the lines of a crash and gives bytes."""

import csv
import io
import json

from wrappings import dump, each, stamp

POD = "shop-7f9c4d-x2x"


def events(form, end="\n", head="", foot="", newest_first=False):
    def wrap(lines):
        parts = [form(i, line) for i, line in enumerate(lines)]
        return (head + end.join(reversed(parts) if newest_first else parts) + foot).encode()
    return wrap


def entry(i, payload):
    """One of Google's log entries."""
    return {"insertId": f"k{i:06d}", "labels": {"k8s-pod/app": "shop"},
            "logName": "projects/p/logs/stderr", "receiveTimestamp": stamp(i),
            "resource": {"labels": {"container_name": "shop", "pod_name": POD}, "type": "k8s_container"},
            "severity": "ERROR", **payload, "timestamp": stamp(i)}


def google_text(lines):
    return json.dumps([entry(i, {"textPayload": line}) for i, line in enumerate(lines)],
                      indent=2).encode()


def google_newest_first(lines):
    return json.dumps([entry(i, {"textPayload": line}) for i, line in enumerate(lines)][::-1],
                      indent=2).encode()


def google_payload(lines):
    return "\n".join(dump(entry(i, {"jsonPayload": {"message": line, "stream": "stderr"}}))
                     for i, line in enumerate(lines)).encode()


def google_yaml(lines):
    """What gcloud prints unless it is asked for JSON."""
    out = []
    for i, line in enumerate(lines):
        out += ["---", f"insertId: k{i:06d}", "labels:", "  k8s-pod/app: shop",
                "logName: projects/p/logs/stderr", "severity: ERROR",
                "textPayload: " + yaml_string(line), f"timestamp: '{stamp(i)}'"]
    return "\n".join(out).encode()


def yaml_string(line):
    """As PyYAML writes it on one line."""
    if "\t" in line or line != line.strip():
        return dump(line)
    if line == "" or ": " in line or line.endswith(":") or " #" in line or line[0] in "[]{}&*!|>%@`'\"#-?":
        return "'" + line.replace("'", "''") + "'"
    return line


def google_multiline(lines):
    text = "\n".join(lines) + "\n"
    return json.dumps([entry(0, {"textPayload": text})], indent=2).encode()


def lambda_json(lines):
    return "\n".join(dump({"time": stamp(i), "type": "function", "record": line})
                     for i, line in enumerate(lines)).encode()


def cloudwatch_events(lines):
    """aws logs get-log-events"""
    return json.dumps({"events": [
        {"timestamp": 1760000000000 + i, "message": line, "ingestionTime": 1760000000100 + i}
        for i, line in enumerate(lines)], "nextForwardToken": "f/3"}, indent=4).encode()


def cloudwatch_csv(lines):
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(["@timestamp", "@message", "@logStream"])
    for i, line in enumerate(lines):
        rows.writerow([f"2026-11-21 03:04:05.{i:03d}", line, "shop/shop/4f"])
    return out.getvalue().encode()


def csv_newest_first(lines):
    out = io.StringIO()
    rows = csv.writer(out, quoting=csv.QUOTE_ALL)
    rows.writerow(["Date", "Host", "Service", "Message"])
    for i, line in reversed(list(enumerate(lines))):
        rows.writerow([stamp(i), "node-1", "shop", line])
    return out.getvalue().encode()


def csv_whole(lines):
    """One row whose field holds the whole crash over many lines."""
    out = io.StringIO()
    rows = csv.writer(out, quoting=csv.QUOTE_ALL)
    rows.writerow(["_time", "_raw"])
    rows.writerow([stamp(1), "\n".join(lines)])
    return out.getvalue().encode()


def datadog(lines):
    return json.dumps({"data": [
        {"id": f"AQ{i:05d}", "type": "log", "attributes": {
            "service": "shop", "status": "error", "host": "node-1", "timestamp": stamp(i),
            "tags": ["env:prod", f"pod_name:{POD}"], "message": line}}
        for i, line in enumerate(lines)], "meta": {"page": {}}}).encode()


def splunk(lines):
    return "\n".join(dump({"preview": False, "offset": i, "result": {
        "_time": stamp(i), "_raw": line, "host": "node-1", "source": "stderr"}})
        for i, line in enumerate(lines)).encode()


def elastic(lines):
    return json.dumps({"took": 3, "hits": {"total": {"value": len(lines)}, "hits": [
        {"_index": "logs", "_id": f"x{i}", "_score": None, "_source": {
            "@timestamp": stamp(i), "message": line, "kubernetes": {"pod": {"name": POD}}},
         "sort": [i]} for i, line in enumerate(lines)]}}).encode()


def loki_json(lines):
    return "\n".join(dump({"labels": {"app": "shop", "pod": POD}, "line": line,
                           "timestamp": stamp(i)}) for i, line in enumerate(lines)).encode()


def loki_query(lines):
    """Loki's own answer, as Grafana's inspector shows it."""
    return json.dumps({"status": "success", "data": {"resultType": "streams", "result": [
        {"stream": {"app": "shop", "pod": POD},
         "values": [[str(1760000000000000000 + i), line] for i, line in enumerate(lines)]}]}}
    ).encode()


def fluent_ruby(lines):
    """fluent-bit's stdout."""
    def form(i, line):
        text = line.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t")
        return (f"[{i}] kube.var.log.containers.shop: [[17637{i:05d}.000000000, {{}}], "
                f'{{"stream"=>"stderr", "logtag"=>"F", "log"=>"{text}"}}]')
    return each(form)(lines)


def fluent_json(lines):
    return "\n".join(dump({"date": 1763700000.5 + i, "stream": "stderr", "_p": "F", "log": line,
                           "kubernetes": {"pod_name": POD, "container_name": "shop"}})
                     for i, line in enumerate(lines)).encode()


def cri_json_16k(lines):
    """A logger's one line of JSON, which the container runtime cuts each 16 KiB."""
    text = dump({"level": "error", "msg": "x" * 9000 + "\n" + "\n".join(lines) + "\n"})
    pieces = [text[i:i + 16384] for i in range(0, len(text), 16384)]
    return "\n".join(f"{stamp(1)} stderr {'F' if piece is pieces[-1] else 'P'} {piece}"
                     for piece in pieces).encode()


def journal_bytes(lines):
    """journalctl -o json of a message that is no clean text, as with colours."""
    return "\n".join(dump({"__CURSOR": f"s=1;i={i}", "_PID": "77", "MESSAGE":
                           list(f"\033[31m{line}\033[0m".encode()) if line else ""})
                     for i, line in enumerate(lines)).encode()


def journal_whole(lines):
    """One message with line ends, as journalctl shows it."""
    prefix = "Nov 21 03:04:05 host shop[77]: "
    return ("\n".join((prefix if i == 0 else " " * len(prefix)) + line
                      for i, line in enumerate(lines)) + "\n").encode()


def journal_verbose(lines):
    out = []
    for i, line in enumerate(lines):
        out += [f"Sat 2026-11-21 03:04:05.{i:06d} UTC [s=1;i={i};b=2;m=3;t=4;x=5]",
                "    PRIORITY=3", "    _HOSTNAME=host", "    _COMM=shop", f"    MESSAGE={line}",
                "    _PID=77"]
    return "\n".join(out).encode()


def go_test_json(lines):
    head = dump({"Time": stamp(0), "Action": "run", "Package": "example.com/shop", "Test": "TestA"})
    return (head + "\n" + "\n".join(
        dump({"Time": stamp(i), "Action": "output", "Package": "example.com/shop", "Test": "TestA",
              "Output": line + "\n"}) for i, line in enumerate(lines))).encode()


def github_raw(lines):
    return ("\ufeff" + "".join(f"2026-11-21T03:04:05.{i:07d}Z {line}\n"
                               for i, line in enumerate(lines))
            + "2026-11-21T03:04:06.0000000Z ##[error]Process completed with exit code 2.\n").encode()


def screen(width):
    """A terminal's text: tabs are blanks, long lines go on in the next one."""
    def wrap(lines):
        out = []
        for line in lines:
            line = line.expandtabs(8)
            out += [line[i:i + width] for i in range(0, max(len(line), 1), width)]
        return ("\n".join(line.rstrip() for line in out) + "\n").encode()
    return wrap


def grep_context(lines):
    """grep -n -A 9999 of the first line."""
    return "".join(f"{i + 341}{'-' if i else ':'}{line}\n" for i, line in enumerate(lines)).encode()


def grep_files(lines):
    return "".join(f"var/log/shop.log{'-' if i else ':'}{line}\n"
                   for i, line in enumerate(lines)).encode()


def markdown(lines):
    return ("Since the update it dies:\n\n<details>\n\n```\n$ ./shop\n" + "\n".join(lines)
            + "\n```\n\n</details>\n\nAny idea?\n").encode()


def markdown_list(lines):
    return ("1. start it\n2. wait\n   ```text\n" + "".join(f"   {line}\n" for line in lines)
            + "   ```\n").encode()


def tai64n(lines):
    return each(lambda i, line: f"@40000000654d{i:04x}2f8a5b0c {line}")(lines)


PLATFORMS = {
    "kubectl-previous": each(lambda i, line: f"[pod/{POD}/shop] 2026-11-21T03:04:05.{i * 1237:09d}Z {line}"),
    "stern": each(lambda i, line: f"\033[36m{POD}\033[0m \033[32mshop\033[0m {line}"),
    "kail": each(lambda i, line: f"default/{POD}[shop]: {line}"),
    "google-text": google_text,
    "google-newest-first": google_newest_first,
    "google-json-payload": google_payload,
    "google-yaml": google_yaml,
    "google-whole": google_multiline,
    "lambda-json": lambda_json,
    "cloudwatch-events": cloudwatch_events,
    "cloudwatch-tail": each(lambda i, line: f"2026-11-21T03:04:05.{i:03d}000+00:00 shop/shop/4f8b {line}"),
    "cloudwatch-text": each(lambda i, line: f"EVENTS\t{1760000000100 + i}\t{line}\t{1760000000000 + i}"),
    "cloudwatch-csv": cloudwatch_csv,
    "csv-newest-first": csv_newest_first,
    "csv-whole": csv_whole,
    "datadog": datadog,
    "splunk": splunk,
    "elastic": elastic,
    "logcli": each(lambda i, line: f'2026-11-21T03:04:05Z {{app="shop", pod="{POD}"}} {line}'),
    "logcli-newest-first": events(lambda i, line: f'{stamp(i)} {{app="shop"}} {line}',
                                  newest_first=True),
    "logcli-json": loki_json,
    "loki-query": loki_query,
    "fluent-bit-stdout": fluent_ruby,
    "fluent-bit-json": fluent_json,
    "cri-json-16k": cri_json_16k,
    "journal-bytes": journal_bytes,
    "journal-whole": journal_whole,
    "journal-verbose": journal_verbose,
    "journal-iso-precise": each(lambda i, line: f"2026-11-21T03:04:05.{i:06d}+00:00 host shop[77]: {line}"),
    "journal-full": each(lambda i, line: f"Sat 2026-11-21 03:04:05 UTC host shop[77]: {line}"),
    "heroku": each(lambda i, line: f"2026-11-21T03:04:05.{i:06d}+00:00 app[web.1]: {line}"),
    "cloud-foundry": each(lambda i, line: f"   2026-11-21T03:04:05.{i % 100:02d}+0000 [APP/PROC/WEB/0] ERR {line}"),
    "fly": each(lambda i, line: f"2026-11-21T03:04:05Z app[148e] iad [info]{line}"),
    "github-raw": github_raw,
    "github-cli": each(lambda i, line: f"test\tUNKNOWN STEP\t2026-11-21T03:04:05.{i:07d}Z {line}"),
    "gitlab": each(lambda i, line: f"2026-11-21T03:04:05.{i:06d}Z 01E {line}"),
    "go-test-json": go_test_json,
    "swarm": each(lambda i, line: f"shop.1.kx0v9w2@node-1    | {line}"),
    "compose-timestamps": each(lambda i, line: f"shop-1  | {stamp(i)} {line}"),
    "pm2": each(lambda i, line: f"0|shop     | {line}"),
    "hclog": each(lambda i, line: f"2026-11-21T03:04:05.{i:03d}Z [ERROR] plugin.shop: {line}"),
    "tai64n": tai64n,
    "terminal-80": screen(80),
    "terminal-132": screen(132),
    "slack-quote": each(lambda i, line: f"> {line}".rstrip()),
    "mail-quote": each(lambda i, line: f">> {line}".rstrip()),
    "markdown": markdown,
    "markdown-list": markdown_list,
    "cat-n": each(lambda i, line: f"{i + 1:6d}\t{line}"),
    "grep-context": grep_context,
    "grep-files": grep_files,
    "diff": each(lambda i, line: f"+{line}"),
}
