# SPDX-License-Identifier: MIT
"""What the lints share: the list of the project's own text files, and how a lint ends."""
import os
import subprocess
import sys

SKIP = 77
CODE = (".c", ".h", ".S", ".def", ".lds", ".py", ".sh", ".mk")


def files(*endings):
    """Paths of files known to git (new ones too, ignored ones not) that end so; all files without endings."""
    out = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "-z"],
                         check=True, capture_output=True).stdout.decode()
    return [p for p in sorted(set(out.split("\0")))
            if p and os.path.isfile(p) and (not endings or p.endswith(endings))]


def text(path):
    """The file's text, or None for a binary."""
    with open(path, "rb") as f:
        data = f.read()
    return None if b"\0" in data else data.decode("utf-8", "replace")


def skip(reason):
    print(reason)
    sys.exit(SKIP)


def finish(complaints, count):
    """Prints the complaints and ends with the lint's exit status."""
    for complaint in complaints:
        print(complaint)
    print(f"{count} files, {len(complaints)} complaints")
    sys.exit(1 if complaints else 0)
