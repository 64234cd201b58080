/* SPDX-License-Identifier: MIT */
/* What the parts of xl share: the table of commands and a few helpers. */
#ifndef XL_COMMAND_H
#define XL_COMMAND_H

#include "domain/toolstack.h"

#include <getopt.h>
#include <jansson.h>
#include <stdbool.h>

/* Exit statuses, as xl has them. */
enum {
    XL_OK = 0,
    XL_FAILED = 1,
    XL_USAGE = 2,
};

struct command {
    const char *name;
    int (*run)(int argc, char **argv); /* argv[0] is the command's name; returns the exit status */
    const char *arguments;             /* for the usage line */
    const char *summary;
    const char *options; /* one "-x   text" a line, or NULL */
};

int cmd_block_attach(int argc, char **argv);
int cmd_block_detach(int argc, char **argv);
int cmd_block_list(int argc, char **argv);
int cmd_console(int argc, char **argv);
int cmd_cpupool_cpu_add(int argc, char **argv);
int cmd_cpupool_cpu_remove(int argc, char **argv);
int cmd_cpupool_create(int argc, char **argv);
int cmd_cpupool_destroy(int argc, char **argv);
int cmd_cpupool_list(int argc, char **argv);
int cmd_cpupool_migrate(int argc, char **argv);
int cmd_create(int argc, char **argv);
int cmd_debug_keys(int argc, char **argv);
int cmd_destroy(int argc, char **argv);
int cmd_dmesg(int argc, char **argv);
int cmd_domid(int argc, char **argv);
int cmd_domname(int argc, char **argv);
int cmd_help(int argc, char **argv);
int cmd_info(int argc, char **argv);
int cmd_list(int argc, char **argv);
int cmd_mem_max(int argc, char **argv);
int cmd_mem_set(int argc, char **argv);
int cmd_network_attach(int argc, char **argv);
int cmd_network_detach(int argc, char **argv);
int cmd_network_list(int argc, char **argv);
int cmd_pause(int argc, char **argv);
int cmd_reboot(int argc, char **argv);
int cmd_rename(int argc, char **argv);
int cmd_sched_credit2(int argc, char **argv);
int cmd_shutdown(int argc, char **argv);
int cmd_sysrq(int argc, char **argv);
int cmd_trigger(int argc, char **argv);
int cmd_unpause(int argc, char **argv);
int cmd_uptime(int argc, char **argv);
int cmd_vcpu_list(int argc, char **argv);
int cmd_vcpu_pin(int argc, char **argv);
int cmd_vcpu_set(int argc, char **argv);
int cmd_vm_list(int argc, char **argv);

/* Says how a command is called, on stderr. Returns XL_USAGE. */
int command_usage(const char *name);

/* The one option of a command that only knows --json. Returns 0, or -1 after the usage; optind is
 * at the arguments. */
int command_json_option(int argc, char **argv, bool *is_json);

/* Prints a JSON value (which it consumes) and returns XL_OK. */
int command_print_json(json_t *value);

/* Runs act on each domain named in argv[optind..]. Returns the exit status: failed if one did. */
typedef int domain_act(struct toolstack *ts, domid_t domid, void *context);
int command_for_domains(int argc, char **argv, domain_act *act, void *context);

/* Takes the terminal to the guest's console until Ctrl-] or the guest's end. Returns the exit
 * status. */
int console_attach(struct toolstack *ts, domid_t domid);

#endif
