#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Finds text copied from Xen's public headers, which are to be included from their package instead."""
import glob
import re
import sources

HEADERS = "/usr/include/xen"
LINE_MIN = 28    # shorter lines are alike by chance
LINES_ALLOWED = 4
FIELD = re.compile(r"(?:struct )?\w+ \w+;$")  # a field of an ABI type can only be written one way


def telling_lines(text):
    """The lines long enough to tell, with blanks and comment marks evened out."""
    lines = (re.sub(r"\s+", " ", line).strip(" */") for line in text.splitlines())
    return {line for line in lines
            if len(line) >= LINE_MIN and not line.startswith("#include") and "SPDX" not in line and
            not FIELD.match(line)}


def main():
    headers = glob.glob(f"{HEADERS}/**/*.h", recursive=True)
    if not headers:
        sources.skip(f"no Xen headers in {HEADERS}: install libxen-dev")
    public = set().union(*(telling_lines(sources.text(path) or "") for path in headers))
    complaints = []
    paths = sources.files(".c", ".h", ".S", ".def")
    for path in paths:
        copied = sorted(telling_lines(sources.text(path) or "") & public)
        if len(copied) > LINES_ALLOWED:
            complaints.append(f"{path}: {len(copied)} lines are those of Xen's public headers, as: {copied[0]}")
    sources.finish(complaints, len(paths))


main()
