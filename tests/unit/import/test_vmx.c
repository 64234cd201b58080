/* SPDX-License-Identifier: MIT */
/* VMX files: syntax, meaning, and the xl.cfg made of them. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <setjmp.h>
#include <cmocka.h>

#include "config/domain_config.h"
#include "import/vm.h"
#include "import/vmx.h"
#include "import/xlcfg.h"

static const char typical[] = "\357\273\277.encoding = \"UTF-8\"\r\n"
                              "config.version = \"8\"\r\n"
                              "virtualHW.version = \"19\"\r\n"
                              "# a comment\r\n"
                              "displayName = \"web |22one|22 #2\"\r\n"
                              "guestOS = \"debian11-64\"\r\n"
                              "memSize = \"2048\"\r\n"
                              "numvcpus = \"4\"\r\n"
                              "firmware = \"efi\"\r\n"
                              "uuid.bios = \"56 4d 6c 9e 24 aa 1c 3d-5d a4 12 ff 90 33 40 c1\"\r\n"
                              "scsi0.present = \"TRUE\"\r\n"
                              "scsi0:0.present = \"TRUE\"\r\n"
                              "scsi0:0.fileName = \"web.vmdk\"\r\n"
                              "SCSI0:1.fileName = \"/vmfs/volumes/fast ds/web/data.vmdk\"\r\n"
                              "scsi0:1.mode = \"independent-nonpersistent\"\r\n"
                              "scsi0:2.present = \"FALSE\"\r\n"
                              "scsi0:2.fileName = \"gone.vmdk\"\r\n"
                              "sata0:0.present = \"TRUE\"\r\n"
                              "sata0:0.deviceType = \"cdrom-image\"\r\n"
                              "sata0:0.fileName = \"install.iso\"\r\n"
                              "ethernet0.present = \"TRUE\"\r\n"
                              "ethernet0.networkName = \"VM Network\"\r\n"
                              "ethernet0.addressType = \"generated\"\r\n"
                              "ethernet0.generatedAddress = \"00:0c:29:33:40:c1\"\r\n"
                              "ethernet1.present = \"TRUE\"\r\n"
                              "ethernet1.networkName = \"Backup\"\r\n"
                              "ethernet1.addressType = \"static\"\r\n"
                              "ethernet1.address = \"00:50:56:01:02:03\"\r\n"
                              "floppy0.present = \"TRUE\"\r\n";

static struct vmx vmx;
static struct vm vm;

static int teardown(void **state)
{
    (void)state;
    vm_free(&vm);
    vmx_free(&vmx);
    return 0;
}

static void read_typical(void)
{
    struct vmx_error vmx_error;
    const char *error = NULL;

    assert_int_equal(vmx_parse(&vmx, typical, sizeof(typical) - 1, &vmx_error), 0);
    assert_int_equal(vm_from_vmx(&vm, &vmx, &error), 0);
}

static void a_typical_machine_is_understood(void **state)
{
    (void)state;
    read_typical();
    assert_string_equal(vm.name, "web \"one\" #2");
    assert_int_equal(vm.memory_mib, 2048);
    assert_int_equal(vm.vcpus, 4);
    assert_true(vm.is_efi && vm.has_uuid);
    assert_int_equal(vm.uuid[0], 0x56);
    assert_int_equal(vm.uuid[15], 0xc1);
    assert_int_equal(vm.n_disks, 2);
    assert_string_equal(vm.disks[0].file, "web.vmdk");
    assert_string_equal(vm.disks[1].place, "scsi0:1");
    assert_true(vm.disks[1].is_read_only);
    assert_int_equal(vm.n_nics, 2);
    assert_int_equal(vm.nics[1].mac[5], 3);
    assert_string_equal(vm.nics[0].network, "VM Network");
    assert_int_equal(vm.n_losses, 4); /* CD-ROM, mode, floppy, firmware */
}

static int report_count;

static void report(void *context, bool is_error, const char *file, unsigned int line,
                   const char *text)
{
    (void)context, (void)file, (void)line;
    print_message("%s: %s\n", is_error ? "error" : "warning", text);
    report_count++;
}

/* What we write is read by our own xl without a word. */
static void the_xlcfg_is_one_that_xl_takes(void **state)
{
    const char *const targets[] = {"[ds] web/web.vmdk", "[fast ds] web/data.vmdk"};
    const struct xlcfg_network networks[] = {{"Backup", "br0"}};
    struct xlcfg_options options = {.source = "[ds] web/web.vmx",
                                    .targets = targets,
                                    .kernel = "/boot/vmlinuz",
                                    .ramdisk = "/boot/initrd.img",
                                    .extra = "root=/dev/xvda1 ro console=hvc0",
                                    .bridge = "nat0",
                                    .networks = networks,
                                    .n_networks = 1};
    struct domain_config config;
    struct cfg cfg = {0};
    struct cfg_error error;
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    (void)state;
    read_typical();
    assert_int_equal(xlcfg_write(&vm, &options, out), 0);
    fclose(out);
    assert_non_null(strstr(text, "network \"VM Network\": connected to vSwitch nat0"));
    if (cfg_parse(&cfg, text, size, "made", &error))
        fail_msg("line %u: %s\n%s", error.line, error.text, text);
    report_count = 0;
    assert_int_equal(domain_config_read(&config, &cfg, "made", report, NULL), 0);
    assert_int_equal(report_count, 0);
    assert_string_equal(config.name, "web--one---2");
    assert_int_equal(config.vcpus, 4);
    assert_int_equal(config.memory_kib, 2048 << 10);
    assert_string_equal(config.disks[0].target, "[ds] web/web.vmdk");
    assert_string_equal(config.disks[1].target, "[fast ds] web/data.vmdk");
    assert_false(config.disks[1].is_writable);
    assert_string_equal(config.vifs[0].bridge, "nat0");
    assert_string_equal(config.vifs[1].bridge, "br0");
    assert_int_equal(config.vifs[0].mac[5], 0xc1);
    domain_config_free(&config);
    cfg_free(&cfg);
    free(text);
}

static void names_that_an_xlcfg_cannot_say_are_refused(void **state)
{
    const char *const targets[] = {"[ds] a','phy,xvdz,w', 'b.vmdk", NULL};
    struct xlcfg_options options = {.source = "x", .targets = targets, .bridge = "nat0"};
    FILE *out = fopen("/dev/null", "w");

    (void)state;
    read_typical();
    assert_int_equal(xlcfg_write(&vm, &options, out), -1);
    fclose(out);
}

static void disks_lie_on_volumes_only(void **state)
{
    static const struct {
        const char *vmx, *file, *volume, *path; /* path NULL: refused */
    } cases[] = {
        {"web/web.vmx", "web.vmdk", "", "web/web.vmdk"},
        {"web.vmx", "web.vmdk", "", "web.vmdk"},
        {"web/web.vmx", "./disks//web.vmdk", "", "web/disks/web.vmdk"},
        {"a/b/web.vmx", "../c/web.vmdk", "", "a/c/web.vmdk"},
        {"web/web.vmx", "[other] web.vmdk", "", "web/[other] web.vmdk"},
        {"web/web.vmx", "/vmfs/volumes/fast ds/web/data.vmdk", "fast ds", "web/data.vmdk"},
        {"web/web.vmx", "/vmfs/volumes/ds//a/../b.vmdk", "ds", "b.vmdk"},
        {"web/web.vmx", "/srv/guests/other.vmdk", NULL, NULL},
        {"web/web.vmx", "/dev/sda", NULL, NULL},
        {"web/web.vmx", "/vmfs/volumes/", NULL, NULL},
        {"web/web.vmx", "/vmfs/volumes/ds", NULL, NULL},
        {"web/web.vmx", "/vmfs/volumes/ds/", NULL, NULL},
        {"web/web.vmx", "/vmfs/volumes//etc/shadow", NULL, NULL},
        {"web/web.vmx", "/vmfs/volumes/../../etc/shadow", NULL, NULL},
        {"web/web.vmx", "/vmfs/volumes/ds/../../etc/shadow", NULL, NULL},
        {"web/web.vmx", "/vmfs/../etc/shadow", NULL, NULL},
        {"web/web.vmx", "../../etc/shadow", NULL, NULL},
        {"web/web.vmx", "..", NULL, NULL},
        {"web/web.vmx", "a.vmdk\n", NULL, NULL},
        {"web/web.vmx", "a.vmdk ", NULL, NULL},
        {"web.vmx", " a.vmdk", NULL, NULL},
    };
    char volume[VM_VOLUME_MAX], path[VM_PATH_MAX], name[VM_PATH_MAX + 1];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *problem = vm_locate(cases[i].vmx, cases[i].file, volume, path);

        if ((problem == NULL) != (cases[i].path != NULL))
            fail_msg("%s: %s", cases[i].file, problem ? problem : path);
        if (problem)
            continue;
        assert_string_equal(volume, cases[i].volume);
        assert_string_equal(path, cases[i].path);
    }
    memset(name, 'x', sizeof(name));
    name[VM_PATH_MAX - 2] = '\0';
    assert_null(vm_locate("web.vmx", name, volume, path));
    assert_string_equal(path, name);
    assert_non_null(vm_locate("w/w.vmx", name, volume, path));
}

static void expect_error(const char *text, unsigned int line)
{
    struct vmx bad;
    struct vmx_error error = {0};

    assert_int_equal(vmx_parse(&bad, text, strlen(text), &error), -1);
    assert_int_equal(error.line, line);
    assert_non_null(error.text);
    vmx_free(&bad);
}

static void what_is_no_vmx_is_named_with_its_line(void **state)
{
    (void)state;
    expect_error("", 0);
    expect_error("a = \"1\"\nno equals sign\n", 2);
    expect_error("= \"1\"\n", 1);
    expect_error("a = \"1\n", 1);
}

static void the_last_of_equal_keys_counts(void **state)
{
    static const char text[] = "b = \"1\"\nkey = \"first\"\na = \"2\"\nKEY = \"second\"\n"
                               "c = \"3\"\nKey = \"third\"\nb = \"4\"\n";
    struct vmx_error error;

    (void)state;
    assert_int_equal(vmx_parse(&vmx, text, sizeof(text) - 1, &error), 0);
    assert_string_equal(vmx_get(&vmx, "kEy"), "third");
    assert_string_equal(vmx_get(&vmx, "a"), "2");
    assert_string_equal(vmx_get(&vmx, "b"), "4");
    assert_string_equal(vmx_get(&vmx, "c"), "3");
    assert_null(vmx_get(&vmx, "d"));
}

/* A volume's scan reads every VMX: the largest and worst must not hold it up. */
static void the_largest_file_is_read_quickly(void **state)
{
    char *text = malloc(VMX_SIZE_MAX + 1);
    struct vmx_error vmx_error;
    const char *error = NULL;
    size_t length;
    clock_t start;

    (void)state;
    assert_non_null(text);
    length = (size_t)sprintf(text, "displayName=\"x\"\n");
    for (int i = 1; i < VMX_SETTINGS_MAX; i++)
        length += (size_t)sprintf(text + length, "%0110d=\"a\"\n", VMX_SETTINGS_MAX - i);
    assert_true(length <= VMX_SIZE_MAX);
    start = clock();
    assert_int_equal(vmx_parse(&vmx, text, length, &vmx_error), 0);
    assert_int_equal(vm_from_vmx(&vm, &vmx, &error), 0);
    assert_true(clock() - start < CLOCKS_PER_SEC / 2);
    free(text);
}

static void numbers_are_checked(void **state)
{
    static const char *const bad[] = {
        "displayName = \"x\"\nmemSize = \"many\"\n", "displayName = \"x\"\nmemSize = \"-5\"\n",
        "displayName = \"x\"\nnumvcpus = \"100000\"\n", "a = \"b\"\n"};
    struct vmx_error vmx_error;
    const char *error;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        error = NULL;
        assert_int_equal(vmx_parse(&vmx, bad[i], strlen(bad[i]), &vmx_error), 0);
        assert_int_equal(vm_from_vmx(&vm, &vmx, &error), -1);
        assert_non_null(error);
        vm_free(&vm);
        vmx_free(&vmx);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_typical_machine_is_understood, teardown),
        cmocka_unit_test_teardown(the_xlcfg_is_one_that_xl_takes, teardown),
        cmocka_unit_test_teardown(names_that_an_xlcfg_cannot_say_are_refused, teardown),
        cmocka_unit_test_teardown(disks_lie_on_volumes_only, teardown),
        cmocka_unit_test_teardown(what_is_no_vmx_is_named_with_its_line, teardown),
        cmocka_unit_test_teardown(the_last_of_equal_keys_counts, teardown),
        cmocka_unit_test_teardown(the_largest_file_is_read_quickly, teardown),
        cmocka_unit_test_teardown(numbers_are_checked, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
