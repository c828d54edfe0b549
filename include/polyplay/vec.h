/* Many environments stepped together.
 *
 * A vec owns contiguous arrays, one row an environment, that every reset and step rewrites in
 * place; threads share the environments, and what is written does not depend on their number.
 *
 *     pp_vec *vec;
 *     pp_vec_config config = {sizeof config};
 *     config.env = "dark/room";
 *     config.count = 1024;
 *     if (pp_vec_open(&vec, &config) != PP_OK) puts(pp_last_error());
 *     const pp_vec_rows *rows = pp_vec_rows_of(vec);
 *     pp_vec_reset(vec, 1);
 *     while (...) pp_vec_step(vec, actions, NULL);   // then read rows->obs, rows->reward, ...
 *     pp_vec_close(vec);
 *
 * A vec may be used by one thread at a time; different ones by different threads. Calls that return
 * a status refuse a missing pointer with PP_ERR_ARGUMENT. */
#ifndef POLYPLAY_VEC_H
#define POLYPLAY_VEC_H

#include <stdint.h>

#include <polyplay/env.h>
#include <polyplay/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pp_vec pp_vec;

/* What happens when an episode ends; the names are Gymnasium's. The next episode continues the
 * random stream of its environment. */
enum {
    /* The step that follows the end ignores its action, begins the next episode and returns reward
     * 0 and no flag. A learner leaves that step out. */
    PP_AUTORESET_NEXT_STEP = 0,
    /* The step of the end already shows the first observation of the next episode; the last one of
     * the ended episode is in final_obs. */
    PP_AUTORESET_SAME_STEP = 1,
    /* The caller resets. Until then a step returns reward 0 and the same flags. */
    PP_AUTORESET_DISABLED = 2
};

/* What to open. Fields left 0 have the default in brackets. */
typedef struct pp_vec_config {
    uint64_t struct_size; /* sizeof(pp_vec_config) of the caller */
    const char *env;      /* ids with commas, sets and patterns: "dark/room", "@arcade5", "ale/b*";
                             environment i is the i-th of the list, which is repeated */
    int32_t count;        /* environments [one for each id of the list] */
    int32_t threads;      /* [one for each processor] */
    int32_t autoreset;    /* PP_AUTORESET_* [next step] */
    const char *options;  /* "env.view=grey84 env.sticky=0", blanks between them [none]; the names
                             are those of `polyplay collect --help` */
    const int64_t *tasks; /* [count] task of each environment [env.task for all] */
} pp_vec_config;

/* The arrays of a vec, N = environments. They stay in place until it is closed. */
typedef struct pp_vec_rows {
    const uint8_t *obs;        /* [N, obs_bytes] as the specification says; PP_OBS_FLOAT: floats */
    const uint8_t *final_obs;  /* [N, obs_bytes] NULL unless SAME_STEP; rows of the episodes that
                                  ended in the last step, others are undefined */
    const double *reward;      /* [N] raw */
    const uint8_t *terminated; /* [N] 1: the task ended */
    const uint8_t *truncated;  /* [N] 1: a limit cut the episode */
    const int32_t *lives;      /* [N] left, 0 where the game has none */
    const int32_t *frames;     /* [N] emulated in the last call */
    const int64_t *steps;      /* [N] in the running episode */
    const double *episode_return;  /* [N] of the episode that ended last; 0 before the first end */
    const int64_t *episode_length; /* [N] its steps */
    const double *episode_seconds; /* [N] its time from start to end */
    int64_t obs_bytes;             /* of one observation */
    int32_t count;                 /* N */
} pp_vec_rows;

/* Makes the environments. Release with pp_vec_close. PP_ERR_NOT_FOUND: no such environment, or its
 * ROM is missing; PP_ERR_SHAPE: the observations differ in shape; PP_ERR_UNSUPPORTED: the emulator
 * is missing or the game needs two players; PP_ERR_ARGUMENT: a view, mode, task or option that the
 * environment does not have. */
pp_status pp_vec_open(pp_vec **out, const pp_vec_config *config);
void pp_vec_close(pp_vec *vec); /* NULL is allowed */

/* The arrays; owned by the vec. */
const pp_vec_rows *pp_vec_rows_of(const pp_vec *vec);
/* Specification of environment i; NULL out of range. Owned by the vec. */
const pp_env_spec *pp_vec_spec(const pp_vec *vec, int32_t i);

/* Starts an episode in every environment, seeded seed + i. */
pp_status pp_vec_reset(pp_vec *vec, uint64_t seed);
/* Starts an episode in environment i alone; PP_ENV_KEEP_SEED continues its random stream. */
pp_status pp_vec_reset_one(pp_vec *vec, int32_t i, uint64_t seed);
/* Plays actions[N], each in 0..action_count-1 of its specification, where active[N] is not 0;
 * active NULL = everywhere. PP_ERR_ARGUMENT before anything moved for an action out of range. An
 * environment that fails is named in the text; the others have made their step, and it stays as it
 * is, its reward 0, until it is reset. */
pp_status pp_vec_step(pp_vec *vec, const int32_t *actions, const uint8_t *active);
/* Why environment i needs a reset: the text of its failure; "" for one that is well. */
const char *pp_vec_failure(const pp_vec *vec, int32_t i);

/* Copies the state of environment i, generators included, into buffer[size] and sets *needed; with
 * buffer NULL only *needed is set. A buffer that is too small is PP_ERR_ARGUMENT. */
pp_status pp_vec_save_state(pp_vec *vec, int32_t i, void *buffer, uint64_t size, uint64_t *needed);
/* Restores it and its rows, in a vec of the same environment and options. */
pp_status pp_vec_load_state(pp_vec *vec, int32_t i, const void *buffer, uint64_t size);
/* Draws environment i: rgb [render_h, render_w, 3] of its specification. */
pp_status pp_vec_render(pp_vec *vec, int32_t i, uint8_t *rgb);

/* Makes an environment of the program's own known under its table's name, "family/name", for this
 * process. The table must stay. Call it before other threads open environments. PP_ERR_EXISTS: the
 * name is taken. */
pp_status pp_env_register(const pp_env_vtable *table);

#ifdef __cplusplus
}
#endif

#endif
