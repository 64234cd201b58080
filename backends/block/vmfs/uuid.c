/* SPDX-License-Identifier: MIT */
/* Identities: new UUIDs, this host's UUID, and their text form. */
#include "block/vmfs/internal.h"

#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

uint64_t uptime_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

static void fill_random(void *buffer, size_t length)
{
    struct timespec now;

    if (getrandom(buffer, length, GRND_NONBLOCK) == (ssize_t)length)
        return;
    /* Early in an initramfs the pool may be empty; the clock is unique enough with the MAC. */
    clock_gettime(CLOCK_MONOTONIC, &now);
    memcpy(buffer, &now.tv_nsec, length < sizeof(now.tv_nsec) ? length : sizeof(now.tv_nsec));
}

/* Hardware address of the first network card; bridges and taps, whose address may change, are none.
 */
static bool read_mac(uint8_t mac[6])
{
    static const char device[] = "device";
    glob_t found;
    bool ok = false;

    if (glob("/sys/class/net/*/device", 0, NULL, &found) != 0)
        return false;
    for (size_t i = 0; i < found.gl_pathc && !ok; i++) {
        static const uint8_t none[6];
        char path[128];
        FILE *file;

        snprintf(path, sizeof(path), "%.*saddress",
                 (int)(strlen(found.gl_pathv[i]) - strlen(device)), found.gl_pathv[i]);
        file = fopen(path, "re");
        if (file == NULL)
            continue;
        ok = fscanf(file, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &mac[0], &mac[1], &mac[2], &mac[3],
                    &mac[4], &mac[5]) == 6 &&
             memcmp(mac, none, sizeof(none)) != 0;
        fclose(file);
    }
    globfree(&found);
    return ok;
}

void uuid_generate(struct vmfs_uuid *out)
{
    memset(out, 0, sizeof(*out));
    out->time_lo = (uint32_t)time(NULL);
    fill_random(&out->time_hi, sizeof(out->time_hi));
    fill_random(&out->random, sizeof(out->random));
    if (!read_mac(out->mac)) {
        fill_random(out->mac, sizeof(out->mac));
        out->mac[0] = (out->mac[0] & 0xFC) | 2; /* locally administered, unicast */
    }
}

/* FNV-1a over a file's first bytes; 0 when it is missing or says nothing (all zeros). */
static uint64_t hash_file(const char *path)
{
    char text[64];
    uint64_t hash = 0xCBF29CE484222325u;
    bool blank = true;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n;

    if (fd < 0)
        return 0;
    n = read(fd, text, sizeof(text));
    close(fd);
    for (ssize_t i = 0; i < n; i++) {
        hash = (hash ^ (uint8_t)text[i]) * 0x100000001B3u;
        blank = blank && (text[i] == '0' || text[i] == '-' || text[i] == '\n');
    }
    return blank ? 0 : hash;
}

void uuid_of_host(struct vmfs_uuid *out)
{
    uint64_t hash = hash_file("/sys/class/dmi/id/product_uuid");
    bool has_mac;

    memset(out, 0, sizeof(*out));
    if (hash == 0)
        hash = hash_file("/etc/machine-id");
    has_mac = read_mac(out->mac);
    /* A machine nothing is known of has at least the same name in all processes of one boot. */
    if (hash == 0 && !has_mac)
        hash = hash_file("/proc/sys/kernel/random/boot_id");
    out->time_lo = (uint32_t)hash;
    out->time_hi = (uint32_t)(hash >> 32);
    out->random = 0xC0BE;
}

void uuid_to_text(const struct vmfs_uuid *uuid, char out[VMFS_UUID_TEXT])
{
    snprintf(out, VMFS_UUID_TEXT, "%08x-%08x-%04x-%02x%02x%02x%02x%02x%02x", uuid->time_lo,
             uuid->time_hi, uuid->random, uuid->mac[0], uuid->mac[1], uuid->mac[2], uuid->mac[3],
             uuid->mac[4], uuid->mac[5]);
}
