# SPDX-License-Identifier: Apache-2.0
"""What is left in English of a text that is to be Chinese."""

import re

# Names, code, paths, options and numbers are the same in every language.
NAME = re.compile(r"""
    `[^`]*`                             # a command or code
  | \[[^\]\n]*\]                        # a goroutine's state
  | "[^"\n]*" | “[^”\n]*”               # words of a log, of a mark
  | Memory\ cgroup\ out\ of\ memory:.*$
  | ^\s*(?:panic|fatal\ error|runtime|kernel)[:：\ ].*$   # a log's own words
  | \b(?:chan\ (?:receive|send)|select|IO\ wait)(?:\ \((?:nil\ chan|no\ cases)\))?
  | \b(?:GC|runtime|sync|finalizer|debug)[ ](?:worker|background|assist|sweep|scavenge|wait|call|sleep)
      (?:\ (?:idle|wait|work))?         # wait reasons of the Go runtime
  | [^\s，。；：（）、]*[./_=@<>*\\\d-][^\s，。；：（）、]*   # paths, functions, numbers, options
  | \b[A-Z][A-Z_]+\b                    # PID, FILE, GOGC
""", re.VERBOSE | re.MULTILINE)
WORDS = re.compile(r"[A-Za-z']{2,}(?:[ ,;:]+[A-Za-z']{2,}){2,}")


def english_left(text, keep=()):
    """Each line of `text` in which three English words follow one another; `keep`: texts that are
    the same in every language here (a message of the program, a name)."""
    left = []
    for line in text.splitlines():
        bare = line
        for words in keep:
            bare = bare.replace(words, "，")
        bare = NAME.sub("，", bare)
        if WORDS.search(bare):
            left.append(line)
    return left
