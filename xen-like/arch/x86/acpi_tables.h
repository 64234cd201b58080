/* SPDX-License-Identifier: MIT */
/* Parsing of single ACPI tables that lie whole in memory: pure, for acpi.c and its unit test. */
#ifndef CORBEL_X86_ACPI_TABLES_H
#define CORBEL_X86_ACPI_TABLES_H

#include "arch/acpi.h"
#include "errno.h"

#define ACPI_HEADER_SIZE 36

/* True when the bytes sum to zero (ACPI specification, 5.2.3 and 5.2.6). */
bool acpi_checksum_ok(const void *table, size_t len);
/*
 * Each takes a whole table (header included, checksum already good, `len` = its header's length)
 * and fills its part of `info`. 0, or -EINVAL when the table is too short to be one; entries that
 * do not fit are left out.
 */
int acpi_parse_madt(const void *table, size_t len, struct acpi_info *info);
int acpi_parse_fadt(const void *table, size_t len, struct acpi_info *info);
int acpi_parse_mcfg(const void *table, size_t len, struct acpi_info *info);
/* What holds when firmware says nothing: ISA IRQs are GSIs of the same number, edge, active high.
 */
void acpi_set_defaults(struct acpi_info *info);

#endif
