/* Sim plugins in C: interface 1 of SIM.md, without a C library.
 *
 * One file to include, by a plugin that is one translation unit or several. A plugin is structs of 32-bit words as its
 * columns hold them, systems, and, in one of its files, what it declares:
 *
 *     static int turn(hd1_step *step) { ...; return 0; }
 *     HD1_PLAN({ "abi": 1, "systems": [{ "name": "turn", ... }] });
 *     HD1_SYSTEMS(turn);
 *
 *     clang --target=wasm32 -std=c11 -O3 -ffreestanding -nostdlib -msimd128 -mbulk-memory \
 *         -Wl,--no-entry,--stack-first -o plugin.wasm plugin.c
 *
 * `-mbulk-memory` copies structs by an instruction; without it clang calls a memcpy that nobody has. `--stack-first`
 * makes a stack that is too deep a trap. first-party/windmill is a whole plugin.
 *
 * What C cannot see, `hd1 plugin test` does: whether structs and calls are as the plan says. */
#ifndef HD1_SIM_H
#define HD1_SIM_H

#ifndef __wasm32__
#error "a sim plugin is compiled with clang --target=wasm32"
#endif

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- The module ------------------------------------------------------------------------------------------------- */

/* The plan, written as JSON into the section `hd1.plan`. JSON is made of C's tokens, so it needs no quotes around it.
 * The assembler is asked, since what `__attribute__((section))` names would be data in memory. */
#define HD1_PLAN(...) HD1_PLAN_(#__VA_ARGS__)
#define HD1_PLAN_(json) HD1_PLAN__(json)
#define HD1_PLAN__(json) \
    __asm__(".section .custom_section.hd1.plan,\"\",@\n\t.ascii " #json "\n\t.text\n")

/* The systems in the order of the plan, and the two functions that the host calls. */
#define HD1_SYSTEMS(...)                                                                                               \
    __attribute__((export_name("hd1_reserve"))) uint32_t hd1_reserve_(uint32_t bytes) {                                \
        static hd1_buffer buffer;                                                                                      \
        return hd1_reserve_in(&buffer, bytes);                                                                         \
    }                                                                                                                  \
    __attribute__((export_name("hd1_run"))) int32_t hd1_run_(uint32_t system, hd1_batch *batch) {                      \
        static hd1_system *const systems[] = { __VA_ARGS__ };                                                          \
        return system < sizeof systems / sizeof *systems ? hd1_run_system(systems[system], batch) : -1;                \
    }                                                                                                                  \
    _Static_assert(sizeof(hd1_batch) == 64, "a header has 64 bytes")

/* ---- A run ------------------------------------------------------------------------------------------------------ */

/* What every column is made of, whatever struct a row is read as. */
typedef uint32_t __attribute__((may_alias)) hd1_word;

/* The header of a batch. */
typedef struct {
    uint64_t tick;
    uint64_t seed;             /* of this system in this tick: where chance comes from, by hd1_random */
    float dt;                  /* seconds of a tick */
    uint32_t hz;               /* ticks a second */
    uint32_t table;            /* offsets count bytes from the header's begin */
    uint32_t config;           /* 0: the plan has none */
    uint32_t commands;
    uint32_t commands_bytes;
    uint32_t commands_written; /* by the system: bytes */
    uint32_t zero[5];
} hd1_batch;

/* A run of a system: what it is handed, and how far it has read and written. */
typedef struct {
    hd1_batch *batch;
    const hd1_word *table; /* what is to be read of it next */
    hd1_word *room;        /* for commands */
    uint32_t room_words;
    uint32_t room_used; /* never more than there are */
    bool is_full;       /* was more commanded than there is room for? */
} hd1_step;

/* A system. 0 is success; all else is a fault, and the run counts for nothing. Nothing may be kept from run to run. */
typedef int hd1_system(hd1_step *step);

/* ---- The log ---------------------------------------------------------------------------------------------------- */

enum { HD1_ERROR, HD1_WARN, HD1_INFO, HD1_DEBUG };

__attribute__((import_module("hd1_sim_1"), import_name("log"))) void hd1_log_bytes(
    int32_t level, const char *at, uint32_t bytes);

static inline uint32_t hd1_length(const char *text) {
    uint32_t bytes = 0;
    while (text[bytes] != 0) bytes++;
    return bytes;
}

/* A line in the plugin's log; 16 a run, of 1,024 bytes. */
static inline void hd1_log(int32_t level, const char *line) {
    hd1_log_bytes(level, line, hd1_length(line));
}

/* Ends the run as a fault that says why. For what cannot be, such as a query that the plan has otherwise. */
__attribute__((noreturn)) static inline void hd1_stop(const char *why) {
    hd1_log(HD1_ERROR, why);
    __builtin_trap();
}

/* ---- Text: log lines, and JSON for clients ---------------------------------------------------------------------- */

typedef struct {
    char *at;
    uint32_t room, bytes; /* bytes are never more than the room */
    bool is_cut;          /* was there more than room? */
} hd1_text;

/* Declares an empty text with room for so many bytes. */
#define HD1_TEXT(name, room_bytes)  \
    char name##_room[(room_bytes)]; \
    hd1_text name = { name##_room, (room_bytes), 0, false }

static inline void hd1_put_bytes(hd1_text *text, const char *from, uint32_t bytes) {
    if (bytes > text->room - text->bytes) {
        bytes = text->room - text->bytes;
        text->is_cut = true;
    }
    for (uint32_t i = 0; i < bytes; i++) text->at[text->bytes + i] = from[i];
    text->bytes += bytes;
}

/* Appends as it is: whoever puts it between quotes of JSON minds what has to be escaped. */
static inline void hd1_put(hd1_text *text, const char *from) {
    hd1_put_bytes(text, from, hd1_length(from));
}

/* Appends a whole number. */
static inline void hd1_put_u64(hd1_text *text, uint64_t number) {
    char digits[20];
    uint32_t at = sizeof digits;
    do digits[--at] = (char)('0' + number % 10);
    while ((number /= 10) != 0);
    hd1_put_bytes(text, digits + at, sizeof digits - at);
}

static inline void hd1_log_text(int32_t level, const hd1_text *line) {
    hd1_log_bytes(level, line->at, line->bytes);
}

/* ---- The table: queries, then messages, each read once and in the order of the plan ------------------------------ */

/* The rows of a query. */
typedef struct {
    const hd1_batch *batch;
    const hd1_word *offsets;
    uint32_t columns;
    uint32_t count;           /* of rows */
    const hd1_word *entities; /* the entity of each row; null unless the plan asks for `entities` */
} hd1_rows;

/* Messages of a kind. */
typedef struct {
    uint32_t count;
    const void *first; /* an array of them, such as hd1_contact */
} hd1_messages;

static inline void *hd1_at(const hd1_batch *batch, uint32_t offset) {
    return (char *)batch + offset;
}

/* The next query, which has so many columns in `write` and `read` together. */
static inline hd1_rows hd1_next_query(hd1_step *step, uint32_t columns) {
    const hd1_word *table = step->table;
    step->table += 2 + columns;
    const hd1_word *entities = table[1] != 0 ? hd1_at(step->batch, table[1]) : NULL;
    return (hd1_rows){ step->batch, table + 2, columns, table[0], entities };
}

/* A column: `count` rows of the component's struct. Those of `write` come first; others are not read back. */
static inline void *hd1_column(const hd1_rows *rows, uint32_t column) {
    if (column >= rows->columns) hd1_stop("a query has no such column");
    uint32_t offset = rows->offsets[column];
    if (offset % 16 != 0) hd1_stop("where a column should begin is something else: are its queries those of the plan?");
    return hd1_at(rows->batch, offset);
}

/* No row. */
#define HD1_NONE UINT32_MAX

/* The row of an entity in a query that is `ordered` and has `entities`, or HD1_NONE. */
static inline uint32_t hd1_find(const hd1_rows *rows, uint32_t entity) {
    if (rows->entities == NULL) hd1_stop("a query is not told of its rows' entities");
    uint32_t from = 0, to = rows->count;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (rows->entities[middle] < entity) from = middle + 1;
        else to = middle;
    }
    return from < rows->count && rows->entities[from] == entity ? from : HD1_NONE;
}

/* The messages that the plan names next. */
static inline hd1_messages hd1_next_messages(hd1_step *step) {
    const hd1_word *table = step->table;
    step->table += 2;
    return (hd1_messages){ table[0], hd1_at(step->batch, table[1]) };
}

/* The config: the struct of the plan's fields. */
static inline const void *hd1_config(const hd1_step *step) {
    if (step->batch->config == 0) hd1_stop("the plan has no config");
    return hd1_at(step->batch, step->batch->config);
}

/* ---- Commands: carried out after the run, if it counts ----------------------------------------------------------- */

/* So many words of the room, or null where there are fewer; then the run fails. */
static inline hd1_word *hd1_take(hd1_step *step, uint32_t words) {
    if (step->is_full || words > step->room_words - step->room_used) {
        step->is_full = true;
        return NULL;
    }
    hd1_word *at = step->room + step->room_used;
    step->room_used += words;
    return at;
}

/* A component's value. Its first number is an index into the system's `commands` in the plan. */
typedef struct {
    uint32_t component;
    uint32_t bytes; /* 0 for a mark, which has no fields */
    const void *value;
} hd1_part;

/* A component with the value of a variable of its struct. */
#define HD1_PART(component, variable) ((hd1_part){ (component), sizeof(variable), &(variable) })

static inline hd1_word *hd1_put_part(hd1_word *at, hd1_part part) {
    const hd1_word *value = part.value;
    uint32_t words = part.bytes / 4;
    *at++ = part.component;
    *at++ = words;
    for (uint32_t i = 0; i < words; i++) *at++ = value[i];
    return at;
}

/* An entity goes, with its children. */
static inline void hd1_despawn(hd1_step *step, uint32_t entity) {
    hd1_word *at = hd1_take(step, 2);
    if (at == NULL) return;
    at[0] = 1;
    at[1] = entity;
}

/* An entity loses a component. */
static inline void hd1_remove(hd1_step *step, uint32_t entity, uint32_t component) {
    hd1_word *at = hd1_take(step, 3);
    if (at == NULL) return;
    at[0] = 2;
    at[1] = entity;
    at[2] = component;
}

/* An entity gets a component, or another value of the one that it has. */
static inline void hd1_insert(hd1_step *step, uint32_t entity, hd1_part part) {
    hd1_word *at = hd1_take(step, 4 + part.bytes / 4);
    if (at == NULL) return;
    at[0] = 3;
    at[1] = entity;
    hd1_put_part(at + 2, part);
}

/* An entity comes to be, with so many components. */
static inline void hd1_spawn(hd1_step *step, const hd1_part *parts, uint32_t count) {
    hd1_word *at = hd1_take(step, 2);
    if (at == NULL) return;
    at[0] = 4;
    at[1] = count;
    for (uint32_t i = 0; i < count; i++) {
        at = hd1_take(step, 2 + parts[i].bytes / 4);
        if (at == NULL) return;
        hd1_put_part(at, parts[i]);
    }
}

/* JSON to a player, 0 for everyone, under a topic: an index into the system's `topics` in the plan. */
static inline void hd1_say(hd1_step *step, uint32_t player, uint32_t topic, const hd1_text *json) {
    if (json->is_cut) hd1_stop("a message was longer than the text has room");
    uint32_t words = json->bytes / 4 + (json->bytes % 4 != 0);
    hd1_word *at = hd1_take(step, 4 + words);
    if (at == NULL) return;
    at[0] = 5;
    at[1] = player;
    at[2] = topic;
    at[3] = json->bytes;
    if (words > 0) at[3 + words] = 0; /* what fills the last word up */
    char *bytes = (char *)(at + 4);
    for (uint32_t i = 0; i < json->bytes; i++) bytes[i] = json->at[i];
}

/* ---- Chance: the same numbers on every machine ------------------------------------------------------------------- */

/* 64 bits (SplitMix64). The state begins as the batch's seed, or as any other number, and is gone with the run. */
static inline uint64_t hd1_random(uint64_t *state) {
    uint64_t bits = *state += 0x9E3779B97F4A7C15u;
    bits = (bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9u;
    bits = (bits ^ (bits >> 27)) * 0x94D049BB133111EBu;
    return bits ^ (bits >> 31);
}

/* From 0 to just below 1. */
static inline float hd1_unit(uint64_t *state) {
    return (float)(hd1_random(state) >> 40) * (1.0f / (1 << 24));
}

/* ---- Vectors, rotations and what the server has of them ---------------------------------------------------------- */

typedef struct { float x, y, z; } hd1_vec3;
typedef struct { float x, y, z, w; } hd1_quat;

/* Sine and cosine of an angle in radians within a million or so: the polynomials of musl's sinf and cosf. */
static inline void hd1_sin_cos(float angle, float *sin, float *cos) {
    double quarters = __builtin_rint((double)angle / 1.57079632679489661923);
    double x = (double)angle - quarters * 1.57079632679489661923, z = x * x, w = z * z;
    float s = (float)(x + z * x * (-0.16666666641626524 + z * 0.008333329385889463)
        + z * x * w * (-0.00019839334836096632 + z * 0.000002718311493989822));
    float c = (float)(1.0 + z * -0.499999997251031 + w * 0.04166662332373906
        + w * z * (-0.001388676377460993 + z * 0.00002439044879627741));
    uint32_t quarter = (uint32_t)(int64_t)quarters & 3;
    *sin = quarter == 0 ? s : quarter == 1 ? c : quarter == 2 ? -s : -c;
    *cos = quarter == 0 ? c : quarter == 1 ? -s : quarter == 2 ? -c : s;
}

/* About an axis of length 1, by an angle in radians. */
static inline hd1_quat hd1_quat_about(hd1_vec3 axis, float angle) {
    float sin, cos;
    hd1_sin_cos(angle * 0.5f, &sin, &cos);
    return (hd1_quat){ axis.x * sin, axis.y * sin, axis.z * sin, cos };
}

/* First b, then a. */
static inline hd1_quat hd1_quat_times(hd1_quat a, hd1_quat b) {
    return (hd1_quat){
        a.w * b.x + a.x * b.w + a.y * b.z - a.z * b.y,
        a.w * b.y - a.x * b.z + a.y * b.w + a.z * b.x,
        a.w * b.z + a.x * b.y - a.y * b.x + a.z * b.w,
        a.w * b.w - a.x * b.x - a.y * b.y - a.z * b.z,
    };
}

/* Of length 1 again; no rotation where it has no length. */
static inline hd1_quat hd1_quat_normalize(hd1_quat q) {
    float length = __builtin_sqrtf(q.x * q.x + q.y * q.y + q.z * q.z + q.w * q.w);
    if (!(length > 1.0e-12f)) return (hd1_quat){ 0, 0, 0, 1 };
    return (hd1_quat){ q.x / length, q.y / length, q.z / length, q.w / length };
}

/* Where an entity is. Its neighbours in the catalogue are written down likewise: their fields in order, as words. */
typedef struct {
    hd1_vec3 position;
    hd1_quat rotation;
    hd1_vec3 scale;
} hd1_transform;

/* How fast it moves and turns. */
typedef struct { hd1_vec3 linear, angular; } hd1_velocity;

/* The messages ContactStarted and ContactStopped: two entities, the lesser first. */
typedef struct { uint32_t first, second; } hd1_contact;

/* The message PlayerInput. */
typedef struct {
    uint32_t player;
    uint32_t avatar; /* 0: none */
    uint32_t buttons;
    float strafe, forward, yaw, pitch;
} hd1_player_input;

_Static_assert(sizeof(hd1_transform) == 40 && sizeof(hd1_velocity) == 24, "columns are without gaps");
_Static_assert(sizeof(hd1_contact) == 8 && sizeof(hd1_player_input) == 28, "messages are without gaps");

/* ---- What HD1_SYSTEMS is made of --------------------------------------------------------------------------------- */

typedef struct { uint32_t at, end; } hd1_buffer;

/* The buffer for batches: pages at the memory's end. As long as nothing else grew the memory it grows with them. */
static inline uint32_t hd1_reserve_in(hd1_buffer *buffer, uint32_t bytes) {
    const uint32_t page = 65536, pages_max = 65535; /* whose end is still a number of 32 bits */
    uint32_t pages = __builtin_wasm_memory_size(0);
    if (pages > pages_max) return 0;
    if (buffer->end != pages * page) buffer->at = buffer->end = pages * page;
    uint32_t has = buffer->end - buffer->at;
    if (bytes > has) {
        uint32_t missing = (bytes - has - 1) / page + 1;
        if (missing > pages_max - pages || __builtin_wasm_memory_grow(0, missing) == SIZE_MAX) return 0;
        buffer->end += missing * page;
    }
    return buffer->at;
}

static inline int32_t hd1_run_system(hd1_system *system, hd1_batch *batch) {
    hd1_step step = {
        batch, hd1_at(batch, batch->table), hd1_at(batch, batch->commands), batch->commands_bytes / 4, 0, false,
    };
    int32_t ended = system(&step);
    batch->commands_written = step.room_used * 4;
    if (step.is_full) {
        hd1_log(HD1_ERROR, "more was commanded than there is room for");
        return 1;
    }
    return ended;
}

#endif
