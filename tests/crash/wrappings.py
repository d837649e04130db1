# SPDX-License-Identifier: Apache-2.0
"""What platforms, loggers and people do to a log before somebody reads it. Each takes the lines of
a crash and gives bytes; lines of others stand between where the platform would have them."""

import gzip
import html
import json
import subprocess

TIME = "2026-11-21T03:04:{:02d}.{:09d}Z"


def stamp(i):
    return TIME.format(i // 40 % 60, i * 1237 % 10**9)


def each(form, end="\n"):
    return lambda lines: "".join(form(i, line) + end for i, line in enumerate(lines)).encode()


def dump(value):
    return json.dumps(value, separators=(",", ":"))


def docker_json(lines):
    out = []
    for i, line in enumerate(lines):
        out.append(dump({"log": line + "\n", "stream": "stderr", "time": stamp(i)}))
        if i % 5 == 2:
            out.append(dump({"log": "GET /health 200\n", "stream": "stdout", "time": stamp(i)}))
    return "\n".join(out).encode()


def cri(lines):
    out = []
    for i, line in enumerate(lines):
        if len(line) > 40 and i % 3 == 0:
            out += [f"{stamp(i)} stderr P {line[:30]}", f"{stamp(i)} stderr F {line[30:]}"]
        else:
            out.append(f"{stamp(i)} stderr F {line}")
        if i % 4 == 1:
            out.append(f"{stamp(i)} stdout F GET /health 200")
    return "\n".join(out).encode()


def compose(lines):
    out = []
    for i, line in enumerate(lines):
        out.append(f"shop-1   | {line}")
        if i % 4 == 1:
            out.append("db-1     | checkpoint complete: wrote 12 buffers")
    return "\n".join(out).encode()


def flat(blank, tab):
    return lambda lines: (blank + "started  ok" + blank +
                          blank.join(lines).replace("\t", tab)).encode()


def interleaved(lines):
    out = ["2026/11/21 03:04:05 [GIN] 200 |  1.2ms | GET \"/health\""]
    for i, line in enumerate(lines):
        out.append(line)
        if i % 3 == 1 and line.strip():
            out.append(f"2026/11/21 03:04:05 [GIN] 200 | {i}.2ms | 10.0.0.{i} | GET \"/a?b={i}\"")
    return "\n".join(out).encode()


def coloured(lines):
    return "\n".join(f"\033[31m{line}\033[0m" for line in lines).encode()


def surrounded(lines):
    noise = "".join(f"2026/11/21 03:04:05 worker.go:57: item {i} done in 3ms\n" for i in range(3000))
    return noise.encode() + "\n".join(lines).encode() + b"\n" + noise.encode()


def zstd(lines):
    return subprocess.run(["zstd", "-c"], input=surrounded(lines), check=True,
                          stdout=subprocess.PIPE).stdout


def zap(lines):
    text = "\n".join(lines) + "\n"
    first = dump({"level": "info", "ts": 1.5, "msg": "started"})
    return f"{first}\n{dump({'level': 'error', 'ts': 2.5, 'msg': text})}\n".encode()


def nested_json(lines):
    text = "\n".join(lines) + "\n"
    return dump({"log": dump({"severity": "ERROR", "message": text}) + "\n",
                 "stream": "stderr", "time": stamp(1)}).encode()


def docker_partial(lines):
    """A line of JSON that is longer than docker's 16 KiB."""
    text = zap(["x" * 20000] + lines).decode()
    pieces = [text[i:i + 16384] for i in range(0, len(text), 16384)]
    return "\n".join(dump({"log": piece, "stream": "stderr", "time": stamp(1)})
                     for piece in pieces).encode()


def pretty_json(lines):
    events = [{"timestamp": 1760000000000 + i, "message": line + "\n"}
              for i, line in enumerate(lines)]
    return json.dumps({"events": events}, indent=2).encode()


def logfmt(lines):
    text = "\n".join(lines).replace("\\", "\\\\").replace('"', '\\"')
    text = text.replace("\n", "\\n").replace("\t", "\\t")
    return f'time="2026-11-21T03:04:05Z" level=error msg="{text}" host=a\n'.encode()


def journal_json(lines):
    return each(lambda i, line: dump({"MESSAGE": line, "_PID": "77", "_HOSTNAME": "h",
                                      "__REALTIME_TIMESTAMP": str(10**15 + i)}))(lines)


def rsyslog(lines):
    return each(lambda i, line: f"Nov 21 03:04:{i // 40 % 60:02d} host shop[77]: "
                + line.replace("\t", "#011"))(lines)


def html_page(lines):
    return ("<html><body><pre>" + html.escape("\n".join(lines)) + "</pre></body>").encode()


def html_breaks(lines):
    return "<br/>".join(html.escape(line) for line in lines).encode()


WRAPPINGS = {
    "plain": each(lambda i, line: line),
    "docker-json": docker_json,
    "cri-partial": cri,
    "compose": compose,
    "kubectl-prefix": each(lambda i, line: f"[pod/shop-7f9c4d-x2x/shop] {line}"),
    "kubectl-timestamps": each(lambda i, line: f"{stamp(i)} {line}"),
    "kubectl-both": each(lambda i, line: f"[pod/shop-7f9c4d-x2x/shop] {stamp(i)} {line}"),
    "syslog": each(lambda i, line: f"Nov 21 03:04:{i // 40 % 60:02d} host shop[77]: {line}"),
    "syslog-5424": each(lambda i, line: f"<30>1 {stamp(i)} host shop 77 - - {line}"),
    "syslog-trimmed": each(lambda i, line: f"Nov  1 03:04:{i // 40 % 60:02d} host shop[77]: "
                           f"{line.strip()}".rstrip()),
    "rsyslog-octal": rsyslog,
    "journal-iso": each(lambda i, line: f"2026-11-21T03:04:{i // 40 % 60:02d}+0000 host shop[77]: "
                        f"{line}"),
    "journal-json": journal_json,
    "go-log": each(lambda i, line: f"2026/11/21 03:04:{i // 40 % 60:02d}.{i:06d} {line}"),
    "klog": each(lambda i, line: f"E1121 03:04:05.{i:06d}       1 runner.go:57] {line}"),
    "logrus": each(lambda i, line: f"WARN[{i:04d}] {line}"),
    "level": each(lambda i, line: f"2026-11-21 03:04:05,{i % 1000:03d} ERROR [main] {line}"),
    "colours": coloured,
    "caret-colours": each(lambda i, line: f"^[[33m{line}^[[0m"),
    "crlf": each(lambda i, line: line, "\r\n"),
    "html": html_page,
    "html-breaks": html_breaks,
    "json-message": zap,
    "json-in-json": nested_json,
    "docker-partial": docker_partial,
    "json-events": pretty_json,
    "journal-export": each(lambda i, line: f"_PID=77\nMESSAGE={line}\n"),
    "logfmt": logfmt,
    "written-breaks": lambda lines: "\\n".join(lines).replace("\t", "\\t").encode(),
    "runs-of-blanks": flat("  ", "      "),
    "single-blanks": flat(" ", " "),
    "indented": each(lambda i, line: f"    {line}"),
    "spaces-for-tabs": each(lambda i, line: line.replace("\t", "        ")),
    "interleaved": interleaved,
    "surrounded": surrounded,
    "gzip": lambda lines: gzip.compress(surrounded(lines)),
    "gzip-members": lambda lines: gzip.compress(b"a line\n" * 99) + gzip.compress(
        "\n".join(lines).encode()),
    "zstd": zstd,
    "utf-16": lambda lines: "\n".join(lines).encode("utf-16"),
    "powershell": lambda lines: ("\ufeff" + "\r\n".join(lines) + "\r\n").encode("utf-16-le"),
    "twice": lambda lines: ("\n".join(lines) + "\nexit status 2\n").encode() * 2,
}
