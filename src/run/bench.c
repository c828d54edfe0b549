/* Benchmarks of the program's own parts, measured where they run: the train step, acting, the loader
   and the environments. */
#include "run/bench.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "data/store.h"
#include "run/bench_internal.h"
#include "run/learn.h"
#include "run/train_job.h"
#include "run/option_rows.h"

#define FIELD(name) offsetof(ppi_bench_options, name)

static const ppi_option rows[] = {
    {.name = "model", .type = PPI_OPT_STR, .offset = FIELD(model), .size = 64, .def = "mgdt/10m",
     .help = "Network as method/size."},
    {.name = "batch", .type = PPI_OPT_I64, .offset = FIELD(batch), .def = "16", .min = 1, .max = 65536,
     .help = "Windows per step."},
    {.name = "steps", .type = PPI_OPT_I64, .offset = FIELD(steps), .def = "0", .min = 0, .max = 1e9,
     .help = "Steps to time; 0 takes as many as fit into --seconds."},
    {.name = "seconds", .type = PPI_OPT_F64, .offset = FIELD(seconds), .def = "5", .min = 0.01, .max = 3600,
     .help = "Seconds to measure for."},
    PPI_ROW_THREADS,
    PPI_ROW_DTYPE("auto"),
    {.name = "envs", .type = PPI_OPT_I64, .offset = FIELD(envs), .def = "0", .min = 0, .max = 65536,
     .help = "Environments of act and env; 0 takes 8 for act, and what suits the environment for env."},
    {.name = "env", .type = PPI_OPT_STR, .offset = FIELD(env), .size = 128, .def = "",
     .help = "Environment that env steps; empty steps every one that is built in, on one thread, and an Atari game, each "
             "for a tenth of --seconds. For train and act: whose observations and actions the network has; empty takes an "
             "Atari frame, for learning histories a dark room."},
    {.name = "view", .type = PPI_OPT_STR, .offset = FIELD(view), .size = 16, .def = "",
     .help = "What --env shows: planes, grey84, ...; empty takes the first view, without --env every view."},
    {.name = "workers", .type = PPI_OPT_I64, .offset = FIELD(workers), .def = "1", .min = 0, .max = 1024,
     .help = "Threads of sampler and loader that decode frames; 0 takes every processor."},
    {.name = "sticky", .type = PPI_OPT_F64, .offset = FIELD(sticky), .def = "-1", .min = -1, .max = 1,
     .help = "Sticky actions of env: the probability that the last action is repeated; -1 takes the game's own."},
    {.name = "data", .type = PPI_OPT_STR, .offset = FIELD(data), .size = 8192, .def = "",
     .help = "Datasets of sampler and loader; for loader, empty makes one of noise in a temporary folder."},
    {.name = "filter", .type = PPI_OPT_STR, .offset = FIELD(filter), .size = 64, .def = "",
     .help = "Part of the name or shape of the kernels to measure; empty takes all."},
    {.name = "json", .type = PPI_OPT_BOOL, .offset = FIELD(json), .def = "off", .help = "JSON lines."},
    {.name = "plain", .type = PPI_OPT_BOOL, .offset = FIELD(plain), .def = "off",
     .help = "Train with AdamW, without dropout and clipping, as the peers of bench/ do, instead of the method's recipe."},
    {.name = "plan", .type = PPI_OPT_BOOL, .offset = FIELD(plan), .def = "off",
     .help = "Print the plan of the train step instead of measuring."},
};
const ppi_option_table ppi_bench_option_table = {"bench", rows, (int)(sizeof rows / sizeof rows[0])};

void ppi_bench_figure(const ppi_bench_run *b, const char *name, double value, const char *unit) {
    char text[256];
    if (b->o->json) {
        snprintf(text, sizeof text, "{\"name\":\"%s\",\"value\":%.6g,\"unit\":\"%s\"}", name, value, unit);
    } else {
        snprintf(text, sizeof text, "%s %.6g %s", name, value, unit);
    }
    b->line(b->ctx, text);
}

static double peak_memory_mb(void) {
    struct rusage use;
    return getrusage(RUSAGE_SELF, &use) == 0 ? (double)use.ru_maxrss / 1024.0 : 0;
}

bool ppi_bench_more(const ppi_bench_run *b, int64_t done, double start) {
    if (b->o->steps > 0) return done < b->o->steps;
    return done < 3 || ppi_clock_seconds() - start < b->o->seconds;
}

void ppi_bench_times_add(ppi_bench_times *times, double seconds) {
    times->seconds[times->count++ % PPI_BENCH_TIMES] = seconds;
}

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

double ppi_bench_median(double *numbers, int64_t count) {
    if (count < 1) return 0;
    qsort(numbers, (size_t)count, sizeof *numbers, ascending);
    return 0.5 * (numbers[(count - 1) / 2] + numbers[count / 2]);
}

double ppi_bench_times_median(ppi_bench_times *times) {
    return ppi_bench_median(times->seconds, times->count < PPI_BENCH_TIMES ? times->count : PPI_BENCH_TIMES);
}

/* --- networks --------------------------------------------------------------------------------- */

void ppi_bench_net_close(ppi_bench_net *net) {
    if (net->agent != NULL) ppi_agent_destroy(net->agent);
    ppi_batch_free(&net->batch);
    ppi_options_destroy(net->set);
    ppi_free(net->options);
}

/* What other code bases train with in their benchmarks. */
static pp_status make_plain(ppi_options *set) {
    static const char *const row[][2] = {{"optim.name", "adamw"}, {"optim.clip", "0"}, {"model.dropout", "0"}};
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) PPI_TRY(ppi_options_set(set, row[i][0], row[i][1], "--plain"));
    return PP_OK;
}

/* What a method learns from here: frames of an Atari game; of learning histories those of the dark room, its cells and
   moves, the paper's model with the 200 steps of key-to-door. */
static void usual_task(ppi_agent_config *cfg) {
    enum { ROOM = 9, MOVES = 5 };
    cfg->obs = ppi_obs_spec_of(84, 84, 1);
    if (!cfg->method->histories) return;
    cfg->obs = (ppi_obs_spec){.view = "cells", .h = 1, .w = 1, .c = 2, .type = PP_OBS_CELLS, .high = {ROOM - 1, ROOM - 1}};
    cfg->env = strcmp(cfg->size, "paper") == 0 ? "dark/key-to-door" : "dark/room";
    for (int32_t i = 0; i < MOVES; i++) cfg->actions.list[cfg->actions.count++] = i;
}

/* The network sees and does what an environment has; cfg->env is the text of the options. */
static pp_status task_of_env(ppi_agent_config *cfg, const ppi_bench_options *o) {
    static const int64_t native[3] = {0, 0, 0};
    char ids[1][PP_ENV_ID_BYTES];
    ppi_env_options env;
    ppi_learn_games games;
    ppi_env_options_default(&env);
    snprintf(env.view, sizeof env.view, "%s", o->view);
    snprintf(ids[0], sizeof ids[0], "%.63s", o->env);
    PPI_TRY(ppi_learn_games_open(&games, ids, 1, &env, native));
    cfg->env = o->env;
    cfg->obs = games.obs;
    cfg->actions = games.actions;
    ppi_learn_games_free(&games);
    return PP_OK;
}

pp_status ppi_bench_net_open(ppi_bench_net *m, const ppi_bench_options *o) {
    const ppi_method *method = NULL;
    char name[64];
    snprintf(name, sizeof name, "%s", o->model);
    char *slash = strchr(name, '/');
    if (slash == NULL) return ppi_fail(PP_ERR_ARGUMENT, "--model '%s' is not method/size, for example mgdt/10m", o->model);
    *slash = '\0';
    PPI_TRY(ppi_method_find(&method, name));
    PPI_TRY(ppi_options_create(&m->set));
    m->options = ppi_calloc(1, method->options_size);
    if (m->options == NULL) return ppi_oom("the method's options");
    PPI_TRY(ppi_method_bind(method, m->set, m->options));
    PPI_TRY(ppi_method_apply_recipe(method, m->set, slash + 1));
    if (o->plain) PPI_TRY(make_plain(m->set));
    ppi_agent_config cfg = {
        .method = method,
        .size = slash + 1,
        .options = m->options,
        .seed = 1,
        .policy = ppi_dtype_is_bf16(o->dtype) ? PPI_DTYPE_POLICY_BF16 : PPI_DTYPE_POLICY_F32,
        .threads = ppi_thread_count(o->threads),
    };
    if (o->env[0] == '\0')
        usual_task(&cfg);
    else
        PPI_TRY(task_of_env(&cfg, o));
    return ppi_agent_create(&m->agent, &cfg);
}

/* Values that a byte of an observation has. */
static uint32_t obs_values(const ppi_agent_config *cfg) {
    return cfg->obs.type == PP_OBS_CELLS ? (uint32_t)cfg->obs.high[0] + 1 : 256;
}

static void fill_batch(ppi_batch *b, const ppi_agent_config *cfg) {
    const uint32_t values = obs_values(cfg);
    const uint64_t actions = cfg->actions.count > 0 ? (uint64_t)cfg->actions.count : 18;
    ppi_rng rng;
    ppi_rng_init(&rng, 1, PPI_RNG_TEST, 0);
    const int64_t n = b->B * b->T;
    for (int64_t i = 0; i < n * b->H * b->W * b->C; i++) b->obs[i] = (uint8_t)(ppi_rng_u32(&rng) % values);
    for (int64_t i = 0; i < n; i++) {
        b->action[i] = (int32_t)ppi_rng_below(&rng, actions);
        b->reward[i] = (float)ppi_rng_below(&rng, 3) - 1.0f;
        b->rtg[i] = (float)ppi_rng_below(&rng, 100);
        b->timestep[i] = (int32_t)i;
    }
}

pp_status ppi_bench_net_train(ppi_bench_net *net, const ppi_bench_options *o) {
    const ppi_agent_config *cfg = &net->agent->cfg;
    PPI_TRY(ppi_agent_train_setup(net->agent, o->batch, 1000000));
    PPI_TRY(ppi_batch_alloc(&net->batch, o->batch, ppi_agent_window(net->agent), &cfg->obs));
    fill_batch(&net->batch, cfg);
    return PP_OK;
}

static pp_status train_steps(const ppi_bench_run *b, ppi_bench_net *m) {
    const ppi_batch *batch = &m->batch;
    ppi_metrics metrics;
    int64_t step = 0;
    for (; step < 2; step++) { /* first touches of memory */
        metrics.count = 0;
        PPI_TRY(ppi_agent_train_step(m->agent, batch, step, &metrics));
    }
    const double start = ppi_clock_seconds();
    const double cpu = ppi_clock_cpu();
    ppi_bench_times times = {0};
    while (ppi_bench_more(b, times.count, start)) {
        const double begin = ppi_clock_seconds();
        metrics.count = 0;
        PPI_TRY(ppi_agent_train_step(m->agent, batch, step + times.count, &metrics));
        ppi_bench_times_add(&times, ppi_clock_seconds() - begin);
    }
    const double busy = (ppi_clock_cpu() - cpu) / (ppi_clock_seconds() - start);
    const double seconds = ppi_bench_times_median(&times);
    const ppi_plan *plan = ppi_agent_plan(m->agent, "train");
    ppi_bench_figure(b, "train_tokens_per_second", ppi_step_tokens(&metrics, batch) / seconds, "tok/s");
    ppi_bench_figure(b, "train_step", seconds * 1e3, "ms");
    if (plan != NULL) ppi_bench_figure(b, "train_executed", ppi_plan_flops(plan) / seconds / 1e9, "GFLOP/s");
    ppi_bench_figure(b, "train_processors", busy, "busy");
    ppi_bench_figure(b, "train_peak_memory", peak_memory_mb(), "MB");
    if (plan != NULL) ppi_bench_figure(b, "train_plan_memory", (double)ppi_plan_bytes(plan) / 1048576.0, "MB");
    ppi_bench_figure(b, "train_parameters", (double)ppi_agent_params(m->agent)->n_real, "weights");
    return PP_OK;
}

static pp_status print_plan(const ppi_bench_run *b, const ppi_plan *plan) {
    ppi_buf text = {0};
    if (plan == NULL) return ppi_fail(PP_ERR_UNSUPPORTED, "this method has no train plan to print");
    pp_status s = ppi_plan_print(plan, &text);
    if (s == PP_OK) b->line(b->ctx, ppi_buf_text(&text));
    ppi_buf_free(&text);
    return s;
}

static pp_status bench_train(const ppi_bench_run *b) {
    ppi_bench_net net = {0};
    pp_status s = ppi_bench_net_open(&net, b->o);
    if (s == PP_OK) s = ppi_bench_net_train(&net, b->o);
    if (s == PP_OK) s = b->o->plan ? print_plan(b, ppi_agent_plan(net.agent, "train")) : train_steps(b, &net);
    ppi_bench_net_close(&net);
    return s;
}

static int64_t act_envs(const ppi_bench_run *b) {
    return b->o->envs > 0 ? b->o->envs : 8;
}

/* Acting on observations of noise, so that no game's own cost is in the figure; an agent that learns in context is timed
   with its contexts full. */
static pp_status act_steps(const ppi_bench_run *b, ppi_agent *agent, uint8_t *frame, int32_t *actions) {
    const int64_t n = act_envs(b);
    const size_t bytes = (size_t)ppi_obs_bytes(&agent->cfg.obs);
    const uint32_t values = obs_values(&agent->cfg);
    const bool in_context = ppi_agent_in_context(agent);
    PPI_TRY(ppi_agent_act_begin(agent, n));
    for (int64_t i = 0; in_context && i < n; i++) PPI_TRY(ppi_agent_act_task(agent, i, (uint64_t)i));
    for (int64_t i = 0; i < n; i++) PPI_TRY(ppi_agent_act_reset(agent, i, frame, (uint64_t)i));
    double start = ppi_clock_seconds();
    ppi_bench_times times = {0};
    int64_t round = 0;
    int64_t done = in_context ? -ppi_agent_window(agent) - 2 : -2; /* two rounds untimed, or a context and two */
    for (; done < 0 || ppi_bench_more(b, done, start); done++) {
        const double begin = ppi_clock_seconds();
        if (done == 0) start = begin;
        PPI_TRY(ppi_agent_act(agent, NULL, actions));
        for (int64_t i = 0; i < n; i++) {
            uint8_t *change = &frame[(size_t)(round + i) % bytes];
            *change = (uint8_t)((*change + 1u) % values);
            PPI_TRY(ppi_agent_observe(agent, i, actions[i], 0, frame));
        }
        if (done >= 0) ppi_bench_times_add(&times, ppi_clock_seconds() - begin);
        round++;
    }
    const double seconds = ppi_bench_times_median(&times);
    ppi_bench_figure(b, "act_decisions_per_second", (double)n / seconds, "1/s");
    ppi_bench_figure(b, "act_round", seconds * 1e3, "ms");
    ppi_bench_figure(b, "act_envs", (double)n, "envs");
    ppi_bench_figure(b, "act_peak_memory", peak_memory_mb(), "MB");
    return PP_OK;
}

static pp_status bench_act(const ppi_bench_run *b) {
    ppi_bench_net m = {0};
    uint8_t *frame = ppi_calloc(84, 84);
    int32_t *actions = ppi_calloc((size_t)act_envs(b), sizeof *actions);
    pp_status s = frame == NULL || actions == NULL ? ppi_oom("a frame") : ppi_bench_net_open(&m, b->o);
    if (s == PP_OK) s = act_steps(b, m.agent, frame, actions);
    ppi_bench_net_close(&m);
    ppi_free(frame);
    ppi_free(actions);
    return s;
}

/* --- loader and environments ------------------------------------------------------------------ */

/* A dataset of smooth noise: 8 episodes of 500 steps, 84x84. */
static pp_status make_data(const char *folder) {
    enum { STEPS = 500, EPISODES = 8, FRAME = 84 * 84 };
    ppi_store_meta meta = {.id = "bench/noise-v0", .env = "bench/noise", .policy = "random", .height = 84,
                           .width = 84, .channels = 1, .obs_high = 255, .actions = 18, .min_actions = 18,
                           .view = "grey84", .backend = "bench", .frame_skip = 4};
    for (int i = 0; i < 18; i++) meta.action_list[i] = i;
    uint8_t *obs = ppi_calloc(STEPS + 1, FRAME);
    ppi_step_row *step_rows = ppi_calloc(STEPS, sizeof *step_rows);
    ppi_store *store = NULL;
    pp_status s = obs == NULL || step_rows == NULL ? ppi_oom("a dataset") : ppi_store_create(&store, folder, &meta, false);
    ppi_rng rng;
    ppi_rng_init(&rng, 1, PPI_RNG_TEST, 1);
    for (int e = 0; e < EPISODES && s == PP_OK; e++) {
        for (int64_t i = 0; i < (STEPS + 1) * (int64_t)FRAME; i++) {
            obs[i] = (uint8_t)(i % 84 / 8 * 8 + (int64_t)ppi_rng_below(&rng, 64) / 63);
        }
        for (int i = 0; i < STEPS; i++) {
            step_rows[i] = (ppi_step_row){.action = (int32_t)ppi_rng_below(&rng, 18), .terminated = i == STEPS - 1};
        }
        s = ppi_store_episode(store, (uint64_t)e, obs, step_rows, STEPS);
    }
    if (s == PP_OK) {
        s = ppi_store_commit(store);
    } else {
        ppi_store_abort(store);
    }
    ppi_free(obs);
    ppi_free(step_rows);
    return s;
}

static pp_status loader_steps(const ppi_bench_run *b, ppi_sampler *sampler, ppi_batch *batch) {
    int64_t done = 0;
    const double start = ppi_clock_seconds();
    for (; ppi_bench_more(b, done, start); done++) PPI_TRY(ppi_sampler_next(sampler, done, batch));
    const double seconds = ppi_clock_seconds() - start;
    const double frames = (double)(done * batch->B * batch->T);
    ppi_bench_figure(b, "loader_windows_per_second", (double)(done * batch->B) / seconds, "1/s");
    ppi_bench_figure(b, "loader_frames_per_second", frames / seconds, "1/s");
    ppi_bench_figure(b, "loader_batch", seconds / (double)done * 1e3, "ms");
    ppi_bench_figure(b, "loader_memory", (double)ppi_sampler_memory(sampler) / 1048576.0, "MB");
    ppi_bench_figure(b, "loader_peak_memory", peak_memory_mb(), "MB");
    return PP_OK;
}

/* Datasets and the sampler over them. */
typedef struct loader {
    ppi_dataset **sets;
    int n;
    ppi_sampler *sampler;
    ppi_batch batch;
} loader;

static void loader_close(loader *l) {
    ppi_sampler_destroy(l->sampler);
    ppi_batch_free(&l->batch);
    ppi_dataset_close_list(l->sets, l->n);
}

/* Steps of a window where no network says: the training window of MGDT, and of learning histories that of Algorithm
   Distillation in the dark room. */
enum { EPISODE_WINDOW = 4, HISTORY_WINDOW = 80 };

/* Windows of `window` steps, of whole learning histories where a method learns from them; 0 = as the data say. Closed
   with loader_close whether this succeeds or not; *l starts zeroed. */
static pp_status loader_open(loader *l, const ppi_bench_options *o, const char *data, int64_t window, bool histories) {
    ppi_sampler_options options;
    ppi_sampler_options_default(&options);
    options.workers = o->workers;
    options.histories = histories;
    PPI_TRY(ppi_dataset_open_list(&l->sets, &l->n, data, options.memory_mb << 20));
    if (window == 0) options.histories = ppi_dataset_has_histories(l->sets[0]);
    options.window = window > 0 ? window : options.histories ? HISTORY_WINDOW : EPISODE_WINDOW;
    const pp_dataset_info *info = ppi_dataset_info(l->sets[0]);
    const ppi_obs_spec obs = ppi_obs_spec_of(info->height, info->width, info->channels);
    PPI_TRY(ppi_sampler_create(&l->sampler, l->sets, l->n, &options));
    return ppi_batch_alloc(&l->batch, o->batch, options.window, &obs);
}

static pp_status run_loader(const ppi_bench_run *b, const char *data) {
    loader l = {0};
    pp_status s = loader_open(&l, b->o, data, 0, false);
    if (s == PP_OK) s = loader_steps(b, l.sampler, &l.batch);
    loader_close(&l);
    return s;
}

/* Train steps on batches that a thread reads ahead: how long each waits for its batch, and what the reading costs. */
static pp_status sampled_steps(const ppi_bench_run *b, ppi_bench_net *net, loader *l) {
    ppi_metrics metrics;
    double waited = 0;
    double start = 0;
    int64_t done = -2; /* two rounds untimed */
    for (; done < 0 || ppi_bench_more(b, done, start); done++) {
        if (done == 0) start = ppi_clock_seconds();
        const double asked = ppi_clock_seconds();
        PPI_TRY(ppi_sampler_next(l->sampler, done + 2, &l->batch));
        if (done >= 0) waited += ppi_clock_seconds() - asked;
        PPI_TRY(ppi_agent_train_step(net->agent, &l->batch, done + 2, &metrics));
    }
    const double step = (ppi_clock_seconds() - start) / (double)done;
    const double cpu = ppi_clock_cpu();
    int64_t alone = 0;
    for (start = ppi_clock_seconds(); ppi_bench_more(b, alone, start); alone++) {
        PPI_TRY(ppi_sampler_next(l->sampler, done + 2 + alone, &l->batch));
    }
    const double work = (ppi_clock_cpu() - cpu) / (double)alone;
    ppi_bench_figure(b, "sampler_step", step * 1e3, "ms");
    ppi_bench_figure(b, "sampler_wait", waited / (double)done * 1e3, "ms");
    ppi_bench_figure(b, "sampler_wait_share", 100 * waited / (double)done / step, "%");
    ppi_bench_figure(b, "sampler_work", work * 1e3, "ms");
    ppi_bench_figure(b, "sampler_work_share", 100 * work / (step * ppi_thread_count(b->o->threads)), "%");
    ppi_bench_figure(b, "sampler_memory", (double)ppi_sampler_memory(l->sampler) / 1048576.0, "MB");
    return PP_OK;
}

static pp_status bench_sampler(const ppi_bench_run *b) {
    if (b->o->data[0] == '\0') return ppi_fail(PP_ERR_ARGUMENT, "bench sampler needs --data: datasets larger than its memory of 256 MB");
    ppi_bench_net net = {0};
    loader l = {0};
    pp_status s = ppi_bench_net_open(&net, b->o);
    if (s == PP_OK) s = ppi_agent_train_setup(net.agent, b->o->batch, 1000000);
    if (s == PP_OK) s = loader_open(&l, b->o, b->o->data, ppi_agent_window(net.agent), net.agent->method->histories);
    if (s == PP_OK) s = ppi_sampler_prefetch(l.sampler, b->o->batch);
    if (s == PP_OK) s = sampled_steps(b, &net, &l);
    loader_close(&l);
    ppi_bench_net_close(&net);
    return s;
}

void ppi_bench_folder(char *out) {
    const char *tmp = getenv("TMPDIR");
    snprintf(out, PPI_PATH_SIZE, "%s/polyplay-bench-%ld", tmp != NULL ? tmp : "/tmp", (long)getpid());
}

pp_status ppi_bench_folder_end(const char *folder, pp_status s) {
    char text[PPI_ERROR_TEXT_SIZE];
    if (s == PP_OK) return ppi_dir_remove(folder);
    snprintf(text, sizeof text, "%s", pp_last_error());
    ppi_dir_remove(folder);
    return ppi_fail(s, "%s", text);
}

static pp_status bench_loader(const ppi_bench_run *b) {
    if (b->o->data[0] != '\0') return run_loader(b, b->o->data);
    char folder[PPI_PATH_SIZE];
    ppi_bench_folder(folder);
    pp_status s = make_data(folder);
    if (s == PP_OK) s = run_loader(b, folder);
    return ppi_bench_folder_end(folder, s);
}

pp_status ppi_bench(const char *what, const ppi_bench_options *options, ppi_line_fn line, void *ctx) {
    static const struct {
        const char *name;
        pp_status (*run)(const ppi_bench_run *b);
    } benches[] = {{"train", bench_train}, {"roofline", ppi_bench_roofline}, {"act", bench_act}, {"sampler", bench_sampler}, {"loader", bench_loader}, {"env", ppi_bench_env}, {"collect", ppi_bench_collect}, {"kernels", ppi_bench_kernels}, {"small", ppi_bench_small}};
    const ppi_bench_run b = {options, line, ctx};
    for (size_t i = 0; i < sizeof benches / sizeof benches[0]; i++) {
        if (what != NULL && strcmp(benches[i].name, what) == 0) return benches[i].run(&b);
    }
    return ppi_fail(PP_ERR_ARGUMENT, "%s%s; bench takes one of " PPI_BENCH_NAMES, what != NULL ? "unknown benchmark " : "nothing to measure named",
                    what != NULL ? what : "");
}
