/* The loop over runs of an agent that learns in context, and the curve of what it gives: on an
   agent whose every action depends on all it was told since its task began. */
#include "run_test.h"

#include "base/rng.h"
#include "base/signal.h"
#include "env/tasks.h"
#include "env/vec.h"
#include "method/method.h"
#include "run/act.h"
#include "run/board.h"
#include "run/context_curve.h"
#include "run/context_play.h"

enum { MOST = 64 };

/* What the agent knows of one environment. */
typedef struct memory {
    uint64_t run;
    uint64_t hash; /* of everything since act_task */
    int64_t steps; /* observed since act_task, prompts included */
    int64_t prompted;
    int64_t episodes; /* begun since act_task */
    bool open;        /* an episode runs */
    uint8_t last[8];  /* observation that is acted on */
} memory;

typedef struct probe_agent {
    ppi_agent base;
    int64_t n;
    memory of[MOST];
    int64_t tasks;      /* act_task calls */
    int64_t runs[MOST]; /* their runs */
} probe_agent;

static uint64_t mix(uint64_t hash, const void *data, size_t size) {
    const uint8_t *bytes = data;
    for (size_t i = 0; i < size; i++) hash = (hash ^ bytes[i]) * 1099511628211u;
    return hash;
}

static size_t row_of(const ppi_agent *a) {
    return (size_t)ppi_obs_bytes(&a->cfg.obs);
}

static pp_status begin(ppi_agent *a, int64_t n) {
    probe_agent *p = (probe_agent *)a;
    assert_in_range(n, 1, MOST);
    p->n = n;
    memset(p->of, 0xff, sizeof p->of); /* nothing may be used before act_task */
    return PP_OK;
}

static pp_status task(ppi_agent *a, int64_t env, uint64_t run) {
    probe_agent *p = (probe_agent *)a;
    assert_in_range(env, 0, p->n - 1);
    p->of[env] = (memory){.run = run, .hash = 14695981039346656037u};
    p->runs[p->tasks++] = (int64_t)run;
    return PP_OK;
}

static pp_status prompt(ppi_agent *a, int64_t env, const ppi_prompt *given) {
    memory *m = &((probe_agent *)a)->of[env];
    assert_int_equal(m->steps, 0);
    assert_int_equal(m->episodes, 0);
    m->hash = mix(m->hash, given->obs, (size_t)given->steps * row_of(a));
    m->hash = mix(m->hash, given->action, (size_t)given->steps * sizeof *given->action);
    m->hash = mix(m->hash, given->reward, (size_t)given->steps * sizeof *given->reward);
    m->prompted = given->steps;
    return PP_OK;
}

static pp_status reset(ppi_agent *a, int64_t env, const uint8_t *obs, uint64_t episode) {
    memory *m = &((probe_agent *)a)->of[env];
    assert_false(m->open);
    assert_int_equal(m->episodes, (int64_t)episode);
    assert_int_equal(m->steps, 20 * (int64_t)episode); /* every step of all episodes was told */
    m->episodes++;
    m->open = true;
    memcpy(m->last, obs, row_of(a));
    m->hash = mix(m->hash, obs, row_of(a));
    return PP_OK;
}

static pp_status act(ppi_agent *a, const uint8_t *live, int32_t *actions) {
    probe_agent *p = (probe_agent *)a;
    for (int64_t i = 0; i < p->n; i++) {
        if (!live[i]) continue;
        assert_true(p->of[i].open);
        const uint64_t seed = mix(p->of[i].hash, &p->of[i].run, sizeof p->of[i].run);
        actions[i] = a->cfg.actions.list[(seed >> 32) % (uint64_t)a->cfg.actions.count];
    }
    return PP_OK;
}

static pp_status observe(ppi_agent *a, int64_t env, int32_t action, double reward,
                         const uint8_t *next_obs) {
    memory *m = &((probe_agent *)a)->of[env];
    assert_true(m->open);
    m->steps++;
    m->hash = mix(m->hash, &action, sizeof action);
    m->hash = mix(m->hash, &reward, sizeof reward);
    m->hash = mix(m->hash, next_obs, row_of(a));
    memcpy(m->last, next_obs, row_of(a));
    if (m->steps % 20 == 0) m->open = false;
    return PP_OK;
}

static const ppi_agent_calls probe_calls = {
    .act_begin = begin,
    .act_task = task,
    .act_prompt = prompt,
    .act_reset = reset,
    .act = act,
    .observe = observe,
};
static const ppi_method probe_method = {.name = "probe", .calls = &probe_calls};

/* An agent with the spaces of an environment. */
static probe_agent *make_probe(const char *env) {
    probe_agent *p = ppi_calloc(1, sizeof *p);
    ppi_vec *vec = NULL;
    assert_non_null(p);
    OK(ppi_vec_create(&vec, &env, 1, NULL, 1));
    const pp_env_spec *spec = ppi_vec_spec(vec, 0);
    p->base.method = &probe_method;
    p->base.cfg.method = &probe_method;
    p->base.cfg.obs = ppi_board_native(spec);
    p->base.cfg.actions.count = spec->min_actions;
    memcpy(p->base.cfg.actions.list, spec->action_list, sizeof spec->action_list);
    ppi_vec_destroy(vec);
    return p;
}

enum { RUNS = 20, EPISODES = 12 };

static ppi_context_request request(probe_agent *p, int envs, int threads) {
    static int64_t tasks[RUNS];
    for (int64_t r = 0; r < RUNS; r++) tasks[r] = 7 * r % 16;
    return (ppi_context_request){.agent = &p->base,
                                 .env = "dark/room",
                                 .game = -1,
                                 .tasks = tasks,
                                 .runs = RUNS,
                                 .episodes = EPISODES,
                                 .seed = 5,
                                 .envs = envs,
                                 .threads = threads};
}

static void equal_for_any_batch_and_threads(void **state) {
    static const int shapes[][2] = {{1, 1}, {3, 1}, {7, 2}, {64, 3}};
    ppi_context_lives first;
    (void)state;
    probe_agent *p = make_probe("dark/room");
    ppi_context_request q = request(p, RUNS, 1);
    OK(ppi_context_play(&q, &first));
    assert_int_equal(first.decisions, RUNS * EPISODES * 20);
    assert_null(first.reward);
    double sum = 0;
    for (int i = 0; i < RUNS * EPISODES; i++) {
        assert_int_equal(first.length[i], 20);
        sum += first.ret[i];
    }
    assert_true(sum > 0); /* chance meets some goals */
    for (size_t k = 0; k < sizeof shapes / sizeof shapes[0]; k++) {
        ppi_context_lives other;
        p->tasks = 0;
        q = request(p, shapes[k][0], shapes[k][1]);
        OK(ppi_context_play(&q, &other));
        assert_memory_equal(first.ret, other.ret, RUNS * EPISODES * sizeof *first.ret);
        /* One task for each run, in the order of the runs; reset() holds the memory to the steps.
         */
        assert_int_equal(p->tasks, RUNS);
        for (int r = 0; r < RUNS; r++) assert_int_equal(p->runs[r], r);
        ppi_context_lives_free(&other);
    }
    ppi_context_lives_free(&first);
    ppi_free(p);
}

/* Longer runs begin with the same episodes; other seeds and prompts change them. */
static void runs_are_streams(void **state) {
    ppi_context_lives first;
    ppi_context_lives other;
    ppi_prompt prompts[RUNS];
    static const uint8_t obs[2] = {4, 4};
    static const int32_t action[1] = {1};
    static const float reward[1] = {0};
    (void)state;
    probe_agent *p = make_probe("dark/room");
    ppi_context_request q = request(p, RUNS, 1);
    OK(ppi_context_play(&q, &first));
    p->tasks = 0;
    q.episodes = 2 * EPISODES;
    OK(ppi_context_play(&q, &other));
    for (int r = 0; r < RUNS; r++)
        assert_memory_equal(first.ret + r * EPISODES, other.ret + 2 * r * EPISODES,
                            EPISODES * sizeof *first.ret);
    ppi_context_lives_free(&other);
    for (int r = 0; r < RUNS; r++) prompts[r] = (ppi_prompt){1, obs, action, reward, NULL};
    p->tasks = 0;
    q.episodes = EPISODES;
    q.prompts = prompts;
    OK(ppi_context_play(&q, &other));
    for (int r = 0; r < RUNS; r++) assert_int_equal(p->of[r].prompted, 1);
    assert_memory_not_equal(first.ret, other.ret, RUNS * EPISODES * sizeof *first.ret);
    ppi_context_lives_free(&other);
    ppi_context_lives_free(&first);
    ppi_free(p);
}

static pp_status reset_bandit(ppi_agent *a, int64_t env, const uint8_t *obs, uint64_t episode) {
    memory *m = &((probe_agent *)a)->of[env];
    assert_int_equal(episode, 0);
    m->open = true;
    m->hash = mix(m->hash, obs, row_of(a));
    return PP_OK;
}

static pp_status observe_bandit(ppi_agent *a, int64_t env, int32_t action, double reward,
                                const uint8_t *next_obs) {
    memory *m = &((probe_agent *)a)->of[env];
    (void)next_obs;
    m->steps++;
    m->hash = mix(mix(m->hash, &action, sizeof action), &reward, sizeof reward);
    return PP_OK;
}

/* A life of one episode keeps the reward of every step. */
static void one_episode_gives_steps(void **state) {
    ppi_context_lives l;
    ppi_context_curve c;
    int64_t tasks[RUNS];
    ppi_tasks split;
    (void)state;
    ppi_agent_calls calls = probe_calls;
    calls.act_reset = reset_bandit;
    calls.observe = observe_bandit;
    ppi_method method = probe_method;
    method.calls = &calls;
    probe_agent *p = make_probe("bandit/even");
    p->base.method = &method;
    OK(ppi_tasks_split(&split, "bandit/even", PPI_TASKS_TEST, 0));
    for (int64_t r = 0; r < RUNS; r++) tasks[r] = ppi_tasks_pick(&split, r);
    ppi_context_request q = request(p, 6, 1);
    q.env = "bandit/even";
    q.tasks = tasks;
    q.episodes = 1;
    OK(ppi_context_play(&q, &l));
    assert_int_equal(l.life, 100);
    double all = 0;
    for (int r = 0; r < RUNS; r++) {
        double sum = 0;
        for (int t = 0; t < 100; t++) sum += l.reward[r * 100 + t];
        assert_true(sum == l.ret[r]);
        all += sum / RUNS;
    }
    OK(ppi_context_curve_create(&c, &l, 1));
    assert_true(c.per_step);
    assert_int_equal(c.count, 100);
    assert_float_equal(c.score, all, 1e-9);
    assert_true(c.steps[99] == 100);
    assert_true(c.score_low <= c.score && c.score <= c.score_high);
    ppi_context_curve_free(&c);
    ppi_context_lives_free(&l);
    ppi_tasks_free(&split);
    ppi_free(p);
}

/* Runs that climb from 0 to 10 in 100 episodes and stay there; half of them one higher. */
static void figures_of_a_known_curve(void **state) {
    enum { N = 500, R = 4 };
    ppi_context_lives l = {.runs = R, .episodes = N};
    ppi_context_curve c;
    (void)state;
    l.ret = ppi_calloc(R * N, sizeof *l.ret);
    l.length = ppi_calloc(R * N, sizeof *l.length);
    for (int r = 0; r < R; r++) {
        for (int e = 0; e < N; e++) {
            l.ret[r * N + e] = (e < 100 ? e / 10.0 : 10.0) + (r % 2 ? 1 : -1);
            l.length[r * N + e] = 20;
        }
    }
    OK(ppi_context_curve_create(&c, &l, 3));
    assert_int_equal(c.count, N);
    assert_int_equal(c.smoothing, 11);
    assert_int_equal(c.final_over, 50);
    assert_int_equal(c.score_over, 100);
    assert_float_equal(c.first, 0, 1e-12);
    assert_float_equal(c.final, 10, 1e-12);
    assert_float_equal(c.score, 10, 1e-12);
    assert_true(c.final_low >= 9 && c.final_low < 10 && c.final_high > 10 && c.final_high <= 11);
    assert_float_equal(c.std[0], 2 / sqrt(3.0), 1e-12);
    assert_true(c.steps[N - 1] == 20 * N);
    /* The mean of episode number e is (e - 1) / 10, and a line is its own smoothed mean. */
    assert_int_equal(c.half, 51);
    assert_int_equal(c.ninety, 91);
    assert_int_equal(ppi_context_curve_reach(&c, 10.1), 0);
    assert_float_equal(ppi_context_run_final(&l, 1, 50), 11, 1e-12);
    ppi_context_curve_free(&c);
    l.runs = 1; /* one run has a curve and no intervals */
    OK(ppi_context_curve_create(&c, &l, 3));
    assert_float_equal(c.final, 9, 1e-12);
    assert_true(isnan(c.final_low) && isnan(c.score_high) && isnan(c.low[0]) && isnan(c.high[7]));
    assert_true(isfinite(c.smooth[0]));
    ppi_context_curve_free(&c);
    l.runs = R;
    for (int i = 0; i < R * N; i++) l.ret[i] = -1; /* no share of a return that is not above 0 */
    OK(ppi_context_curve_create(&c, &l, 3));
    assert_int_equal(c.half, 0);
    assert_int_equal(c.ninety, 0);
    ppi_context_curve_free(&c);
    ppi_context_lives_free(&l);
}

/* `play`: one run, its episodes after each other with the memory kept. */
static void playing_keeps_the_context(void **state) {
    ppi_episode_result results[4];
    (void)state;
    probe_agent *p = make_probe("dark/room");
    const ppi_play_request q = {
        .agent = &p->base, .env = "dark/room", .game = -1, .episodes = 4, .envs = 1, .threads = 1};
    OK(ppi_play_episodes(&q, results, NULL));
    assert_int_equal(p->tasks, 1);
    assert_int_equal(p->of[0].episodes, 4);
    assert_int_equal(p->of[0].steps, 80);
    for (int e = 0; e < 4; e++) assert_int_equal(results[e].steps, 20);
    ppi_free(p);
}

static void refusals(void **state) {
    ppi_context_lives l;
    (void)state;
    probe_agent *p = make_probe("dark/room");
    ppi_context_request q = request(p, 4, 1);
    q.env = "dark/room-hard";
    FAILS(ppi_context_play(&q, &l), PP_ERR_SHAPE, "values up to 16");
    p->base.cfg.actions.count = 4;
    q = request(p, 4, 1);
    FAILS(ppi_context_play(&q, &l), PP_ERR_SHAPE, "has 5 actions, the agent chooses among 4");
    p->base.cfg.actions.count = 5;
    q.runs = 0;
    FAILS(ppi_context_play(&q, &l), PP_ERR_ARGUMENT, "0 runs");
    q = request(p, 4, 1);
    ppi_interrupt_raise();
    const pp_status s = ppi_context_play(&q, &l);
    ppi_interrupt_clear();
    assert_int_equal(s, PP_ERR_INTERRUPTED);
    assert_null(l.ret);
    ppi_free(p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_for_any_batch_and_threads),
        cmocka_unit_test(runs_are_streams),
        cmocka_unit_test(one_episode_gives_steps),
        cmocka_unit_test(figures_of_a_known_curve),
        cmocka_unit_test(playing_keeps_the_context),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests_name("context_play", tests, NULL, NULL);
}
