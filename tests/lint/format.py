#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks that C files are as clang-format leaves them."""
import re
import shutil
import subprocess
import sources


def main():
    if not shutil.which("clang-format"):
        sources.skip("clang-format is not installed")
    paths = sources.files(".c", ".h")
    batches = [paths[i::2] for i in range(2)]
    runs = [subprocess.Popen(["clang-format", "--dry-run", *batch], stderr=subprocess.PIPE, text=True)
            for batch in batches if batch]
    warnings = "".join(run.communicate()[1] for run in runs)
    wrong = sorted(set(re.findall(r"^(.+?):\d+:\d+: ", warnings, re.M)))
    sources.finish([f"{path}: run clang-format -i on it" for path in wrong], len(paths))


main()
