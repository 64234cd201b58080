/* SPDX-License-Identifier: MIT */
/* Any bytes as a VMX file, through to the xl.cfg. */
#include <stdint.h>
#include <stdio.h>

#include "import/vm.h"
#include "import/vmx.h"
#include "import/xlcfg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static FILE *out;
    const struct xlcfg_options options = {
        .source = "fuzz", .directory = "[ds] a/", .bridge = "nat0"};
    struct vmx_error vmx_error;
    const char *error;
    struct vmx vmx;
    struct vm vm = {0};

    if (!out)
        out = fopen("/dev/null", "w");
    if (vmx_parse(&vmx, (const char *)data, size, &vmx_error) == 0 &&
        vm_from_vmx(&vm, &vmx, &error) == 0 && out)
        xlcfg_write(&vm, &options, out);
    vm_free(&vm);
    vmx_free(&vmx);
    return 0;
}
