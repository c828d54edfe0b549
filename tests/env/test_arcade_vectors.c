/* Every game against checksums of 10,000 steps: planes, rewards and ends, and the painted view. The
 * rows of the five MinAtar games and of Catch were recorded on the reference packages. */
#include "env/arcade_test.h"

/* How actions are chosen; v is the next value of the action source. */
typedef enum policy {
    SIX,       /* suite action v mod 6 */
    TRACK,     /* the paddle follows the ball */
    UP,        /* always up */
    IMMORTAL,  /* as SIX, and the end of an episode is cleared instead of reset */
    IMMORTAL6, /* also, six divers are put on board before every 50th step */
    CATCH,     /* native action v mod 3 */
    FOUR,      /* native action v mod 4: up, right, down, left */
    SNAKE,     /* towards the fruit, sometimes as FOUR */
    PONG,      /* n, u, d by v mod 3 */
    FOLLOW,    /* the pong paddle follows the ball */
} policy;

typedef struct vector_row {
    const char *id;
    policy policy;
    double sticky;
    int32_t mode;
    int32_t cap;
    uint32_t planes;
    uint32_t planes_1k;
    uint32_t rewards;
    int32_t total;
    int32_t ends;
    uint32_t grey_1k;
} vector_row;

/* clang-format off */
static const vector_row k_rows[] = {
    {"arcade/breakout", SIX, 0.0, 0, 0, 0x990f1da8, 0x8f63aa04, 0x7e195a5a, 446, 908, 0xb66c3807},
    {"arcade/breakout", SIX, 0.1, 0, 0, 0x003481b1, 0x42b005bb, 0xa0d48d66, 432, 934, 0xf678e18c},
    {"arcade/asterix", SIX, 0.0, 0, 0, 0x0ad9151a, 0xc41d208a, 0x0eb9db69, 77, 139, 0x63ad2652},
    {"arcade/asterix", SIX, 0.1, 0, 0, 0xfe31193b, 0x4830538c, 0x6b145ba5, 65, 145, 0xea076fe5},
    {"arcade/asterix", SIX, 0.1, 1, 0, 0x399a3f2f, 0x75b25ee2, 0x8a85712b, 65, 142, 0x09f5e412},
    {"arcade/freeway", SIX, 0.0, 0, 0, 0x8db11f88, 0x2ac03354, 0xa3c7ed23, 2, 3, 0x29e9e045},
    {"arcade/freeway", SIX, 0.1, 0, 0, 0x2418502f, 0xfd909a58, 0x2a103048, 2, 3, 0x86a1482b},
    {"arcade/seaquest", SIX, 0.0, 0, 0, 0xcc4f1977, 0xa2589b02, 0xebd781ce, 31, 356, 0x9fe8fb33},
    {"arcade/seaquest", SIX, 0.1, 0, 0, 0x669e4262, 0xd2a04cc9, 0xd185ca69, 44, 292, 0xe51a855d},
    {"arcade/seaquest", SIX, 0.1, 1, 0, 0x9019b8a0, 0x2a096a28, 0x9142b701, 36, 302, 0x4bb46182},
    {"arcade/space_invaders", SIX, 0.0, 0, 0, 0xa48911a7, 0x2b12a3f1, 0x0a2c0a12, 624, 195, 0x404a60e8},
    {"arcade/space_invaders", SIX, 0.1, 0, 0, 0x491dbdab, 0xdbf243fa, 0xf9e45e38, 562, 199, 0x3abc39cc},
    {"arcade/breakout", TRACK, 0.0, 0, 0, 0x4e0af172, 0xe0900694, 0x92d6341e, 834, 0, 0x0e5594d8},
    {"arcade/breakout", TRACK, 0.1, 0, 0, 0xd0326cf9, 0xd9d769bb, 0x73e5f1e1, 850, 89, 0x11c07779},
    {"arcade/freeway", UP, 0.1, 0, 0, 0x9e5ad487, 0xcec511ce, 0x4fd60270, 109, 3, 0x0a41744d},
    {"arcade/asterix", IMMORTAL, 0.1, 0, 0, 0xa66257f5, 0x336bbc21, 0x5897a0c5, 429, 1278, 0x5c27f3ec},
    {"arcade/seaquest", IMMORTAL, 0.1, 0, 0, 0x9d944ecc, 0xed432dd7, 0x86b07c67, 344, 3856, 0x3d85722f},
    {"arcade/seaquest", IMMORTAL6, 0.1, 0, 0, 0xbc587e7a, 0x9e721a91, 0x11b81bc9, 782, 3471, 0xe4dcad89},
    {"arcade/seaquest", IMMORTAL, 0.1, 1, 0, 0x367f913f, 0xbce0e89b, 0x60ebdc54, 74, 2033, 0x0f60be3c},
    {"arcade/space_invaders", IMMORTAL, 0.1, 0, 0, 0x7a9d5fe6, 0x97a741ef, 0x6b6c445c, 341, 712, 0x6053f6db},
    {"arcade/catch", CATCH, 0.0, 0, 0, 0x4c7e6659, 0x41022988, 0xd3ad87ee, -655, 1111, 0xe0d6eb9d},
    {"arcade/snake", SNAKE, 0.0, 0, 0, 0xbaee98c2, 0x69e3e85e, 0x94142747, 1065, 160, 0x36ad2ef7},
    {"arcade/2048", FOUR, 0.0, 0, 0, 0x9604b990, 0x29c5c6ac, 0xc425546e, 72904, 79, 0x24330deb},
    {"arcade/four_rooms", FOUR, 0.0, 1, 100, 0xe390ed6c, 0x137dacf5, 0x6f447603, 34, 118, 0x2b41d1b8},
    {"arcade/pong", PONG, 0.0, 0, 0, 0xe84635fb, 0xedc3b996, 0x876fa602, -224, 72, 0x83db21f6},
    {"arcade/pong", FOLLOW, 0.0, 0, 0, 0x95e3db92, 0xb90b122f, 0x4b18e3cb, 177, 35, 0x9a0dda3d},
};
/* clang-format on */

static const int32_t k_native4[4] = {PPI_SUITE_U, PPI_SUITE_R, PPI_SUITE_D, PPI_SUITE_L};

/* The valid action that brings the head nearest to the fruit, or v mod 4. */
static int32_t choose_snake(const arcade *a, uint32_t v) {
    static const int k_row[4] = {-1, 0, 1, 0};
    static const int k_column[4] = {0, 1, 0, -1};
    const int side = a->spec.obs_w;
    const int head = plane_cell(a, 1);
    const int fruit = plane_cell(a, 3);
    int best = -1;
    int best_far = 0;
    for (int m = 0; m < 4; m++) {
        const int row = head / side + k_row[m];
        const int column = head % side + k_column[m];
        if (row < 0 || column < 0 || row >= side || column >= side) continue;
        const uint8_t *cell = a->obs + (row * side + column) * 4;
        if (cell[0] && !cell[2]) continue; /* body, not tail */
        const int far = abs(row - fruit / side) + abs(column - fruit % side);
        if (best < 0 || far < best_far) {
            best = m;
            best_far = far;
        }
    }
    return k_native4[(v >> 4) % 16 == 0 || best < 0 ? (int)(v % 4) : best];
}

static int32_t towards(int difference, int32_t below, int32_t above) {
    return difference < 0 ? below : difference > 0 ? above : PPI_SUITE_N;
}

static int32_t choose(policy p, const arcade *a, uint32_t v) {
    static const int32_t k_native3[3] = {PPI_SUITE_L, PPI_SUITE_N, PPI_SUITE_R};
    static const int32_t k_pong[3] = {PPI_SUITE_N, PPI_SUITE_U, PPI_SUITE_D};
    const int w = a->spec.obs_w;
    switch (p) {
    case TRACK:
        return towards(plane_cell(a, 1) % w - plane_cell(a, 0) % w, PPI_SUITE_L, PPI_SUITE_R);
    case UP:
        return PPI_SUITE_U;
    case CATCH:
        return k_native3[v % 3];
    case FOUR:
        return k_native4[v % 4];
    case SNAKE:
        return choose_snake(a, v);
    case PONG:
        return k_pong[v % 3];
    case FOLLOW:
        return towards(plane_cell(a, 2) / w - (plane_cell(a, 0) / w + 1), PPI_SUITE_U, PPI_SUITE_D);
    default:
        return (int32_t)(v % 6);
    }
}

static void after_end(const vector_row *row, arcade *a) {
    if (row->policy == IMMORTAL || row->policy == IMMORTAL6) {
        ppi_arcade_run_of(a->env)->terminated = 0;
    } else {
        arcade_reset(a, PP_ENV_KEEP_SEED);
    }
}

typedef struct tally {
    uint32_t planes, planes_1k, rewards, grey_1k;
    int32_t total, ends;
} tally;

/* Two instances in step, one of each view. */
static void play_row(tally *t, const vector_row *row, arcade *planes, arcade *grey) {
    uint32_t x = 7;
    for (int s = 1; s <= 10000; s++) {
        if (row->policy == IMMORTAL6 && s % 50 == 0) {
            *ppi_arcade_number(planes->env, "divers") = 6;
            *ppi_arcade_number(grey->env, "divers") = 6;
        }
        const int32_t action = choose(row->policy, planes, next_value(&x));
        arcade_play(planes, action);
        t->planes = ppi_crc32(t->planes, planes->obs, (size_t)planes->spec.obs_bytes);
        const uint8_t pair[2] = {(uint8_t)(int)planes->result.reward, planes->result.terminated};
        t->rewards = ppi_crc32(t->rewards, pair, 2);
        t->total += (int32_t)planes->result.reward;
        if (s <= 1000) {
            arcade_play(grey, action);
            t->grey_1k = ppi_crc32(t->grey_1k, grey->obs, (size_t)grey->spec.obs_bytes);
            if (arcade_ended(grey)) after_end(row, grey);
            t->planes_1k = t->planes;
        }
        if (arcade_ended(planes)) {
            t->ends++;
            after_end(row, planes);
        }
    }
}

static void check_row(const vector_row *row) {
    pp_env_config config = arcade_config(row->id);
    config.sticky = row->sticky;
    config.mode = row->mode;
    config.max_steps = row->cap;
    arcade planes;
    arcade grey;
    arcade_open(&planes, &config);
    config.view = "grey84";
    arcade_open(&grey, &config);
    arcade_reset(&planes, 7);
    arcade_reset(&grey, 7);
    tally t = {0};
    play_row(&t, row, &planes, &grey);
    if (t.planes != row->planes || t.planes_1k != row->planes_1k || t.rewards != row->rewards ||
        t.total != row->total || t.ends != row->ends || t.grey_1k != row->grey_1k) {
        fail_msg("%s policy %d sticky %g mode %d: planes %08x (%08x) after 1,000 %08x (%08x) "
                 "rewards %08x (%08x) return %d (%d) ends %d (%d) grey %08x (%08x)",
                 row->id, row->policy, row->sticky, row->mode, t.planes, row->planes, t.planes_1k,
                 row->planes_1k, t.rewards, row->rewards, t.total, row->total, t.ends, row->ends,
                 t.grey_1k, row->grey_1k);
    }
    if (row->policy == IMMORTAL && strcmp(row->id, "arcade/asterix") == 0) {
        assert_int_equal(*ppi_arcade_number(planes.env, "ramp_index"), 9);
    }
    if (row->policy == IMMORTAL && strcmp(row->id, "arcade/seaquest") == 0) {
        assert_int_equal(*ppi_arcade_number(planes.env, "divers"), row->mode == 0 ? -70 : -135);
        assert_int_equal(*ppi_arcade_number(planes.env, "oxygen"), row->mode == 0 ? 182 : 28);
        assert_int_equal(*ppi_arcade_number(planes.env, "ramp_index"), row->mode == 0 ? 19 : 0);
    }
    if (row->policy == IMMORTAL && strcmp(row->id, "arcade/space_invaders") == 0) {
        assert_int_equal(*ppi_arcade_number(planes.env, "ramp_index"), 6);
    }
    arcade_close(&planes);
    arcade_close(&grey);
}

static void test_rows(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof(k_rows) / sizeof(k_rows[0]); i++) check_row(&k_rows[i]);
}

/* The one plane that Catch's reference shows: paddle or ball. */
static void test_catch_joined(void **state) {
    (void)state;
    const pp_env_config config = arcade_config("arcade/catch");
    arcade a;
    arcade_open(&a, &config);
    arcade_reset(&a, 7);
    uint32_t x = 7;
    uint32_t crc = 0;
    for (int s = 1; s <= 10000; s++) {
        uint8_t both[50];
        arcade_play(&a, choose(CATCH, &a, next_value(&x)));
        for (int i = 0; i < 50; i++) both[i] = a.obs[2 * i] | a.obs[2 * i + 1];
        crc = ppi_crc32(crc, both, sizeof(both));
        if (s == 1000) assert_int_equal(crc, 0xbc2ab724);
        if (arcade_ended(&a)) arcade_reset(&a, PP_ENV_KEEP_SEED);
    }
    assert_int_equal(crc, 0xbb992ed5);
    arcade_close(&a);
}

typedef struct generator_row {
    uint32_t seed;
    uint32_t first[3];
    double unit[2];
    uint32_t below5[10];
    uint32_t above1[8];
    double after;
} generator_row;

static const generator_row k_generator[] = {
    {0,
     {2357136044u, 2546248239u, 3071714933u},
     {0.5488135039273248, 0.7151893663724195},
     {4, 0, 3, 3, 3, 1, 3, 2, 4, 0},
     {5, 1, 4, 4, 4, 2, 4, 3},
     0.4375872112626925},
    {7,
     {327741615u, 976413892u, 3349725721u},
     {0.07630828937395717, 0.7799187922401146},
     {4, 1, 3, 3, 4, 1, 0, 1, 2, 2},
     {5, 2, 4, 4, 5, 2, 1, 2},
     0.07205113335976154},
    {4294967295u,
     {419326371u, 479346978u, 3918654476u},
     {0.0976320289940138, 0.9123828453026218},
     {3, 2, 4, 4, 0, 2, 1, 0, 3, 2},
     {4, 3, 5, 5, 1, 3, 2, 1},
     0.9695059322147525},
};

static void test_generator(void **state) {
    (void)state;
    for (size_t r = 0; r < sizeof(k_generator) / sizeof(k_generator[0]); r++) {
        const generator_row *row = &k_generator[r];
        ppi_arcade_run run = {0};
        ppi_mt19937_seed(&run.mt, row->seed);
        for (int i = 0; i < 3; i++) assert_int_equal(ppi_mt19937_u32(&run.mt), row->first[i]);
        ppi_mt19937_seed(&run.mt, row->seed);
        for (int i = 0; i < 2; i++) assert_true(ppi_draw_unit(&run) == row->unit[i]);
        ppi_mt19937_seed(&run.mt, row->seed);
        for (int i = 0; i < 10; i++) assert_int_equal(ppi_draw_below(&run, 5), row->below5[i]);
        ppi_mt19937_seed(&run.mt, row->seed);
        for (int i = 0; i < 8; i++) assert_int_equal(1 + ppi_draw_below(&run, 5), row->above1[i]);
        assert_true(ppi_draw_unit(&run) == row->after);
        /* One choice draws nothing. */
        const uint32_t next = run.mt.next;
        assert_int_equal(ppi_draw_below(&run, 1), 0);
        assert_int_equal(run.mt.next, next);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_generator),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_catch_joined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
