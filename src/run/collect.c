/* Collection; see collect.h.
 *
 * Environment i plays its episodes one after the other until it has its share of the steps; the
 * seed of an episode and the random stream of its policy depend only on (seed, i, episode). So the
 * dataset is the same for any number of threads, and after an interruption only the episodes that
 * were not finished are played again. */
#include "run/collect.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/signal.h"
#include "base/threads.h"
#include "data/dataset.h"
#include "data/journal.h"
#include "data/meta.h"
#include "data/policy.h"
#include "data/store.h"
#include "env/registry.h"
#include "env/vec.h"
#include "run/learn_log.h"

#define MAX_GAMES 128
#define MAX_ENVS  PPI_STORE_ENVS
#define BLOCK     PPI_STORE_FRAME_ROWS

#define ROW(option, kind, field, bytes, text, low, high, sentence, other)                          \
    {                                                                                              \
        .name = option, .type = kind, .offset = offsetof(ppi_collect_options, field),              \
        .size = bytes, .def = text, .min = low, .max = high, .help = sentence, .alias = other      \
    }
#define TEXT(field) sizeof((ppi_collect_options *)0)->field

static const ppi_option rows[] = {
    ROW("collect.env", PPI_OPT_STR, env, TEXT(env), NULL, 0, 0,
        "Environment ids and sets, separated by commas.", "env"),
    ROW("collect.policy", PPI_OPT_STR, policy, TEXT(policy), "random", 0, 0,
        "Who plays: random or dirichlet.", "policy"),
    ROW("collect.steps", PPI_OPT_I64, steps, 0, "10000", 1, 1e12,
        "Agent steps per game, summed over its environments.", "steps"),
    ROW("collect.out", PPI_OPT_STR, out, TEXT(out), "data", 0, 0, "Folder of the datasets.", "out"),
    ROW("collect.name", PPI_OPT_STR, name, TEXT(name), NULL, 0, 0,
        "Name of the dataset, NAME-vN, instead of <policy>-v0.", "name"),
    ROW("collect.seed", PPI_OPT_I64, seed, 0, "1", 0, 1e15,
        "Seed; environment i begins with seed + i.", "seed"),
    ROW("collect.envs", PPI_OPT_I64, envs, 0, "8", 1, MAX_ENVS,
        "Environments of a game played side by side.", NULL),
    ROW("collect.threads", PPI_OPT_I64, threads, 0, "0", 0, 1024,
        "Threads, 0 = one for each processor.", "threads"),
    ROW("collect.resume", PPI_OPT_BOOL, resume, 0, "off", 0, 0,
        "Continue an interrupted collection.", "resume"),
    ROW("collect.append", PPI_OPT_BOOL, append, 0, "off", 0, 0,
        "Add episodes of a new seed to an existing dataset.", "append"),
};

const ppi_option_table ppi_collect_option_table = {
    .component = "collect", .rows = rows, .count = (int)(sizeof rows / sizeof rows[0])};

void ppi_collect_options_default(ppi_collect_options *options) {
    *options = (ppi_collect_options){
        .policy = "random", .out = "data", .steps = 10000, .seed = 1, .envs = 8};
}

/* One environment's running episode. */
typedef struct player {
    ppi_policy policy;
    int64_t episode; /* number of the running episode */
    int64_t steps;   /* of the running episode */
    int64_t played;  /* steps of the finished episodes */
    bool done;       /* has its share */
    uint8_t *block;  /* u8 [BLOCK, frame_bytes] frames not yet written */
    int64_t frames;  /* in block */
    ppi_step_row rows[BLOCK];
    int64_t row_count;
    bool full;  /* the block is to be written after this step */
    bool ended; /* the episode ended with this step */
    ppi_buf packed;
    pp_status packed_status;
} player;

/* The collection of one game. */
typedef struct session {
    const ppi_collect_options *options;
    ppi_policy_kind policy;
    char folder[PPI_PATH_SIZE];
    char journal_path[PPI_PATH_SIZE];
    ppi_env_options env_options; /* as the game is played */
    ppi_store_meta meta;
    ppi_vec *vec;
    ppi_pool *pool;
    ppi_journal *journal;
    player *players;
    int32_t *actions;
    uint8_t *active;
    int64_t frame_bytes;
    int64_t quota; /* steps after which an environment begins no further episode */
    int64_t total; /* steps of all environments, finished episodes and running ones */
} session;

/* ---- names and facts ---- */

static pp_status fill_meta(session *s, const pp_env_spec *spec) {
    ppi_store_meta *meta = &s->meta;
    PPI_TRY(ppi_learn_dataset_meta(meta, spec, &s->env_options));
    snprintf(meta->policy, sizeof meta->policy, "%s", ppi_policy_name(s->policy));
    meta->seed_count = 1;
    meta->seeds[0] = (uint64_t)s->options->seed;
    meta->collect_envs = s->options->envs;
    meta->collect_steps = s->options->steps;
    return PP_OK;
}

/* Environment i begins with seed + i; its later episodes draw theirs from a stream of that seed. */
static uint64_t episode_seed(const session *s, int64_t env, int64_t episode) {
    uint64_t first = (uint64_t)s->options->seed + (uint64_t)env;
    ppi_rng rng;
    if (episode == 0) {
        return first;
    }
    ppi_rng_init(&rng, first, PPI_RNG_ENV, (uint64_t)episode);
    return ppi_rng_u32(&rng) >> 1;
}

/* ---- existing data ---- */

static pp_status load_meta(const session *s, ppi_store_meta *meta, ppi_meta_counts *counts) {
    char path[PPI_PATH_SIZE];
    PPI_TRY(ppi_path_join(path, sizeof path, s->folder, "data", PPI_STORE_META_FILE));
    return ppi_meta_load(meta, counts, path);
}

/* Puts the running seed behind those of the dataset that is appended to. */
static pp_status add_seed(session *s, const ppi_store_meta *old) {
    uint64_t seed = (uint64_t)s->options->seed;
    if (old->seed_count >= PPI_STORE_SEEDS) {
        return ppi_fail(PP_ERR_ARGUMENT,
                        "%s: already holds %d seeds, begin another dataset with "
                        "--name",
                        s->folder, old->seed_count);
    }
    for (int32_t i = 0; i < old->seed_count; i++) {
        if (old->seeds[i] == seed) {
            return ppi_fail(PP_ERR_EXISTS, "%s: already holds seed %llu; --append needs a new seed",
                            s->folder, (unsigned long long)seed);
        }
    }
    memcpy(s->meta.seeds, old->seeds, sizeof s->meta.seeds);
    s->meta.seed_count = old->seed_count;
    s->meta.seeds[s->meta.seed_count++] = seed;
    return PP_OK;
}

static pp_status begin_journal(session *s) {
    ppi_buf header = {0};
    char dir[PPI_PATH_SIZE];
    PPI_TRY(ppi_path_join(dir, sizeof dir, s->folder, "data"));
    PPI_TRY(ppi_dir_make(dir));
    pp_status status = ppi_meta_header(&header, &s->meta);
    if (status == PP_OK) {
        status = ppi_journal_create(&s->journal, s->journal_path, header.data);
    }
    ppi_buf_free(&header);
    return status;
}

/* Continues the journal of an interrupted collection. */
static pp_status resume_journal(session *s) {
    ppi_store_meta old;
    ppi_meta_counts counts;
    PPI_TRY(ppi_journal_open(&s->journal, s->journal_path, false));
    const char *header = ppi_journal_header(s->journal);
    PPI_TRY(ppi_meta_parse(&old, &counts, header, strlen(header), s->journal_path));
    PPI_TRY(ppi_meta_same_rules(&old, &s->meta, s->folder));
    if (old.collect_envs != s->options->envs) {
        return ppi_fail(PP_ERR_ARGUMENT,
                        "%s: the interrupted collection has collect.envs %lld, "
                        "%lld asked",
                        s->folder, (long long)old.collect_envs, (long long)s->options->envs);
    }
    if (old.env_task_count != s->meta.env_task_count ||
        memcmp(old.env_tasks, s->meta.env_tasks, sizeof old.env_tasks) != 0) {
        return ppi_fail(PP_ERR_ARGUMENT,
                        "%s: the interrupted collection plays other tasks than the ones asked for",
                        s->folder);
    }
    uint64_t seed = old.seed_count > 0 ? old.seeds[old.seed_count - 1] : 0;
    if (seed != (uint64_t)s->options->seed) {
        return ppi_fail(PP_ERR_ARGUMENT, "%s: the interrupted collection has seed %llu, %lld asked",
                        s->folder, (unsigned long long)seed, (long long)s->options->seed);
    }
    s->meta.seed_count = old.seed_count;
    memcpy(s->meta.seeds, old.seeds, sizeof s->meta.seeds);
    s->meta.collect_base = old.collect_base;
    return PP_OK;
}

static pp_status begin_append(session *s) {
    ppi_store_meta old;
    ppi_meta_counts counts;
    PPI_TRY(load_meta(s, &old, &counts));
    PPI_TRY(ppi_meta_same_rules(&old, &s->meta, s->folder));
    PPI_TRY(add_seed(s, &old));
    s->meta.collect_base = counts.episodes;
    return begin_journal(s);
}

static bool collection_complete(const session *s) {
    ppi_store_meta old;
    ppi_meta_counts counts;
    return load_meta(s, &old, &counts) == PP_OK && counts.episodes > 0 &&
           ppi_meta_same_rules(&old, &s->meta, s->folder) == PP_OK && old.seed_count > 0 &&
           old.seeds[old.seed_count - 1] == (uint64_t)s->options->seed &&
           old.collect_steps >= s->options->steps;
}

/* Opens the journal that fits what is on disk and what was asked. *complete = nothing to do. */
static pp_status open_journal(session *s, bool *complete) {
    char meta_path[PPI_PATH_SIZE];
    *complete = false;
    PPI_TRY(ppi_path_join(meta_path, sizeof meta_path, s->folder, "data", PPI_STORE_META_FILE));
    bool running = ppi_file_exists(s->journal_path);
    bool there = ppi_file_exists(meta_path);
    if (s->options->resume && running) {
        return resume_journal(s);
    }
    if (running) {
        return ppi_fail(PP_ERR_EXISTS,
                        "%s: an interrupted collection is there; continue it with "
                        "--resume, or name another dataset with --name NAME-vN",
                        s->folder);
    }
    if (s->options->append && there) {
        return begin_append(s);
    }
    if (s->options->resume && there) {
        *complete = collection_complete(s);
        return *complete ? PP_OK
                         : ppi_fail(PP_ERR_EXISTS,
                                    "%s: the dataset is complete and was collected "
                                    "with other options; --append adds a new seed",
                                    s->folder);
    }
    if (there) {
        return ppi_fail(PP_ERR_EXISTS,
                        "%s: the dataset exists; --append adds a new seed, --name "
                        "NAME-vN begins another one",
                        s->folder);
    }
    return begin_journal(s);
}

/* ---- playing ---- */

static pp_status begin_episode(session *s, int64_t env) {
    player *p = &s->players[env];
    uint64_t seed = episode_seed(s, env, p->episode);
    p->done = p->played >= s->quota;
    s->active[env] = !p->done;
    if (p->done) {
        return PP_OK;
    }
    PPI_TRY(ppi_vec_reset(s->vec, (int)env, seed));
    ppi_policy_begin(&p->policy, s->policy, s->meta.action_list, s->meta.min_actions,
                     (uint64_t)s->options->seed, env, p->episode);
    p->steps = 0;
    p->row_count = 0;
    p->frames = 1;
    memcpy(p->block, ppi_vec_obs(s->vec) + env * s->frame_bytes, (size_t)s->frame_bytes);
    if (s->options->discard) {
        return PP_OK;
    }
    return ppi_journal_begin(s->journal, env, p->episode, seed);
}

/* Takes the outcome of a step; runs on the pool. */
static void take_step(void *context, int64_t env) {
    session *s = context;
    player *p = &s->players[env];
    p->full = p->ended = false;
    if (!s->active[env]) {
        return;
    }
    uint8_t terminated = ppi_vec_terminated(s->vec)[env];
    uint8_t truncated = ppi_vec_truncated(s->vec)[env];
    p->rows[p->row_count++] = (ppi_step_row){.reward = ppi_vec_reward(s->vec)[env],
                                             .action = s->actions[env],
                                             .terminated = terminated,
                                             .truncated = truncated};
    memcpy(p->block + p->frames++ * s->frame_bytes, ppi_vec_obs(s->vec) + env * s->frame_bytes,
           (size_t)s->frame_bytes);
    p->steps++;
    p->ended = terminated || truncated;
    p->full = p->frames == BLOCK || p->ended;
    if (p->full && !s->options->discard) {
        ppi_buf_clear(&p->packed);
        p->packed_status =
            ppi_store_block_pack(&p->packed, p->block, p->frames, (size_t)s->frame_bytes);
    }
}

/* Writes the block and the rows of an environment. */
static pp_status write_block(session *s, int64_t env) {
    player *p = &s->players[env];
    if (s->options->discard) {
        p->frames = p->row_count = 0;
        return PP_OK;
    }
    if (p->packed_status != PP_OK) {
        return ppi_fail(p->packed_status, "%s: frames could not be compressed", s->folder);
    }
    PPI_TRY(
        ppi_journal_block(s->journal, env, p->episode, p->packed.data, p->packed.len, p->frames));
    p->frames = 0;
    if (p->row_count > 0) {
        PPI_TRY(ppi_journal_rows(s->journal, env, p->episode, p->rows, p->row_count));
        p->row_count = 0;
    }
    return PP_OK;
}

static pp_status finish_step(session *s, int64_t env) {
    player *p = &s->players[env];
    if (p->full) {
        PPI_TRY(write_block(s, env));
    }
    if (p->ended) {
        if (!s->options->discard) {
            PPI_TRY(ppi_journal_end(s->journal, env, p->episode, p->steps));
        }
        p->played += p->steps;
        p->episode++;
        return begin_episode(s, env);
    }
    return PP_OK;
}

/* One step of every running environment; *running counts those that still play after it. */
static pp_status play_step(session *s, int64_t *running) {
    int64_t envs = s->options->envs;
    for (int64_t i = 0; i < envs; i++) {
        if (s->active[i]) {
            s->actions[i] = ppi_policy_act(&s->players[i].policy);
            s->total++;
        }
    }
    PPI_TRY(ppi_vec_step(s->vec, s->actions, s->active));
    ppi_pool_run(s->pool, take_step, s, envs);
    *running = 0;
    for (int64_t i = 0; i < envs; i++) {
        if (s->active[i]) {
            PPI_TRY(finish_step(s, i));
        }
        *running += s->active[i];
    }
    return s->options->discard ? PP_OK : ppi_journal_sync(s->journal, false);
}

/* Closes the journal, which is gone afterwards even when that fails. */
static pp_status close_journal(session *s) {
    ppi_journal *journal = s->journal;
    s->journal = NULL;
    return ppi_journal_close(journal);
}

static pp_status interrupted(session *s) {
    int64_t recovered = 0;
    if (s->options->discard) {
        return ppi_fail(PP_ERR_INTERRUPTED, "collect: stopped");
    }
    PPI_TRY(close_journal(s));
    PPI_TRY(ppi_journal_recover(s->folder, &recovered));
    return ppi_fail(PP_ERR_INTERRUPTED,
                    "collect: stopped; %s keeps its finished episodes. Run the "
                    "same command with --resume to go on",
                    s->folder);
}

static pp_status play(session *s) {
    ppi_progress progress;
    int64_t running = 0;
    char what[64];
    snprintf(what, sizeof what, "collect %.48s", s->meta.env);
    int64_t target = s->quota * s->options->envs;
    ppi_progress_start(&progress, what, "steps", target, s->total);
    for (int64_t i = 0; i < s->options->envs; i++) {
        PPI_TRY(begin_episode(s, i));
        running += s->active[i];
    }
    while (running > 0) {
        if (ppi_interrupted()) {
            return interrupted(s);
        }
        PPI_TRY(play_step(s, &running));
        ppi_progress_update(&progress, s->total < target ? s->total : target, NULL);
    }
    progress.done = s->total; /* running episodes were finished beyond the target */
    ppi_progress_finish(&progress);
    return PP_OK;
}

/* ---- one game ---- */

/* Takes over what the journal holds: finished episodes of each environment without a gap. */
static pp_status take_finished(session *s) {
    int64_t count = 0;
    const ppi_journal_episode *list = ppi_journal_episodes(s->journal, &count);
    if (!list) {
        return PP_ERR_NO_MEMORY;
    }
    for (int64_t i = 0; i < count; i++) {
        if (list[i].env >= s->options->envs || list[i].episode != s->players[list[i].env].episode) {
            return ppi_fail(PP_ERR_CORRUPT, "%s: episode %lld of environment %lld is out of order",
                            s->journal_path, (long long)list[i].episode, (long long)list[i].env);
        }
        s->players[list[i].env].episode++;
        s->players[list[i].env].played += list[i].steps;
        s->total += list[i].steps;
    }
    return PP_OK;
}

static pp_status make_players(session *s) {
    size_t envs = (size_t)s->options->envs;
    s->players = ppi_calloc(envs, sizeof *s->players);
    s->actions = ppi_calloc(envs, sizeof *s->actions);
    s->active = ppi_calloc(envs, 1);
    bool enough = s->players && s->actions && s->active;
    for (size_t i = 0; enough && i < envs; i++) {
        s->players[i].block = ppi_malloc(BLOCK * (size_t)s->frame_bytes);
        enough = s->players[i].block != NULL;
    }
    return enough ? PP_OK : ppi_oom("the players of a collection");
}

/* What the game is played under: planes are stored where a picture painted from them is asked for. */
static void choose_options(session *s, const char *env) {
    const ppi_env_options *asked = s->options->env_options;
    ppi_env_options_played(&s->env_options, env, asked);
    if (asked == NULL || strcmp(asked->view, s->env_options.view) == 0) return;
    ppi_log(PPI_LOG_INFO,
            "%s: datasets of arcade games hold %s; an agent that wants %s paints it from them", env,
            s->env_options.view, asked->view);
}

/* Environment i plays task i mod n of those chosen; the metadata remembers which. */
static pp_status choose_tasks(session *s, const char *env) {
    const ppi_task_options *asked = &s->options->tasks;
    ppi_store_meta *meta = &s->meta;
    ppi_task_choice choice;
    pp_env_spec spec;
    ppi_env made;
    PPI_TRY(ppi_env_create(&made, env, &s->env_options));
    made.vtable->describe(made.state, &spec);
    ppi_env_destroy(&made);
    if (spec.task_count == 1) {
        return ppi_fail(PP_ERR_ARGUMENT, "%s is no family of tasks: tasks, task-ids and "
                        "env.split-seed choose among bandits, dark rooms and mazes", env);
    }
    const pp_status status = ppi_task_choice_open(&choice, &spec, asked);
    if (status == PP_OK) {
        snprintf(meta->tasks, sizeof meta->tasks, "%s", ppi_task_side_name(asked->side));
        meta->split_seed = (uint64_t)asked->split_seed;
        meta->env_task_count = (int32_t)s->options->envs;
    }
    for (int32_t i = 0; status == PP_OK && i < meta->env_task_count; i++) {
        meta->env_tasks[i] = ppi_task_choice_pick(&choice, i);
    }
    ppi_task_choice_free(&choice);
    return status;
}

static pp_status make_vec(session *s, const char *env, int threads) {
    const char *ids[MAX_ENVS];
    choose_options(s, env);
    if (s->options->choose_tasks) {
        PPI_TRY(choose_tasks(s, env));
    }
    for (int64_t i = 0; i < s->options->envs; i++) {
        ids[i] = env;
    }
    const ppi_vec_config config = {.ids = ids,
                                   .count = (int)s->options->envs,
                                   .options = &s->env_options,
                                   .tasks = s->meta.env_task_count > 0 ? s->meta.env_tasks : NULL,
                                   .threads = threads,
                                   .autoreset = PPI_AUTORESET_DISABLED};
    PPI_TRY(ppi_vec_open(&s->vec, &config));
    s->frame_bytes = ppi_vec_obs_size(s->vec);
    return fill_meta(s, ppi_vec_spec(s->vec, 0));
}

/* Turns the journal into the dataset and removes it. */
static pp_status finish(session *s) {
    ppi_store *store = NULL;
    PPI_TRY(ppi_journal_sync(s->journal, true));
    PPI_TRY(ppi_store_create(&store, s->folder, &s->meta, s->meta.collect_base));
    pp_status status = ppi_journal_replay(s->journal, store);
    if (status != PP_OK) {
        ppi_store_abort(store);
        return ppi_fail_context(status, "%s: the journal is kept, continue with --resume",
                                s->folder);
    }
    PPI_TRY(ppi_store_commit(store));
    PPI_TRY(close_journal(s));
    return ppi_file_remove(s->journal_path);
}

pp_status ppi_collect_report(const char *folder, ppi_buf *report) {
    ppi_dataset *dataset = NULL;
    ppi_dataset_stats stats;
    if (!report) {
        return PP_OK;
    }
    PPI_TRY(ppi_dataset_open(&dataset, folder));
    ppi_dataset_statistics(dataset, &stats);
    pp_status status = ppi_buf_printf(
        report,
        "%s: %lld episodes, %lld steps, return mean %.4g (min %.4g, max %.4g), %lld truncated\n",
        folder, (long long)stats.episodes, (long long)stats.steps, stats.return_mean,
        stats.return_min, stats.return_max, (long long)stats.truncated);
    ppi_dataset_close(dataset);
    return status;
}

static pp_status run_session(session *s, const char *env, int threads, ppi_buf *report) {
    bool complete = false;
    PPI_TRY(ppi_dataset_id(s->meta.id, sizeof s->meta.id, env, s->options->name,
                           s->options->policy));
    PPI_TRY(ppi_path_join(s->folder, sizeof s->folder, s->options->out, s->meta.id));
    PPI_TRY(ppi_journal_path(s->journal_path, sizeof s->journal_path, s->folder));
    PPI_TRY(make_vec(s, env, threads));
    PPI_TRY(make_players(s));
    if (s->options->discard) {
        s->quota = (s->options->steps + s->options->envs - 1) / s->options->envs;
        return play(s);
    }
    PPI_TRY(open_journal(s, &complete));
    if (complete) {
        ppi_log(PPI_LOG_INFO, "%s: already complete", s->folder);
        return ppi_collect_report(s->folder, report);
    }
    s->quota = (s->options->steps + s->options->envs - 1) / s->options->envs;
    PPI_TRY(take_finished(s));
    PPI_TRY(play(s));
    PPI_TRY(finish(s));
    return ppi_collect_report(s->folder, report);
}

static pp_status collect_game(const ppi_collect_options *options, ppi_policy_kind policy,
                              ppi_pool *pool, const char *env, ppi_buf *report) {
    session *s = ppi_calloc(1, sizeof *s);
    if (!s) {
        return ppi_oom("a collection");
    }
    s->options = options;
    s->policy = policy;
    s->pool = pool;
    pp_status status = run_session(s, env, ppi_pool_size(pool), report);
    if (s->journal) {
        /* After a failure: what can still be written is worth keeping, and the first text. */
        char text[PPI_ERROR_TEXT_SIZE];
        snprintf(text, sizeof text, "%s", pp_last_error());
        pp_status closed = close_journal(s);
        status = status != PP_OK ? ppi_fail(status, "%s", text) : closed;
    }
    for (int64_t i = 0; s->players && i < options->envs; i++) {
        ppi_free(s->players[i].block);
        ppi_buf_free(&s->players[i].packed);
    }
    ppi_free(s->players);
    ppi_free(s->actions);
    ppi_free(s->active);
    ppi_vec_destroy(s->vec);
    ppi_free(s);
    return status;
}

/* The policy and the games, ids [MAX_GAMES], that the options ask for. */
static pp_status read_options(ppi_policy_kind *policy, char (*ids)[PP_ENV_ID_BYTES], int *count,
                              const ppi_collect_options *options) {
    char id[sizeof((ppi_store_meta *)0)->id];
    PPI_TRY(ppi_policy_find(policy, options->policy));
    if (options->env[0] == 0 || options->steps < 1 || options->envs < 1 ||
        options->envs > MAX_ENVS || options->seed < 0) {
        return ppi_fail(PP_ERR_ARGUMENT,
                        "collect: env '%s' steps %lld envs %lld seed %lld: an environment, steps "
                        "and envs of at least 1 and a seed are needed",
                        options->env, (long long)options->steps, (long long)options->envs,
                        (long long)options->seed);
    }
    PPI_TRY(ppi_env_expand(ids, MAX_GAMES, count, options->env));
    for (int i = 0; i < *count; i++) {
        PPI_TRY(ppi_dataset_id(id, sizeof id, ids[i], options->name, options->policy));
    }
    return PP_OK;
}

pp_status ppi_collect_check(const ppi_collect_options *options) {
    ppi_policy_kind policy;
    int count = 0;
    char(*ids)[PP_ENV_ID_BYTES] = ppi_malloc(MAX_GAMES * sizeof *ids);
    if (!ids) {
        return ppi_oom("the list of games");
    }
    const pp_status status = read_options(&policy, ids, &count, options);
    ppi_free(ids);
    return status;
}

pp_status ppi_collect(const ppi_collect_options *options, ppi_buf *report) {
    ppi_policy_kind policy;
    ppi_pool *pool = NULL;
    int count = 0;
    char(*ids)[PP_ENV_ID_BYTES] = ppi_malloc(MAX_GAMES * sizeof *ids);
    if (!ids) {
        return ppi_oom("the list of games");
    }
    pp_status status = read_options(&policy, ids, &count, options);
    if (status == PP_OK) {
        status = ppi_pool_create(&pool, (int)options->threads);
    }
    for (int i = 0; i < count && status == PP_OK; i++) {
        status = collect_game(options, policy, pool, ids[i], report);
    }
    ppi_pool_destroy(pool);
    ppi_free(ids);
    return status;
}
