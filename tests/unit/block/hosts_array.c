/* SPDX-License-Identifier: MIT */
/* The array: children send commands over sockets; the parent carries them out one after another. */
#include "hosts_array.h"

#include "block/vmfs/ondisk.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DISK_SIZE   (290ull << 20)
#define PIECE       (32u << 10)
#define SLOTS_START (LVM_DATA_OFFSET + VMFS_SLOTS_OFFSET)
#define SLOTS_END   (SLOTS_START + VMFS5_SLOT_COUNT * VMFS_SLOT_SIZE)
#define NOBODY      (-1)

enum command { COMMAND_READ, COMMAND_WRITE, COMMAND_SWAP, COMMAND_TELL };

struct packet {
    uint32_t command;
    int32_t rc;
    uint64_t offset; /* COMMAND_TELL: the file */
    uint64_t length; /* COMMAND_TELL: an enum array_message */
    uint64_t began;
    uint8_t data[PIECE];
};
#define PACKET_HEAD offsetof(struct packet, data)

struct host_state {
    pid_t pid; /* 0: none */
    int fd;
    bool dead;             /* killed or ended; its locks may stay */
    uint64_t died_us;      /* when */
    uint64_t stopped_us;   /* 0: running */
    uint64_t wake_us;      /* when it goes on */
    uint64_t beat_us;      /* when its last beat arrived */
    uint64_t answer_us;    /* a delayed answer is due then */
    struct packet *answer; /* NULL: none */
    size_t answer_size;
    uint8_t uuid[16];
};

struct array {
    struct bdev dev;
    uint8_t *bytes;
    unsigned lease_ms;
    volatile bool *over; /* shared with the children */
    struct host_state hosts[ARRAY_HOSTS + 4 * 1024];
    int current[ARRAY_HOSTS]; /* host of each slot: index into hosts */
    int incarnations;
    int holder[ARRAY_FILES]; /* index into hosts */
    struct array_report report;
    unsigned seed;
    bool storming;
    struct packet packet;
    int child_fd;
};

struct array_client {
    struct bdev dev;
    struct array *array;
    int fd;
    struct packet packet;
};

uint64_t array_now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

/* ---- the disk itself ---- */

static int disk_read_bytes(struct bdev *dev, uint64_t offset, void *buffer, size_t length)
{
    memcpy(buffer, ((struct array *)dev)->bytes + offset, length);
    return 0;
}

static int disk_write_bytes(struct bdev *dev, uint64_t offset, const void *buffer, size_t length)
{
    memcpy(((struct array *)dev)->bytes + offset, buffer, length);
    return 0;
}

static int disk_swap(struct bdev *dev, uint64_t offset, const void *expected,
                     const void *replacement)
{
    uint8_t *at = ((struct array *)dev)->bytes + offset;

    if (memcmp(at, expected, BDEV_SECTOR) != 0)
        return -EAGAIN;
    memcpy(at, replacement, BDEV_SECTOR);
    return 0;
}

static int no_flush(struct bdev *dev)
{
    (void)dev;
    return 0;
}

static const struct bdev_ops disk_bdev_ops = {.read = disk_read_bytes,
                                              .write = disk_write_bytes,
                                              .compare_and_write = disk_swap,
                                              .flush = no_flush};

struct array *array_new(unsigned lease_ms)
{
    struct array *array = calloc(1, sizeof(*array));

    array->dev = (struct bdev){
        .ops = &disk_bdev_ops, .size = DISK_SIZE, .sector = BDEV_SECTOR, .fd = -1, .name = "array"};
    array->lease_ms = lease_ms;
    memset(array->current, 0xFF, sizeof(array->current));
    array->bytes = mmap(NULL, DISK_SIZE, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    array->over =
        mmap(NULL, sizeof(bool), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (array->bytes == MAP_FAILED || array->over == MAP_FAILED)
        abort();
    for (unsigned i = 0; i < ARRAY_FILES; i++)
        array->holder[i] = NOBODY;
    signal(SIGPIPE, SIG_IGN);
    return array;
}

void array_free(struct array *array)
{
    for (int i = 0; i < array->incarnations; i++) {
        if (array->hosts[i].fd > 0)
            close(array->hosts[i].fd);
        free(array->hosts[i].answer);
    }
    munmap(array->bytes, DISK_SIZE);
    munmap((void *)array->over, sizeof(bool));
    free(array);
}

unsigned array_lease_ms(const struct array *array)
{
    return array->lease_ms;
}

struct bdev *array_bdev(struct array *array)
{
    return &array->dev;
}

/* ---- the children's side ---- */

static int exchange(struct array_client *client, size_t send_size, size_t receive_size)
{
    ssize_t n;

    if (send(client->fd, &client->packet, send_size, 0) != (ssize_t)send_size)
        return -EIO;
    do
        n = recv(client->fd, &client->packet, receive_size, 0);
    while (n < 0 && errno == EINTR);
    return n < (ssize_t)PACKET_HEAD ? -EIO : client->packet.rc;
}

static int client_transfer(struct array_client *client, uint32_t command, uint64_t offset,
                           uint8_t *buffer, size_t length)
{
    while (length > 0) {
        size_t piece = length < PIECE ? length : PIECE;
        bool out = command == COMMAND_WRITE;
        int rc;

        client->packet.command = command;
        client->packet.offset = offset;
        client->packet.length = piece;
        if (out)
            memcpy(client->packet.data, buffer, piece);
        rc = exchange(client, PACKET_HEAD + (out ? piece : 0), PACKET_HEAD + (out ? 0 : piece));
        if (rc != 0)
            return rc;
        if (!out)
            memcpy(buffer, client->packet.data, piece);
        offset += piece;
        buffer += piece;
        length -= piece;
    }
    return 0;
}

static int client_read(struct bdev *dev, uint64_t offset, void *buffer, size_t length)
{
    return client_transfer((struct array_client *)dev, COMMAND_READ, offset, buffer, length);
}

static int client_write(struct bdev *dev, uint64_t offset, const void *buffer, size_t length)
{
    return client_transfer((struct array_client *)dev, COMMAND_WRITE, offset, (uint8_t *)buffer,
                           length);
}

static int client_swap(struct bdev *dev, uint64_t offset, const void *expected,
                       const void *replacement)
{
    struct array_client *client = (struct array_client *)dev;

    client->packet.command = COMMAND_SWAP;
    client->packet.offset = offset;
    client->packet.length = BDEV_SECTOR;
    memcpy(client->packet.data, expected, BDEV_SECTOR);
    memcpy(client->packet.data + BDEV_SECTOR, replacement, BDEV_SECTOR);
    return exchange(client, PACKET_HEAD + 2 * BDEV_SECTOR, PACKET_HEAD);
}

static const struct bdev_ops client_ops = {.read = client_read,
                                           .write = client_write,
                                           .compare_and_write = client_swap,
                                           .flush = no_flush};

struct array_client *array_client(struct array *array)
{
    struct array_client *client = calloc(1, sizeof(*client));

    client->dev = (struct bdev){.ops = &client_ops,
                                .size = DISK_SIZE,
                                .sector = BDEV_SECTOR,
                                .fd = -1,
                                .name = "the array"};
    client->array = array;
    client->fd = array->child_fd;
    return client;
}

struct bdev *array_client_bdev(struct array_client *client)
{
    return &client->dev;
}

void array_tell(struct array_client *client, enum array_message message, unsigned file,
                uint64_t began)
{
    client->packet.command = COMMAND_TELL;
    client->packet.offset = file;
    client->packet.length = message;
    client->packet.began = began;
    if (exchange(client, PACKET_HEAD, PACKET_HEAD) != 0)
        _exit(3);
}

bool array_is_over(const struct array_client *client)
{
    return *client->array->over;
}

/* ---- what the array sees ---- */

/* Whether SIGKILL waits for a process: it is on its way out and runs no code of its own any more.
 */
static bool is_being_killed(pid_t pid)
{
    unsigned long long pending = 0;
    char path[32], line[128];
    FILE *status;

    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    status = fopen(path, "r");
    while (status != NULL && fgets(line, sizeof(line), status) != NULL) {
        if (strncmp(line, "SigPnd:", 7) == 0 || strncmp(line, "ShdPnd:", 7) == 0)
            pending |= strtoull(line + 7, NULL, 16);
    }
    if (status != NULL)
        fclose(status);
    return (pending >> (SIGKILL - 1) & 1) != 0;
}

/* Whether a host has ended, buried or not: its watchdog may just have done its work. */
static bool has_ended(const struct host_state *state)
{
    siginfo_t info = {0};

    return state->dead || is_being_killed(state->pid) ||
           (waitid(P_PID, (id_t)state->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
            info.si_pid == state->pid);
}

/* A host says it has opened a file: whose was it? */
static void see_held(struct array *array, int host, unsigned file, uint64_t began)
{
    int before = array->holder[file];
    uint64_t now = array_now_us();

    array->report.openings++;
    if (before != NOBODY && before != host) {
        struct host_state *loser = &array->hosts[before];
        uint64_t from = loser->died_us > began ? loser->died_us : began;
        unsigned ms = (unsigned)((now - from) / 1000);

        if (!has_ended(loser) && now - loser->beat_us < array->lease_ms * 1000ull)
            array->report.robbed++;
        if (!has_ended(loser) && loser->stopped_us == 0)
            array->report.double_opens++;
        array->report.takeovers++;
        if (loser->dead && ms > array->report.takeover_max_ms)
            array->report.takeover_max_ms = ms;
    }
    array->holder[file] = host;
}

static void see_tell(struct array *array, int host, const struct packet *packet)
{
    unsigned file = (unsigned)packet->offset;

    if (packet->length == ARRAY_HELD)
        see_held(array, host, file, packet->began);
    else if (array->holder[file] == host)
        array->holder[file] = NOBODY;
    else
        array->report.double_opens++; /* it believed until the end that the file was its own */
}

static void see_write(struct array *array, int host, const struct packet *packet)
{
    struct array_mark mark;

    if (!array->storming || packet->length != sizeof(mark))
        return;
    memcpy(&mark, packet->data, sizeof(mark));
    if (mark.magic == ARRAY_MARK && mark.file < ARRAY_FILES && array->holder[mark.file] != host)
        array->report.late_writes++;
}

static void carry_out(struct array *array, int host, struct packet *packet, size_t *answer_size)
{
    struct bdev *dev = &array->dev;

    *answer_size = PACKET_HEAD;
    packet->rc = 0;
    switch (packet->command) {
    case COMMAND_READ:
        packet->rc = bdev_read(dev, packet->offset, packet->data, packet->length);
        *answer_size += packet->length;
        break;
    case COMMAND_WRITE:
        see_write(array, host, packet);
        packet->rc = bdev_write(dev, packet->offset, packet->data, packet->length);
        break;
    case COMMAND_SWAP:
        packet->rc =
            bdev_compare_and_write(dev, packet->offset, packet->data, packet->data + BDEV_SECTOR);
        if (packet->rc == 0 && packet->offset >= SLOTS_START && packet->offset < SLOTS_END)
            array->hosts[host].beat_us = array_now_us();
        break;
    default:
        see_tell(array, host, packet);
    }
}

/* ---- serving ---- */

static void send_answer(struct host_state *host, const struct packet *packet, size_t size)
{
    if (send(host->fd, packet, size, MSG_NOSIGNAL) < 0)
        return; /* it has just died */
}

static void bury(struct array *array, int host, int status)
{
    struct host_state *state = &array->hosts[host];

    state->pid = 0;
    if (!state->dead) {
        state->dead = true;
        state->died_us = array_now_us();
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 3)
        array->report.errors++;
    else if (!WIFEXITED(status) || WEXITSTATUS(status) == 2)
        array->report.fenced++;
    close(state->fd);
    state->fd = -1;
}

static void serve_host(struct array *array, int host)
{
    struct host_state *state = &array->hosts[host];
    ssize_t n = recv(state->fd, &array->packet, sizeof(array->packet), MSG_DONTWAIT);
    size_t size;

    if (n < (ssize_t)PACKET_HEAD)
        return;
    carry_out(array, host, &array->packet, &size);
    if (array->storming && rand_r(&array->seed) % 500 == 0) {
        array->report.delays++;
        state->answer = malloc(size);
        memcpy(state->answer, &array->packet, size);
        state->answer_size = size;
        state->answer_us = array_now_us() + (uint64_t)rand_r(&array->seed) % 60000u;
        return;
    }
    send_answer(state, &array->packet, size);
}

/* One turn over all hosts. */
static void serve(struct array *array)
{
    struct pollfd fds[ARRAY_HOSTS];
    uint64_t now = array_now_us();

    for (unsigned i = 0; i < ARRAY_HOSTS; i++) {
        int host = array->current[i];
        struct host_state *state = &array->hosts[host < 0 ? 0 : host];
        bool there = host >= 0 && state->pid != 0;

        fds[i] = (struct pollfd){.fd = there ? state->fd : -1, .events = POLLIN};
        if (there && state->answer != NULL && now >= state->answer_us) {
            send_answer(state, state->answer, state->answer_size);
            free(state->answer);
            state->answer = NULL;
        }
    }
    if (poll(fds, ARRAY_HOSTS, 1) <= 0)
        return;
    for (unsigned i = 0; i < ARRAY_HOSTS; i++) {
        if ((fds[i].revents & POLLIN) != 0)
            serve_host(array, array->current[i]);
    }
}

pid_t array_fork(struct array *array, unsigned slot)
{
    struct host_state *state;
    int pair[2];
    pid_t pid;

    if (array->incarnations == (int)(sizeof(array->hosts) / sizeof(array->hosts[0])) ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        abort();
    fflush(NULL);
    pid = fork();
    if (pid < 0)
        abort();
    if (pid == 0) {
        close(pair[0]);
        array->child_fd = pair[1];
        return 0;
    }
    close(pair[1]);
    array->current[slot] = array->incarnations;
    state = &array->hosts[array->incarnations++];
    state->pid = pid;
    state->fd = pair[0];
    state->beat_us = array_now_us();
    return pid;
}

int array_serve_until(struct array *array, pid_t pid, int options)
{
    int status;

    while (waitpid(pid, &status, options | WNOHANG) != pid)
        serve(array);
    return WIFSTOPPED(status) ? 0 : status;
}

/* ---- the storm ---- */

static void stop_host(struct array *array, struct host_state *state)
{
    array->report.stops++;
    state->stopped_us = array_now_us();
    state->wake_us = state->stopped_us + (uint64_t)rand_r(&array->seed) % (2000u * array->lease_ms);
    kill(state->pid, SIGSTOP);
}

static void kill_host(struct array *array, struct host_state *state)
{
    array->report.kills++;
    kill(state->pid, SIGKILL);
}

/* Wakes who has slept enough, buries and replaces the dead. */
static void tend(struct array *array, unsigned slot,
                 void (*start)(struct array *array, unsigned slot, const uint8_t uuid[16],
                               unsigned seed))
{
    int host = array->current[slot], status;
    struct host_state *state = &array->hosts[host];
    uint8_t uuid[16];

    if (state->pid != 0 && state->stopped_us != 0 && array_now_us() >= state->wake_us) {
        kill(state->pid, SIGCONT);
        state->stopped_us = 0;
    }
    if (state->pid == 0 || waitpid(state->pid, &status, WNOHANG) != state->pid)
        return;
    bury(array, host, status);
    if (*array->over)
        return;
    memcpy(uuid, state->uuid, sizeof(uuid));
    /* Half of them come back as themselves; the others' locks must be waited out. */
    if (rand_r(&array->seed) % 2 == 0) {
        unsigned fresh = (unsigned)rand_r(&array->seed);

        memcpy(uuid, &fresh, sizeof(fresh));
    }
    start(array, slot, uuid, (unsigned)rand_r(&array->seed));
    memcpy(array->hosts[array->current[slot]].uuid, uuid, sizeof(uuid));
}

void array_storm(struct array *array, unsigned rounds, unsigned seed,
                 void (*start)(struct array *array, unsigned slot, const uint8_t uuid[16],
                               unsigned seed),
                 struct array_report *report)
{
    unsigned living = ARRAY_HOSTS;

    array->seed = seed;
    array->storming = true;
    for (unsigned i = 0; i < ARRAY_HOSTS; i++) {
        uint8_t uuid[16] = {[0] = 0xA0, [15] = (uint8_t)(i + 1)};

        start(array, i, uuid, seed * 1000 + i);
        memcpy(array->hosts[array->current[i]].uuid, uuid, sizeof(uuid));
    }
    for (uint64_t mischief = array_now_us(); living > 0;) {
        struct host_state *victim =
            &array->hosts[array->current[(unsigned)rand_r(&array->seed) % ARRAY_HOSTS]];

        serve(array);
        *array->over = array->report.openings >= rounds;
        if (!*array->over && array_now_us() >= mischief && victim->pid != 0 &&
            victim->stopped_us == 0) {
            if (rand_r(&array->seed) % 3 == 0)
                kill_host(array, victim);
            else
                stop_host(array, victim);
            mischief = array_now_us() + (uint64_t)rand_r(&array->seed) % 60000u;
        }
        living = 0;
        for (unsigned i = 0; i < ARRAY_HOSTS; i++) {
            tend(array, i, start);
            living += array->hosts[array->current[i]].pid != 0;
        }
    }
    array->storming = false;
    *report = array->report;
}
