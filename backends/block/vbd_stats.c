/* SPDX-License-Identifier: MIT */
/* A vbd's counters, shown in a file of /run/corbel for whoever monitors.
 */
#include "block/vbd_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* "…/backend/vbd/DOMAIN/DEVICE" as numbers. */
static bool device_numbers(const char *backend, unsigned *domain, unsigned *device)
{
    const char *at = strstr(backend, "/backend/vbd/");

    return at != NULL && sscanf(at, "/backend/vbd/%u/%u", domain, device) == 2;
}

/* "…/backend/vbd/DOMAIN/DEVICE" → "vbd-DOMAIN-DEVICE", as Linux's sysfs names them. */
static bool file_name(const char *backend, char *out, size_t size)
{
    const char *device = strrchr(backend, '/'), *domain = device;
    int n;

    while (domain != NULL && domain > backend && domain[-1] != '/')
        domain--;
    if (device == NULL || domain == backend)
        return false;
    n = snprintf(out, size, VBD_STATS_DIRECTORY "/vbd-%.*s-%s", (int)(device - domain), domain,
                 device + 1);
    return n > 0 && (size_t)n < size;
}

void vbd_stats_open(struct vbd *vbd)
{
    unsigned domain, device;
    char path[128];

    vbd->stats_fd = vbd->cpu.fd = -1;
    if (mkdir(VBD_STATS_DIRECTORY, 0755) != 0 && errno != EEXIST)
        return;
    if (file_name(vbd->bus.backend, path, sizeof(path)))
        vbd->stats_fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (device_numbers(vbd->bus.backend, &domain, &device))
        cpu_account_open(&vbd->cpu, CPU_ACCOUNT_DIRECTORY, "vbd", domain, device);
    vbd->cpu_before = vbd->cpu.ns;
}

void vbd_stats_close(struct vbd *vbd)
{
    char path[128];

    cpu_account_close(&vbd->cpu);
    if (vbd->stats_fd < 0)
        return;
    close(vbd->stats_fd);
    vbd->stats_fd = -1;
    if (file_name(vbd->bus.backend, path, sizeof(path)))
        unlink(path);
}

void vbd_stats_count(struct vbd *vbd, const struct request *request, int status)
{
    struct vbd_stats *stats = &vbd->stats;

    if (status != BLKIF_RSP_OKAY) {
        stats->errors++;
        return;
    }
    switch (request->kind) {
    case REQUEST_READ:
        stats->reads++;
        stats->read_sectors += request->sectors;
        break;
    case REQUEST_WRITE:
        stats->writes++;
        stats->write_sectors += request->sectors;
        break;
    case REQUEST_FLUSH:
        stats->flushes++;
        stats->write_sectors += request->sectors;
        break;
    case REQUEST_DISCARD:
        stats->discards++;
        stats->discard_sectors += request->sectors;
        break;
    }
}

void vbd_stats_show(struct vbd *vbd)
{
    const struct vbd_stats *stats = &vbd->stats;
    char text[512];
    int length;

    vbd->cpu.ns = vbd->cpu_before + cpu_time_of_process();
    cpu_account_show(&vbd->cpu);
    if (vbd->stats_fd < 0 || memcmp(stats, &vbd->shown, sizeof(*stats)) == 0)
        return;
    /* Fixed width: one write replaces all of the last one. Names as in Linux's sysfs. */
    length =
        snprintf(text, sizeof(text),
                 "rd_req %20llu\nwr_req %20llu\nf_req %20llu\nds_req %20llu\n"
                 "rd_sect %20llu\nwr_sect %20llu\nds_sect %20llu\noo_req %20llu\n"
                 "errors %20llu\nheld %20u\n",
                 (unsigned long long)stats->reads, (unsigned long long)stats->writes,
                 (unsigned long long)stats->flushes, (unsigned long long)stats->discards,
                 (unsigned long long)stats->read_sectors, (unsigned long long)stats->write_sectors,
                 (unsigned long long)stats->discard_sectors, (unsigned long long)stats->full_rings,
                 (unsigned long long)stats->errors, stats->held);
    if (pwrite(vbd->stats_fd, text, (size_t)length, 0) == length)
        vbd->shown = *stats;
}
