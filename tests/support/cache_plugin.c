/* A plugin of QEMU (docs/devel/tcg-plugins, API version 1): a data cache beside the emulated core, which counts what a real one would fetch.
 *
 * The cache is set-associative with least-recently-used replacement; it allocates lines for loads and stores and writes them back. Accesses
 * outside the cached regions (tightly coupled memories, peripherals) pass it by. All accesses go through it, and those between the addresses
 * `begin` and `end` are counted. Counters lie in a file that the starter maps, too: `struct counters`, then for
 * every line of the region of weights how often it was fetched and how often it was accessed, uint32_t each.
 *
 * Arguments, numbers in any C notation: out=FILE, size=, ways=, line= (bytes), weights=START+BYTES, ram=START+BYTES (up to four), begin=, end=. */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* What this plugin uses of qemu-plugin.h, which no package of Debian has. */
typedef uint64_t qemu_plugin_id_t;
typedef struct qemu_info_t qemu_info_t;
typedef uint32_t qemu_plugin_meminfo_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum { QEMU_PLUGIN_CB_NO_REGS };
enum { QEMU_PLUGIN_MEM_RW = 3 };
typedef void (*tb_trans_cb)(qemu_plugin_id_t id, struct qemu_plugin_tb *tb);
typedef void (*udata_cb)(unsigned int vcpu, void *userdata);
typedef void (*mem_cb)(unsigned int vcpu, qemu_plugin_meminfo_t info, uint64_t vaddr, void *userdata);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, tb_trans_cb cb);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, udata_cb cb, int flags, void *userdata);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn, mem_cb cb, int flags, int rw, void *userdata);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
unsigned int qemu_plugin_mem_size_shift(qemu_plugin_meminfo_t info);
bool qemu_plugin_mem_is_store(qemu_plugin_meminfo_t info);
__attribute__((visibility("default"))) int qemu_plugin_version = 1;

#define MAX_LINES 65536u
#define MAX_RAMS 4u

struct counters {
    uint64_t weight_bytes; /* loaded by instructions */
    uint64_t weight_fills; /* lines */
    uint64_t ram_bytes, ram_fills, ram_write_backs;
    uint64_t parts; /* how often `begin` was reached */
};

struct region {
    uint64_t start, bytes;
};

struct line {
    uint64_t tag; /* address / line size, plus 1; 0: empty */
    uint64_t used;
    bool dirty;
};

static struct region weights, rams[MAX_RAMS];
static size_t ram_count;
static uint64_t cache_bytes, ways, line_bytes, begin_at, end_at;
static char out_path[4096];
static struct line lines[MAX_LINES];
static uint64_t sets, clock_now;
static struct counters *counters;
static uint32_t *fetched, *accessed;
static bool counting;

static bool holds(const struct region *region, uint64_t address)
{
    return address - region->start < region->bytes;
}

static bool is_ram(uint64_t address)
{
    for (size_t i = 0; i < ram_count; i++) {
        if (holds(&rams[i], address)) {
            return true;
        }
    }
    return false;
}

/* True when the line had to be fetched. */
static bool touch(uint64_t address, bool store)
{
    const uint64_t tag = address / line_bytes + 1u;
    struct line *const set = &lines[(tag - 1u) % sets * ways];
    struct line *oldest = set;
    clock_now++;
    for (uint64_t way = 0; way < ways; way++) {
        if (set[way].tag == tag) {
            set[way].used = clock_now;
            set[way].dirty |= store;
            return false;
        }
        if (set[way].used < oldest->used) {
            oldest = &set[way];
        }
    }
    counters->ram_write_backs += counting && oldest->dirty;
    *oldest = (struct line){.tag = tag, .used = clock_now, .dirty = store};
    return true;
}

static void on_access(unsigned int vcpu, qemu_plugin_meminfo_t info, uint64_t address, void *userdata)
{
    (void)vcpu;
    (void)userdata;
    const uint64_t bytes = 1ull << qemu_plugin_mem_size_shift(info);
    if (holds(&weights, address)) {
        const uint64_t index = (address - weights.start) / line_bytes;
        const bool fetch = touch(address, false);
        counters->weight_bytes += counting ? bytes : 0u;
        counters->weight_fills += counting && fetch;
        accessed[index] += counting;
        fetched[index] += counting && fetch;
    } else if (is_ram(address)) {
        const bool fetch = touch(address, qemu_plugin_mem_is_store(info));
        counters->ram_bytes += counting ? bytes : 0u;
        counters->ram_fills += counting && fetch;
    }
}

static void on_begin(unsigned int vcpu, void *userdata)
{
    (void)vcpu;
    (void)userdata;
    counting = true;
    counters->parts++;
}

static void on_end(unsigned int vcpu, void *userdata)
{
    (void)vcpu;
    (void)userdata;
    counting = false;
}

static void on_translation(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    (void)id;
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
        struct qemu_plugin_insn *const insn = qemu_plugin_tb_get_insn(tb, i);
        const uint64_t address = qemu_plugin_insn_vaddr(insn);
        if (address == begin_at || address == end_at) {
            qemu_plugin_register_vcpu_insn_exec_cb(insn, address == begin_at ? on_begin : on_end, QEMU_PLUGIN_CB_NO_REGS, NULL);
        }
        qemu_plugin_register_vcpu_mem_cb(insn, on_access, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_RW, NULL);
    }
}

static bool read_region(const char *text, struct region *region)
{
    char *end = NULL;
    region->start = strtoull(text, &end, 0);
    if (end == text || *end != '+') {
        return false;
    }
    text = end + 1;
    region->bytes = strtoull(text, &end, 0);
    return end != text && *end == '\0';
}

static bool read_argument(const char *argument)
{
    static const struct {
        const char *name;
        uint64_t *value;
    } numbers[] = {{"size=", &cache_bytes}, {"ways=", &ways}, {"line=", &line_bytes}, {"begin=", &begin_at}, {"end=", &end_at}};
    if (strncmp(argument, "out=", 4) == 0) {
        return (size_t)snprintf(out_path, sizeof out_path, "%s", argument + 4) < sizeof out_path;
    }
    if (strncmp(argument, "weights=", 8) == 0) {
        return read_region(argument + 8, &weights);
    }
    if (strncmp(argument, "ram=", 4) == 0) {
        return ram_count < MAX_RAMS && read_region(argument + 4, &rams[ram_count++]);
    }
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        const size_t length = strlen(numbers[i].name);
        if (strncmp(argument, numbers[i].name, length) == 0) {
            char *end = NULL;
            *numbers[i].value = strtoull(argument + length, &end, 0);
            return end != argument + length && *end == '\0';
        }
    }
    return false;
}

static bool map_counters(void)
{
    const uint64_t weight_lines = (weights.bytes + line_bytes - 1u) / line_bytes;
    const size_t bytes = sizeof *counters + 2u * weight_lines * sizeof *fetched;
    const int file = open(out_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0 || ftruncate(file, (off_t)bytes) != 0) {
        return false;
    }
    void *const mapped = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (mapped == MAP_FAILED) {
        return false;
    }
    counters = mapped;
    fetched = (uint32_t *)(counters + 1);
    accessed = fetched + weight_lines;
    return true;
}

__attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
    (void)info;
    for (int i = 0; i < argc; i++) {
        if (!read_argument(argv[i])) {
            fprintf(stderr, "cache_plugin: bad argument %s\n", argv[i]);
            return 1;
        }
    }
    if (line_bytes == 0u || ways == 0u || cache_bytes % (line_bytes * ways) != 0u || cache_bytes / line_bytes > MAX_LINES ||
        cache_bytes == 0u || weights.bytes == 0u || weights.start % line_bytes != 0u || !map_counters()) {
        fprintf(stderr, "cache_plugin: no such cache, or %s cannot be written\n", out_path);
        return 1;
    }
    sets = cache_bytes / line_bytes / ways;
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    return 0;
}
