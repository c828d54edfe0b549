/* Inside of a collection with learners: what is to be played, shared by the file that plans it and
 * the file that plays it. */
#ifndef PPI_RUN_COLLECT_PLAN_H
#define PPI_RUN_COLLECT_PLAN_H

#include "run/collect_learn.h"
#include "run/learn.h"
#include "run/learn_log.h"
#include "run/task_choice.h"

#define PPI_COLLECT_SEEDS PPI_STORE_SEEDS

struct ppi_collect_job {
    const ppi_method *method; /* NULL: a policy plays */
    ppi_collect_options collect;
    ppi_collect_learn_options learn;
    ppi_env_options env;
    void *method_options;
    ppi_options *set;
};

/* One game of a collection and its dataset. */
typedef struct ppi_collect_game {
    ppi_learn_games games; /* this one alone */
    ppi_task_choice tasks;
    int64_t streams; /* of a learner */
    int64_t actors;  /* of these, stored */
    int64_t total;   /* agent steps of a learner */
    ppi_learn_dataset set;
    bool opened;  /* set is to be closed */
    int64_t left; /* learners that have not finished */
} ppi_collect_game;

typedef struct ppi_collect_plan {
    ppi_collect_job *job;
    ppi_collect_game *game; /* [count] */
    int count;
    uint64_t seeds[PPI_COLLECT_SEEDS];
    int32_t seed_count;
    int64_t per_game; /* learners of a game: seeds times histories */
    ppi_buf options_json;
} ppi_collect_plan;

/* Looks at games, tasks and learners; touches no file. Release with ppi_collect_plan_free. */
pp_status ppi_collect_plan_make(ppi_collect_plan *plan, ppi_collect_job *job);
void ppi_collect_plan_free(ppi_collect_plan *plan);

/* How learner number k of a game is made. */
ppi_learn_config ppi_collect_config(const ppi_collect_plan *plan, const ppi_collect_game *game,
                                    int64_t k);
/* Seed of history h of a seed: the first one is the seed itself. */
uint64_t ppi_collect_seed(uint64_t seed, int64_t h);

/* Plays all learners of the plan; its datasets are open. */
pp_status ppi_collect_play(ppi_collect_plan *plan);

#endif
