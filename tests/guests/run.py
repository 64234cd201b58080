#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Boots micro-guest tests as dom0 and judges what they print.

  run.py NAME...           each test on Corbel ($B/corbel); exit 0, 77 (skip) or 1
  run.py --on-xen NAME...  the same on Debian's Xen
  run.py --peer [NAME...]  every test on both, with each difference and its explanation

A difference is explained by a line `pattern | why` in peer-differences.txt; the pattern is a name
test.behaviour or test.behaviour.answer, or a shell pattern of such names.
"""
import argparse
import fnmatch
import gzip
import os
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ.get("B", "build"))
XEN_PACKAGE = "xen-hypervisor-4.17-amd64"
PARENTS = ("hostile", "resources")  # folders of tests that build children of their own file
RESULTS = ("success", "skip", "error", "failure")
# Xen's idle loop uses mwait as TCG's EPYC offers it, and faults on it: keep it to hlt.
XEN_WORDS = "cpuidle=0"
EXPLAINED = HERE / "peer-differences.txt"


class Boot:
    """One run of one test on one hypervisor: its lines, sorted out."""

    def __init__(self, name, text, ended):
        self.name = name
        self.text = text
        self.ended = ended
        self.behaviours = dict(re.findall(r"^BEHAVIOUR (\S+) (\w+):", text, re.M))
        self.answers = self.collect_answers(text)
        found = re.findall(r"^RESULT (\w+)", text, re.M)
        self.result = found[-1] if ended and found and found[-1] in RESULTS else "error"
        if "UBSAN: " in text:
            self.result = "failure"  # the hypervisor itself found a fault of its own

    @staticmethod
    def collect_answers(text):
        """Answers by 'behaviour.what', so the same question in two behaviours stays two."""
        answers, behaviour = {}, ""
        for line in text.splitlines():
            words = line.split()
            if len(words) == 2 and words[0] == "BEGIN":
                behaviour = words[1]
            elif len(words) == 3 and words[0] == "ANSWER":
                answers[f"{behaviour}.{words[1]}"] = words[2]
        return answers


def boot(hypervisor, name, args, options):
    """Boots test `name` as dom0 under `hypervisor`; answers a Boot."""
    guest = BUILD / "guests" / f"{name}.elf"
    for path, how in ((hypervisor, "make"), (guest, "make")):
        if not path.exists():
            sys.exit(f"run.py: {path} is missing; build it with `{how}` (B={BUILD})")
    modules = f"{guest} {name} {args.words}".rstrip()
    if any((HERE / folder / f"{name}.c").exists() for folder in PARENTS):
        modules += f",{guest}"  # what its children run
    command = [
        "qemu-system-x86_64", "-kernel", str(hypervisor),
        "-append", f"console=com1 loglvl=all guest_loglvl=all dom0_mem=32M {options}",
        "-initrd", modules, "-m", "256", "-cpu", args.cpu, "-smp", str(args.cpus), "-nodefaults",
        "-display", "none", "-serial", "stdio", "-nic", "none", "-no-reboot",
        *["-serial", "null"] * args.serials,
    ]
    if args.count is not None:
        command += ["-icount", f"shift={args.count},sleep=off"]
    for node in range(args.nodes):
        cpus = [f"cpus={cpu}" for cpu in range(node, args.cpus, args.nodes)]
        command += ["-object", f"memory-backend-ram,id=m{node},size={256 // args.nodes}M",
                    "-numa", ",".join(["node", f"nodeid={node}", f"memdev=m{node}", *cpus])]
        command += [word for other in range(node) for word in ("-numa", f"dist,src={other},dst={node},val=21")]
    try:
        run = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, timeout=args.timeout, check=False)
        output, ended = run.stdout, run.returncode == 0
    except subprocess.TimeoutExpired as expired:
        output, ended = expired.stdout or b"", False
    return Boot(name, output.decode("utf-8", "replace").replace("\r", ""), ended)


def debian_xen():
    """Debian's Xen as an uncompressed ELF in the build directory, fetched once."""
    image = BUILD / "peer" / "xen.elf"
    if image.exists():
        return image
    image.parent.mkdir(parents=True, exist_ok=True)
    root = image.parent / "root"
    installed = pathlib.Path("/boot/xen-4.17-amd64.gz")
    if not installed.exists():
        subprocess.run(["apt-get", "-o", "APT::Sandbox::User=root", "download", XEN_PACKAGE], cwd=image.parent, check=True,
                       stdout=subprocess.DEVNULL)
        deb = next(image.parent.glob(f"{XEN_PACKAGE}_*.deb"))
        subprocess.run(["dpkg", "-x", str(deb), str(root)], check=True)
        installed = root / "boot/xen-4.17-amd64.gz"
    image.write_bytes(gzip.decompress(installed.read_bytes()))
    return image


def show(run, verbose):
    """Prints one boot's results; everything it said when it went wrong."""
    good = run.result in ("success", "skip")
    if verbose or not good:
        begin = run.text.find("BEGIN ") if not verbose else 0
        print(run.text[max(begin, 0):].rstrip())
    for behaviour, result in run.behaviours.items():
        print(f"{run.name}.{behaviour}: {result}")
    if not run.ended:
        print(f"{run.name}: did not end by itself")
    print(f"{run.name}: {run.result}")


def explanations():
    """The table of explained differences: name -> why."""
    table = {}
    for line in EXPLAINED.read_text().splitlines():
        if line.strip() and not line.startswith("#"):
            name, why = line.split("|", 1)
            table[name.strip()] = why.strip()
    return table


def differences(xen, ours):
    """Yields (name, what Xen says, what Corbel says) for all that differs in one test."""
    yield from ((f"{xen.name}.{key}", xen.behaviours.get(key, "absent"),
                 ours.behaviours.get(key, "absent"))
                for key in {**xen.behaviours, **ours.behaviours}
                if xen.behaviours.get(key) != ours.behaviours.get(key))
    yield from ((f"{xen.name}.{key}", xen.answers.get(key, "absent"),
                 ours.answers.get(key, "absent"))
                for key in {**xen.answers, **ours.answers}
                if xen.answers.get(key) != ours.answers.get(key))


def compare_peers(names, args):
    """Runs every test on both hypervisors; answers the number of unexplained differences."""
    table, unexplained, explained = explanations(), 0, 0
    for name in names:
        xen = boot(debian_xen(), name, args, f"{XEN_WORDS} {args.options}")
        ours = boot(BUILD / "corbel", name, args, args.options)
        print(f"{name}: Xen {xen.result}, Corbel {ours.result}, "
              f"{len(xen.behaviours)} behaviours, {len(xen.answers)} answers")
        for what, theirs, mine in differences(xen, ours):
            why = next((table[p] for p in table if fnmatch.fnmatchcase(what, p)), None)
            explained += why is not None
            unexplained += why is None
            print(f"  {what}: Xen {theirs}, Corbel {mine} -- {why or 'UNEXPLAINED'}")
    print(f"{explained} explained and {unexplained} unexplained differences")
    return unexplained


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--on-xen", action="store_true", help="boot Debian's Xen instead")
    parser.add_argument("--peer", action="store_true", help="compare both hypervisors")
    parser.add_argument("--hypervisor", type=pathlib.Path, default=BUILD / "corbel")
    parser.add_argument("--cpu", default="EPYC", help="QEMU's -cpu")
    parser.add_argument("--cpus", type=int, default=1, help="CPUs of the machine")
    parser.add_argument("--nodes", type=int, default=0, metavar="N",
                        help="memory nodes with equal parts of memory, CPUs dealt to them in turn")
    parser.add_argument("--count", type=int, metavar="N",
                        help="time counts instructions, 2**N ns each, whatever else the host does")
    parser.add_argument("--serials", type=int, default=2, help="more serial ports, of which nothing is read")
    parser.add_argument("--words", default="", help="words on the test's own command line")
    parser.add_argument("--options", default="", help="more words for the hypervisor")
    parser.add_argument("--timeout", type=float, default=90, help="seconds a boot may take")
    parser.add_argument("-v", "--verbose", action="store_true", help="print the whole console")
    args = parser.parse_args()

    every = sorted(p.stem for p in [*HERE.glob("*.c"), *HERE.glob("libc/*.c"), *HERE.glob("hostile/*.c")])
    names = args.names or every
    if args.peer:
        sys.exit(1 if compare_peers(names, args) else 0)
    hypervisor = debian_xen() if args.on_xen else args.hypervisor
    if args.on_xen:
        args.options += " " + XEN_WORDS
    runs = [boot(hypervisor, name, args, args.options) for name in names]
    for run in runs:
        show(run, args.verbose)
    if any(run.result not in ("success", "skip") for run in runs):
        sys.exit(1)
    if all(run.result == "skip" for run in runs):
        print("every behaviour was skipped; see the reasons above")
        sys.exit(77)


if __name__ == "__main__":
    main()
