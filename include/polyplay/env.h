/* The environment ABI: how the engine talks to a game.
 *
 * Built-in games, the Atari rules and plugins opened at run time all fill the same table of
 * functions, so a wrapper can hold any of them. The header needs nothing but fixed-width integers:
 * a plugin in another language, or one built years later, can be written from this file alone.
 *
 * Functions that can fail return 0 for success and otherwise a value of pp_status, and write a
 * text of at most `capacity` bytes into the pp_env_error given. They neither print nor exit. An
 * instance may be used from one thread at a time; different instances from different threads. */
#ifndef POLYPLAY_ENV_H
#define POLYPLAY_ENV_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PP_ENV_ABI_VERSION 2
/* Size of the joystick vocabulary shared by all games: the 18 Atari actions. */
#define PP_ENV_ACTIONS  18
#define PP_ENV_ID_BYTES 64
/* Seed that keeps the generator where it is: the next episode of the same random stream. */
#define PP_ENV_KEEP_SEED UINT64_MAX

/* Most components of an observation of small integers. */
#define PP_ENV_CELLS 8

/* What the bytes of an observation are. */
enum {
    PP_OBS_PLANES = 0, /* uint8 [H,W,C], 0 or 1 */
    PP_OBS_IMAGE = 1,  /* uint8 [H,W,C], 0..255 */
    PP_OBS_CELLS = 2,  /* uint8 [C], H = W = 1: component i is an integer 0..obs_high[i] */
    PP_OBS_FLOAT = 3   /* float [C], H = W = 1 */
};

/* Where a failing call writes its reason. */
typedef struct pp_env_error {
    char text[1024];
} pp_env_error;

/* What an instance is: shapes, actions, limits and the facts that belong beside a score. */
typedef struct pp_env_spec {
    char id[PP_ENV_ID_BYTES];              /* "ale/breakout", "arcade/catch" */
    int32_t obs_type;                      /* PP_OBS_* */
    int32_t obs_h;                         /* rows of one observation, order H,W,C */
    int32_t obs_w;                         /* columns */
    int32_t obs_c;                         /* channels or components */
    int32_t obs_bytes;                     /* size of one observation */
    int32_t obs_high[PP_ENV_CELLS];        /* PP_OBS_CELLS: largest value of each component */
    int32_t render_h;                      /* rows of the RGB picture of render */
    int32_t render_w;                      /* columns */
    int32_t action_count;                  /* actions accepted, 0..action_count-1. Atari and arcade
                                              games: 18 joystick ids, unknown to the game = NOOP;
                                              others: their own ids, all of them legal */
    int32_t min_actions;                   /* entries used in action_list */
    int32_t action_list[PP_ENV_ACTIONS];   /* minimal id -> accepted id */
    char action_names[PP_ENV_ACTIONS][16]; /* names of the minimal ids, upper case */
    int32_t frame_skip;                    /* emulated frames per step */
    int32_t max_steps;                     /* cap in steps, 0 = none; reaching it sets truncated,
                                              or terminated where the rules fix the length */
    int32_t noop_max;                      /* most random no-op frames after a reset */
    int32_t fire_reset;                    /* 1: FIRE is pressed after a reset */
    int32_t mode;                          /* game mode */
    int32_t difficulty;                    /* game difficulty */
    double sticky;                         /* probability that the previous action is repeated */
    double reward_min;                     /* smallest and largest reward of one step; -INFINITY */
    double reward_max;                     /* and INFINITY where the rules set no bound */
    int64_t task;                          /* which task of the family is played, 0 without tasks */
    int64_t task_count;                    /* tasks 0..task_count-1; 1 = no family, 0 = any number */
    char view[16];                         /* "planes", "grey84", "cells", ... */
    char backend[64];                      /* "ale", "arcade" */
    char backend_version[32];
    char rom_md5[33]; /* empty without a ROM */
    char modes[128];  /* an emulator's game: its modes, "0..3 8"; empty elsewhere */
    char difficulties[32]; /* the same for its difficulties */
} pp_env_spec;

/* What to create. struct_size = sizeof(pp_env_config) of the caller. */
typedef struct pp_env_config {
    uint64_t struct_size;
    const char *id;       /* full id */
    const char *view;     /* "planes", "grey84", ...; NULL = the first view of the game */
    const char *rom_path; /* file of the game, or NULL */
    double sticky;        /* 0..1 */
    int32_t mode;
    int32_t difficulty;
    int32_t max_steps; /* cap in steps, 0 = none */
    int32_t noop_max;
    int32_t fire_reset;
    int32_t parity;      /* 1: only the ends of the reference implementation, no cap of ours */
    const char *reading; /* "a" or "b" where a paper allows two readings; NULL = the default */
    int64_t task;        /* task of a family, see pp_env_spec; 0 without tasks */
} pp_env_config;

/* The outcome of a reset or a step. */
typedef struct pp_env_result {
    double reward;      /* unclipped; 0 after a reset */
    uint8_t terminated; /* the task ended */
    uint8_t truncated;  /* a limit cut it */
    int32_t lives;      /* lives left, 0 where the game has none */
    int32_t frames;     /* emulated frames this call consumed */
} pp_env_result;

/* Functions of one kind of environment. `env` is what create returned. */
typedef struct pp_env_vtable {
    uint32_t abi_version; /* PP_ENV_ABI_VERSION */
    uint32_t struct_size; /* sizeof(pp_env_vtable) of the provider */
    const char *name;     /* "arcade/catch", "ale" */
    const char *version;  /* version of the backend */
    /* Makes an instance; *out must be given to destroy. No episode is running yet. */
    int32_t (*create)(void **out, const pp_env_config *config, pp_env_error *error);
    void (*destroy)(void *env);
    /* Fills the specification of an instance. */
    void (*describe)(const void *env, pp_env_spec *spec);
    /* Starts an episode that is a pure function of (configuration, seed); with PP_ENV_KEEP_SEED the
     * episode continues the present random stream. obs [H,W,C] or NULL. */
    int32_t (*reset)(void *env, uint64_t seed, uint8_t *obs, pp_env_result *result,
                     pp_env_error *error);
    /* Plays action 0..action_count-1. obs [H,W,C] or NULL where the caller does not want it. */
    int32_t (*step)(void *env, int32_t action, uint8_t *obs, pp_env_result *result,
                    pp_env_error *error);
    /* Writes the present observation. */
    int32_t (*observe)(void *env, uint8_t *obs, pp_env_error *error);
    /* Copies the whole state, generators included, into buffer of `size` bytes and sets *needed.
     * With buffer NULL only *needed is set. A buffer that is too small is an error. */
    int32_t (*save_state)(void *env, uint8_t *buffer, uint64_t size, uint64_t *needed,
                          pp_env_error *error);
    int32_t (*load_state)(void *env, const uint8_t *buffer, uint64_t size, pp_env_error *error);
    /* Draws the present picture, rgb [render_h, render_w, 3]. */
    int32_t (*render)(void *env, uint8_t *rgb, pp_env_error *error);
} pp_env_vtable;

/* Every plugin exports this symbol under the name PP_ENV_PLUGIN_SYMBOL. */
typedef const pp_env_vtable *(*pp_env_plugin_fn)(void);
#define PP_ENV_PLUGIN_SYMBOL "pp_env_plugin"

#ifdef __cplusplus
}
#endif

#endif
