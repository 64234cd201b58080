#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Finds unfinished work, package registries' host names, and code without a licence line."""
import os
import re
import sources

# Written in pieces, so that this file does not find itself.
UNFINISHED = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
REGISTRIES = re.compile(r"(?:deb|security|snapshot|ftp)\.debian\." r"org|pypi\." r"org|python" r"hosted\.org|"
                        r"npmjs\." r"(?:org|com)|crates\." r"io|docker\." r"io|ghcr\." r"io|quay\." r"io|"
                        r"proxy\.golang\." r"org|rubygems\." r"org|archive\.ubuntu\." r"com")
LICENCE_LINES = 3


def is_code(path, text):
    return path.endswith(sources.CODE) or os.path.basename(path) == "Makefile" or text.startswith("#!")


def main():
    complaints = []
    paths = sources.files()
    for path in paths:
        text = sources.text(path)
        if text is None or path.startswith("tests/fuzz/corpus/"):
            continue
        if is_code(path, text) and text.strip() and \
                "SPDX-License-Identifier:" not in "\n".join(text.splitlines()[:LICENCE_LINES]):
            complaints.append(f"{path}: no SPDX line among the first {LICENCE_LINES}")
        for number, line in enumerate(text.splitlines(), 1):
            if UNFINISHED.search(line):
                complaints.append(f"{path}:{number}: unfinished: {line.strip()}")
            if REGISTRIES.search(line):
                complaints.append(f"{path}:{number}: names a package registry: {line.strip()}")
    sources.finish(complaints, len(paths))


main()
