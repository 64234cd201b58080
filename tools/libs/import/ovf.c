/* SPDX-License-Identifier: MIT */
/* An OVF descriptor read in one pass by expat; references are resolved at the end. */
#include "import/ovf.h"

#include <ctype.h>
#include <expat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REFERENCES_MAX  256
#define CONTROLLERS_MAX 32
#define FIELD_MAX       256
#define DEPTH_MAX       64
#define SEPARATOR       '|' /* between namespace and name in expat's element names */

/* CIM_ResourceAllocationSettingData.ResourceType */
enum resource {
    RESOURCE_CPU = 3,
    RESOURCE_MEMORY = 4,
    RESOURCE_IDE = 5,
    RESOURCE_SCSI = 6,
    RESOURCE_NIC = 10,
    RESOURCE_FLOPPY = 14,
    RESOURCE_CD = 15,
    RESOURCE_DVD = 16,
    RESOURCE_DISK = 17,
    RESOURCE_SATA = 20,
    RESOURCE_USB = 23,
};

struct file_ref {
    char id[FIELD_MAX], href[FIELD_MAX];
};

struct disk_ref {
    char id[FIELD_MAX], file[FIELD_MAX];
    uint64_t bytes;
};

struct controller {
    char id[FIELD_MAX];
    unsigned int rank, number; /* SCSI, SATA, IDE; which of its kind */
};

/* One <Item> of the hardware section. */
struct item {
    char id[FIELD_MAX], name[FIELD_MAX], parent[FIELD_MAX], host[FIELD_MAX], network[FIELD_MAX],
        mac[FIELD_MAX], units[FIELD_MAX], quantity[FIELD_MAX], unit[FIELD_MAX], type[FIELD_MAX];
};

struct disk_item {
    char host[FIELD_MAX], parent[FIELD_MAX];
    unsigned int unit;
};

struct reader {
    XML_Parser parser;
    struct vm *vm;
    const char *error;
    unsigned int depth, n_systems;
    struct file_ref files[REFERENCES_MAX];
    struct disk_ref disks[REFERENCES_MAX];
    struct controller controllers[CONTROLLERS_MAX];
    struct disk_item disk_items[VM_DISKS_MAX];
    size_t n_files, n_disks, n_controllers, n_disk_items;
    bool in_item, in_system, has_memory;
    struct item item;
    char text[FIELD_MAX]; /* of the innermost element */
    size_t text_length;
};

static void stop(struct reader *r, const char *error)
{
    if (!r->error)
        r->error = error;
    XML_StopParser(r->parser, XML_FALSE);
}

static const char *local_name(const char *name)
{
    const char *bar = strrchr(name, SEPARATOR);

    return bar ? bar + 1 : name;
}

static const char *attribute(const char **attributes, const char *name)
{
    for (; attributes[0]; attributes += 2)
        if (strcmp(local_name(attributes[0]), name) == 0)
            return attributes[1];
    return "";
}

static void copy_field(char to[FIELD_MAX], const char *from)
{
    snprintf(to, FIELD_MAX, "%s", from);
}

/* "byte * 2^20", "MegaBytes", "" (`otherwise`): the bytes of one unit, 0 when not understood. */
static uint64_t unit_bytes(const char *text, uint64_t otherwise)
{
    static const struct {
        const char *name;
        unsigned int shift;
    } names[] = {{"KiloBytes", 10}, {"KB", 10}, {"MegaBytes", 20}, {"MB", 20},
                 {"GigaBytes", 30}, {"GB", 30}, {"TeraBytes", 40}, {"byte", 0}};
    unsigned int power;

    if (!*text)
        return otherwise;
    if (sscanf(text, "byte * 2^%u", &power) == 1)
        return power < 50 ? 1ull << power : 0;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(text, names[i].name) == 0)
            return 1ull << names[i].shift;
    return 0;
}

/* Digits only; false when it is no number below 2^53. */
static bool number(const char *text, uint64_t *n)
{
    char *end;

    if (!isdigit((unsigned char)*text))
        return false;
    *n = strtoull(text, &end, 10);
    return *end == '\0' && *n < 1ull << 53;
}

static void add_file(struct reader *r, const char **attributes)
{
    struct file_ref *f = &r->files[r->n_files];

    if (r->n_files++ == REFERENCES_MAX) {
        stop(r, "more files than any package has");
        return;
    }
    copy_field(f->id, attribute(attributes, "id"));
    copy_field(f->href, attribute(attributes, "href"));
}

static void add_disk(struct reader *r, const char **attributes)
{
    struct disk_ref *d = &r->disks[r->n_disks];
    uint64_t unit = unit_bytes(attribute(attributes, "capacityAllocationUnits"), 1), n;

    if (r->n_disks++ == REFERENCES_MAX) {
        stop(r, "more disks than any package has");
        return;
    }
    copy_field(d->id, attribute(attributes, "diskId"));
    copy_field(d->file, attribute(attributes, "fileRef"));
    if (!unit || !number(attribute(attributes, "capacity"), &n) || n > (1ull << 62) / unit)
        stop(r, "a disk whose capacity is no number of bytes");
    else
        d->bytes = n * unit;
}

static void XMLCALL on_start(void *data, const char *name, const char **attributes)
{
    struct reader *r = data;

    r->text_length = 0;
    if (++r->depth > DEPTH_MAX) {
        stop(r, "elements nested deeper than any OVF");
        return;
    }
    name = local_name(name);
    if (strcmp(name, "File") == 0)
        add_file(r, attributes);
    else if (strcmp(name, "Disk") == 0)
        add_disk(r, attributes);
    else if (strcmp(name, "VirtualSystem") == 0) {
        r->in_system = ++r->n_systems == 1;
        if (r->n_systems == 1)
            r->vm->name = strdup(attribute(attributes, "id"));
    } else if (strcmp(name, "OperatingSystemSection") == 0 && r->in_system && !r->vm->guest_os) {
        r->vm->guest_os = strdup(attribute(attributes, "osType"));
    } else if (strcmp(name, "Config") == 0 && r->in_system) {
        if (strcmp(attribute(attributes, "key"), "firmware") == 0)
            r->vm->is_efi = strcmp(attribute(attributes, "value"), "efi") == 0;
    } else if (strcmp(name, "Item") == 0 || strcmp(name, "StorageItem") == 0 ||
               strcmp(name, "EthernetPortItem") == 0) {
        r->in_item = r->in_system;
        r->item = (struct item){0};
    }
}

static void XMLCALL on_text(void *data, const char *text, int length)
{
    struct reader *r = data;
    size_t room = FIELD_MAX - 1 - r->text_length;
    size_t n = (size_t)length < room ? (size_t)length : room;

    memcpy(r->text + r->text_length, text, n);
    r->text_length += n;
}

static void take_field(struct item *item, const char *name, const char *text)
{
    const struct {
        const char *name;
        char *field;
    } fields[] = {{"InstanceID", item->id},
                  {"InstanceId", item->id},
                  {"ElementName", item->name},
                  {"Parent", item->parent},
                  {"HostResource", item->host},
                  {"Connection", item->network},
                  {"Address", item->mac},
                  {"AllocationUnits", item->units},
                  {"VirtualQuantity", item->quantity},
                  {"AddressOnParent", item->unit},
                  {"ResourceType", item->type}};

    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        if (strcmp(name, fields[i].name) == 0)
            copy_field(fields[i].field, text);
}

static void take_quantity(struct reader *r, enum resource type)
{
    uint64_t n, unit = unit_bytes(r->item.units, 1ull << 20);

    if (!number(r->item.quantity, &n) || n == 0) {
        stop(r, "CPUs or memory without a number");
    } else if (type == RESOURCE_CPU) {
        r->vm->vcpus = n <= 768 ? (unsigned int)n : 768;
    } else if (!unit || n > (1ull << 44) / unit) {
        stop(r, "memory in units that are not understood");
    } else {
        r->vm->memory_mib = n * unit >> 20;
        r->has_memory = true;
    }
}

static void take_controller(struct reader *r, unsigned int rank)
{
    struct controller *c = &r->controllers[r->n_controllers];

    if (r->n_controllers == CONTROLLERS_MAX)
        return;
    *c = (struct controller){.rank = rank};
    copy_field(c->id, r->item.id);
    for (size_t i = 0; i < r->n_controllers; i++)
        c->number += r->controllers[i].rank == rank;
    r->n_controllers++;
}

static void take_disk(struct reader *r)
{
    struct disk_item *d = &r->disk_items[r->n_disk_items];
    uint64_t unit = 0;

    if (r->n_disk_items == VM_DISKS_MAX) {
        vm_lose(r->vm, "%s: more than %d disks, this one is left out", r->item.name, VM_DISKS_MAX);
        return;
    }
    (void)number(r->item.unit, &unit);
    copy_field(d->host, r->item.host);
    copy_field(d->parent, r->item.parent);
    d->unit = unit < 1000 ? (unsigned int)unit : 0;
    r->n_disk_items++;
}

static void take_nic(struct reader *r)
{
    struct vm_nic *nic = &r->vm->nics[r->vm->n_nics];

    if (r->vm->n_nics == VM_NICS_MAX) {
        vm_lose(r->vm, "%s: more than %d network cards", r->item.name, VM_NICS_MAX);
        return;
    }
    nic->has_mac = *r->item.mac && vm_parse_mac(r->item.mac, nic->mac);
    nic->network = *r->item.network ? strdup(r->item.network) : NULL;
    r->vm->n_nics++;
}

static void take_item(struct reader *r)
{
    uint64_t type;

    if (!number(r->item.type, &type))
        return;
    switch (type) {
    case RESOURCE_CPU:
    case RESOURCE_MEMORY:
        take_quantity(r, (enum resource)type);
        break;
    case RESOURCE_SCSI:
        take_controller(r, 0);
        break;
    case RESOURCE_SATA:
        take_controller(r, 1);
        break;
    case RESOURCE_IDE:
        take_controller(r, 2);
        break;
    case RESOURCE_DISK:
        take_disk(r);
        break;
    case RESOURCE_NIC:
        take_nic(r);
        break;
    case RESOURCE_FLOPPY:
    case RESOURCE_CD:
    case RESOURCE_DVD:
    case RESOURCE_USB:
        vm_lose(r->vm, "%s: left out", *r->item.name ? r->item.name : "a removable drive");
        break;
    default:
        break;
    }
}

static void XMLCALL on_end(void *data, const char *name)
{
    struct reader *r = data;

    r->text[r->text_length] = '\0';
    r->depth--;
    name = local_name(name);
    if (strcmp(name, "Item") == 0 || strcmp(name, "StorageItem") == 0 ||
        strcmp(name, "EthernetPortItem") == 0) {
        if (r->in_item)
            take_item(r);
        r->in_item = false;
    } else if (r->in_item) {
        take_field(&r->item, name, r->text);
    } else if (strcmp(name, "VirtualSystem") == 0) {
        r->in_system = false;
    } else if (strcmp(name, "Name") == 0 && r->in_system && *r->text) {
        free(r->vm->name);
        r->vm->name = strdup(r->text);
    }
    r->text_length = 0;
}

/* An OVF has no document type, and entities of one's own are how XML readers are attacked. */
static void XMLCALL on_doctype(void *data, const char *name, const char *system, const char *public,
                               int has_internal)
{
    (void)name, (void)system, (void)public, (void)has_internal;
    stop(data, "a document type: no OVF has one");
}

static const struct controller *controller_of(const struct reader *r, const struct disk_item *d)
{
    static const struct controller none = {.rank = 3};

    for (size_t i = 0; i < r->n_controllers; i++)
        if (strcmp(r->controllers[i].id, d->parent) == 0)
            return &r->controllers[i];
    return &none;
}

static int compare_disks(const void *a, const void *b, void *data)
{
    const struct disk_item *x = a, *y = b;
    const struct controller *p = controller_of(data, x), *q = controller_of(data, y);

    if (p->rank != q->rank)
        return p->rank < q->rank ? -1 : 1;
    if (p->number != q->number)
        return p->number < q->number ? -1 : 1;
    return x->unit < y->unit ? -1 : x->unit > y->unit;
}

/* From "ovf:/disk/ID" (or "/disk/ID") to the file of the package. */
static int resolve_disk(struct reader *r, const struct disk_item *item)
{
    static const char *const buses[] = {"scsi", "sata", "ide", "disk"};
    const struct controller *c = controller_of(r, item);
    const char *id = strstr(item->host, "/disk/");
    struct vm_disk *disk = &r->vm->disks[r->vm->n_disks];

    for (size_t i = 0; id && i < r->n_disks; i++) {
        if (strcmp(r->disks[i].id, id + strlen("/disk/")) != 0)
            continue;
        disk->bytes = r->disks[i].bytes;
        for (size_t k = 0; *r->disks[i].file && !disk->file && k < r->n_files; k++)
            if (strcmp(r->files[k].id, r->disks[i].file) == 0)
                disk->file = strdup(r->files[k].href);
        if (*r->disks[i].file && !disk->file)
            break;
        snprintf(disk->place, sizeof(disk->place), "%s%u:%u", buses[c->rank], c->number,
                 item->unit);
        r->vm->n_disks++;
        return 0;
    }
    r->error = "a disk that names no file of the package";
    return -1;
}

static int finish(struct reader *r)
{
    if (r->n_systems != 1)
        r->error = r->n_systems ? "several virtual systems: import them one by one"
                                : "no virtual system: is this an OVF descriptor?";
    else if (!r->vm->vcpus || !r->has_memory)
        r->error = "no CPUs or no memory in the hardware section";
    if (r->error)
        return -1;
    qsort_r(r->disk_items, r->n_disk_items, sizeof(r->disk_items[0]), compare_disks, r);
    for (size_t i = 0; i < r->n_disk_items; i++)
        if (resolve_disk(r, &r->disk_items[i]))
            return -1;
    if (r->vm->is_efi)
        vm_lose(
            r->vm,
            "firmware = efi: a paravirtual guest has no firmware; its kernel is loaded directly");
    if (!r->vm->name || !*r->vm->name) {
        free(r->vm->name);
        r->vm->name = strdup("imported");
    }
    return r->vm->name ? 0 : -1;
}

static int parse(struct reader *r, const char *text, size_t length, unsigned int *line)
{
    XML_SetUserData(r->parser, r);
    XML_SetElementHandler(r->parser, on_start, on_end);
    XML_SetCharacterDataHandler(r->parser, on_text);
    XML_SetStartDoctypeDeclHandler(r->parser, on_doctype);
    if (XML_Parse(r->parser, text, (int)length, 1) == XML_STATUS_OK)
        return finish(r);
    *line = (unsigned int)XML_GetCurrentLineNumber(r->parser);
    if (!r->error)
        r->error = XML_ErrorString(XML_GetErrorCode(r->parser));
    return -1;
}

int vm_from_ovf(struct vm *vm, const char *text, size_t length, const char **error,
                unsigned int *line)
{
    struct reader *r = calloc(1, sizeof(*r));
    int rc = -1;

    *vm = (struct vm){0};
    *line = 0;
    *error = "no memory";
    if (r && length <= OVF_SIZE_MAX) {
        r->vm = vm;
        r->parser = XML_ParserCreateNS(NULL, SEPARATOR);
        if (r->parser)
            rc = parse(r, text, length, line);
        if (r->error)
            *error = r->error;
        XML_ParserFree(r->parser);
    } else if (r) {
        *error = "larger than any OVF descriptor";
    }
    free(r);
    return rc;
}
