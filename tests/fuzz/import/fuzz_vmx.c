/* SPDX-License-Identifier: MIT */
/* Any bytes as a VMX file, through to the xl.cfg. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "import/vm.h"
#include "import/vmx.h"
#include "import/xlcfg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static FILE *out;
    const char *targets[VM_DISKS_MAX] = {NULL};
    const struct xlcfg_options options = {.source = "fuzz", .targets = targets, .bridge = "nat0"};
    char volume[VM_VOLUME_MAX], path[VM_PATH_MAX];
    struct vmx_error vmx_error;
    const char *error;
    struct vmx vmx;
    struct vm vm = {0};

    if (!out)
        out = fopen("/dev/null", "w");
    if (vmx_parse(&vmx, (const char *)data, size, &vmx_error) == 0 &&
        vm_from_vmx(&vm, &vmx, &error) == 0 && out) {
        for (size_t i = 0; i < vm.n_disks; i++) {
            if (vm_locate("a/b.vmx", vm.disks[i].file, volume, path))
                continue;
            targets[i] = vm.disks[i].file;
            if (path[0] == '/' || strncmp(path, "../", 3) == 0 || strstr(path, "/../"))
                abort();
        }
        xlcfg_write(&vm, &options, out);
    }
    vm_free(&vm);
    vmx_free(&vmx);
    return 0;
}
