/* SPDX-License-Identifier: MIT */
/* corbel-vswitchctl: asks corbel-vswitchd what it knows, and shows it. */
#include "net/control.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <jansson.h>

/* Send `request` and read the answer, whole. NULL with a message printed. */
static json_t *ask(const char *path, const char *request)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    json_error_t error;
    json_t *answer = NULL;
    FILE *stream;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        fprintf(stderr, "corbel-vswitchctl: %s: %s; is corbel-vswitchd running?\n", path,
                strerror(errno));
        return NULL;
    }
    stream = fdopen(fd, "r+");
    if (stream && fprintf(stream, "%s\n", request) > 0 && fflush(stream) == 0)
        answer = json_loadf(stream, 0, &error);
    if (!answer)
        fprintf(stderr, "corbel-vswitchctl: no answer from %s\n", path);
    if (stream)
        fclose(stream);
    return answer;
}

static json_int_t number(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static const char *text(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));

    return value ? value : "-";
}

/* Reasons with a count, as "full:3,giant:1"; "-" if there are none. */
static void print_drops(const json_t *port)
{
    json_t *drops = json_object_get(port, "drops"), *count;
    const char *reason, *separator = "";

    json_object_foreach(drops, reason, count)
    {
        if (json_integer_value(count) == 0)
            continue;
        printf("%s%s:%lld", separator, reason, json_integer_value(count));
        separator = ",";
    }
    printf("%s\n", *separator ? "" : "-");
}

static void print_switch(const json_t *vs)
{
    json_t *ports = json_object_get(vs, "ports"), *macs = json_object_get(vs, "macs"), *item;
    size_t i;

    printf("vSwitch %s (mtu %lld)\n", text(vs, "name"), number(vs, "mtu"));
    printf("  %4s %-15s %-7s %-10s %-17s %10s %12s %10s %12s  %s\n", "Port", "Name", "Kind",
           "Group", "MAC", "In", "In-bytes", "Out", "Out-bytes", "Drops");
    json_array_foreach(ports, i, item)
    {
        printf("  %4lld %-15s %-7s %-10s %-17s %10lld %12lld %10lld %12lld  ", number(item, "port"),
               text(item, "name"), text(item, "kind"), text(item, "group"), text(item, "mac"),
               number(item, "in_frames"), number(item, "in_bytes"), number(item, "out_frames"),
               number(item, "out_bytes"));
        print_drops(item);
    }
    printf("  %-17s %4s %4s %6s\n", "MAC", "VLAN", "Port", "Age(s)");
    json_array_foreach(macs, i, item)
    {
        printf("  %-17s %4lld %4lld ", text(item, "mac"), number(item, "vlan"),
               number(item, "port"));
        if (json_is_true(json_object_get(item, "fixed")))
            printf("%6s\n", "fixed");
        else
            printf("%6lld\n", number(item, "age_s"));
    }
}

static int show(const char *path, bool as_json)
{
    json_t *answer = ask(path, "show"), *vs;
    size_t i;

    if (!answer)
        return EXIT_FAILURE;
    if (as_json) {
        json_dumpf(answer, stdout, JSON_INDENT(2));
        printf("\n");
    } else {
        json_array_foreach(json_object_get(answer, "vswitches"), i, vs) print_switch(vs);
    }
    json_decref(answer);
    return EXIT_SUCCESS;
}

static void usage(FILE *out)
{
    fprintf(out, "Usage: corbel-vswitchctl [--socket PATH] show [--json]\n"
                 "Shows the vSwitches: their ports with counters, and the addresses learnt.\n");
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"socket", required_argument, NULL, 's'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {0},
    };
    const char *path = CONTROL_SOCKET;
    bool as_json = false;
    int option;

    while ((option = getopt_long(argc, argv, "s:jh", options, NULL)) != -1) {
        switch (option) {
        case 's':
            path = optarg;
            break;
        case 'j':
            as_json = true;
            break;
        default:
            usage(option == 'h' ? stdout : stderr);
            return option == 'h' ? EXIT_SUCCESS : EXIT_FAILURE;
        }
    }
    if (optind + 1 != argc || strcmp(argv[optind], "show") != 0) {
        usage(stderr);
        return EXIT_FAILURE;
    }
    return show(path, as_json);
}
