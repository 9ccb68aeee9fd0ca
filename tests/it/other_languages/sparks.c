/* What the windmill leaves out of hd1_sim.h: entities made and taken away, marks, chance, the input of players. */
#include "hd1_sim.h"

enum { TRANSFORM, VELOCITY, SPARK };

/* Sparks fly from who presses neither of two buttons, and half of them go out in each tick. */
static int fly(hd1_step *step) {
    uint64_t chance = step->batch->seed;
    hd1_rows sparks = hd1_next_query(step, 0);
    hd1_messages inputs = hd1_next_messages(step);
    for (uint32_t i = 0; i < sparks.count; i++) {
        if (hd1_random(&chance) % 2 == 0) hd1_despawn(step, sparks.entities[i]);
    }
    const hd1_player_input *input = inputs.first;
    for (uint32_t i = 0; i < inputs.count; i++) {
        if (input[i].buttons % 4 != 0) continue;
        hd1_transform place = { .rotation = { 0, 0, 0, 1 }, .scale = { 1, 1, 1 } };
        hd1_velocity velocity = { .linear = { hd1_unit(&chance), 1, input[i].forward } };
        hd1_part parts[] = { HD1_PART(TRANSFORM, place), HD1_PART(VELOCITY, velocity), { SPARK, 0, NULL } };
        hd1_spawn(step, parts, sizeof parts / sizeof *parts);
    }
    return 0;
}

HD1_PLAN({
    "abi": 1,
    "components": [{ "name": "Spark", "doc": "A mark.", "delivery": "hidden", "client_writable": false, "fields": [] }],
    "systems": [{
        "name": "fly", "queries": [{ "with": ["Spark"], "entities": true, "ordered": true }],
        "messages": ["PlayerInput"],
        "commands": ["Transform", "Velocity", "Spark"], "spawns": true, "despawns": true
    }]
});

HD1_SYSTEMS(fly);
