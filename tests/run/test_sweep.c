/* Sweeps: grids over seeds, killed and continued, with failing cells; their recipes' errors. */
#include "run_test.h"

#include <sys/file.h>
#include <fcntl.h>

#include "base/log.h"
#include "base/signal.h"
#include "report/bars.h"
#include "run/sweep.h"

#define TRAIN                                                                                      \
    "[train]\nmethod = bc\nmodel = tiny\ndata = " CATCH_DATA "\nbatch = 4\nsteps = 12\n"           \
    "checkpoint.every = 4\nlog.every = 4\ndtype = f32\n"
#define EVAL "[eval]\nenv = arcade/catch\nepisodes = 2\n"

static const char grid[] = "[sweep]\nseeds = 1, 2\n" TRAIN "[grid]\noptim.lr = 1e-3, 1e-4\n" EVAL;

static int setup(void **state) {
    (void)state;
    make_catch_data();
    OK(ppi_dir_remove("runs"));
    OK(ppi_file_write_atomic("grid.ini", grid, strlen(grid)));
    return 0;
}

static ppi_sweep_options options_for(const char *out, int64_t jobs) {
    ppi_sweep_options o = {.jobs = jobs, .threads = 1};
    snprintf(o.out, sizeof o.out, "%s", out);
    return o;
}

static pp_status run_sweep(const char *recipe, const char *out, int64_t jobs, ppi_buf *report) {
    const ppi_sweep_options o = options_for(out, jobs);
    ppi_sweep *sweep = NULL;
    PPI_TRY(ppi_sweep_open(&sweep, recipe, &o));
    const pp_status s = ppi_sweep_run(sweep, report);
    ppi_sweep_close(sweep);
    return s;
}

static void plan_sweep(const char *recipe, const char *out, ppi_buf *report) {
    const ppi_sweep_options o = options_for(out, 1);
    ppi_sweep *sweep = NULL;
    OK(ppi_sweep_open(&sweep, recipe, &o));
    OK(ppi_sweep_plan(sweep, report));
    ppi_sweep_close(sweep);
}

static void assert_has(const char *text, const char *part) {
    if (strstr(text, part) == NULL) fail_msg("'%s' lacks '%s'", text, part);
}

/* Content of a file below runs/; the caller frees it. */
static char *content(const char *path) {
    char *text = NULL;
    size_t size = 0;
    OK(ppi_file_read_all(path, &text, &size));
    return text;
}

static void assert_same_file(const char *a, const char *b) {
    char *x = content(a);
    char *y = content(b);
    assert_string_equal(x, y);
    ppi_free(x);
    ppi_free(y);
}

/* Messages of the sweep itself: lines about runs. */
typedef struct lines {
    int ended;  /* "[k/n] ..." of runs that were done now */
    int before; /* done before */
    bool die;   /* at the first one: kill -9 */
} lines;

static void count_lines(void *user, ppi_log_level level, const char *text) {
    lines *l = user;
    if (level != PPI_LOG_INFO || text[0] != '[') return;
    assert_has(text, "updates, loss");
    if (l->die) raise(SIGKILL);
    if (strstr(text, "done before") != NULL) {
        l->before++;
    } else {
        l->ended++;
    }
}

static void sweeps_a_grid(void **state) {
    ppi_buf report = {0};
    lines heard = {0};
    (void)state;
    ppi_log_set_sink(count_lines, &heard, PPI_LOG_INFO);
    OK(run_sweep("grid.ini", "runs/whole", 2, &report));
    assert_int_equal(heard.ended, 4);
    assert_has(ppi_buf_text(&report), "lr=1e-3  2/2         12");
    assert_has(ppi_buf_text(&report), "mean normalised score");
    char *table = content("runs/whole/grid.csv");
    assert_has(table, "cell,evaluation,seeds,updates,loss,first,half,ninety,result,low,high,"
                      "seed_1,seed_2\nlr=1e-3,,2,12,");
    ppi_free(table);
    char *figure = content("runs/whole/grid.svg");
    assert_has(figure, "<rect");
    assert_has(figure, "lr=1e-4");
    ppi_free(figure);
    ppi_buf_clear(&report);
    OK(run_sweep("grid.ini", "runs/whole", 1, &report)); /* nothing to do */
    ppi_log_set_sink(NULL, NULL, PPI_LOG_INFO);
    assert_int_equal(heard.ended, 4);
    assert_int_equal(heard.before, 4);
    ppi_buf_free(&report);
}

/* The lock goes with the last process of a sweep. */
static void await_end(const char *lock) {
    const int fd = open(lock, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    close(fd);
}

/* kill -9 when the first run has ended and others are at work: they go with it. */
static void killed_sweep_goes_on(void **state) {
    lines heard = {.die = true};
    int ended = 0;
    (void)state;
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        ppi_log_set_sink(count_lines, &heard, PPI_LOG_INFO);
        run_sweep("grid.ini", "runs/killed", 2, NULL);
        _exit(9);
    }
    assert_int_equal(waitpid(child, &ended, 0), child);
    assert_true(WIFSIGNALED(ended));
    await_end("runs/killed/lock");
    assert_false(ppi_file_exists("runs/killed/grid.csv"));
    heard = (lines){0};
    ppi_log_set_sink(count_lines, &heard, PPI_LOG_INFO);
    OK(run_sweep("grid.ini", "runs/killed", 2, NULL));
    ppi_log_set_sink(NULL, NULL, PPI_LOG_INFO);
    assert_true(heard.before >= 1);
    assert_int_equal(heard.before + heard.ended, 4);
    assert_same_file("runs/whole/grid.csv", "runs/killed/grid.csv");
    assert_same_file("runs/whole/grid.svg", "runs/killed/grid.svg");
}

/* Every run is killed behind its first checkpoint; the sweep tells it and the next one goes on. */
static void killed_runs_go_on(void **state) {
    enum { OWN = 2, INTO_A_RUN = 16 }; /* renames: the options of two cells; what a run writes */
    ppi_buf plan = {0};
    (void)state;
    ppi_fault_handler(die);
    ppi_fault_set(PPI_FAULT_RENAME, OWN + INTO_A_RUN);
    const pp_status s = run_sweep("grid.ini", "runs/torn", 2, NULL);
    ppi_fault_clear();
    FAILS(s, PP_ERR_IO, "4 of 4 runs failed");
    assert_has(pp_last_error(), "killed by signal 9");
    plan_sweep("grid.ini", "runs/torn", &plan);
    assert_has(ppi_buf_text(&plan), "seed 1: trained 4 of 12");
    ppi_buf_free(&plan);
    OK(run_sweep("grid.ini", "runs/torn", 1, NULL));
    assert_same_file("runs/whole/grid.csv", "runs/torn/grid.csv");
}

static void interruption_stops_and_saves(void **state) {
    (void)state;
    ppi_interrupt_raise();
    const pp_status s = run_sweep("grid.ini", "runs/stopped", 1, NULL);
    ppi_interrupt_clear();
    FAILS(s, PP_ERR_INTERRUPTED, "0 of 4 runs done; the same command goes on");
    OK(run_sweep("grid.ini", "runs/stopped", 2, NULL));
    assert_same_file("runs/whole/grid.csv", "runs/stopped/grid.csv");
}

static void failing_cell_lets_others_go_on(void **state) {
    static const char text[] = TRAIN "[cell.bad]\ndata = data/nowhere\n[cell.good]\n" EVAL
                                     "[eval.a]\n[eval.b]\nseed = 7\n";
    ppi_buf report = {0};
    (void)state;
    OK(ppi_file_write_atomic("bad.ini", text, strlen(text)));
    FAILS(run_sweep("bad.ini", "runs/bad", 1, &report), PP_ERR_IO,
          "1 of 2 runs failed; the first: bad seed 1: ");
    assert_has(pp_last_error(), "data/nowhere");
    assert_has(ppi_buf_text(&report), "bad, a   0/1 ");
    assert_has(ppi_buf_text(&report), "good, a  1/1 ");
    assert_has(ppi_buf_text(&report), "good, b  1/1 ");
    assert_true(ppi_file_exists("runs/bad/good/seed-1.b.json"));
    char *log = content("runs/bad/bad/seed-1.log");
    assert_has(log, "error");
    ppi_free(log);
    ppi_buf_free(&report);
}

/* Every recipe that comes with the program opens, and every option of its cells, collections and
 * evaluations is accepted. */
static void recipes_are_valid(void **state) {
    (void)state;
    const char *root = getenv("PP_SOURCE_DIR");
    char folder[1024];
    char path[1280];
    ppi_dir_listing listing;
    assert_non_null(root);
    OK(ppi_path_join(folder, sizeof folder, root, "recipes"));
    OK(ppi_dir_list(folder, &listing));
    assert_true(listing.count >= 9);
    for (int64_t i = 0; i < listing.count; i++) {
        ppi_buf plan = {0};
        OK(ppi_path_join(path, sizeof path, folder, listing.names[i]));
        plan_sweep(path, "runs/recipe", &plan);
        assert_has(ppi_buf_text(&plan), "seed 1: to be trained for ");
        ppi_buf_free(&plan);
    }
    ppi_dir_listing_free(&listing);
}

static void dry_run_touches_nothing(void **state) {
    ppi_buf plan = {0};
    (void)state;
    plan_sweep("grid.ini", "runs/dry", &plan);
    assert_has(ppi_buf_text(&plan), "lr=1e-3 seed 2: to be trained for 12\n");
    assert_false(ppi_file_exists("runs/dry"));
    ppi_buf_clear(&plan);
    plan_sweep("grid.ini", "runs/whole", &plan);
    assert_has(ppi_buf_text(&plan), "lr=1e-4 seed 2: done: 12 updates, loss ");
    ppi_buf_free(&plan);
}

static void chosen_cells_alone_are_run(void **state) {
    ppi_sweep_options o = options_for("runs/only", 1);
    ppi_sweep *sweep = NULL;
    ppi_buf report = {0};
    (void)state;
    snprintf(o.only, sizeof o.only, "lr=1e-4");
    snprintf(o.seeds, sizeof o.seeds, "2");
    OK(ppi_sweep_open(&sweep, "grid.ini", &o));
    OK(ppi_sweep_run(sweep, &report));
    ppi_sweep_close(sweep);
    assert_has(ppi_buf_text(&report), "lr=1e-3  0/1 ");
    assert_has(ppi_buf_text(&report), "lr=1e-4  1/1 ");
    assert_false(ppi_file_exists("runs/only/lr=1e-3"));
    ppi_buf_free(&report);
    snprintf(o.only, sizeof o.only, "lr=1e-5");
    FAILS(ppi_sweep_open(&sweep, "grid.ini", &o), PP_ERR_ARGUMENT, "did you mean 'lr=1e-");
}

/* Results are never taken for those of another recipe. */
static void changed_recipes_are_told(void **state) {
    static const char longer[] =
        "[sweep]\nseeds = 1, 2\n" TRAIN "steps = 16\n[grid]\noptim.lr = 1e-3, 1e-4\n" EVAL;
    static const char more[] =
        "[sweep]\nseeds = 1, 2\n" TRAIN "[grid]\noptim.lr = 1e-3, 1e-4\n" EVAL "seed = 3\n";
    ppi_buf plan = {0};
    (void)state;
    OK(ppi_file_write_atomic("other.ini", longer, strlen(longer)));
    FAILS(run_sweep("other.ini", "runs/whole", 1, NULL), PP_ERR_EXISTS, "'steps = 16'");
    OK(ppi_file_write_atomic("other.ini", more, strlen(more)));
    plan_sweep("other.ini", "runs/whole", &plan);
    assert_has(ppi_buf_text(&plan), "lr=1e-3 seed 1: trained, to be evaluated\n");
    ppi_buf_free(&plan);
}

static void one_sweep_works_in_a_folder(void **state) {
    (void)state;
    const int fd = open("runs/whole/lock", O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    FAILS(run_sweep("grid.ini", "runs/whole", 1, NULL), PP_ERR_EXISTS, "another sweep");
    close(fd);
}

static void bad_recipes_are_named(void **state) {
    static const struct {
        const char *text, *error;
    } cases[] = {
        {TRAIN "[grid]\nmodel.dropuot = 0.1, 0.2\n" EVAL, "did you mean \"model.dropout\""},
        {TRAIN "[grid]\nmodel.dropout = 0.1, 2\n" EVAL, "bad.ini:11: option \"model.dropout\""},
        {TRAIN EVAL, "the grid is empty"},
        {TRAIN "[grid]\noptim.lr =\n" EVAL, "optim.lr has no values"},
        {TRAIN "[grid]\noptim.lr = 1, , 2\n" EVAL, "empty value"},
        {TRAIN "[grid]\noptim.lr = 1e-3\noptim.lr = 1e-4\n" EVAL,
         "bad.ini:12: optim.lr is in [grid] twice"},
        {TRAIN "[grid]\noptim.lr = 1e-3, 1e-3\n" EVAL, "two cells are named 'lr=1e-3'"},
        {TRAIN "[gird]\noptim.lr = 1\n" EVAL,
         "bad.ini:10: unknown section [gird], did you mean [grid]?"},
        {TRAIN "[cell]\noptim.lr = 1\n" EVAL, "needs a name"},
        {TRAIN "[cell.a b]\noptim.lr = 1\n" EVAL, "a name has letters"},
        {TRAIN "[cell.a]\nseed = 1\n" EVAL, "must not set seed"},
        {TRAIN "[cell.a]\n", "there is no section [eval]"},
        {TRAIN "[cell.a]\n[eval]\nepisodes = 2\n", "[eval] needs env"},
        {TRAIN "[cell.a]\n" EVAL "episods = 2\n", "\"episodes\""},
        {TRAIN "[cell.a]\n[collect]\nenv = arcade/catch\nresume = on\n" EVAL,
         "must not set resume"},
        {TRAIN "[cell.a]\n[collect]\nsteps = 5\n" EVAL, "needs env"},
        {"[sweep]\nseeds = 1, x\n" TRAIN "[cell.a]\n" EVAL, "seeds '1, x'"},
        {"[sweep]\nseeds = 1, 1\n" TRAIN "[cell.a]\n" EVAL, "seed 1 is there twice"},
        {"[sweep]\nseed = 1\n" TRAIN "[cell.a]\n" EVAL, "did you mean \"seeds\""},
        {"steps = 1\n" TRAIN "[cell.a]\n" EVAL, "before the first section"},
        {"[grid]\noptim.lr = 1\n" EVAL, "there is no section [train]"},
    };
    const ppi_sweep_options o = options_for("runs/bad-recipe", 1);
    ppi_sweep *sweep = NULL;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        OK(ppi_file_write_atomic("bad.ini", cases[i].text, strlen(cases[i].text)));
        FAILS(ppi_sweep_open(&sweep, "bad.ini", &o), PP_ERR_ARGUMENT, cases[i].error);
        assert_null(sweep);
    }
    static const char *const unknown[][2] = {
        {TRAIN "[cell.a]\n[eval]\n[eval.b]\nenv = arcade/cacth\n",
         "[eval.b]: there is no environment 'arcade/cacth'"},
        {TRAIN "[cell.a]\n[collect]\nenv = arcade/cacth\n" EVAL,
         "[collect]: there is no environment 'arcade/cacth'"},
        {"[train]\nmethod = dqn\nenv = arcade/cacth\n[cell.a]\n" EVAL,
         "[train]: there is no environment 'arcade/cacth'"}};
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        OK(ppi_file_write_atomic("bad.ini", unknown[i][0], strlen(unknown[i][0])));
        FAILS(ppi_sweep_open(&sweep, "bad.ini", &o), PP_ERR_NOT_FOUND, unknown[i][1]);
    }
    static const char side[] = "[train]\nmethod = ad\nmodel = tiny\ndata = x\n[cell.a]\n"
                               "[eval]\nenv = dark/room\ntasks = tests\n";
    OK(ppi_file_write_atomic("bad.ini", side, strlen(side)));
    FAILS(ppi_sweep_open(&sweep, "bad.ini", &o), PP_ERR_ARGUMENT, "[eval]: tasks 'tests'");
    static const char method[] = TRAIN "[cell.a]\nmethod = bcc\n" EVAL;
    OK(ppi_file_write_atomic("bad.ini", method, strlen(method)));
    FAILS(ppi_sweep_open(&sweep, "bad.ini", &o), PP_ERR_NOT_FOUND, "bcc");
    FAILS(ppi_sweep_open(&sweep, "nowhere.ini", &o), PP_ERR_NOT_FOUND, "nowhere.ini");
}

/* Collects, trains two methods that learn in context, and draws their curves. */
static void curves_of_agents_in_context(void **state) {
    static const char text[] =
        "[sweep]\ntitle = Room\n[collect]\nenv = dark/room\nlearner = qtable\nhistories = 4\n"
        "steps = 2400\nout = data\nname = small-v0\n"
        "[train]\nmodel = tiny\ndata = data/dark/room/small-v0\nbatch = 4\nsteps = 8\n"
        "model.context = 20\n[grid]\nmethod = ad, ed\n"
        "[eval]\nenv = dark/room\nruns = 3\nepisodes = 6\n";
    ppi_buf report = {0};
    (void)state;
    OK(ppi_file_write_atomic("room.ini", text, strlen(text)));
    plan_sweep("room.ini", "runs/room", &report);
    assert_has(ppi_buf_text(&report), "data/dark/room/small-v0: to be collected");
    ppi_buf_clear(&report);
    OK(run_sweep("room.ini", "runs/room", 1, &report));
    assert_has(ppi_buf_text(&report), "to 50 %");
    assert_has(ppi_buf_text(&report), "(over its runs)");
    assert_has(ppi_buf_text(&report), "mean return of the last 1 episodes");
    char *curves = content("runs/room/room.curves.csv");
    assert_has(curves, "\nmethod=ad,,6,");
    assert_has(curves, "\nmethod=ed,,1,");
    assert_null(strstr(curves, ",7,"));
    ppi_free(curves);
    char *figure = content("runs/room/room.svg");
    assert_has(figure, ">episode<");
    ppi_free(figure);
    ppi_buf_free(&report);
}

static void other_dataset_is_not_taken(void **state) {
    static const char text[] =
        "[collect.mine]\nenv = arcade/catch\nsteps = 900\n" TRAIN "[cell.a]\n" EVAL;
    (void)state;
    OK(ppi_file_write_atomic("data.ini", text, strlen(text)));
    FAILS(run_sweep("data.ini", "runs/data", 1, NULL), PP_ERR_EXISTS, "[collect.mine]");
    assert_has(pp_last_error(), CATCH_DATA);
}

/* The recipes that come with the program name options that exist. */
static void own_recipes_are_sound(void **state) {
    ppi_dir_listing list;
    char folder[PPI_PATH_SIZE];
    char path[PPI_PATH_SIZE];
    const ppi_sweep_options o = {.jobs = 1};
    (void)state;
    OK(ppi_path_join(folder, sizeof folder, getenv("PP_SOURCE_DIR"), "recipes"));
    OK(ppi_dir_list(folder, &list));
    assert_true(list.count >= 9);
    for (int64_t i = 0; i < list.count; i++) {
        ppi_sweep *sweep = NULL;
        OK(ppi_path_join(path, sizeof path, folder, list.names[i]));
        OK(ppi_sweep_open(&sweep, path, &o));
        ppi_sweep_close(sweep);
    }
    ppi_dir_listing_free(&list);
}

static void bars_are_drawn(void **state) {
    const ppi_bar two[] = {{"a<b", 2, 1, 3}, {"lower", -1, NAN, NAN}, {"none", NAN, NAN, NAN}};
    ppi_bars bars = {.title = "Bars", .label = "return", .bar = two, .count = 3};
    ppi_buf out = {0};
    (void)state;
    OK(ppi_svg_bars(&out, &bars));
    assert_has(ppi_buf_text(&out), "a&lt;b");
    assert_has(ppi_buf_text(&out), ">-1<");
    const char *second = strstr(strstr(ppi_buf_text(&out), "fill-opacity") + 1, "fill-opacity");
    assert_non_null(second);
    assert_null(strstr(second + 1, "fill-opacity")); /* what is not there has no bar */
    bars = (ppi_bars){.title = "Bars", .bar = two + 2, .count = 1};
    FAILS(ppi_svg_bars(&out, &bars), PP_ERR_ARGUMENT, "no value");
    ppi_buf_free(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sweeps_a_grid),
        cmocka_unit_test(killed_sweep_goes_on),
        cmocka_unit_test(killed_runs_go_on),
        cmocka_unit_test(interruption_stops_and_saves),
        cmocka_unit_test(failing_cell_lets_others_go_on),
        cmocka_unit_test(recipes_are_valid),
        cmocka_unit_test(dry_run_touches_nothing),
        cmocka_unit_test(chosen_cells_alone_are_run),
        cmocka_unit_test(changed_recipes_are_told),
        cmocka_unit_test(one_sweep_works_in_a_folder),
        cmocka_unit_test(bad_recipes_are_named),
        cmocka_unit_test(curves_of_agents_in_context),
        cmocka_unit_test(other_dataset_is_not_taken),
        cmocka_unit_test(own_recipes_are_sound),
        cmocka_unit_test(bars_are_drawn),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
