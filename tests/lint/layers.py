#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks the directions of #include: the floors of the hypervisor's rooms, and who may know whom outside it."""
import os
import re
import sources

# The rooms of xen-like by floor. A file includes headers of its own floor or lower ones only.
ROOM_FLOOR = {
    "lib": 1, "sync": 2, "console": 2, "debug": 2, "mm": 3, "time": 3, "sched": 4, "domain": 5,
    "event": 6, "grant": 6, "policy": 6, "iommu": 6, "arch": 7, "abi": 8, "hypercall": 8, "control": 8, "init": 9,
}
# The headers of xen-like/include by the floor of their room. hypercall.h is low: rooms define the entry points it lists
# and ask it when to yield. arch/*.h is the contract that all floors above lib use.
HEADER_FLOOR = {
    "compiler": 0, "counters": 0, "trace": 0, "cpumask": 0, "types": 0, "errno": 0, "boot": 2, "efi": 2, "dom0_build": 7, "hidden": 0, "spinlock": 2, "console": 2, "console_input": 2, "serial": 2,
    "debug": 2, "mm": 3, "timer": 3, "irq": 3, "hypercall": 3, "guest": 3, "sched": 4, "domain": 5, "event": 6,
    "grant": 6, "policy": 6, "iommu": 6, "control": 8, "vnuma": 8,
}
# Who may look up all the same, at which headers, and why.
EXCEPTIONS = {
    "console": {"domain", "event", "irq", "timer"},  # keys go to the domain that has the console; the UART interrupts
    "mm": {"domain"},                                # a frame counts against its owner
    "sched": {"domain"},                             # the struct of a vCPU is there
    "domain": {"event", "grant"},                    # a domain's tables are made and torn down with it
}
FREESTANDING = {"stdint.h", "stddef.h", "stdbool.h", "stdarg.h", "limits.h", "stdalign.h", "stdnoreturn.h"}
# What the rooms of the rest may not include.
FORBIDDEN = {
    "backends/": ("frontends/", "xen-like/", "tests/", "tools/xl/"),
    "frontends/": ("backends/", "xen-like/", "tests/"),
    "tools/": ("backends/", "frontends/", "tests/"),
}
# The domain builder takes the hypervisor's own image parsers; nothing else of xen-like leaves it.
SHARED = ("lib/", "xen-like/include/lib/")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def header_floor(name):
    """The floor of a header of xen-like/include, or None when it is not known."""
    if name.startswith("lib/"):
        return 1
    if name.startswith("arch/"):
        return 2
    return HEADER_FLOOR.get(name.removesuffix(".h"))


def check_hypervisor(path, kind, name):
    if kind == "<":
        if not (name.startswith("xen/") or name in FREESTANDING or
                (path.startswith("xen-like/lib/") or path.startswith("xen-like/include/lib/")) and name == "string.h"):
            return f"<{name}> is neither a header of Xen's ABI nor one of a freestanding compiler"
        return None
    if os.path.exists(os.path.join(os.path.dirname(path), name)):
        return None
    if not os.path.exists(os.path.join("xen-like/include", name)):
        if os.path.exists(os.path.join("xen-like", name)) or not os.path.exists(name):
            return None  # a room's internal header by its path, or a generated one
        return f'"{name}" lies outside xen-like'
    room = path.split("/")[1]
    if room == "include":
        room = "lib" if path.startswith("xen-like/include/lib/") else None
    floor, other = ROOM_FLOOR.get(room, 9), header_floor(name)
    if other is None:
        return f'"{name}" has no floor yet: add it to tests/lint/layers.py'
    if other > floor and name.removesuffix(".h") not in EXCEPTIONS.get(room, ()):
        return f'"{name}" of floor {other} is above {room} (floor {floor})'
    return None


def check_outside(path, name):
    if name.startswith("tests/") and not path.startswith("tests/"):
        return f'"{name}": nothing includes tests/'
    for prefix, banned in FORBIDDEN.items():
        if path.startswith(prefix) and name.startswith(banned) and not name.startswith(SHARED):
            return f'"{name}" may not be included from {prefix}'
    return None


def main():
    complaints = []
    paths = sources.files(".c", ".h", ".S", ".def")
    for path in paths:
        for kind, name in INCLUDE.findall(sources.text(path) or ""):
            if path.startswith("xen-like/"):
                wrong = check_hypervisor(path, kind, name)
            else:
                wrong = check_outside(path, name)
            if wrong:
                complaints.append(f"{path}: {wrong}")
    sources.finish(complaints, len(paths))


main()
