/* SPDX-License-Identifier: MIT */
/*
 * The threads that serve requests. One at a time, the leader, waits for the kernel. It answers what
 * it can at once by itself, so that small reads cost no switch between threads, and hands the lead
 * on (loop_hand_on()) before it does what takes time.
 */
#include "loop.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#define THREADS 16

struct loop {
    struct fuse_session *session;
    sem_t lead;     /* 1 while nobody leads */
    sem_t finished; /* posted when the kernel has ended the session */
    atomic_int rc;
};

static _Thread_local struct loop *leads; /* the loop this thread leads, or NULL */

void loop_hand_on(void)
{
    struct loop *loop = leads;

    leads = NULL;
    if (loop != NULL)
        sem_post(&loop->lead);
}

static void drop(void *request)
{
    free(((struct fuse_buf *)request)->mem);
}

/* Serves requests until the session ends, or main cancels it where it waits. */
static void *serve(void *context)
{
    struct loop *loop = context;
    struct fuse_buf request = {0};
    int state, size;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
    while (!fuse_session_exited(loop->session)) {
        pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &state);
        while (leads == NULL)
            if (sem_wait(&loop->lead) == 0)
                leads = loop;
        pthread_cleanup_push(drop, &request);
        size = fuse_session_receive_buf(loop->session, &request);
        pthread_cleanup_pop(0);
        pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
        if (size == -EINTR || size == -EAGAIN)
            continue;
        if (size <= 0) {
            atomic_store(&loop->rc, size);
            fuse_session_exit(loop->session);
            break;
        }
        fuse_session_process_buf(loop->session, &request);
    }
    drop(&request);
    sem_post(&loop->finished);
    return NULL;
}

/* Starts threads; those that the machine does not give are done without, but for the first. */
static unsigned start(struct loop *loop, pthread_t threads[THREADS])
{
    unsigned count = 0;
    sigset_t ending, before;

    /* Signals that end the mount are for the thread that waits in loop_run(). */
    sigemptyset(&ending);
    sigaddset(&ending, SIGTERM);
    sigaddset(&ending, SIGINT);
    sigaddset(&ending, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &ending, &before);
    while (count < THREADS && pthread_create(&threads[count], NULL, serve, loop) == 0)
        count++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return count;
}

int loop_run(struct fuse_session *session)
{
    struct loop loop = {.session = session};
    pthread_t threads[THREADS];
    unsigned count;

    sem_init(&loop.lead, 0, 1);
    sem_init(&loop.finished, 0, 0);
    count = start(&loop, threads);
    while (count > 0 && !fuse_session_exited(session))
        sem_wait(&loop.finished);
    for (unsigned i = 0; i < count; i++)
        pthread_cancel(threads[i]);
    for (unsigned i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    sem_destroy(&loop.lead);
    sem_destroy(&loop.finished);
    return count == 0 ? -EAGAIN : atomic_load(&loop.rc);
}
