/* SPDX-License-Identifier: MIT */
/* OVF descriptors as VMware's tools write them, and such as nobody should. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "import/ovf.h"

#define HEAD                                                                                       \
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"                                                 \
    "<Envelope xmlns=\"http://schemas.dmtf.org/ovf/envelope/1\""                                   \
    " xmlns:ovf=\"http://schemas.dmtf.org/ovf/envelope/1\""                                        \
    " xmlns:rasd=\"http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/"                             \
    "CIM_ResourceAllocationSettingData\""                                                          \
    " xmlns:vmw=\"http://www.vmware.com/schema/ovf\">\n"
#define DISKS                                                                                      \
    "<References>\n<File ovf:href=\"a-disk1.vmdk\" ovf:id=\"file1\" ovf:size=\"5\"/>\n"            \
    "<File ovf:href=\"a-disk2.vmdk\" ovf:id=\"file2\" ovf:size=\"5\"/>\n</References>\n"           \
    "<DiskSection>\n"                                                                              \
    "<Disk ovf:capacity=\"16\" ovf:capacityAllocationUnits=\"byte * 2^30\" ovf:diskId=\"d1\""      \
    " ovf:fileRef=\"file1\"/>\n"                                                                   \
    "<Disk ovf:capacity=\"1048576\" ovf:diskId=\"d2\" ovf:fileRef=\"file2\"/>\n</DiskSection>\n"
#define ITEM(fields)   "<Item>" fields "</Item>\n"
#define F(name, value) "<rasd:" name ">" value "</rasd:" name ">"
#define SYSTEM(items)                                                                              \
    "<VirtualSystem ovf:id=\"vm-17\"><Name>mail</Name>\n"                                          \
    "<OperatingSystemSection ovf:id=\"96\" vmw:osType=\"debian10_64Guest\"/>\n"                    \
    "<VirtualHardwareSection>\n" items "</VirtualHardwareSection></VirtualSystem></Envelope>\n"
#define CPU ITEM(F("InstanceID", "1") F("ResourceType", "3") F("VirtualQuantity", "2"))
#define MEMORY                                                                                     \
    ITEM(F("AllocationUnits", "byte * 2^20") F("InstanceID", "2") F("ResourceType", "4")           \
             F("VirtualQuantity", "4096"))
#define SCSI ITEM(F("Address", "0") F("InstanceID", "3") F("ResourceType", "6"))
#define DISK(unit, disk)                                                                           \
    ITEM(F("AddressOnParent", unit) F("HostResource", "ovf:/disk/" disk) F("InstanceID", "9" unit) \
             F("Parent", "3") F("ResourceType", "17"))
#define NIC                                                                                        \
    ITEM(F("Address", "00:50:56:aa:bb:cc") F("Connection", "VM Network") F("InstanceID", "5")      \
             F("ResourceType", "10"))
#define CD ITEM(F("ElementName", "CD drive 1") F("InstanceID", "6") F("ResourceType", "15"))

static struct vm vm;
static const char *error;
static unsigned int line;

static int read_text(const char *text)
{
    int rc;

    error = NULL;
    rc = vm_from_ovf(&vm, text, strlen(text), &error, &line);
    return rc;
}

static void a_typical_machine_is_understood(void **state)
{
    (void)state;
    assert_int_equal(
        read_text(HEAD DISKS SYSTEM(CPU MEMORY SCSI DISK("1", "d2") DISK("0", "d1") NIC CD)), 0);
    assert_string_equal(vm.name, "mail");
    assert_string_equal(vm.guest_os, "debian10_64Guest");
    assert_int_equal(vm.vcpus, 2);
    assert_int_equal(vm.memory_mib, 4096);
    assert_int_equal(vm.n_disks, 2);
    assert_string_equal(vm.disks[0].file, "a-disk1.vmdk");
    assert_string_equal(vm.disks[0].place, "scsi0:0");
    assert_true(vm.disks[0].bytes == 16ull << 30);
    assert_string_equal(vm.disks[1].place, "scsi0:1");
    assert_int_equal(vm.disks[1].bytes, 1048576);
    assert_int_equal(vm.n_nics, 1);
    assert_true(vm.nics[0].has_mac);
    assert_string_equal(vm.nics[0].network, "VM Network");
    assert_int_equal(vm.n_losses, 1);
    vm_free(&vm);
}

static void what_cannot_be_is_refused_with_a_reason(void **state)
{
    static const char *const bad[] = {
        "",
        "not xml",
        HEAD "</Envelope>",
        HEAD DISKS SYSTEM(MEMORY SCSI),
        HEAD DISKS SYSTEM(CPU SCSI),
        HEAD DISKS SYSTEM(CPU MEMORY SCSI DISK("0", "d9")),
        HEAD DISKS SYSTEM(CPU ITEM(F("ResourceType", "4") F("VirtualQuantity", "lots"))),
        HEAD DISKS "<VirtualSystem ovf:id=\"a\"></VirtualSystem>" SYSTEM(CPU MEMORY),
        "<!DOCTYPE a [<!ENTITY x \"yyyy\">]>" HEAD DISKS SYSTEM(CPU MEMORY),
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (read_text(bad[i]) != -1)
            fail_msg("case %zu was taken", i);
        assert_non_null(error);
        vm_free(&vm);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_typical_machine_is_understood),
        cmocka_unit_test(what_cannot_be_is_refused_with_a_reason),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
