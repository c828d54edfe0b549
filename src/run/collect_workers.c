/* The learners of a collection at work. Each worker takes the next learner that nobody has begun
 * and plays it to its end; which worker that is makes no difference to what is stored. */
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/signal.h"
#include "base/threads.h"
#include "run/collect_plan.h"
#include "run/learn_checkpoint.h"

/* Steps of a learner between looks at the clock and the progress line. */
enum { GLANCE = 64, NOTE_SIZE = 96 };
/* Seconds between checkpoints when no number of steps is given. */
static const double k_checkpoint_seconds = 60;

typedef struct crew {
    ppi_collect_plan *plan;
    int64_t jobs;
    atomic_llong next;   /* job nobody has begun */
    atomic_llong played; /* agent steps of all learners, skipped ones included */
    atomic_llong skipped;
    atomic_bool stop;      /* a learner failed */
    pthread_mutex_t mutex; /* over what follows and the games' counts */
    ppi_progress progress;
    int64_t finished; /* learners */
    double sum;       /* of their final mean returns */
    int64_t summed;
    pp_status status; /* of the first failure */
    char text[PPI_ERROR_TEXT_SIZE];
} crew;

/* One learner. */
typedef struct shift {
    crew *crew;
    ppi_collect_game *game;
    int64_t k; /* number among the game's learners */
    ppi_learn *learn;
    ppi_history *history;
    ppi_learn_log log;
    char dir[PPI_PATH_SIZE]; /* of its checkpoints */
    int64_t counted;         /* steps added to crew.played */
    double saved_at;
} shift;

static pp_status save(shift *s) {
    const ppi_collect_job *job = s->crew->plan->job;
    const ppi_learn_facts facts = {.task = s->log.task, .best_score = NAN};
    char folder[PPI_PATH_SIZE];
    s->saved_at = ppi_clock_seconds();
    return ppi_learn_checkpoint_write(folder, s->dir, s->learn, &s->log, &facts, job->set, 1);
}

static pp_status open_shift(shift *s) {
    const ppi_collect_plan *plan = s->crew->plan;
    const ppi_learn_config config = ppi_collect_config(plan, s->game, s->k);
    char number[32];
    s->history = s->game->set.history;
    s->log = (ppi_learn_log){.history = &s->history,
                             .first = s->k * s->game->actors,
                             .actors = s->game->actors,
                             .task = config.task,
                             .seed = config.seed,
                             .learner = plan->job->method->name,
                             .options = plan->options_json.data};
    snprintf(number, sizeof number, "%" PRId64, s->k);
    PPI_TRY(ppi_path_join(s->dir, sizeof s->dir, s->game->set.folder, "learners", number));
    s->saved_at = ppi_clock_seconds();
    return PP_OK;
}

/* The learner at its beginning or where its last checkpoint left it. */
static pp_status begin(shift *s) {
    const ppi_learn_config config = ppi_collect_config(s->crew->plan, s->game, s->k);
    ppi_checkpoint *ck = NULL;
    PPI_TRY(ppi_learn_open(&s->learn, &config));
    if (!s->game->set.resumed || !ppi_dir_exists(s->dir))
        return ppi_learn_log_begin(&s->log, s->learn);
    ck = ppi_calloc(1, sizeof *ck);
    if (ck == NULL) return ppi_oom("a checkpoint");
    pp_status status = ppi_checkpoint_open(ck, s->dir, false);
    if (status == PP_ERR_NOT_FOUND) {
        status = ppi_learn_log_begin(&s->log, s->learn);
    } else if (status == PP_OK) {
        status = ppi_learn_checkpoint_read(ck, s->learn, &s->log);
    }
    ppi_checkpoint_close(ck);
    ppi_free(ck);
    return status;
}

/* Steps a resumed learner made in an earlier process. */
static void count_earlier(shift *s) {
    s->counted = ppi_learn_steps(s->learn);
    atomic_fetch_add(&s->crew->played, s->counted);
    atomic_fetch_add(&s->crew->skipped, s->counted);
}

static void count_steps(shift *s) {
    const int64_t steps = ppi_learn_steps(s->learn);
    atomic_fetch_add(&s->crew->played, steps - s->counted);
    s->counted = steps;
}

/* Shows how far all learners are; a worker that finds another one at it goes on playing. */
static void show(crew *c) {
    char note[NOTE_SIZE];
    if (pthread_mutex_trylock(&c->mutex) != 0) return;
    c->progress.start_done = atomic_load(&c->skipped);
    snprintf(note, sizeof note, "histories %" PRId64 "/%" PRId64 " last return %.4g", c->finished,
             c->jobs, c->summed > 0 ? c->sum / (double)c->summed : 0.0);
    ppi_progress_update(&c->progress, atomic_load(&c->played), note);
    pthread_mutex_unlock(&c->mutex);
}

static bool checkpoint_due(const shift *s, bool glance) {
    const int64_t every = s->crew->plan->job->learn.checkpoint_every;
    const int64_t now = ppi_learn_steps(s->learn);
    if (now >= ppi_learn_total(s->learn)) return false;
    if (every > 0) return now / every > (now - ppi_learn_streams(s->learn)) / every;
    return glance && ppi_clock_seconds() - s->saved_at >= k_checkpoint_seconds;
}

static pp_status play(shift *s) {
    int64_t count = 0;
    while (ppi_learn_steps(s->learn) < ppi_learn_total(s->learn)) {
        if (ppi_interrupted() || atomic_load(&s->crew->stop)) {
            PPI_TRY(save(s));
            return ppi_fail(PP_ERR_INTERRUPTED, "stopped");
        }
        PPI_TRY(ppi_learn_play(s->learn));
        PPI_TRY(ppi_learn_log_step(&s->log, s->learn));
        PPI_TRY(ppi_learn_update(s->learn));
        const bool glance = ++count % GLANCE == 0;
        if (checkpoint_due(s, glance)) PPI_TRY(save(s));
        if (!glance) continue;
        count_steps(s);
        show(s->crew);
    }
    count_steps(s);
    return ppi_learn_log_end(&s->log, s->learn);
}

/* Books a learner that is through; the last of a game turns the journal into the dataset. */
static pp_status finish(shift *s) {
    crew *c = s->crew;
    ppi_learn_stats stats = {0, 0, 0};
    if (s->learn != NULL) ppi_learn_statistics(s->learn, -1, &stats);
    pthread_mutex_lock(&c->mutex);
    c->finished++;
    if (stats.episodes > 0) {
        c->sum += stats.mean_return;
        c->summed++;
    }
    const bool last = --s->game->left == 0;
    pthread_mutex_unlock(&c->mutex);
    /* A checkpoint of a history that has ended would be gone on with for nothing. */
    if (ppi_dir_exists(s->dir)) PPI_TRY(ppi_dir_remove(s->dir));
    if (!last) return PP_OK;
    char learners[PPI_PATH_SIZE];
    PPI_TRY(ppi_path_join(learners, sizeof learners, s->game->set.folder, "learners"));
    PPI_TRY(ppi_learn_dataset_commit(&s->game->set));
    return ppi_dir_remove(learners);
}

/* Counts a learner whose histories are there already. */
static void skip(const shift *s) {
    atomic_fetch_add(&s->crew->played, s->game->total);
    atomic_fetch_add(&s->crew->skipped, s->game->total);
}

static pp_status run_shift(shift *s) {
    PPI_TRY(open_shift(s));
    if (ppi_learn_log_done(&s->log, 1)) {
        skip(s);
        return finish(s);
    }
    PPI_TRY(begin(s));
    count_earlier(s);
    PPI_TRY(play(s));
    return finish(s);
}

/* Keeps the first failure; the others stop at their next step. */
static void fail_crew(crew *c, const shift *s, pp_status status) {
    pthread_mutex_lock(&c->mutex);
    if (c->status == PP_OK && status != PP_ERR_INTERRUPTED) {
        c->status = status;
        snprintf(c->text, sizeof c->text, "%s, history %" PRId64 ": %s", s->game->set.folder,
                 s->log.first, pp_last_error());
    }
    atomic_store(&c->stop, true);
    pthread_mutex_unlock(&c->mutex);
}

static void work(void *context, int64_t worker) {
    crew *c = context;
    (void)worker;
    while (!atomic_load(&c->stop) && !ppi_interrupted()) {
        const int64_t job = atomic_fetch_add(&c->next, 1);
        if (job >= c->jobs) return;
        shift s = {.crew = c,
                   .game = &c->plan->game[job / c->plan->per_game],
                   .k = job % c->plan->per_game};
        if (s.game->set.complete) {
            skip(&s);
            continue;
        }
        const pp_status status = run_shift(&s);
        if (status != PP_OK) fail_crew(c, &s, status);
        ppi_learn_close(s.learn);
    }
}

static pp_status outcome(crew *c) {
    if (c->status != PP_OK) {
        return ppi_fail(c->status, "%s (finished histories are kept; go on with --resume)",
                        c->text);
    }
    if (ppi_interrupted()) {
        return ppi_fail(PP_ERR_INTERRUPTED,
                        "collect: stopped with %" PRId64 " of %" PRId64
                        " histories finished. Run the same command with --resume to go on",
                        c->finished, c->jobs);
    }
    c->progress.done = atomic_load(&c->played);
    c->progress.start_done = atomic_load(&c->skipped);
    if (c->progress.done == c->progress.start_done) {
        ppi_log(PPI_LOG_INFO, "%s: everything is there already", c->progress.what);
        return PP_OK;
    }
    ppi_progress_finish(&c->progress);
    return PP_OK;
}

pp_status ppi_collect_play(ppi_collect_plan *plan) {
    ppi_pool *pool = NULL;
    crew c = {.plan = plan, .jobs = plan->count * plan->per_game};
    int64_t total = 0;
    char what[64];
    PPI_TRY(ppi_pool_create(&pool, (int)plan->job->collect.threads));
    for (int i = 0; i < plan->count; i++) total += plan->game[i].total * plan->per_game;
    snprintf(what, sizeof what, "collect %s", plan->job->method->name);
    ppi_progress_start(&c.progress, what, "steps", total, 0);
    pthread_mutex_init(&c.mutex, NULL);
    ppi_pool_run(pool, work, &c, ppi_pool_size(pool));
    pthread_mutex_destroy(&c.mutex);
    ppi_pool_destroy(pool);
    return outcome(&c);
}
