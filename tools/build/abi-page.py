#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes xen-like/abi/README.md: every hypercall and what of its sub-operations is answered.

  abi-page.py            prints the page
  abi-page.py --write    writes it
  abi-page.py --check    ends with 1 when the written page is not what the code says now

The page is read from the code: hypercalls.def, and the tables and switches of each family's file. An
operation of Xen's public headers that neither a table nor a switch names is not answered. What the code
does not say of an operation stands in abi/notes.txt.
"""
import os
import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
PAGE = TOP / "xen-like/abi/README.md"
HEADERS = pathlib.Path(os.environ.get("XEN_HEADERS", "/usr/include/xen"))

# Families with sub-operations: the public header that numbers them, how their names begin, the errno
# of one that is not there, and, where a table names them without that beginning, the table's macro.
FAMILIES = {
    "mmuext_op": ("xen.h", "MMUEXT_", "ENOSYS", None),
    "memory_op": ("memory.h", "XENMEM_", "ENOSYS", None),
    "vcpu_op": ("vcpu.h", "VCPUOP_", "ENOSYS", None),
    "sched_op": ("sched.h", "SCHEDOP_", "ENOSYS", None),
    "callback_op": ("callback.h", "CALLBACKOP_", "ENOSYS", None),
    "nmi_op": ("nmi.h", "XENNMI_", "ENOSYS", None),
    "event_channel_op": ("event_channel.h", "EVTCHNOP_", "ENOSYS", "EVENT_OP"),
    "grant_table_op": ("grant_table.h", "GNTTABOP_", "ENOSYS", "GRANT_OP"),
    "physdev_op": ("physdev.h", "PHYSDEVOP_", "ENOSYS", None),
    "platform_op": ("platform.h", "XENPF_", "ENOSYS", None),
    "console_io": ("xen.h", "CONSOLEIO_", "ENOSYS", None),
    "xen_version": ("version.h", "XENVER_", "ENOSYS", None),
    "sysctl": ("sysctl.h", "XEN_SYSCTL_", "ENOSYS", "SYSCTL"),
    "domctl": ("domctl.h", "XEN_DOMCTL_", "ENOSYS", "DOMCTL"),
}
# Numbers with such a name that are flags or values inside structures, not operations.
NOT_OPERATIONS = re.compile(
    r"XENMEM_(CLAIM|RDM|resource|vnuma|access_op_|paging_op_|sharing_op_)|XENMEMF|XENPF_(INTERFACE|ACPI)|"
    r"PHYSDEVOP_(DBGP|IRQ_UNMASK)|EVTCHNOP_reset_cont|VCPUOP_.*_(flags|mask)|"
    r"XEN_SYSCTL_([A-Z]|cpu_featureset_|cpu_policy_)|XEN_DOMCTL_([A-Z]|gdbsx|mem_sharing_|vmtrace_(?!op)|soft_reset_cont)")
WITHOUT_SUBOPS = "none"
NOTES = TOP / "xen-like/abi/notes.txt"


def read(path):
    return path.read_text(encoding="utf-8")


def family_file(name):
    """The file that defines hc_NAME."""
    pattern = re.compile(rf"^int64_t hc_{name}\(", re.M)
    for path in sorted((TOP / "xen-like").rglob("*.c")):
        if pattern.search(read(path)):
            return path
    sys.exit(f"abi-page: no file defines hc_{name}")


def numbered_operations(header, prefix):
    """{name without prefix: number} from one public header."""
    text = read(HEADERS / header)
    found = {}
    for name, number in re.findall(rf"^#define\s+({prefix}\w+)\s+\(?(\d+)\)?\s*(?:/\*.*)?$", text, re.M):
        if not NOT_OPERATIONS.match(name):
            found.setdefault(name[len(prefix):], int(number))
    return found


def refusal_of_case(text, name):
    """The errno when all a switch does for `name` is refuse, else None."""
    match = re.search(rf"\bcase {name}:(?:\s*/\*.*?\*/|\s*case \w+:)*\s*return (?:[^;?]* \? )?-(E\w+)(?: : -E\w+)?;", text, re.S)
    return match[1] if match else None


def refusal_of_function(text, name):
    """The errno when function `name` only refuses, else None."""
    match = re.search(rf"\b{name}\(.*\)\n\{{\n(?:    \(void\)\w+;\n)?    return -(E\w+);\n\}}", text)
    return match[1] if match else None


def answer(text, prefix, macro, short):
    """'' when answered, an errno when refused by name, None when nowhere named."""
    name = prefix + short
    if re.search(rf"\bcase {name}:", text):
        return refusal_of_case(text, name) or ""
    row = re.search(rf"\[{name}\] = \{{?(\w+)", text)
    if row:
        return refusal_of_function(text, row[1]) or ""
    if macro and re.search(rf"\b{macro}\({short}\b", text):
        return refusal_of_function(text, f"op_{short}") or ""
    return None


def refusal_with_reason(text, short):
    """(errno, why) when a table of refusals has the operation, else None."""
    row = re.search(rf'\bREFUSED\({short}, (E\w+),\s*"([^"]*)"\)', text)
    if row:
        return row[1], row[2]
    row = re.search(rf"\bcase \w+_{short}:\s*(?:case \w+:\s*)*return -(E\w+); /\* (.*?) \*/", text)
    return (row[1], row[2]) if row else None


def notes_of(family):
    """{operation: why} from the notes."""
    lines = (line.split("|", 1) for line in read(NOTES).splitlines() if not line.startswith("#"))
    return {name.strip().split(".")[1]: why.strip() for name, why in lines if name.startswith(family + ".")}


def family_section(name):
    header, prefix, default, macro = FAMILIES[name]
    text = read(family_file(name))
    notes = notes_of(name)
    rows = []
    for short, number in sorted(numbered_operations(header, prefix).items(), key=lambda item: item[1]):
        reason = refusal_with_reason(text, short)
        errno = reason[0] if reason else answer(text, prefix, macro, short)
        why = reason[1] if reason else notes.pop(short, None)
        if errno is None or errno:
            if not why:
                sys.exit(f"abi-page: {NOTES.name} does not say why {name}.{short} is refused")
            rows.append(f"| {number} | {short} | -{errno or default} | {why} |")
        else:
            rows.append(f"| {number} | {short} | {'done in part' if why else 'done'} | {why or ''} |")
    if notes:
        sys.exit(f"abi-page: {NOTES.name} names what {name} has not: {', '.join(notes)}")
    return "\n".join([f"### {name}", f"`{prefix}*`, `<xen/{header}>`; `{family_file(name).relative_to(TOP / 'xen-like')}`", "",
                      "| number | operation | answer | why |", "| ---: | --- | --- | --- |", *rows])


def page():
    rows = re.findall(r"^HYPERCALL\((\d+), (\w+), (\w+)\)", read(TOP / "xen-like/abi/hypercalls.def"), re.M)
    there = [(number, name, caller) for number, name, caller in rows if name != WITHOUT_SUBOPS]
    lines = ["# Hypercalls", "",
             "Generated by `tools/build/abi-page.py --write` from `hypercalls.def` and the families' files; Xen 4.17's",
             "numbers. *guest*: any domain. *control*: dom0, except sub-operations that the family's file marks.",
             f"The other numbers below {len(rows)}, and all above, answer -ENOSYS.", "",
             "| number | name | from | file |", "| ---: | --- | --- | --- |"]
    lines += [f"| {number} | {name} | {caller} | `{family_file(name).relative_to(TOP / 'xen-like')}` |"
              for number, name, caller in there]
    sections = [family_section(name) for _, name, _ in there if name in FAMILIES]
    return "\n".join(lines) + "\n\n## Sub-operations\n\n" + "\n\n".join(sections) + "\n"


def main():
    if sys.argv[1:] == ["--write"]:
        PAGE.write_text(page(), encoding="utf-8")
    elif sys.argv[1:] == ["--check"]:
        if not PAGE.exists() or read(PAGE) != page():
            sys.exit("abi-page: xen-like/abi/README.md is not what the code says: run tools/build/abi-page.py --write")
    else:
        print(page(), end="")


main()
