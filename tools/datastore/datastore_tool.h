/* SPDX-License-Identifier: MIT */
/* What the commands of corbel-datastore share. */
#ifndef DATASTORE_TOOL_H
#define DATASTORE_TOOL_H

#include <stdbool.h>

/* Prints "corbel-datastore: ..." to standard error and returns 1, the exit status. */
int complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Commands: argv[0] is the command's name. They return the exit status. */
int command_scan(int argc, char **argv);
int command_config(int argc, char **argv);
int command_start(int argc, char **argv);
int command_import(int argc, char **argv);

#endif
