/* SPDX-License-Identifier: MIT */
/* The meaning of xl.cfg settings: what is taken, what is refused, what follows from what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "config/domain_config.h"

struct complaints {
    int n_errors;
    int n_warnings;
    unsigned int line;
    char text[512]; /* the last */
};

static struct complaints complaints;
static struct domain_config config;

static void note(void *context, bool is_error, const char *file, unsigned int line,
                 const char *text)
{
    (void)context;
    assert_non_null(file);
    if (is_error)
        complaints.n_errors++;
    else
        complaints.n_warnings++;
    complaints.line = line;
    snprintf(complaints.text, sizeof(complaints.text), "%s", text);
}

static int read_text(const char *text)
{
    struct cfg cfg = {0};
    struct cfg_error error;
    int ret;

    complaints = (struct complaints){0};
    assert_int_equal(cfg_parse(&cfg, text, strlen(text), "t.cfg", &error), 0);
    ret = domain_config_read(&config, &cfg, "t.cfg", note, NULL);
    cfg_free(&cfg);
    return ret;
}

static int teardown(void **state)
{
    (void)state;
    domain_config_free(&config);
    return 0;
}

#define MINIMUM "name='g'\nkernel='/k'\n"

static void takes_the_minimum(void **state)
{
    (void)state;
    assert_int_equal(read_text(MINIMUM), 0);
    assert_int_equal(complaints.n_warnings, 0);
    assert_string_equal(config.name, "g");
    assert_int_equal(config.vcpus, 1);
    assert_int_equal(config.max_vcpus, 1);
    assert_int_equal(config.memory_kib, 32 * 1024);
    assert_int_equal(config.max_memory_kib, 32 * 1024);
    assert_string_equal(config.cmdline, "");
    assert_null(config.ramdisk);
    assert_int_equal(config.on_poweroff, ACTION_DESTROY);
    assert_int_equal(config.on_reboot, ACTION_RESTART);
    assert_int_equal(config.on_crash, ACTION_DESTROY);
    assert_int_equal(config.max_grant_frames, -1);
}

static void takes_everything(void **state)
{
    (void)state;
    assert_int_equal(
        read_text("name='web-1'; type='pv'; uuid='11111111-2222-3333-4444-555555555555'\n"
                  "vcpus=2; maxvcpus=4; memory=256; maxmem='512'\n"
                  "kernel='/boot/k'; ramdisk='/boot/r'; root='/dev/xvda1 ro'; extra='quiet'\n"
                  "on_poweroff='preserve'; on_reboot='destroy'; on_crash='restart'\n"
                  "cpu_weight=512; cap=50; pool='fast'\n"
                  "cpus=['0-3,^2', 1]; cpus_soft='2,4-5'\n"
                  "disk=['/dev/vdb,raw,xvda,w', 'target=/x,format=raw,vdev=xvdb,access=r']\n"
                  "vif=['mac=00:16:3e:01:02:03,bridge=br0', '', 'bridge=br0/secure']\n"),
        0);
    assert_int_equal(complaints.n_warnings, 0);
    assert_int_equal(config.uuid[0], 0x11);
    assert_int_equal(config.cap, 50);
    assert_string_equal(config.pool, "fast");
    assert_int_equal(config.n_hard, 2);
    assert_int_equal(config.hard[0].bits[0], 0x0b);
    assert_int_equal(config.hard[1].bits[0], 0x02);
    assert_int_equal(config.soft[3].bits[0], 0x34);
    assert_int_equal(config.max_vcpus, 4);
    assert_int_equal(config.max_memory_kib, 512 * 1024);
    assert_string_equal(config.cmdline, "root=/dev/xvda1 ro quiet");
    assert_int_equal(config.on_poweroff, ACTION_PRESERVE);
    assert_int_equal(config.on_crash, ACTION_RESTART);
    assert_int_equal(config.n_disks, 2);
    assert_false(config.disks[1].is_writable);
    assert_int_equal(config.n_vifs, 3);
    assert_int_equal(config.vifs[0].mac[5], 3);
    assert_string_equal(config.vifs[0].bridge, "br0");
    assert_string_equal(config.vifs[1].bridge, "nat0");
    assert_string_equal(config.vifs[2].bridge, "br0/secure");
    assert_int_equal(config.vifs[1].device_id, 1);
}

static void warns_of_unknown_settings(void **state)
{
    (void)state;
    assert_int_equal(read_text(MINIMUM "vnc=1\n"), 0);
    assert_int_equal(complaints.n_warnings, 1);
    assert_int_equal(complaints.line, 3);
    assert_non_null(strstr(complaints.text, "'vnc'"));
}

/* Each third line is wrong, and no other complaint may come. */
static void refuses_wrong_values(void **state)
{
    static const char *const lines[] = {
        "memory='lots'",
        "memory=0",
        "memory=-1",
        "vcpus=0",
        "vcpus=129",
        "vcpus=[1]",
        "type='hvm'",
        "uuid='x'",
        "on_crash='explode'",
        "on_reboot=1",
        "disk='/dev/vdb'",
        "disk=[1]",
        "disk=['/dev/vdb']",
        "disk=['/dev/vdb,raw,hda,w']",
        "disk=['a,qcow2,xvda,w']",
        "disk=['a,raw,xvda,x']",
        "disk=['a,raw,xvda,w,on-error=stop']",
        "disk=['a,raw,xvda,w,more']",
        "disk=['a,raw,xvda,w','b,raw,xvda,w']",
        "disk=[',raw,xvda,w']",
        "vif=['mac=1:2']",
        "vif=['mac=01:16:3e:00:00:00']",
        "vif=['rate=10Mb/s']",
        "vif=['bridge=']",
        "vif=['bridge=/secure']",
        "vif=['bridge=br0/']",
        "vif=['bridge=br0/a/b']",
        "vif=['ip=10.0.0.1/24']",
        "cpu_weight=70000",
        "cap=-1",
        "cpus='0-'",
        "cpus='3,^3'",
        "cpus_soft=[['1']]",
        "pool=1",
        "kernel=1",
        "maxvcpus=0",
        "max_grant_frames=0",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        char text[256];

        snprintf(text, sizeof(text), MINIMUM "%s\n", lines[i]);
        if (read_text(text) == 0 || complaints.n_errors != 1)
            fail_msg("%s: %d errors, '%s'", lines[i], complaints.n_errors, complaints.text);
        assert_int_equal(complaints.line, 3);
        domain_config_free(&config);
    }
}

static void refuses_bad_names(void **state)
{
    static const char *const names[] = {"",
                                        "a/b",
                                        "a b",
                                        "42",
                                        ".hidden",
                                        "0123456789012345678901234567890123456789"
                                        "012345678901234567890123456789x"};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char text[256];

        snprintf(text, sizeof(text), "name='%s'\nkernel='/k'\n", names[i]);
        if (read_text(text) == 0)
            fail_msg("name '%s' was taken", names[i]);
        domain_config_free(&config);
    }
}

static void wants_name_and_kernel(void **state)
{
    (void)state;
    assert_int_equal(read_text("kernel='/k'\n"), -1);
    assert_non_null(strstr(complaints.text, "name"));
    domain_config_free(&config);
    assert_int_equal(read_text("name='g'\n"), -1);
    assert_non_null(strstr(complaints.text, "kernel"));
}

static void checks_settings_against_each_other(void **state)
{
    (void)state;
    assert_int_equal(read_text(MINIMUM "vcpus=4\nmaxvcpus=2\n"), -1);
    assert_int_equal(complaints.line, 4);
    domain_config_free(&config);
    assert_int_equal(read_text(MINIMUM "memory=128\nmaxmem=64\n"), -1);
    assert_int_equal(complaints.line, 4);
    domain_config_free(&config);
    assert_int_equal(read_text(MINIMUM "cmdline='c'\nextra='e'\n"), 0);
    assert_int_equal(complaints.n_warnings, 1);
    assert_string_equal(config.cmdline, "c");
}

static void refuses_a_command_line_that_does_not_fit(void **state)
{
    char text[2048];

    (void)state;
    snprintf(text, sizeof(text), MINIMUM "extra='%01030d'\n", 0);
    assert_int_equal(read_text(text), -1);
}

/* The same name must give the same UUID and MACs whenever it is created, other names others. */
static void identities_are_stable(void **state)
{
    uint8_t mac[6], uuid[16];

    (void)state;
    assert_int_equal(read_text(MINIMUM "vif=['','']\n"), 0);
    memcpy(mac, config.vifs[0].mac, 6);
    memcpy(uuid, config.uuid, 16);
    assert_memory_equal(mac, "\x00\x16\x3e", 3);
    assert_true(mac[3] < 0x80);
    assert_memory_not_equal(mac, config.vifs[1].mac, 6);
    domain_config_free(&config);
    assert_int_equal(read_text(MINIMUM "memory=99\nvif=['']\n"), 0);
    assert_memory_equal(mac, config.vifs[0].mac, 6);
    assert_memory_equal(uuid, config.uuid, 16);
    domain_config_free(&config);
    assert_int_equal(read_text("name='h'\nkernel='/k'\nvif=['']\n"), 0);
    assert_memory_not_equal(mac, config.vifs[0].mac, 6);
    assert_memory_not_equal(uuid, config.uuid, 16);
}

static void reads_disks_on_vmfs(void **state)
{
    struct disk_config disk;

    (void)state;
    assert_null(
        disk_config_parse(&disk, "[demo-ds] demo/disk.vmdk,vmdk,xvda,w,on-error=pause,no-discard"));
    assert_true(disk.pause_on_error && disk.keeps_blocks);
    assert_string_equal(disk.target, "[demo-ds] demo/disk.vmdk");
    assert_string_equal(disk.format, "vmdk");
    assert_int_equal(disk.device_id, 51712);
    config.disks[config.n_disks++] = disk;
    assert_null(disk_config_parse(&disk, "[ds] a b/c.VMDK,,xvdb1"));
    assert_string_equal(disk.target, "[ds] a b/c.VMDK");
    assert_string_equal(disk.format, "vmdk");
    assert_true(disk.is_writable);
    config.disks[config.n_disks++] = disk;
    assert_null(disk_config_parse(&disk, "vdev=xvdc, target=/dev/vdb , access=ro"));
    assert_string_equal(disk.target, "/dev/vdb");
    assert_string_equal(disk.format, "raw");
    assert_false(disk.is_writable);
    config.disks[config.n_disks++] = disk;
}

/* Numbers of xen-vbd-interface(7). */
static void numbers_disks(void **state)
{
    (void)state;
    assert_int_equal(disk_device_id("xvda"), 202 << 8);
    assert_int_equal(disk_device_id("xvda1"), (202 << 8) + 1);
    assert_int_equal(disk_device_id("xvdb"), (202 << 8) + 16);
    assert_int_equal(disk_device_id("xvdp15"), (202 << 8) + 255);
    assert_int_equal(disk_device_id("xvda16"), (1 << 28) + 16);
    assert_int_equal(disk_device_id("xvdq"), (1 << 28) + (16 << 8));
    assert_int_equal(disk_device_id("xvdaa"), (1 << 28) + (26 << 8));
    assert_int_equal(disk_device_id("xvdaa3"), (1 << 28) + (26 << 8) + 3);
    assert_int_equal(disk_device_id("xvd"), -1);
    assert_int_equal(disk_device_id("xvda01"), -1);
    assert_int_equal(disk_device_id("xvda256"), -1);
    assert_int_equal(disk_device_id("xvdzzzzzzzzz"), -1);
    assert_int_equal(disk_device_id("sda"), -1);
    assert_int_equal(disk_device_id("xvda/.."), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(takes_the_minimum, teardown),
        cmocka_unit_test_teardown(takes_everything, teardown),
        cmocka_unit_test_teardown(warns_of_unknown_settings, teardown),
        cmocka_unit_test_teardown(refuses_wrong_values, teardown),
        cmocka_unit_test_teardown(refuses_bad_names, teardown),
        cmocka_unit_test_teardown(wants_name_and_kernel, teardown),
        cmocka_unit_test_teardown(checks_settings_against_each_other, teardown),
        cmocka_unit_test_teardown(refuses_a_command_line_that_does_not_fit, teardown),
        cmocka_unit_test_teardown(identities_are_stable, teardown),
        cmocka_unit_test_teardown(reads_disks_on_vmfs, teardown),
        cmocka_unit_test(numbers_disks),
    };

    return cmocka_run_group_tests_name("xl.cfg meaning", tests, NULL, NULL);
}
