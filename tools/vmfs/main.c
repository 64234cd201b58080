/* SPDX-License-Identifier: MIT */
/* vmfstool: makes and manages VMFS volumes and the virtual disks on them. */
#include "vmfstool.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "Usage: vmfstool [OPTIONS] ACTION\n"
    "\n"
    "A TARGET is \"[label] dir/name\" (the volume is found by its label among this machine's "
    "disks),\n"
    "a path in a directory where vmfs-mount shows a volume, or, with --device, a path on that "
    "volume.\n"
    "\n"
    "Volumes:\n"
    "  -C, --createfs vmfs5|vmfs6 DEVICE  make a file system on all of DEVICE (or an image file);\n"
    "        -S, --setfsname LABEL      its label; alone, with a TARGET, renames a volume\n"
    "        -b, --blocksize SIZE       1m (default), 2m, 4m or 8m\n"
    "        --subblocksize SIZE        8k (default), or 64k as VMFS-3 had\n"
    "  -P, --queryfs TARGET             show size, space and version\n"
    "  -Z, --spanfs DEVICE TARGET       make DEVICE another extent\n"
    "        --force                    with -C and -Z: destroy what DEVICE holds\n"
    "  -G, --growfs TARGET              use what the volume's last device has gained\n"
    "  -y, --reclaimBlocks TARGET       tell the devices which blocks are free (discard)\n"
    "  check [--repair] TARGET          compare files with the allocation bitmaps\n"
    "\n"
    "Virtual disks (a TARGET without label and --device is a path of this host):\n"
    "  -c, --createvirtualdisk SIZE TARGET.vmdk\n"
    "        -d, --diskformat thin|zeroedthick|eagerzeroedthick|2gbsparse|2gbflat|monosparse|\n"
    "                         monoflat|streamoptimized|vmfssparse|sesparse\n"
    "        -a, --adaptertype lsilogic|buslogic|ide|legacyESX\n"
    "  -i, --clonevirtualdisk SOURCE TARGET.vmdk   copy a disk, a VMDK or a raw file (--raw), to "
    "-d\n"
    "  export [--force] TARGET.vmdk FILE           write the disk's contents as a raw file; "
    "--force\n"
    "                                   overwrites one that exists\n"
    "  snapshot PARENT.vmdk CHILD.vmdk  a delta, of format -d or as its size asks for\n"
    "  -z, --createrdm DEVICE TARGET.vmdk          map a raw device\n"
    "  -X, --extendvirtualdisk SIZE TARGET.vmdk   as thin or thick as it is, or as -d says\n"
    "  -E, --renamevirtualdisk OLD.vmdk NEW.vmdk\n"
    "  -U, --deletevirtualdisk TARGET.vmdk\n"
    "  -K, --punchzero TARGET.vmdk      give back blocks that hold zeros\n"
    "  -j, --inflatedisk TARGET.vmdk    allocate and zero all of it; also -k, --eagerzero\n"
    "  -D, --dumpfile TARGET.vmdk       show format, identifiers, parent and files\n"
    "  -x, --fix check|repair TARGET.vmdk\n"
    "  --adopt TARGET.vmdk              accept the parent's CID as it is now\n"
    "\n"
    "Files:\n"
    "  ls TARGET   cat TARGET   put FILE TARGET   mkdir TARGET   rm TARGET\n"
    "\n"
    "  --device PATH   the volume's device or image (once for each of its extents)\n"
    "  --break-dead    take over from a host that died with the volume open\n"
    "  --json          machine-readable output of ls, queryfs, check and fix\n";

enum long_only {
    OPT_DEVICE = 256,
    OPT_SUB_BLOCK,
    OPT_BREAK_DEAD,
    OPT_JSON,
    OPT_RAW,
    OPT_REPAIR,
    OPT_FORCE,
    OPT_HELP,
    OPT_ADOPT
};

static const struct option long_options[] = {
    {"createfs", required_argument, NULL, 'C'},
    {"setfsname", required_argument, NULL, 'S'},
    {"blocksize", required_argument, NULL, 'b'},
    {"queryfs", no_argument, NULL, 'P'},
    {"createvirtualdisk", required_argument, NULL, 'c'},
    {"diskformat", required_argument, NULL, 'd'},
    {"import", required_argument, NULL, 'i'},
    {"clonevirtualdisk", required_argument, NULL, 'i'},
    {"adaptertype", required_argument, NULL, 'a'},
    {"createrdm", required_argument, NULL, 'z'},
    {"punchzero", no_argument, NULL, 'K'},
    {"inflatedisk", no_argument, NULL, 'j'},
    {"dumpfile", no_argument, NULL, 'D'},
    {"fix", required_argument, NULL, 'x'},
    {"spanfs", required_argument, NULL, 'Z'},
    {"growfs", no_argument, NULL, 'G'},
    {"reclaimBlocks", no_argument, NULL, 'y'},
    {"eagerzero", no_argument, NULL, 'k'},
    {"extendvirtualdisk", required_argument, NULL, 'X'},
    {"renamevirtualdisk", required_argument, NULL, 'E'},
    {"deletevirtualdisk", no_argument, NULL, 'U'},
    {"subblocksize", required_argument, NULL, OPT_SUB_BLOCK},
    {"device", required_argument, NULL, OPT_DEVICE},
    {"break-dead", no_argument, NULL, OPT_BREAK_DEAD},
    {"json", no_argument, NULL, OPT_JSON},
    {"raw", no_argument, NULL, OPT_RAW},
    {"repair", no_argument, NULL, OPT_REPAIR},
    {"force", no_argument, NULL, OPT_FORCE},
    {"adopt", no_argument, NULL, OPT_ADOPT},
    {"help", no_argument, NULL, OPT_HELP},
    {0},
};

/* What one run shall do: a letter of the options above, or a word. */
struct action {
    int letter; /* 0: the first argument is a word */
    char *argument;
};

/* Takes one option in; an exit status when it is wrong, 0 when not. */
static int take_option(int letter, struct options *options, struct action *action)
{
    uint64_t size;

    switch (letter) {
    case OPT_DEVICE:
        if (options->device_count == MAX_DEVICES)
            return complain("a volume has at most %u extents", MAX_DEVICES);
        options->devices[options->device_count++] = optarg;
        return 0;
    case OPT_SUB_BLOCK:
        if (!parse_size(optarg, &size) || size > 64u << 10)
            return complain("sub-block size \"%s\": use 8k or 64k", optarg);
        options->sub_block_size = (uint32_t)size;
        return 0;
    case OPT_BREAK_DEAD:
        options->break_dead = true;
        return 0;
    case OPT_JSON:
        options->json = true;
        return 0;
    case OPT_RAW:
        options->raw = true;
        return 0;
    case OPT_REPAIR:
        options->repair = true;
        return 0;
    case OPT_FORCE:
        options->force = true;
        return 0;
    case 'S':
        options->label = optarg;
        return 0;
    case 'b':
        if (!parse_size(optarg, &size) || size > 8u << 20)
            return complain("block size \"%s\": use 1m, 2m, 4m or 8m", optarg);
        options->block_size = (uint32_t)size;
        return 0;
    case 'd':
        if (vmdk_kind_parse(optarg, &options->kind) != 0)
            return complain("disk format \"%s\" is none of those --help lists", optarg);
        options->kind_given = true;
        return 0;
    case 'a':
        options->adapter = optarg;
        return 0;
    case 'c':
    case 'X':
        if (!parse_size(optarg, &options->size) || options->size == 0)
            return complain("size \"%s\": use a number with k, m, g or t", optarg);
        break;
    case 'C':
        options->fs_type = optarg;
        break;
    }
    if (action->letter != 0)
        return complain("one action at a time; see --help");
    action->letter = letter;
    action->argument = optarg;
    return 0;
}

static int run_letter(const struct options *options, const struct action *action, char **words,
                      int count)
{
    static const struct {
        int letter;
        int (*one)(const struct options *options, const char *target);
        int (*two)(const struct options *options, const char *first, const char *second);
    } commands[] = {
        {'C', command_mkfs, NULL},        {'P', command_query, NULL},
        {'c', command_create, NULL},      {'i', NULL, command_import},
        {'X', command_extend, NULL},      {'E', NULL, command_rename_disk},
        {'U', command_delete_disk, NULL}, {'K', command_punch_zero, NULL},
        {'j', command_inflate, NULL},     {'D', command_dump, NULL},
        {'z', NULL, command_map_device},  {'x', NULL, command_check_disk},
        {'S', command_relabel, NULL},     {OPT_ADOPT, command_adopt, NULL},
        {'Z', NULL, command_span},        {'G', command_grow, NULL},
        {'y', command_reclaim, NULL},     {'k', command_inflate, NULL},
    };

    if (count != 1)
        return complain("this action takes one argument after its options, not %d; see --help",
                        count);
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (commands[i].letter == action->letter)
            return commands[i].one != NULL ? commands[i].one(options, words[0])
                                           : commands[i].two(options, action->argument, words[0]);
    return complain("nothing to do; see --help");
}

static int run_word(const struct options *options, char **words, int count)
{
    static const struct {
        const char *word;
        int (*one)(const struct options *options, const char *target);
        int (*two)(const struct options *options, const char *first, const char *second);
    } commands[] = {
        {"ls", command_list, NULL},       {"cat", command_cat, NULL},
        {"mkdir", command_mkdir, NULL},   {"rm", command_remove, NULL},
        {"check", command_check, NULL},   {"put", NULL, command_put},
        {"export", NULL, command_export}, {"snapshot", NULL, command_snapshot},
    };

    if (count == 0)
        return complain("nothing to do; see --help");
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(words[0], commands[i].word) != 0)
            continue;
        if (count != (commands[i].one != NULL ? 2 : 3))
            return complain("%s: wrong number of arguments; see --help", words[0]);
        return commands[i].one != NULL ? commands[i].one(options, words[1])
                                       : commands[i].two(options, words[1], words[2]);
    }
    return complain("unknown action \"%s\"; see --help", words[0]);
}

/*
 * Finds the volumes of targets in mounted directories. What is exported is read as any file is: its
 * own files may not be what it is written to.
 */
static int find_mounted(struct options *options, struct action *action, char **words, int count)
{
    char **targets[2];
    int n = 0, rc = 0;

    /* Wrong counts are complained about where the action is carried out. */
    if (action->letter == 'C' || count == 0 || count > (action->letter == 0 ? 3 : 1))
        return 0;
    if (action->letter == 'E')
        targets[n++] = &action->argument;
    for (int i = action->letter == 0; i < count; i++)
        targets[n++] = &words[i];
    if (action->letter == 0 && strcmp(words[0], "export") == 0)
        n = 0;
    if (action->letter == 0 && strcmp(words[0], "put") == 0 && n > 0)
        targets[0] = targets[--n];
    for (int i = 0; i < n && rc == 0; i++) {
        bool first_is_elsewhere = i > 0 && options->mounted == NULL && *targets[0][0] != '[';

        rc = mounted_target(options, targets[i]);
        if (rc == 0 && first_is_elsewhere && options->mounted != NULL)
            rc = complain("\"%s\" is not in %s", *targets[0], options->mounted);
    }
    return rc;
}

int main(int argc, char **argv)
{
    struct options options = {.kind = VMDK_KIND_VMFS_ZEROEDTHICK, .label = ""};
    struct action action = {0};
    int letter, rc;

    while ((letter = getopt_long(argc, argv, "C:S:b:Pc:d:a:i:X:E:UKjkDx:z:Z:Gy", long_options,
                                 NULL)) != -1) {
        if (letter == OPT_HELP) {
            fputs(usage, stdout);
            return 0;
        }
        if (letter == '?')
            return 2;
        rc = take_option(letter, &options, &action);
        if (rc != 0)
            return rc;
    }
    if (action.letter == 0 && options.label[0] != '\0')
        action.letter = 'S';
    rc = find_mounted(&options, &action, argv + optind, argc - optind);
    if (rc != 0)
        return rc;
    if (action.letter != 0)
        return run_letter(&options, &action, argv + optind, argc - optind);
    return run_word(&options, argv + optind, argc - optind);
}
