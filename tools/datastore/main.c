/* SPDX-License-Identifier: MIT */
/* corbel-datastore: finds datastores and their virtual machines, and brings machines to and fro. */
#include "datastore_tool.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char usage[] =
    "Usage: corbel-datastore COMMAND [OPTIONS]\n"
    "\n"
    "  scan [--json] [--watch SECONDS] [DEVICE...]\n"
    "        the VMFS volumes on this machine's disks, the hosts that use them, the virtual\n"
    "        machines on them and whether each can be started\n"
    "  config [OPTIONS] \"[label] dir/x.vmx\"\n"
    "        write an xl.cfg for a virtual machine, its kernel taken from its disk beside it;\n"
    "        what cannot be carried over is listed in it\n"
    "  start [OPTIONS] \"[label] dir/x.vmx\"\n"
    "        the same, and then xl create\n"
    "  import FILE.ova|FILE.ovf \"[label] folder\"\n"
    "        copy a package's disks into a new folder of a volume, and write a VMX for them\n"
    "\n"
    "    -o, --output DIRECTORY      where they go: /var/lib/corbel/machines/NAME\n"
    "    -k, --kernel FILE           this kernel instead of the disk's\n"
    "    -r, --ramdisk FILE          its ramdisk\n"
    "    -e, --extra WORDS           its command line, instead of the disk's\n"
    "    -b, --bridge NAME           the vSwitch of all networks but those named by\n"
    "    -n, --network NAME=BRIDGE   (again for each)\n";

int complain(const char *format, ...)
{
    va_list arguments;

    fputs("corbel-datastore: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    return 1;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *word;
        int (*run)(int argc, char **argv);
    } commands[] = {{"scan", command_scan},
                    {"config", command_config},
                    {"start", command_start},
                    {"import", command_import}};

    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)) {
        fputs(usage, stdout);
        return 0;
    }
    for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(argv[1], commands[i].word) == 0)
            return commands[i].run(argc - 1, argv + 1);
    fputs(usage, stderr);
    return 2;
}
