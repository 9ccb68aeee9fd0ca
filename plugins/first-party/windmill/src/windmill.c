/* Windmills: blades that turn in gusts of wind, and stand while something is caught in them.
 *
 * The plugin in C to read first: two components, a config, two systems, contacts, commands, and words to clients. */
#include "hd1_sim.h"

/* Columns as the plan below declares them. */
typedef struct { float speed; } Blades;
typedef struct { uint32_t by; } Jammed;
typedef struct { float wind, gusts; } Config;

/* How strong the wind is that blows in a certain second, from 0 to 1. */
static float gust(uint64_t second) {
    return hd1_unit(&second);
}

/* Turns what has Blades about its own Z. The wind follows from the tick alone, so nothing has to be kept, and every
 * copy of a world has the same. */
static int turn(hd1_step *step) {
    hd1_rows mills = hd1_next_query(step, 2);
    hd1_transform *places = hd1_column(&mills, 0);
    const Blades *blades = hd1_column(&mills, 1);
    const Config *config = hd1_config(step);

    uint64_t second = step->batch->tick / step->batch->hz;
    float into = (float)(step->batch->tick % step->batch->hz) * step->batch->dt;
    float now = gust(second) * (1 - into) + gust(second + 1) * into;
    float wind = config->wind * (1 + config->gusts * (2 * now - 1));
    for (uint32_t i = 0; i < mills.count; i++) {
        hd1_quat turned = hd1_quat_about((hd1_vec3){ 0, 0, 1 }, blades[i].speed * wind * step->batch->dt);
        /* Rounding would add up over the ticks of a day; a rotation has to stay of length 1. */
        places[i].rotation = hd1_quat_normalize(hd1_quat_times(places[i].rotation, turned));
    }
    return 0;
}

/* As the system `jam` names them in its `commands` and `topics`. */
enum { JAMMED = 0 };
enum { TOPIC_JAMMED = 0 };

static void catch_in(hd1_step *step, const hd1_rows *turning, uint32_t mill, uint32_t by) {
    if (hd1_find(turning, mill) == HD1_NONE) return;
    Jammed jammed = { by };
    hd1_insert(step, mill, HD1_PART(JAMMED, jammed));
    HD1_TEXT(json, 64);
    hd1_put(&json, "{\"mill\":");
    hd1_put_u64(&json, mill);
    hd1_put(&json, ",\"by\":");
    hd1_put_u64(&json, by);
    hd1_put(&json, "}");
    hd1_say(step, 0, TOPIC_JAMMED, &json);
}

static void let_go(hd1_step *step, const hd1_rows *standing, uint32_t mill, uint32_t by) {
    const Jammed *jammed = hd1_column(standing, 0);
    uint32_t row = hd1_find(standing, mill);
    if (row == HD1_NONE || jammed[row].by != by) return;
    hd1_remove(step, mill, JAMMED);
    HD1_TEXT(line, 64);
    hd1_put(&line, "mill ");
    hd1_put_u64(&line, mill);
    hd1_put(&line, " turns again");
    hd1_log_text(HD1_DEBUG, &line);
}

/* A mill that something runs into stands until that lets go of it. */
static int jam(hd1_step *step) {
    hd1_rows turning = hd1_next_query(step, 0);
    hd1_rows standing = hd1_next_query(step, 1);
    hd1_messages started = hd1_next_messages(step);
    hd1_messages stopped = hd1_next_messages(step);

    const hd1_contact *contact = started.first;
    for (uint32_t i = 0; i < started.count; i++) {
        catch_in(step, &turning, contact[i].first, contact[i].second);
        catch_in(step, &turning, contact[i].second, contact[i].first);
    }
    contact = stopped.first;
    for (uint32_t i = 0; i < stopped.count; i++) {
        let_go(step, &standing, contact[i].first, contact[i].second);
        let_go(step, &standing, contact[i].second, contact[i].first);
    }
    return 0;
}

HD1_PLAN({
    "abi": 1,
    "components": [
        {
            "name": "Blades", "doc": "Turns about the Z of its entity.",
            "delivery": "reliable", "client_writable": true,
            "fields": [
                {
                    "name": "speed", "doc": "How fast, in a wind of 1; below 0 the other way.", "unit": "rad/s",
                    "kind": { "type": "f32", "range": { "min": -20, "max": 20 }, "step": 0.01 }, "default": { "F32": 1 }
                }
            ]
        },
        {
            "name": "Jammed", "doc": "Keeps Blades from turning.",
            "delivery": "reliable", "client_writable": true,
            "fields": [
                {
                    "name": "by", "doc": "What is caught in them.",
                    "kind": { "type": "entity" }, "default": { "Entity": 0 }
                }
            ]
        }
    ],
    "config": [
        {
            "name": "wind", "doc": "Factor on every speed.",
            "kind": { "type": "f32", "range": { "min": 0, "max": 10 }, "step": 0.01 }, "default": { "F32": 1 }
        },
        {
            "name": "gusts", "doc": "How far the wind swells and dies down: 0 is steady, 1 is from nothing to twice.",
            "kind": { "type": "f32", "range": { "min": 0, "max": 1 }, "step": 0.01 }, "default": { "F32": 0.3 }
        }
    ],
    "systems": [
        { "name": "turn", "queries": [{ "write": ["Transform"], "read": ["Blades"], "without": ["Jammed"] }] },
        {
            "name": "jam",
            "queries": [
                { "with": ["Blades"], "without": ["Jammed"], "entities": true, "ordered": true },
                { "read": ["Jammed"], "with": ["Blades"], "entities": true, "ordered": true }
            ],
            "messages": ["ContactStarted", "ContactStopped"],
            "commands": ["Jammed"],
            "topics": ["jammed"]
        }
    ]
});

HD1_SYSTEMS(turn, jam);
