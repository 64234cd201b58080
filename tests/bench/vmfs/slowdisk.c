/* SPDX-License-Identifier: MIT */
/*
 * slowdisk IMAGE FILE MICROSECONDS: shows IMAGE, through FUSE, as the existing FILE, each read of
 * which takes so much longer; many are served at once. With a loop device on FILE that is a disk
 * behind a network: answers come late, but do not wait for each other.
 */
#define FUSE_USE_VERSION 34

#include <fcntl.h>
#include <fuse3/fuse_lowlevel.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define THREADS  64u
#define MAX_READ 1048576u

struct disk {
    int fd;
    off_t length;
    useconds_t delay;
};

static void on_start(void *context, struct fuse_conn_info *connection)
{
    (void)context;
    connection->max_read = MAX_READ;
    connection->max_background = THREADS;
}

static void on_getattr(fuse_req_t request, fuse_ino_t number, struct fuse_file_info *info)
{
    const struct disk *disk = fuse_req_userdata(request);
    struct stat stat = {.st_ino = number, .st_mode = S_IFREG | 0400, .st_nlink = 1};

    (void)info;
    stat.st_size = disk->length;
    fuse_reply_attr(request, &stat, 1e6);
}

static void on_read(fuse_req_t request, fuse_ino_t number, size_t size, off_t at,
                    struct fuse_file_info *info)
{
    const struct disk *disk = fuse_req_userdata(request);
    struct fuse_bufvec vector = FUSE_BUFVEC_INIT(size);

    (void)number;
    (void)info;
    usleep(disk->delay);
    vector.buf[0].flags = FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK;
    vector.buf[0].fd = disk->fd;
    vector.buf[0].pos = at;
    fuse_reply_data(request, &vector, 0);
}

static int serve(struct disk *disk, const char *file)
{
    static const struct fuse_lowlevel_ops operations = {
        .init = on_start, .getattr = on_getattr, .read = on_read};
    char options[32];
    char *words[] = {"slowdisk", options, NULL};
    struct fuse_args args = FUSE_ARGS_INIT(2, words);
    struct fuse_loop_config *config = fuse_loop_cfg_create();
    struct fuse_session *session;

    snprintf(options, sizeof(options), "-oro,max_read=%u", MAX_READ);
    session = fuse_session_new(&args, &operations, sizeof(operations), disk);
    if (config == NULL || session == NULL || fuse_session_mount(session, file) != 0)
        return 1;
    fuse_loop_cfg_set_max_threads(config, THREADS);
    fuse_loop_cfg_set_idle_threads(config, THREADS);
    return fuse_session_loop_mt(session, config) == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct disk disk;

    if (argc != 4) {
        fprintf(stderr, "Usage: slowdisk IMAGE FILE MICROSECONDS\n");
        return 2;
    }
    disk.delay = (useconds_t)strtoul(argv[3], NULL, 10);
    disk.fd = open(argv[1], O_RDONLY | O_CLOEXEC);
    disk.length = disk.fd < 0 ? -1 : lseek(disk.fd, 0, SEEK_END);
    if (disk.length < 0) {
        perror(argv[1]);
        return 1;
    }
    return serve(&disk, argv[2]);
}
