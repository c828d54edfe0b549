/* rl2: losses, gradients and updates against PyTorch (tools/golden_rl2.py) on its cores and bases;
   the memory is kept from episode to episode and cleared between tasks; streams get new tasks; a
   saved run goes on exactly; what options take that are left open; what it refuses. */
#include "method/learner_golden.h"
#include "method/learner_test.h"

#include "env/tasks.h"
#include "method/rl2.h"
#include "run/learn.h"

/* ---- what golden_rl2.py computes from names ---- */

enum { COMPONENTS = 3, ACTIONS = 5, STREAMS = 4, UNROLL = 6, UPDATES = 10 };
static const int32_t high[COMPONENTS] = {2, 2, 1};
/* Ids of the environment differ from the places in the action list. */
static const int32_t ids[ACTIONS] = {3, 0, 7, 4, 12};

static int32_t pick(const char *name, int64_t i, int below) {
    return (int32_t)((golden_unit(golden_key(name), (uint64_t)i) + 1) / 2 * below);
}

typedef struct golden_case {
    const char *file;
    const char *losses[5];
    const char *options[8];
} golden_case;
#define A3C_LOSSES                                                                                 \
    { "losses/total", "losses/policy", "losses/value", "charts/entropy", NULL }
static const golden_case cases[] = {
    {"rl2_lstm", A3C_LOSSES, {"rl2.layers=2", "rl2.width=12"}},
    {"rl2_episodes", A3C_LOSSES, {"rl2.layers=1", "rl2.width=20", "rl2.across=off"}},
    {"rl2_transformer",
     A3C_LOSSES,
     {"rl2.core=transformer", "rl2.layers=2", "rl2.width=16", "rl2.heads=2", "rl2.memory=8"}},
    {"rl2_dqn",
     {"losses/total", "charts/q", NULL},
     {"rl2.base=dqn", "rl2.layers=1", "rl2.width=12", "rl2.batch=4", "rl2.target-every=4"}},
};

/* The agent of the golden files, ready to learn. */
static rig golden_rig(const golden_case *g) {
    const char *options[16] = {"rl2.streams=4", "rl2.unroll=6", "optim.lr=1e-3", "optim.clip=0"};
    for (int i = 0; g->options[i] != NULL; i++) options[4 + i] = g->options[i];
    const rig_config c = {.method = "rl2", .options = options};
    pp_env_spec spec = {
        .obs_type = PP_OBS_CELLS, .obs_h = 1, .obs_w = 1, .obs_c = COMPONENTS, .view = "cells"};
    memcpy(spec.obs_high, high, sizeof high);
    spec.min_actions = ACTIONS;
    memcpy(spec.action_list, ids, sizeof ids);
    rig r = {.c = c, .streams = STREAMS, .obs_bytes = COMPONENTS};
    const ppi_agent_config a = rig_agent_config(&c, &spec, &r.options);
    CHECK_OK(ppi_agent_create(&r.agent, &a));
    r.learner = a.method->learner;
    r.legal = calloc(STREAMS, PP_ENV_ACTIONS);
    for (int s = 0; s < STREAMS; s++) {
        for (int k = 0; k < ACTIONS; k++) r.legal[s * PP_ENV_ACTIONS + ids[k]] = 1;
    }
    const int32_t game[STREAMS] = {0};
    const ppi_learn_setup setup = {
        .streams = STREAMS, .total_steps = 1000, .game = game, .legal = r.legal, .seed = 3};
    golden_weights(ppi_agent_params(r.agent));
    ppi_agent_params_changed(r.agent);
    CHECK_OK(r.learner->begin(r.agent, &setup));
    return r;
}

static void rig_free(rig *r) {
    ppi_agent_destroy(r->agent);
    free(r->options);
    free(r->legal);
}

static void cells_of(uint8_t *out, int64_t row) {
    for (int i = 0; i < COMPONENTS; i++) {
        char key[32];
        snprintf(key, sizeof key, "obs/%d", i);
        out[i] = (uint8_t)pick(key, row, high[i] + 1);
    }
}

/* Step t of the play of the golden files. */
static void golden_step(rig *r, int64_t t) {
    uint8_t obs[STREAMS * COMPONENTS], next[STREAMS * COMPONENTS];
    double reward[STREAMS];
    int32_t action[STREAMS], chosen[STREAMS];
    uint8_t terminated[STREAMS], truncated[STREAMS], trial[STREAMS];
    for (int64_t s = 0; s < STREAMS; s++) {
        const int64_t i = t * STREAMS + s;
        const int32_t end = pick("end", i, 8);
        cells_of(obs + s * COMPONENTS, i);
        cells_of(next + s * COMPONENTS, i + STREAMS);
        terminated[s] = end == 0;
        truncated[s] = end == 1 || end == 2;
        trial[s] = end <= 2 && pick("trial", i, 2) == 0;
        reward[s] = 2 * (double)(float)golden_unit(golden_key("reward"), (uint64_t)i);
        action[s] = ids[pick("action", i, ACTIONS)];
    }
    CHECK_OK(r->learner->act(r->agent, obs, chosen));
    for (int s = 0; s < STREAMS; s++) assert_int_equal(r->legal[s * PP_ENV_ACTIONS + chosen[s]], 1);
    const ppi_learn_step step = {.obs = obs,
                                 .action = action,
                                 .reward = reward,
                                 .terminated = terminated,
                                 .truncated = truncated,
                                 .next_obs = next,
                                 .final_obs = next,
                                 .new_task = trial};
    CHECK_OK(r->learner->step(r->agent, &step, &r->metrics));
}

static void golden(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const golden_case *g = &cases[i];
        int64_t n = 0;
        ppi_safetensors *st = golden_open(g->file);
        const double *losses = golden_data(st, "losses", &n);
        const int64_t figures = n / UPDATES;
        rig r = golden_rig(g);
        const ppi_params *p = ppi_agent_params(r.agent);
        for (int64_t t = 0; t < UPDATES * UNROLL; t++) {
            golden_step(&r, t);
            const int64_t updates = (t + 1) / UNROLL;
            assert_int_equal(r.learner->updates(r.agent), updates);
            if ((t + 1) % UNROLL != 0) continue;
            check_losses(&r.metrics, g->losses, losses + (updates - 1) * figures);
            if (updates == 1) check_tensors(p, p->grad, st, "grad");
        }
        check_tensors(p, p->master, st, "param");
        ppi_safetensors_close(st);
        rig_free(&r);
    }
}

/* ---- resuming ---- */

static void check_same(const rig *a, const rig *b) {
    const ppi_params *p = ppi_agent_params(a->agent);
    const ppi_params *q = ppi_agent_params(b->agent);
    ppi_buf x = {0};
    ppi_buf y = {0};
    assert_memory_equal(p->master, q->master, (size_t)p->total * sizeof *p->master);
    CHECK_OK(a->learner->save(a->agent, &x));
    CHECK_OK(b->learner->save(b->agent, &y));
    assert_int_equal(x.len, y.len);
    assert_memory_equal(x.data, y.data, x.len);
    ppi_buf_free(&x);
    ppi_buf_free(&y);
}

/* A state saved within an unroll, in an agent of its own, goes on bit by bit. */
static void goes_on_exactly(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rig a = golden_rig(&cases[i]);
        rig b = golden_rig(&cases[i]);
        ppi_params *p = ppi_agent_params(a.agent);
        ppi_params *q = ppi_agent_params(b.agent);
        ppi_buf saved = {0};
        for (int64_t t = 0; t < 3 * UNROLL + 4; t++) golden_step(&a, t);
        CHECK_OK(a.learner->save(a.agent, &saved));
        memcpy(q->master, p->master, (size_t)p->total * sizeof *p->master);
        for (int k = 0; k < 2; k++)
            memcpy(q->slot[k], p->slot[k], (size_t)p->total * sizeof *p->slot[k]);
        ppi_agent_params_changed(b.agent);
        CHECK_OK(b.learner->load(b.agent, saved.data, saved.len));
        check_same(&a, &b);
        for (int64_t t = 3 * UNROLL + 4; t < 6 * UNROLL + 1; t++) {
            golden_step(&a, t);
            golden_step(&b, t);
        }
        check_same(&a, &b);
        assert_int_equal(b.learner->load(b.agent, saved.data, saved.len - 1), PP_ERR_CORRUPT);
        assert_non_null(strstr(pp_last_error(), "rl2"));
        ppi_buf_free(&saved);
        rig_free(&a);
        rig_free(&b);
    }
}

/* ---- tasks of trials ---- */

typedef struct room {
    ppi_learn_games games;
    ppi_env_options env;
    ppi_learn_trials trials;
    ppi_learn_config config;
    void *options;
} room;

enum { ROOM_STREAMS = 5, ROOM_TRIAL = 3, ROOM_STEPS = 20 };

static void open_room(room *o, const char *episodes) {
    static const int64_t board[3] = {0, 0, 0};
    const char *const options[] = {episodes, "rl2.width=8", "rl2.layers=1", "rl2.streams=5", NULL};
    const rig_config c = {.method = "rl2", .options = options};
    char list[1][PP_ENV_ID_BYTES] = {"dark/room"};
    memset(o, 0, sizeof *o);
    ppi_env_options_default(&o->env);
    CHECK_OK(ppi_learn_games_open(&o->games, list, 1, &o->env, board));
    const ppi_agent_config a = rig_agent_config(&c, &o->games.spec[0], &o->options);
    o->trials.side = PPI_TASKS_TRAIN;
    o->config = (ppi_learn_config){.method = a.method,
                                   .options = o->options,
                                   .games = &o->games,
                                   .env = &o->env,
                                   .trials = &o->trials,
                                   .steps = 100000,
                                   .seed = 5,
                                   .threads = 1};
}

static void close_room(room *o) {
    ppi_learn_games_free(&o->games);
    free(o->options);
}

static void play_room(ppi_learn *l, int64_t steps) {
    for (int64_t i = 0; i < steps; i++) {
        CHECK_OK(ppi_learn_play(l));
        CHECK_OK(ppi_learn_update(l));
    }
}

/* The first trial of stream s lasts 1 + s mod n episodes, the others n; every task is one of the
   training side, and the reward is paid where the task says. */
static void streams_change_tasks(void **state) {
    (void)state;
    room o;
    ppi_learn *l = NULL;
    ppi_tasks train;
    int64_t task[ROOM_STREAMS];
    int changes = 0;
    int64_t paid = 0;
    open_room(&o, "rl2.episodes=3");
    CHECK_OK(ppi_tasks_split(&train, "dark/room", PPI_TASKS_TRAIN, 0));
    CHECK_OK(ppi_learn_open(&l, &o.config));
    for (int s = 0; s < ROOM_STREAMS; s++) task[s] = ppi_learn_task(l, s);
    for (int64_t step = 1; step <= 12 * ROOM_STEPS; step++) {
        play_room(l, 1);
        const ppi_learn_step *last = ppi_learn_last(l);
        for (int64_t s = 0; s < ROOM_STREAMS; s++) {
            const int64_t episodes = step / ROOM_STEPS - (1 + s % ROOM_TRIAL);
            const bool due = step % ROOM_STEPS == 0 && episodes >= 0 && episodes % ROOM_TRIAL == 0;
            assert_int_equal(last->new_task[s], due);
            const uint8_t *at = (due ? last->final_obs : last->next_obs) + 2 * s;
            if (!last->terminated[s])
                assert_int_equal(last->reward[s] > 0, at[0] * 9 + at[1] == task[s]);
            paid += last->reward[s] > 0;
            if (due) assert_int_equal(last->next_obs[2 * s], 4);
            changes += task[s] != ppi_learn_task(l, s);
            task[s] = ppi_learn_task(l, s);
            bool known = false;
            for (int64_t i = 0; i < train.count; i++) known = known || train.task[i] == task[s];
            assert_true(known);
        }
    }
    assert_true(changes >= 15 && changes <= 20); /* the same task may be drawn twice */
    assert_true(paid > 0);
    ppi_learn_close(l);
    ppi_tasks_free(&train);
    close_room(&o);
}

/* The whole loop, environments and tasks included, goes on from its state. */
static void loop_goes_on(void **state) {
    (void)state;
    room o;
    ppi_learn *a = NULL;
    ppi_learn *b = NULL;
    ppi_buf saved = {0};
    ppi_buf x = {0};
    ppi_buf y = {0};
    open_room(&o, "rl2.episodes=3");
    CHECK_OK(ppi_learn_open(&a, &o.config));
    CHECK_OK(ppi_learn_open(&b, &o.config));
    play_room(a, 7 * ROOM_STEPS + 3);
    CHECK_OK(ppi_learn_save(a, &saved));
    ppi_params *p = ppi_agent_params(ppi_learn_agent(a));
    ppi_params *q = ppi_agent_params(ppi_learn_agent(b));
    memcpy(q->master, p->master, (size_t)p->total * sizeof *p->master);
    for (int k = 0; k < 2; k++)
        memcpy(q->slot[k], p->slot[k], (size_t)p->total * sizeof *p->slot[k]);
    CHECK_OK(ppi_learn_load(b, saved.data, saved.len));
    play_room(a, 5 * ROOM_STEPS);
    play_room(b, 5 * ROOM_STEPS);
    assert_memory_equal(p->master, q->master, (size_t)p->total * sizeof *p->master);
    CHECK_OK(ppi_learn_save(a, &x));
    CHECK_OK(ppi_learn_save(b, &y));
    assert_int_equal(x.len, y.len);
    assert_memory_equal(x.data, y.data, x.len);
    for (int s = 0; s < ROOM_STREAMS; s++) {
        assert_int_equal(ppi_learn_task(a, s), ppi_learn_task(b, s));
        assert_int_equal(ppi_learn_trial(a, s), ppi_learn_trial(b, s));
    }
    ppi_buf_free(&saved);
    ppi_buf_free(&x);
    ppi_buf_free(&y);
    ppi_learn_close(a);
    ppi_learn_close(b);
    close_room(&o);
}

/* ---- playing ---- */

static ppi_agent *player(const golden_case *g, const char *more, void **options) {
    const char *list[8] = {more};
    for (int i = 0; g->options[i] != NULL; i++) list[1 + i] = g->options[i];
    const rig_config c = {.method = "rl2", .options = list};
    pp_env_spec spec = {
        .obs_type = PP_OBS_CELLS, .obs_h = 1, .obs_w = 1, .obs_c = COMPONENTS, .view = "cells"};
    ppi_agent *agent = NULL;
    memcpy(spec.obs_high, high, sizeof high);
    spec.min_actions = ACTIONS;
    memcpy(spec.action_list, ids, sizeof ids);
    const ppi_agent_config a = rig_agent_config(&c, &spec, options);
    CHECK_OK(ppi_agent_create(&agent, &a));
    golden_weights(ppi_agent_params(agent));
    ppi_agent_params_changed(agent);
    return agent;
}

enum { EPISODE = 4 };

/* Plays an episode of a fixed story in environment 0; the head before each step goes to heads
   [EPISODE, outputs]. Rewards are those of the story times `pay`. */
static void play_episode(ppi_agent *agent, int64_t episode, double pay, float *heads) {
    const ppi_rl2_agent *a = (const ppi_rl2_agent *)agent;
    uint8_t obs[COMPONENTS];
    cells_of(obs, 100 * episode);
    CHECK_OK(ppi_agent_act_reset(agent, 0, obs, (uint64_t)episode));
    for (int64_t t = 0; t < EPISODE; t++) {
        int32_t action = -1;
        CHECK_OK(ppi_agent_act(agent, NULL, &action));
        memcpy(heads + t * a->net.outputs, a->play.head, (size_t)a->net.outputs * sizeof *heads);
        cells_of(obs, 100 * episode + t + 1);
        CHECK_OK(ppi_agent_observe(agent, 0, ids[(episode + t) % ACTIONS], pay, obs));
    }
}

/* What was paid in one episode changes the next one of the task, and nothing of another task. */
static void memory_is_kept_and_cleared(void **state) {
    (void)state;
    float heads[4][EPISODE * (ACTIONS + 1)];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        void *options = NULL;
        ppi_agent *agent = player(&cases[i], "rl2.trial=0", &options);
        assert_true(ppi_agent_in_context(agent));
        CHECK_OK(ppi_agent_act_begin(agent, 1));
        memset(heads, 0, sizeof heads);
        for (int k = 0; k < 3; k++) {
            float first[EPISODE * (ACTIONS + 1)];
            CHECK_OK(ppi_agent_act_task(agent, 0, 0));
            play_episode(agent, 0, k == 1, first);
            play_episode(agent, 1, 0, heads[k]);
        }
        assert_memory_not_equal(heads[0], heads[1], sizeof heads[0]);
        assert_memory_equal(heads[0], heads[2], sizeof heads[0]);
        /* Without tasks every episode begins anew. */
        CHECK_OK(ppi_agent_act_task(agent, 0, 0));
        play_episode(agent, 1, 0, heads[3]);
        assert_memory_not_equal(heads[0], heads[3], sizeof heads[0]);
        ppi_agent_destroy(agent);
        free(options);
    }
}

/* rl2.trial clears the memory by itself. */
static void trial_clears_the_memory(void **state) {
    (void)state;
    float heads[3][EPISODE * (ACTIONS + 1)];
    void *options = NULL;
    ppi_agent *agent = player(&cases[0], "rl2.trial=2", &options);
    memset(heads, 0, sizeof heads);
    CHECK_OK(ppi_agent_act_begin(agent, 1));
    CHECK_OK(ppi_agent_act_task(agent, 0, 0));
    play_episode(agent, 7, 1, heads[0]);
    play_episode(agent, 7, 1, heads[1]);
    play_episode(agent, 7, 1, heads[2]);
    assert_memory_not_equal(heads[0], heads[1], sizeof heads[0]);
    assert_memory_equal(heads[0], heads[2], sizeof heads[0]);
    ppi_agent_destroy(agent);
    free(options);
}

/* ---- what is left open ---- */

/* The values that a command gets which names these options alone. */
static ppi_rl2_options resolved(const char *size, const char *first, const char *second) {
    const char *const list[] = {first, second, NULL};
    const rig_config c = {.method = "rl2", .size = size, .options = first != NULL ? list : NULL};
    const pp_env_spec spec = {
        .obs_type = PP_OBS_CELLS, .obs_h = 1, .obs_w = 1, .obs_c = 1, .min_actions = 1};
    void *options = NULL;
    (void)rig_agent_config(&c, &spec, &options);
    const ppi_rl2_options o = *(const ppi_rl2_options *)options;
    free(options);
    return o;
}

static void check_resolved(const ppi_rl2_options *o, int base, double lr, int64_t layers,
                           int64_t width, int64_t streams, int64_t unroll) {
    assert_int_equal(o->base, base);
    assert_true(o->optim.lr == lr);
    assert_true(o->optim.eps == 1e-6);
    assert_true(o->optim.clip == (base == PPI_RL2_A3C ? 1 : 10));
    assert_int_equal(o->layers, layers);
    assert_int_equal(o->width, width);
    assert_int_equal(o->streams, streams);
    assert_int_equal(o->unroll, unroll);
}

/* The table of docs/methods/rl2.md; what the command line says comes before it. */
static void recipes(void **state) {
    (void)state;
    ppi_rl2_options o = resolved("small", NULL, NULL);
    check_resolved(&o, PPI_RL2_A3C, 1e-3, 1, 64, 256, 20);
    o = resolved("small", "rl2.core=transformer", NULL);
    check_resolved(&o, PPI_RL2_A3C, 3e-4, 4, 256, 64, 20);
    o = resolved("impala", NULL, NULL);
    check_resolved(&o, PPI_RL2_DQN, 1e-4, 1, 256, 29, 40);
    o = resolved("paper", "rl2.core=transformer", NULL);
    check_resolved(&o, PPI_RL2_DQN, 1e-4, 4, 256, 29, 40);
    o = resolved("small", "rl2.layers=2", "optim.lr=3e-4");
    check_resolved(&o, PPI_RL2_A3C, 3e-4, 2, 64, 256, 20);
    o = resolved("small", "rl2.base=dqn", "rl2.width=8");
    check_resolved(&o, PPI_RL2_DQN, 1e-4, 1, 8, 29, 40);
}

/* A learner of 8 streams with one possible observation and 2 actions, at its first step. */
enum { PLAIN = 8 };
static ppi_agent *plain_learner(const char *const *list, int64_t total, void **options) {
    const rig_config c = {.method = "rl2", .options = list};
    const pp_env_spec spec = {.obs_type = PP_OBS_CELLS,
                              .obs_h = 1,
                              .obs_w = 1,
                              .obs_c = 1,
                              .min_actions = 2,
                              .action_list = {0, 1}};
    const ppi_agent_config a = rig_agent_config(&c, &spec, options);
    const int32_t game[PLAIN] = {0};
    uint8_t legal[PLAIN * PP_ENV_ACTIONS] = {0};
    ppi_agent *agent = NULL;
    for (int s = 0; s < PLAIN; s++) memset(legal + s * PP_ENV_ACTIONS, 1, 2);
    const ppi_learn_setup setup = {
        .streams = PLAIN, .total_steps = total, .game = game, .legal = legal, .seed = 3};
    CHECK_OK(ppi_agent_create(&agent, &a));
    CHECK_OK(ppi_rl2_learner.begin(agent, &setup));
    return agent;
}

/* One step of every stream without a reward; `ends` counts for all of them. */
static void plain_step(ppi_agent *agent, bool ends, ppi_metrics *metrics) {
    const uint8_t obs[PLAIN] = {0};
    const uint8_t no[PLAIN] = {0};
    const double reward[PLAIN] = {0};
    uint8_t ended[PLAIN];
    int32_t action[PLAIN];
    memset(ended, ends, sizeof ended);
    CHECK_OK(ppi_rl2_learner.act(agent, obs, action));
    const ppi_learn_step step = {obs, action, reward, ended, no, obs, obs, ended};
    CHECK_OK(ppi_rl2_learner.step(agent, &step, metrics));
}

/* A schedule ends with the last update, also where an unroll takes several. */
static void schedules_end_with_the_run(void **state) {
    (void)state;
    enum { STEPS = 10, UNROLLS = 6 };
    const char *const a3c[] = {"rl2.width=8", "rl2.unroll=10", NULL};
    const char *const dqn[] = {"rl2.width=8", "rl2.unroll=10", "rl2.base=dqn", "rl2.batch=3", NULL};
    const char *const *const list[] = {a3c, dqn};
    const int64_t expected[] = {UNROLLS, 3 * UNROLLS};
    for (int i = 0; i < 2; i++) {
        void *options = NULL;
        ppi_metrics metrics = {0};
        ppi_agent *agent = plain_learner(list[i], PLAIN * STEPS * UNROLLS, &options);
        for (int t = 0; t < STEPS * UNROLLS; t++) plain_step(agent, t % 7 == 6, &metrics);
        assert_int_equal(ppi_rl2_learner.updates(agent), expected[i]);
        assert_int_equal(((const ppi_rl2_agent *)agent)->o.optim.total_steps, expected[i]);
        ppi_agent_destroy(agent);
        free(options);
    }
}

/* Before a trial ended there is no return of its last episode, rather than one of 0. */
static void returns_of_trials_that_ended(void **state) {
    (void)state;
    const char *const list[] = {"rl2.width=8", "rl2.unroll=2", NULL};
    void *options = NULL;
    ppi_metrics metrics = {0};
    ppi_agent *agent = plain_learner(list, 1000, &options);
    for (int t = 0; t < 4; t++) {
        plain_step(agent, t == 3, &metrics);
        if (t != 1) continue;
        assert_true(isnan(figure(&metrics, "charts/trial_first")));
        assert_true(isnan(figure(&metrics, "charts/trial_last")));
    }
    assert_true(figure(&metrics, "charts/trial_first") == 0);
    assert_true(figure(&metrics, "charts/trial_last") == 0);
    ppi_agent_destroy(agent);
    free(options);
}

/* Counts and positions index memory: a state with negative ones is refused. */
static void damaged_states(void **state) {
    (void)state;
    const char *const list[] = {"rl2.core=transformer", "rl2.width=8", "rl2.heads=2",
                                "rl2.memory=4", NULL};
    void *options = NULL;
    ppi_agent *agent = plain_learner(list, 1000, &options);
    const ppi_rl2_agent *a = (const ppi_rl2_agent *)agent;
    ppi_buf saved = {0};
    CHECK_OK(ppi_rl2_learner.save(agent, &saved));
    const size_t first = 2 * sizeof(int64_t) + PLAIN * (sizeof(ppi_rng) + sizeof(ppi_rl2_stream));
    const size_t last = first + sizeof(ppi_rl2_recent);
    const size_t floats = (size_t)(2 * a->net.layers * PLAIN * ppi_rl2_state_size(a));
    const size_t position = last + sizeof(ppi_rl2_recent) + floats * sizeof(float);
    const size_t top[] = {first + 7, last + 7, position + 3}; /* the byte with the sign */
    CHECK_OK(ppi_rl2_learner.load(agent, saved.data, saved.len));
    for (size_t i = 0; i < sizeof top / sizeof top[0]; i++) {
        uint8_t *bytes = (uint8_t *)saved.data;
        bytes[top[i]] ^= 0x80;
        assert_int_equal(ppi_rl2_learner.load(agent, saved.data, saved.len), PP_ERR_CORRUPT);
        bytes[top[i]] ^= 0x80;
    }
    ppi_buf_free(&saved);
    ppi_agent_destroy(agent);
    free(options);
}

/* ---- learning and refusing ---- */

/* Three arms of which one pays, another one in every trial: 1/3 without memory, about 0.8 for an
   agent that tries them and stays. */
static void learns(void **state) {
    (void)state;
    enum { ARMS = 3, N = 32, TRIAL = 10, PLAYED = 20000 };
    const char *const options[] = {"rl2.width=16",   "rl2.layers=1",  "rl2.unroll=10",
                                   "rl2.streams=32", "optim.lr=1e-2", NULL};
    const rig_config c = {.method = "rl2", .options = options, .seed = 1};
    pp_env_spec spec = {.obs_type = PP_OBS_CELLS,
                        .obs_h = 1,
                        .obs_w = 1,
                        .obs_c = 1,
                        .min_actions = ARMS,
                        .view = "cells"};
    rig r = {.c = c};
    uint8_t legal[N * PP_ENV_ACTIONS] = {0};
    int32_t game[N] = {0};
    for (int k = 0; k < ARMS; k++) spec.action_list[k] = k;
    const ppi_agent_config a = rig_agent_config(&c, &spec, &r.options);
    CHECK_OK(ppi_agent_create(&r.agent, &a));
    for (int s = 0; s < N; s++) memset(legal + s * PP_ENV_ACTIONS, 1, ARMS);
    const ppi_learn_setup setup = {
        .streams = N, .total_steps = N * PLAYED, .game = game, .legal = legal, .seed = 3};
    CHECK_OK(a.method->learner->begin(r.agent, &setup));
    const uint8_t obs[N] = {0};
    int32_t action[N];
    double paid = 0;
    for (int t = 0; t < PLAYED; t++) {
        double reward[N];
        uint8_t ended[N], cut[N] = {0}, task[N];
        CHECK_OK(a.method->learner->act(r.agent, obs, action));
        for (int s = 0; s < N; s++) {
            const int32_t best = pick("arm", (t / TRIAL) * N + s, ARMS);
            reward[s] = action[s] == best;
            ended[s] = task[s] = t % TRIAL == TRIAL - 1;
            if (t >= PLAYED - 10 * TRIAL) paid += reward[s];
        }
        const ppi_learn_step step = {obs, action, reward, ended, cut, obs, obs, task};
        CHECK_OK(a.method->learner->step(r.agent, &step, &r.metrics));
    }
    if (getenv("PP_SHOW") != NULL) printf("%.3f\n", paid / (10 * TRIAL * N));
    assert_true(paid / (10 * TRIAL * N) > 0.55);
    ppi_agent_destroy(r.agent);
    free(r.options);
}

static void refuses(void **state) {
    (void)state;
    const char *const odd[] = {"rl2.core=transformer", "rl2.width=10", "rl2.heads=4", NULL};
    const char *const little[] = {"rl2.base=dqn", "rl2.width=8", "rl2.replay=400", NULL};
    const rig_config bad = {.method = "rl2", .env = "dark/room", .options = odd};
    const rig_config small = {.method = "rl2", .env = "dark/room", .options = little};
    ppi_vec *vec = rig_vec(&bad, 1);
    void *options = NULL;
    ppi_agent *agent = NULL;
    ppi_agent_config a = rig_agent_config(&bad, ppi_vec_spec(vec, 0), &options);
    assert_int_equal(ppi_agent_create(&agent, &a), PP_ERR_ARGUMENT);
    assert_non_null(strstr(pp_last_error(), "rl2.heads 4"));
    free(options);
    a = rig_agent_config(&small, ppi_vec_spec(vec, 0), &options);
    CHECK_OK(ppi_agent_create(&agent, &a));
    uint8_t legal[PP_ENV_ACTIONS] = {1, 1, 1, 1, 1};
    int32_t game = 0;
    int32_t action = 0;
    const ppi_learn_setup setup = {.streams = 1, .total_steps = 10, .game = &game, .legal = legal};
    assert_int_equal(a.method->learner->begin(agent, &setup), PP_ERR_ARGUMENT);
    assert_non_null(strstr(pp_last_error(), "rl2.replay"));
    assert_int_equal(ppi_agent_act(agent, NULL, &action), PP_ERR_ARGUMENT);
    assert_int_equal(ppi_agent_act_task(agent, 0, 0), PP_ERR_ARGUMENT);
    ppi_agent_destroy(agent);
    free(options);
    ppi_vec_destroy(vec);
}

/* A loop that has no side to draw tasks from refuses it. */
static void histories_are_refused(void **state) {
    (void)state;
    room o;
    ppi_learn *l = NULL;
    open_room(&o, "rl2.episodes=3");
    o.config.trials = NULL;
    assert_int_equal(ppi_learn_open(&l, &o.config), PP_ERR_ARGUMENT);
    assert_non_null(strstr(pp_last_error(), "no learning history of one task"));
    close_room(&o);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden),
        cmocka_unit_test(goes_on_exactly),
        cmocka_unit_test(streams_change_tasks),
        cmocka_unit_test(loop_goes_on),
        cmocka_unit_test(memory_is_kept_and_cleared),
        cmocka_unit_test(trial_clears_the_memory),
        cmocka_unit_test(recipes),
        cmocka_unit_test(schedules_end_with_the_run),
        cmocka_unit_test(returns_of_trials_that_ended),
        cmocka_unit_test(damaged_states),
        cmocka_unit_test(learns),
        cmocka_unit_test(refuses),
        cmocka_unit_test(histories_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
