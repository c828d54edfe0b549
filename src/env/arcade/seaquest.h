/* The state of Seaquest, beside its rules so that they can be checked from a given state. */
#ifndef PPI_ENV_ARCADE_SEAQUEST_H
#define PPI_ENV_ARCADE_SEAQUEST_H

#include <stdint.h>

enum {
    /* More than a list can hold: at the fastest spawning one enemy comes a step and crosses the
     * board in at most 60, a submarine fires every 11 steps bullets that live 10. */
    PPI_SEAQUEST_LIST = 80,
};

/* Fish, submarine, diver or bullet; fields that a kind lacks are 0. */
typedef struct ppi_seaquest_thing {
    int8_t x;
    int8_t y;
    int8_t right;
    int8_t timer;
    int8_t shot_timer;
    int8_t pad[3];
} ppi_seaquest_thing;

/* Newest last. */
typedef struct ppi_seaquest_list {
    int32_t count;
    ppi_seaquest_thing at[PPI_SEAQUEST_LIST];
} ppi_seaquest_list;

typedef struct ppi_seaquest {
    int32_t x;
    int32_t y;
    int32_t right; /* 1: faces right */
    int32_t oxygen;
    int32_t divers; /* on board; falls below 0 */
    int32_t spawn_speed;
    int32_t enemy_timer;
    int32_t diver_timer;
    int32_t move_speed;
    int32_t ramp_index;
    int32_t shot_timer;
    int32_t surfaced; /* 1: at the surface since the last step */
    ppi_seaquest_list friendly;
    ppi_seaquest_list bullets; /* of the enemies */
    ppi_seaquest_list fish;
    ppi_seaquest_list subs;
    ppi_seaquest_list swimmers; /* divers in the water */
} ppi_seaquest;

#endif
