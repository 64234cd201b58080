#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Reports the sizes of files and functions, and fails above what anyone can read."""
import re
import sources

FILE_MAX, FUNCTION_MAX = 900, 150


def functions(lines):
    """Name and length of each function: a brace alone in the first column opens it, another closes it."""
    start = name = None
    for number, line in enumerate(lines):
        if line == "{" and number:
            start = number
            head = " ".join(lines[max(0, number - 4):number])
            found = re.findall(r"(\w+)\s*\(", head.rsplit(";", 1)[-1].rsplit("}", 1)[-1])
            name = found[0] if found else "?"
        elif line == "}" and start is not None:
            yield name, number - start + 1
            start = None


def main():
    complaints, file_sizes, function_sizes = [], [], []
    for path in sources.files(*sources.CODE):
        lines = (sources.text(path) or "").splitlines()
        file_sizes.append((len(lines), path))
        if len(lines) > FILE_MAX:
            complaints.append(f"{path}: {len(lines)} lines, more than {FILE_MAX}: split it by its jobs")
        if not path.endswith((".c", ".h")):
            continue
        for name, size in functions(lines):
            function_sizes.append((size, f"{path}: {name}"))
            if size > FUNCTION_MAX:
                complaints.append(f"{path}: {name} has {size} lines, more than {FUNCTION_MAX}")
    for title, sizes in (("files", file_sizes), ("functions", function_sizes)):
        sizes.sort(reverse=True)
        if sizes:
            print(f"largest {title} (median {sizes[len(sizes) // 2][0]}, "
                  f"90th percentile {sizes[len(sizes) // 10][0]} lines):")
            for size, name in sizes[:5]:
                print(f"  {size:5} {name}")
    sources.finish(complaints, len(file_sizes))


main()
