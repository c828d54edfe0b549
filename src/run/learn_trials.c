/* Trials: learners whose streams change to another task after some episodes. Which task a stream
 * plays in its trial number k depends on the seed of the run, the stream and k alone. */
#include "base/error.h"
#include "base/mem.h"
#include "base/rng.h"
#include "run/learn_internal.h"

/* Outputs of the generator set aside for one trial. */
enum { DRAWS_PER_TRIAL = 64 };

/* Sets number, task and length of a stream's trial; *seed gets that of its first episode. */
static void begin_trial(ppi_learn *l, int64_t stream, int64_t number, uint64_t *seed) {
    const ppi_tasks *tasks = &l->tasks[stream / l->per_game];
    const int64_t n = l->trial_episodes;
    learn_trial *trial = &l->trial[stream];
    ppi_rng rng;
    ppi_rng_init(&rng, l->config.seed, PPI_RNG_TRIAL, (uint64_t)stream);
    rng.pos = (uint64_t)number * DRAWS_PER_TRIAL;
    *seed = ppi_rng_u64(&rng) >> 1;
    /* Families without bound have a task of its own for every trial. */
    const int64_t index = tasks->count > 0 ? (int64_t)ppi_rng_below(&rng, (uint64_t)tasks->count)
                                           : number * l->per_game + stream % l->per_game;
    trial->number = number;
    trial->task = ppi_tasks_pick(tasks, index);
    trial->episodes = number == 0 ? 1 + stream % n : n;
}

static pp_status list_tasks(ppi_learn *l) {
    const ppi_learn_trials *trials = l->config.trials;
    const ppi_learn_games *games = l->config.games;
    if (trials == NULL) {
        return ppi_fail(PP_ERR_ARGUMENT,
                        "%s changes its task after every %lld episodes, so it leaves no learning "
                        "history of one task; train it with: polyplay train %s --env NAME",
                        l->config.method->name, (long long)l->trial_episodes,
                        l->config.method->name);
    }
    l->tasks = ppi_calloc((size_t)games->count, sizeof *l->tasks);
    if (l->tasks == NULL) return ppi_oom("the tasks of trials");
    for (int g = 0; g < games->count; g++) {
        const pp_env_spec *spec = &games->spec[g];
        PPI_TRY(ppi_tasks_split_mode(&l->tasks[g], spec->id, spec->mode,
                                     (ppi_task_side)trials->side, trials->split_seed));
    }
    return PP_OK;
}

pp_status ppi_learn_trials_open(ppi_learn *l) {
    const size_t n = (size_t)l->streams;
    if (l->calls->trial_episodes != NULL) l->trial_episodes = l->calls->trial_episodes(l->agent);
    l->trial = ppi_calloc(n, sizeof *l->trial);
    l->new_task = ppi_calloc(n, 1);
    if (l->trial == NULL || l->new_task == NULL) return ppi_oom("the trials of a learner");
    for (int64_t s = 0; s < l->streams; s++) l->trial[s].task = l->config.task;
    if (l->trial_episodes == 0) return PP_OK;
    PPI_TRY(list_tasks(l));
    for (int64_t s = 0; s < l->streams; s++) {
        uint64_t seed = 0;
        begin_trial(l, s, 0, &seed);
    }
    return PP_OK;
}

void ppi_learn_trials_close(ppi_learn *l) {
    for (int g = 0; l->tasks != NULL && g < l->config.games->count; g++) {
        ppi_tasks_free(&l->tasks[g]);
    }
    ppi_free(l->tasks);
    ppi_free(l->trial);
    ppi_free(l->new_task);
}

pp_status ppi_learn_trials_ended(ppi_learn *l, const learn_vec *v, int64_t i) {
    const int64_t stream = v->first + i;
    learn_trial *trial = &l->trial[stream];
    uint64_t seed = 0;
    if (l->trial_episodes == 0 || --trial->episodes > 0) return PP_OK;
    begin_trial(l, stream, trial->number + 1, &seed);
    l->new_task[stream] = 1;
    return ppi_vec_set_task(v->vec, (int)i, trial->task, seed);
}

pp_status ppi_learn_trials_restore(ppi_learn *l) {
    for (int64_t s = 0; s < l->streams; s++) {
        const learn_trial *t = &l->trial[s];
        if (t->number >= 0 && t->episodes >= 1 && t->episodes <= l->trial_episodes) continue;
        return ppi_fail(PP_ERR_CORRUPT,
                        "the saved learner has %lld episodes left in trial %lld of stream %lld, "
                        "expected 1 to %lld",
                        (long long)t->episodes, (long long)t->number, (long long)s,
                        (long long)l->trial_episodes);
    }
    for (int v = 0; v < l->vec_count; v++) {
        const learn_vec *vec = &l->vec[v];
        for (int64_t i = 0; i < vec->count; i++) {
            PPI_TRY(ppi_vec_set_task(vec->vec, (int)i, l->trial[vec->first + i].task, 0));
        }
    }
    return PP_OK;
}

int64_t ppi_learn_task(const ppi_learn *l, int64_t stream) {
    return l->trial[stream].task;
}
int64_t ppi_learn_trial(const ppi_learn *l, int64_t stream) {
    return l->trial[stream].number;
}
