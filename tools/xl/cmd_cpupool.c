/* SPDX-License-Identifier: MIT */
/* xl cpupool-list, -create, -destroy, -cpu-add, -cpu-remove, -migrate: pools of CPUs. */
#include "command.h"
#include "domain/pool.h"
#include "config/cfg.h"
#include "util/report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void show_pool(struct toolstack *ts, const struct hv_pool *pool, bool shows_cpus)
{
    char name[POOL_NAME_MAX];
    const char *comma = "";

    pool_name(ts, pool->id, name);
    printf("%-19s", name);
    if (!shows_cpus) {
        printf("%3u %9s       y       %4u\n", cpulist_count(&pool->cpus),
               pool->scheduler == XEN_SCHEDULER_CREDIT2 ? "credit2" : "unknown", pool->n_domains);
        return;
    }
    for (unsigned int cpu = 0; cpu < CPULIST_MAX; cpu++)
        if (cpulist_has(&pool->cpus, cpu)) {
            printf("%s%u", comma, cpu);
            comma = ",";
        }
    putchar('\n');
}

static int list_pools(struct toolstack *ts, const char *only, bool shows_cpus)
{
    struct hv_pool pool;

    if (only && pool_find(ts, only, &pool) < 0)
        return -1;
    printf("%-19s%s\n", "Name", shows_cpus ? "CPU list" : "CPUs   Sched     Active   Domain count");
    if (only) {
        show_pool(ts, &pool, shows_cpus);
        return 0;
    }
    for (uint32_t id = 0; hv_pool_info(ts->hv, id, &pool) == 0; id = pool.id + 1)
        show_pool(ts, &pool, shows_cpus);
    return errno == ENOENT ? 0 : report_errno("cannot ask the hypervisor for its CPU pools");
}

int cmd_cpupool_list(int argc, char **argv)
{
    static const struct option known[] = {{"cpus", no_argument, NULL, 'c'}, {0}};
    bool shows_cpus = false;
    struct toolstack ts;
    int c, ret;

    while ((c = getopt_long(argc, argv, "c", known, NULL)) != -1) {
        if (c != 'c')
            return command_usage(argv[0]);
        shows_cpus = true;
    }
    if (toolstack_open(&ts) < 0)
        return XL_FAILED;
    ret = list_pools(&ts, argv[optind], shows_cpus);
    toolstack_close(&ts);
    return ret < 0 ? XL_FAILED : XL_OK;
}

/* --- CPUs --- */

static int move_cpus(struct toolstack *ts, const struct hv_pool *pool, uint32_t what,
                     const struct cpulist *cpus)
{
    for (unsigned int cpu = 0; cpu < CPULIST_MAX; cpu++)
        if (cpulist_has(cpus, cpu) && hv_pool_change(ts->hv, pool->id, what, cpu) < 0)
            return report_errno(
                what == XEN_SYSCTL_CPUPOOL_OP_ADDCPU
                    ? "cannot add CPU %u to the pool (it must be in none: xl cpupool-cpu-remove)"
                    : "cannot remove CPU %u from the pool (a pool with domains keeps one)",
                cpu);
    return 0;
}

static int change_cpus(int argc, char **argv, uint32_t what)
{
    struct toolstack ts;
    struct hv_pool pool;
    struct cpulist cpus;
    const char *wrong;
    int ret;

    if (getopt(argc, argv, "") != -1 || argc - optind != 2)
        return command_usage(argv[0]);
    wrong = cpulist_parse(&cpus, argv[optind + 1]);
    if (wrong) {
        report_error("'%s': %s", argv[optind + 1], wrong);
        return XL_FAILED;
    }
    if (toolstack_open(&ts) < 0)
        return XL_FAILED;
    ret = pool_find(&ts, argv[optind], &pool);
    if (ret == 0 && strcmp(argv[optind + 1], "all") == 0) {
        struct hv_pool free;

        if (hv_pool_info(ts.hv, HV_POOL_FREE, &free) == 0)
            cpus = what == XEN_SYSCTL_CPUPOOL_OP_ADDCPU ? free.cpus : pool.cpus;
    }
    if (ret == 0)
        ret = move_cpus(&ts, &pool, what, &cpus);
    toolstack_close(&ts);
    return ret < 0 ? XL_FAILED : XL_OK;
}

int cmd_cpupool_cpu_add(int argc, char **argv)
{
    return change_cpus(argc, argv, XEN_SYSCTL_CPUPOOL_OP_ADDCPU);
}

int cmd_cpupool_cpu_remove(int argc, char **argv)
{
    return change_cpus(argc, argv, XEN_SYSCTL_CPUPOOL_OP_RMCPU);
}

/* --- making, ending, filling --- */

struct new_pool {
    char name[POOL_NAME_MAX];
    struct cpulist cpus; /* none: a free one */
};

/* cpus = "0-3" or ["0", "1", 2]. */
static int read_cpus(const struct cfg_value *value, struct cpulist *cpus)
{
    struct cpulist one;
    const char *wrong;

    if (value->kind != CFG_LIST) {
        wrong = cpulist_parse(cpus, value->string);
        return wrong ? report_error("cpus: %s", wrong) : 0;
    }
    for (size_t i = 0; i < value->n_items; i++) {
        if (value->items[i].kind == CFG_LIST)
            return report_error("cpus: a list in a list");
        wrong = cpulist_parse(&one, value->items[i].string);
        if (wrong)
            return report_error("cpus: %s", wrong);
        for (size_t k = 0; k < sizeof(one.bits); k++)
            cpus->bits[k] |= one.bits[k];
    }
    return 0;
}

static int read_pool(struct cfg *cfg, struct new_pool *pool)
{
    const struct cfg_setting *name = cfg_find(cfg, "name"), *sched = cfg_find(cfg, "sched"),
                             *cpus = cfg_find(cfg, "cpus");

    if (!name || name->value.kind != CFG_STRING || !*name->value.string ||
        strlen(name->value.string) >= POOL_NAME_MAX)
        return report_error("a pool needs name = \"...\", up to %d characters", POOL_NAME_MAX - 1);
    snprintf(pool->name, sizeof(pool->name), "%s", name->value.string);
    if (sched && (sched->value.kind != CFG_STRING || (strcmp(sched->value.string, "credit2") != 0 &&
                                                      strcmp(sched->value.string, "credit") != 0)))
        return report_error("sched: Corbel has one scheduler, \"credit2\"");
    if (cpus)
        return read_cpus(&cpus->value, &pool->cpus);
    return 0;
}

static int make_pool(struct toolstack *ts, struct new_pool *wanted)
{
    char path[64], name[POOL_NAME_MAX];
    struct hv_pool pool;

    for (uint32_t id = 0; hv_pool_info(ts->hv, id, &pool) == 0; id = pool.id + 1) {
        pool_name(ts, pool.id, name);
        if (strcmp(name, wanted->name) == 0)
            return report_error("there is a CPU pool '%s' already", name);
    }
    if (hv_pool_info(ts->hv, HV_POOL_FREE, &pool) < 0)
        return report_errno("cannot ask for free CPUs");
    for (unsigned int cpu = 0; cpulist_count(&wanted->cpus) == 0 && cpu < CPULIST_MAX; cpu++)
        if (cpulist_has(&pool.cpus, cpu))
            cpulist_add(&wanted->cpus, cpu);
    if (cpulist_count(&wanted->cpus) == 0)
        return report_error("no free CPU found: take one from a pool (xl cpupool-cpu-remove)");
    if (hv_pool_create(ts->hv, &pool.id) < 0)
        return report_errno("the hypervisor cannot make a CPU pool");
    snprintf(path, sizeof(path), "/local/pool/%u", pool.id);
    if (!store_write(ts->xs, XBT_NULL, path, "name", "%s", wanted->name)) {
        report_errno("cannot write %s/name", path);
    } else if (move_cpus(ts, &pool, XEN_SYSCTL_CPUPOOL_OP_ADDCPU, &wanted->cpus) == 0) {
        printf("cpupool name:   %s\nscheduler:      credit2\nnumber of cpus: %u\n", wanted->name,
               cpulist_count(&wanted->cpus));
        return 0;
    }
    if (hv_pool_info(ts->hv, pool.id, &pool) == 0)
        move_cpus(ts, &pool, XEN_SYSCTL_CPUPOOL_OP_RMCPU, &pool.cpus);
    hv_pool_change(ts->hv, pool.id, XEN_SYSCTL_CPUPOOL_OP_DESTROY, 0);
    store_remove(ts->xs, "%s", path);
    return -1;
}

/* All of a file's text; NULL after a message. */
static char *read_file(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text = calloc(1, 65536);

    if (!file || !text || (fread(text, 1, 65535, file) == 0 && ferror(file))) {
        report_errno("cannot read %s", path);
        free(text);
        text = NULL;
    }
    if (file)
        fclose(file);
    return text;
}

int cmd_cpupool_create(int argc, char **argv)
{
    struct new_pool pool = {0};
    struct cfg_error error;
    struct cfg cfg = {0};
    struct toolstack ts;
    int ret = 0;

    if (getopt(argc, argv, "") != -1 || optind == argc)
        return command_usage(argv[0]);
    for (int i = optind; i < argc && ret == 0; i++) {
        bool is_file = i == optind && !strchr(argv[i], '=');
        char *text = is_file ? read_file(argv[i]) : strdup(argv[i]);

        ret = text ? cfg_parse(&cfg, text, strlen(text), is_file ? argv[i] : "command line", &error)
                   : -1;
        if (text && ret < 0)
            report_error("%s:%u: %s", error.file, error.line, error.text);
        free(text);
    }
    if (ret == 0)
        ret = read_pool(&cfg, &pool);
    cfg_free(&cfg);
    if (ret < 0 || toolstack_open(&ts) < 0)
        return XL_FAILED;
    ret = make_pool(&ts, &pool);
    toolstack_close(&ts);
    return ret < 0 ? XL_FAILED : XL_OK;
}

static int destroy_pool(struct toolstack *ts, const char *name)
{
    struct hv_pool pool;

    if (pool_find(ts, name, &pool) < 0)
        return -1;
    if (pool.id == 0 || pool.n_domains)
        return report_error("CPU pool '%s' %s", name,
                            pool.id == 0 ? "is the first and stays"
                                         : "has domains (xl cpupool-migrate moves them)");
    if (move_cpus(ts, &pool, XEN_SYSCTL_CPUPOOL_OP_RMCPU, &pool.cpus) < 0)
        return -1;
    if (hv_pool_change(ts->hv, pool.id, XEN_SYSCTL_CPUPOOL_OP_DESTROY, 0) < 0)
        return report_errno("cannot destroy CPU pool '%s'", name);
    store_remove(ts->xs, "/local/pool/%u", pool.id);
    return 0;
}

int cmd_cpupool_destroy(int argc, char **argv)
{
    struct toolstack ts;
    int ret;

    if (getopt(argc, argv, "") != -1 || argc - optind != 1)
        return command_usage(argv[0]);
    if (toolstack_open(&ts) < 0)
        return XL_FAILED;
    ret = destroy_pool(&ts, argv[optind]);
    toolstack_close(&ts);
    return ret < 0 ? XL_FAILED : XL_OK;
}

int cmd_cpupool_migrate(int argc, char **argv)
{
    struct toolstack ts;
    struct hv_pool pool;
    domid_t domid;
    int ret;

    if (getopt(argc, argv, "") != -1 || argc - optind != 2)
        return command_usage(argv[0]);
    if (toolstack_open(&ts) < 0)
        return XL_FAILED;
    ret = domain_find(&ts, argv[optind], &domid);
    if (ret == 0)
        ret = pool_find(&ts, argv[optind + 1], &pool);
    if (ret == 0 && hv_pool_change(ts.hv, pool.id, XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN, domid) < 0)
        ret = report_errno("cannot move '%s' to CPU pool '%s' (it must have a CPU)", argv[optind],
                           argv[optind + 1]);
    toolstack_close(&ts);
    return ret < 0 ? XL_FAILED : XL_OK;
}
