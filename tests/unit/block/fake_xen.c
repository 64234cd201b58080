/* SPDX-License-Identifier: MIT */
/* The hypervisor's and xenstore's calls for one guest in shared memory, and a backend's event loop.
 */
#include "fake_xen.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xen/grant_table.h>

#define RETRY_MS   100
#define STOP_EVENT 1000000u /* added to the event counter: end kindly */

/* The backend process has one guest. */
static struct fake_guest *guest_here;
static int notify_fd;

/* ---- libxengnttab ---- */

int xengnttab_grant_copy(xengnttab_handle *xgt, uint32_t count,
                         xengnttab_grant_copy_segment_t *segments)
{
    (void)xgt;
    for (uint32_t i = 0; i < count; i++) {
        xengnttab_grant_copy_segment_t *copy = &segments[i];
        bool to_guest = copy->flags == GNTCOPY_dest_gref;
        const union xengnttab_copy_ptr *remote = to_guest ? &copy->dest : &copy->source;
        uint8_t *bytes = guest_here->pages[remote->foreign.ref % FAKE_PAGES];

        if (remote->foreign.ref >= FAKE_PAGES || remote->foreign.offset + copy->len > FAKE_PAGE) {
            copy->status = GNTST_bad_gntref;
            continue;
        }
        bytes += remote->foreign.offset;
        memcpy(to_guest ? bytes : copy->dest.virt, to_guest ? copy->source.virt : bytes, copy->len);
        copy->status = GNTST_okay;
    }
    return 0;
}

/* ---- libxenevtchn, xenbus ---- */

int xenevtchn_notify(xenevtchn_handle *xce, evtchn_port_t port)
{
    const uint64_t one = 1;

    (void)xce;
    (void)port;
    return write(notify_fd, &one, sizeof(one)) == sizeof(one) ? 0 : -1;
}

int xenbus_write(struct xs_handle *xs, const char *directory, const char *key, const char *format,
                 ...)
{
    (void)xs;
    (void)directory;
    (void)key;
    (void)format;
    return 0;
}

void vbd_log(struct vbd *vbd, const char *format, ...)
{
    va_list arguments;

    (void)vbd;
    if (getenv("FAKE_XEN_LOG") == NULL)
        return;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

/* ---- the backend process ---- */

static void open_vbd(struct vbd *vbd, const struct fake_backend *backend, const char *target)
{
    char error[DISK_ERROR_MAX];

    vbd->stats_fd = -1;
    vbd->on_error = backend->on_error;
    if (disk_open_wait("vmdk", target, false, VBD_OPEN_WAIT_MS, &vbd->disk, error) != 0) {
        fprintf(stderr, "backend: %s\n", error);
        _exit(3);
    }
    vbd->limits.sectors = vbd->disk->size / REQUEST_SECTOR;
    vbd->page = guest_here->ring;
    if (ring_attach(&vbd->ring, vbd->page) != 0)
        _exit(FAKE_REFUSED);
    if (engine_open(vbd->disk, &vbd->engine) != 0 || vbd_get_buffers(vbd, 1) != 0)
        _exit(3);
}

static void close_vbd(struct vbd *vbd)
{
    while (engine_busy(vbd->engine) > 0)
        engine_wait(vbd->engine);
    vbd_answer(vbd);
    vbd_put_buffers(vbd);
    engine_close(vbd->engine);
    if (disk_close(vbd->disk) != 0)
        _exit(3);
    free(vbd);
}

static void serve(const struct fake_backend *backend, const char *target)
{
    struct vbd *vbd = calloc(1, sizeof(*vbd));
    uint64_t events = 0;

    open_vbd(vbd, backend, target);
    vbd_serve(vbd);
    while (events < STOP_EVENT) {
        struct pollfd fds[] = {{.fd = backend->to_backend, .events = POLLIN},
                               {.fd = engine_fd(vbd->engine), .events = POLLIN}};

        if (poll(fds, 2, vbd->more ? 0 : RETRY_MS) == 0)
            vbd_retry(vbd);
        if (fds[1].revents != 0) {
            engine_reap(vbd->engine);
            vbd_answer(vbd);
        }
        if (fds[0].revents != 0 &&
            read(backend->to_backend, &events, sizeof(events)) != sizeof(events))
            events = 0;
        if (fds[0].revents != 0 || vbd->more)
            vbd_serve(vbd);
    }
    close_vbd(vbd);
    _exit(0);
}

void fake_new(struct fake_backend *backend)
{
    struct blkif_sring *shared;

    memset(backend, 0, sizeof(*backend));
    backend->guest = mmap(NULL, sizeof(struct fake_guest), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (backend->guest == MAP_FAILED)
        abort();
    shared = (struct blkif_sring *)backend->guest->ring;
    SHARED_RING_INIT(shared);
    FRONT_RING_INIT(&backend->front, shared, FAKE_PAGE);
    backend->to_backend = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    backend->to_guest = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

void fake_free(struct fake_backend *backend)
{
    munmap(backend->guest, sizeof(struct fake_guest));
    close(backend->to_backend);
    close(backend->to_guest);
}

void fake_start(struct fake_backend *backend, const char *target)
{
    fflush(NULL);
    backend->pid = fork();
    if (backend->pid < 0)
        abort();
    if (backend->pid == 0) {
        guest_here = backend->guest;
        notify_fd = backend->to_guest;
        serve(backend, target);
    }
}

static int reap(struct fake_backend *backend)
{
    int status = -1;

    waitpid(backend->pid, &status, 0);
    backend->pid = 0;
    return status;
}

int fake_kill(struct fake_backend *backend)
{
    kill(backend->pid, SIGKILL);
    return reap(backend);
}

int fake_stop(struct fake_backend *backend)
{
    const uint64_t end = STOP_EVENT;

    if (write(backend->to_backend, &end, sizeof(end)) != sizeof(end))
        abort();
    return reap(backend);
}

void fake_kick(struct fake_backend *backend)
{
    const uint64_t one = 1;
    int notify;

    RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&backend->front, notify);
    if (notify && write(backend->to_backend, &one, sizeof(one)) != sizeof(one))
        abort();
}

bool fake_wait(struct fake_backend *backend, int ms)
{
    struct pollfd fd = {.fd = backend->to_guest, .events = POLLIN};
    uint64_t events;

    return poll(&fd, 1, ms) > 0 && read(backend->to_guest, &events, sizeof(events)) > 0;
}
