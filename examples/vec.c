/* Random play in many environments at once: vec GAMES [COUNT [OPTIONS]], for example
 * vec dark/room 1024, or vec @arcade5 64 "env.view=grey84 env.sticky=0" */
#include <polyplay/vec.h>
#include <stdio.h>
#include <stdlib.h>

enum { STEPS = 1000 };

/* Steps every environment with random ids of its action list and prints the episodes' mean. */
static pp_status play(pp_vec *vec, int32_t *actions) {
    const pp_vec_rows *rows = pp_vec_rows_of(vec);
    double sum = 0;
    long episodes = 0;
    unsigned draw = 1;
    pp_status status = pp_vec_reset(vec, 1);
    for (int s = 0; status == PP_OK && s < STEPS; s++) {
        for (int32_t i = 0; i < rows->count; i++) {
            const pp_env_spec *spec = pp_vec_spec(vec, i);
            draw = draw * 1664525u + 1013904223u;
            actions[i] = spec->action_list[(draw >> 16) % (unsigned)spec->min_actions];
        }
        status = pp_vec_step(vec, actions, NULL);
        for (int32_t i = 0; status == PP_OK && i < rows->count; i++) {
            if (rows->terminated[i] || rows->truncated[i]) {
                sum += rows->episode_return[i];
                episodes++;
            }
        }
    }
    if (status == PP_OK) {
        printf("%d environments, %ld episodes, mean return %g\n", rows->count, episodes,
               episodes > 0 ? sum / (double)episodes : 0.0);
    }
    return status;
}

int main(int argc, char **argv) {
    if (argc < 2) return fprintf(stderr, "usage: %s GAMES [COUNT [OPTIONS]]\n", argv[0]), 2;
    pp_vec_config config = {sizeof config, argv[1], 0, 0, PP_AUTORESET_NEXT_STEP, NULL, NULL};
    if (argc > 2) config.count = atoi(argv[2]);
    if (argc > 3) config.options = argv[3];
    pp_vec *vec = NULL;
    pp_status status = pp_vec_open(&vec, &config);
    if (status == PP_OK) {
        int32_t *actions = calloc((size_t)pp_vec_rows_of(vec)->count, sizeof *actions);
        status = actions == NULL ? PP_ERR_NO_MEMORY : play(vec, actions);
        free(actions);
    }
    if (status != PP_OK) fprintf(stderr, "error: %s\n", pp_last_error());
    pp_vec_close(vec);
    return status == PP_OK ? 0 : 1;
}
