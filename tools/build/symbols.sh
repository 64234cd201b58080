#!/bin/sh
# SPDX-License-Identifier: MIT
# From `nm -n` output: the assembly of a sorted table {u32 offset from text start, u32 name offset} and the names.
awk '
BEGIN { print ".section .symtab_hv, \"a\""; print ".balign 8"; print ".globl symtab_entries, symtab_count, symtab_names"; n = 0 }
($2 == "t" || $2 == "T") && $1 ~ /^ffff82d08/ {
    off = substr($1, 9, 8); name[n] = $3; addr[n] = off; n++
}
END {
    print "symtab_entries:"; pos = 0
    for (i = 0; i < n; i++) { printf ".long 0x%s - 0x80000000, %d\n", addr[i], pos; pos += length(name[i]) + 1 }
    print "symtab_count: .long " n
    print "symtab_names:"
    for (i = 0; i < n; i++) printf ".asciz \"%s\"\n", name[i]
    print ".section .note.GNU-stack,\"\",@progbits"
}' "$1"
