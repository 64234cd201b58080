#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compiles every header alone: each must bring what it needs."""
import concurrent.futures
import os
import shlex
import subprocess
import sources

INTERNAL = subprocess.run(["gcc", "-print-file-name=include"], check=True, capture_output=True, text=True).stdout.strip()
HOSTED = "-I. -Itools/libs -Ibackends -iquote xen-like/include -D_GNU_SOURCE"
# As the hypervisor and the micro-guests are compiled: of the system's headers only Xen's.
FREESTANDING = f"-ffreestanding -mno-red-zone -mgeneral-regs-only -D__XEN_TOOLS__ -nostdinc -isystem {INTERNAL}"


def flags(path, xen):
    if path.startswith("xen-like/"):
        return f"{FREESTANDING} -idirafter {xen} -Ixen-like/include -Ixen-like"
    if path.startswith(("frontends/", "tests/guests/")):
        return f"{HOSTED} -Ifrontends -Ifrontends/runtime -Itests/guests"
    if path.startswith(("tests/unit/hv/", "tests/unit/event/", "tests/unit/grant/")):
        return (f"{HOSTED} -D__XEN_TOOLS__ -include tests/unit/hv/current.h -iquote xen-like -iquote tests/unit/hv "
                f"-iquote {os.path.dirname(path)}")
    if path.startswith("tests/"):
        return f"{HOSTED} -iquote {os.path.dirname(path)}"
    return HOSTED


def compile_alone(path, xen):
    command = f"gcc -std=gnu17 -fsyntax-only -Wall -Wextra {flags(path, xen)} -x c -include {shlex.quote(path)} /dev/null"
    run = subprocess.run(shlex.split(command), capture_output=True, text=True)
    return f"{path}: does not compile alone\n{run.stderr}" if run.returncode else None


def main():
    if not os.path.isdir("/usr/include/xen"):
        sources.skip("no Xen headers in /usr/include/xen: install libxen-dev")
    xen = os.path.join(os.environ.get("B", "build"), "lint")
    os.makedirs(xen, exist_ok=True)
    if not os.path.islink(f"{xen}/xen"):
        os.symlink("/usr/include/xen", f"{xen}/xen")
    paths = sources.files(".h")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda path: compile_alone(path, xen), paths))
    sources.finish([r for r in results if r], len(paths))


main()
