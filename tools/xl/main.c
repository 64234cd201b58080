/* SPDX-License-Identifier: MIT */
/* xl: manages guests of the Corbel hypervisor. This is the table of its commands. */
#include "command.h"
#include "util/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct command commands[] = {
    {"create", cmd_create, "<ConfigFile> [options] [key=value ...]",
     "Create a domain from a config file",
     "-c, --console       Connect to its console\n"
     "-p, --paused        Leave it paused\n"
     "-n, --dryrun        Only read the file, and print what would be made (JSON)\n"
     "-F, --foreground    Stay until the domain has ended\n"
     "-e, --no-wait       Start nobody to watch over it: on_reboot and the like are not done\n"
     "-q, --quiet         Say less\n"
     "-f, --defconfig=F   The config file, instead of the argument"},
    {"destroy", cmd_destroy, "<Domain> ...", "Terminate a domain immediately", NULL},
    {"list", cmd_list, "[options] [Domain]", "List information about all/some domains",
     "-l, --long          All details (JSON)\n"
     "-v, --verbose       UUIDs and why a domain stopped\n"
     "-a, --accounting    CPU time with what dom0's backends spent for the domain\n"
     "--json              The table as JSON"},
    {"info", cmd_info, "[options]", "Get information about the host",
     "--json              As JSON"},
    {"console", cmd_console, "<Domain>", "Attach to a domain's console (Ctrl-] leaves)", NULL},
    {"pause", cmd_pause, "<Domain> ...", "Pause execution of a domain", NULL},
    {"unpause", cmd_unpause, "<Domain> ...", "Unpause a paused domain", NULL},
    {"shutdown", cmd_shutdown, "[options] <-a|Domain ...>", "Ask a domain to power off",
     "-a, --all           All guests\n"
     "-w, --wait          Wait until they have ended"},
    {"reboot", cmd_reboot, "[options] <-a|Domain ...>", "Ask a domain to reboot",
     "-a, --all           All guests\n"
     "-w, --wait          Wait until they have stopped"},
    {"dmesg", cmd_dmesg, "[-c]", "Read the hypervisor's log",
     "-c, --clear         Empty it afterwards"},
    {"domid", cmd_domid, "<DomainName>", "Convert a domain name to domain id", NULL},
    {"domname", cmd_domname, "<DomainID>", "Convert a domain id to domain name", NULL},
    {"block-list", cmd_block_list, "[--json] <Domain> ...",
     "List virtual block devices of a domain", "--json              As JSON"},
    {"block-attach", cmd_block_attach, "<Domain> <disk-spec-component(s)>...",
     "Create a new virtual block device", NULL},
    {"block-detach", cmd_block_detach, "[-f] <Domain> <DevId>",
     "Destroy a domain's virtual block device",
     "-f, --force         Also when the guest does not let go of it"},
    {"network-attach", cmd_network_attach, "<Domain> [mac=<mac>] [bridge=<bridge>] [ip=<ip>]",
     "Create a new virtual network device", NULL},
    {"network-detach", cmd_network_detach, "[-f] <Domain> <DevId|mac>",
     "Destroy a domain's virtual network device",
     "-f, --force         Also when the guest does not let go of it"},
    {"network-list", cmd_network_list, "[--json] <Domain> ...",
     "List virtual network interfaces of a domain", "--json              As JSON"},
    {"uptime", cmd_uptime, "[options] [Domain ...]", "Print uptime for all/some domains",
     "-s, --short         One line each, with the time\n"
     "--json              As JSON"},
    {"mem-set", cmd_mem_set, "<Domain> <MemMB['b'|'k'|'m'|'g'|'t']>",
     "Set the current memory usage for a domain", NULL},
    {"mem-max", cmd_mem_max, "<Domain> <MemMB['b'|'k'|'m'|'g'|'t']>",
     "Set the maximum amount of memory for a domain", NULL},
    {"sysrq", cmd_sysrq, "<Domain> <letter>", "Send a sysrq to a domain", NULL},
    {"trigger", cmd_trigger, "<Domain> <nmi|reset|init|power|sleep> [<VCPU>]",
     "Send a trigger to a domain", NULL},
    {"rename", cmd_rename, "<Domain> <NewDomainName>", "Rename a domain", NULL},
    {"vcpu-list", cmd_vcpu_list, "[Domain ...]", "List the VCPUs for all/some domains", NULL},
    {"vcpu-pin", cmd_vcpu_pin, "[-f] <Domain> <VCPU|all> <Hard affinity|-> [Soft affinity|-]",
     "Set which CPUs a VCPU can use",
     "-f, --force         Accepted; nothing here holds a pin against it"},
    {"vcpu-set", cmd_vcpu_set, "[option] <Domain> <vCPUs>",
     "Set the number of active VCPUs allowed for the domain",
     "-i, --ignore-host   More vCPUs than the host has CPUs"},
    {"sched-credit2", cmd_sched_credit2,
     "[-d <Domain> [-w[=WEIGHT]|-c[=CAP]|--reservation=CPU]] [-p CPUPOOL]",
     "Get/set credit2 scheduler parameters",
     "-d, --domain=D      The domain to show or change\n"
     "-w, --weight=W      Its share beside others, 1 to 65535 (int)\n"
     "-c, --cap=C         At most so many hundredths of a CPU, 0: no limit (int)\n"
     "--reservation=R     At least so many hundredths of a CPU when it wants them (Corbel only)\n"
     "-p, --cpupool=P     Show the domains of this pool"},
    {"cpupool-create", cmd_cpupool_create, "[<ConfigFile>] [Variable=value ...]",
     "Create a new CPU pool", NULL},
    {"cpupool-list", cmd_cpupool_list, "[-c] [<CPU Pool>]", "List CPU pools on host",
     "-c, --cpus          Output list of CPUs used by a pool"},
    {"cpupool-destroy", cmd_cpupool_destroy, "<CPU Pool>", "Deactivates a CPU pool", NULL},
    {"cpupool-cpu-add", cmd_cpupool_cpu_add, "<CPU Pool> <CPU list>|all", "Adds CPUs to a CPU pool",
     NULL},
    {"cpupool-cpu-remove", cmd_cpupool_cpu_remove, "<CPU Pool> <CPU list>|all",
     "Removes CPUs from a CPU pool", NULL},
    {"cpupool-migrate", cmd_cpupool_migrate, "<Domain> <CPU Pool>",
     "Moves a domain into a CPU pool", NULL},
    {"vm-list", cmd_vm_list, "[--json]", "List domains with their UUIDs",
     "--json              As JSON"},
    {"debug-keys", cmd_debug_keys, "<Keys>",
     "Press keys of the hypervisor's debug console (h: help)", NULL},
    {"help", cmd_help, "[Command]", "Show how to use xl or one of its commands", NULL},
};

#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static void print_usage(FILE *out, const struct command *command)
{
    fprintf(out, "Usage: xl [-v] %s %s\n\n%s.\n", command->name, command->arguments,
            command->summary);
    if (command->options)
        fprintf(out, "\nOptions:\n\n%s\n", command->options);
}

static void print_commands(FILE *out)
{
    fprintf(out, "Usage xl [-v] <subcommand> [args]\n\nxl full list of subcommands:\n\n");
    for (size_t i = 0; i < N_COMMANDS; i++)
        fprintf(out, " %-19s %s\n", commands[i].name, commands[i].summary);
}

int command_usage(const char *name)
{
    print_usage(stderr, command_find(name));
    return XL_USAGE;
}

int cmd_help(int argc, char **argv)
{
    const struct command *command;

    if (argc < 2) {
        print_commands(stdout);
        return XL_OK;
    }
    command = command_find(argv[1]);
    if (!command) {
        report_error("there is no command '%s' (xl help lists those there are)", argv[1]);
        return XL_USAGE;
    }
    print_usage(stdout, command);
    return XL_OK;
}

int command_json_option(int argc, char **argv, bool *is_json)
{
    static const struct option options[] = {{"json", no_argument, NULL, 'j'}, {0}};
    int c;

    *is_json = false;
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c != 'j') {
            command_usage(argv[0]);
            return -1;
        }
        *is_json = true;
    }
    return 0;
}

int command_print_json(json_t *value)
{
    json_dumpf(value, stdout, JSON_INDENT(4) | JSON_ENCODE_ANY);
    putchar('\n');
    json_decref(value);
    return XL_OK;
}

int command_for_domains(int argc, char **argv, domain_act *act, void *context)
{
    struct toolstack ts;
    int status = XL_OK;

    if (optind >= argc) {
        report_error("'xl %s' requires a domain", argv[0]);
        return command_usage(argv[0]);
    }
    if (toolstack_open(&ts) < 0)
        return XL_FAILED;
    for (int i = optind; i < argc; i++) {
        domid_t domid;

        if (domain_find(&ts, argv[i], &domid) < 0 || act(&ts, domid, context) < 0)
            status = XL_FAILED;
    }
    toolstack_close(&ts);
    return status;
}

int main(int argc, char **argv)
{
    const struct command *command;
    int c;

    while ((c = getopt(argc, argv, "+vh")) != -1) {
        if (c == 'h')
            return cmd_help(0, NULL);
        if (c != 'v')
            return XL_USAGE;
        report_set_verbose(1);
    }
    if (optind >= argc) {
        print_commands(stderr);
        return XL_FAILED;
    }
    argc -= optind;
    argv += optind;
    optind = 1;
    command = command_find(argv[0]);
    if (!command) {
        report_error("there is no command '%s' (xl help lists those there are)", argv[0]);
        return XL_FAILED;
    }
    return command->run(argc, argv);
}
