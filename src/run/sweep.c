/* A sweep from its recipe to its table; see sweep.h. */
#include "run/sweep.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "env/registry.h"
#include "run/sweep_internal.h"

enum { NAME_SIZE = 256, MAX_GAMES = 128 };

#define FIELD(name) offsetof(ppi_sweep_options, name)
static const ppi_option rows[] = {
    {.name = "out",
     .type = PPI_OPT_STR,
     .offset = FIELD(out),
     .size = 1024,
     .help = "Folder of all runs, of table and figure; empty takes the recipe's, else runs/<its "
             "name>."},
    {.name = "jobs",
     .type = PPI_OPT_I64,
     .offset = FIELD(jobs),
     .def = "1",
     .min = 1,
     .max = 256,
     .help = "Runs side by side, each a process of its own."},
    {.name = "threads",
     .type = PPI_OPT_I64,
     .offset = FIELD(threads),
     .def = "0",
     .min = 0,
     .max = 1024,
     .help = "Threads of each run; 0 shares the processors out among the jobs."},
    {.name = "only",
     .type = PPI_OPT_STR,
     .offset = FIELD(only),
     .size = 1024,
     .help = "Cells to run, separated by commas; the table still shows every result there is."},
    {.name = "seeds",
     .type = PPI_OPT_STR,
     .offset = FIELD(seeds),
     .size = 1024,
     .help = "Training seeds, separated by commas, instead of the recipe's."},
};
const ppi_option_table ppi_sweep_option_table = {"sweep", rows,
                                                 (int)(sizeof rows / sizeof rows[0])};

/* ---- opening --------------------------------------------------------------------------------- */

static pp_status choose_cell(ppi_sweep *sweep, const char *name) {
    const char *names[PPI_SWEEP_CELLS];
    const ppi_sweep_recipe *r = &sweep->recipe;
    for (int i = 0; i < r->cell_count; i++) {
        names[i] = r->cell[i].name;
        if (strcmp(name, names[i]) == 0) {
            sweep->chosen[i] = true;
            return PP_OK;
        }
    }
    const char *nearest = ppi_nearest_name(name, names, r->cell_count);
    if (nearest != NULL)
        return ppi_fail(PP_ERR_ARGUMENT, "--only: there is no cell '%s', did you mean '%s'?", name,
                        nearest);
    return ppi_fail(PP_ERR_ARGUMENT, "--only: there is no cell '%s'; --dry-run lists them", name);
}

static pp_status choose_cells(ppi_sweep *sweep) {
    char name[NAME_SIZE];
    const char *at = sweep->options.only;
    for (int i = 0; i < sweep->recipe.cell_count; i++) sweep->chosen[i] = *at == '\0';
    while (ppi_sweep_item(&at, name, sizeof name)) PPI_TRY(choose_cell(sweep, name));
    return PP_OK;
}

static pp_status open_sweep(ppi_sweep *sweep, const char *path) {
    ppi_sweep_recipe *r = &sweep->recipe;
    PPI_TRY(ppi_sweep_recipe_read(r, path));
    const bool own = sweep->options.seeds[0] != '\0';
    PPI_TRY(ppi_fail_context(ppi_sweep_seeds(sweep->seeds, &sweep->seed_count,
                                             own ? sweep->options.seeds : r->seed_list),
                             "%s", own ? "--seeds" : path));
    PPI_TRY(choose_cells(sweep));
    const char *out = sweep->options.out[0] != '\0' ? sweep->options.out : r->out;
    PPI_TRY(out[0] != '\0' ? ppi_path_join(sweep->out, sizeof sweep->out, out)
                           : ppi_path_join(sweep->out, sizeof sweep->out, "runs", r->name));
    return ppi_sweep_recipe_check(r);
}

pp_status ppi_sweep_open(ppi_sweep **out, const char *recipe, const ppi_sweep_options *options) {
    *out = NULL;
    ppi_sweep *sweep = ppi_calloc(1, sizeof *sweep);
    if (sweep == NULL) return ppi_oom("a sweep");
    sweep->options = *options;
    const pp_status s = open_sweep(sweep, recipe);
    if (s != PP_OK) {
        ppi_sweep_close(sweep);
        return s;
    }
    *out = sweep;
    return PP_OK;
}

void ppi_sweep_close(ppi_sweep *sweep) {
    if (sweep == NULL) return;
    ppi_sweep_recipe_free(&sweep->recipe);
    ppi_free(sweep);
}

/* ---- what a cell was trained with ------------------------------------------------------------ */

/* First line in which two texts differ, without its end, into out[size]. */
static void differing_line(char *out, size_t size, const char *a, const char *b) {
    while (*a != '\0') {
        const size_t n = strcspn(a, "\n");
        if (strncmp(a, b, n) != 0 || (b[n] != '\n' && b[n] != '\0')) break;
        a += n + (a[n] == '\n');
        b += n + (b[n] == '\n');
    }
    snprintf(out, size, "%.*s", (int)strcspn(a, "\n"), a);
}

static pp_status compare_options(const char *path, const char *stored, const char *wanted) {
    char there[NAME_SIZE];
    char here[NAME_SIZE];
    if (strcmp(stored, wanted) == 0) return PP_OK;
    differing_line(there, sizeof there, stored, wanted);
    differing_line(here, sizeof here, wanted, stored);
    return ppi_fail(PP_ERR_EXISTS,
                    "%s: these runs were trained with '%s', the recipe says '%s'; choose another "
                    "--out, or remove the folder of the cell",
                    path, there[0] != '\0' ? there : "fewer options",
                    here[0] != '\0' ? here : "fewer options");
}

/* The options of a cell are kept beside its runs, so that no result is taken for one of another
 * recipe. `keep` writes them where they are not there yet. */
static pp_status check_cell(const ppi_sweep *sweep, int cell, bool keep) {
    char path[PPI_PATH_SIZE];
    char folder[PPI_PATH_SIZE];
    char *stored = NULL;
    size_t size = 0;
    ppi_buf wanted = {0};
    const ppi_sweep_cell *c = &sweep->recipe.cell[cell];
    PPI_TRY(ppi_path_join(folder, sizeof folder, sweep->out, c->name));
    PPI_TRY(ppi_path_join(path, sizeof path, folder, "train.ini"));
    pp_status s = ppi_recipe_write(&c->train, &wanted);
    if (s == PP_OK && ppi_file_exists(path)) {
        s = ppi_file_read_all(path, &stored, &size);
        if (s == PP_OK) s = compare_options(path, stored, ppi_buf_text(&wanted));
    } else if (s == PP_OK && keep) {
        s = ppi_dir_make(folder);
        if (s == PP_OK) s = ppi_file_write_atomic(path, ppi_buf_text(&wanted), wanted.len);
    }
    ppi_free(stored);
    ppi_buf_free(&wanted);
    return s;
}

static pp_status check_cells(const ppi_sweep *sweep, bool keep) {
    for (int i = 0; i < sweep->recipe.cell_count; i++) {
        if (sweep->chosen[i]) PPI_TRY(check_cell(sweep, i, keep));
    }
    return PP_OK;
}

/* Only one sweep works in a folder. The lock goes with the last process that holds it, those of the
 * runs included. */
static pp_status lock_folder(const ppi_sweep *sweep, int *fd) {
    char path[PPI_PATH_SIZE];
    PPI_TRY(ppi_dir_make(sweep->out));
    PPI_TRY(ppi_path_join(path, sizeof path, sweep->out, "lock"));
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (*fd < 0) return ppi_fail_errno("%s: could not open the lock", path);
    if (flock(*fd, LOCK_EX | LOCK_NB) == 0) return PP_OK;
    const pp_status s =
        errno == EWOULDBLOCK
            ? ppi_fail(PP_ERR_EXISTS,
                       "%s: another sweep is at work here; wait for it, or choose another --out",
                       sweep->out)
            : ppi_fail_errno("%s: could not lock", path);
    close(*fd);
    return s;
}

/* ---- lines about runs ------------------------------------------------------------------------ */

/* "20000 updates, loss 0.761, mean return 1.84" and further evaluations. */
static pp_status describe_results(const ppi_sweep *sweep, ppi_sweep_run_id id, ppi_buf *out) {
    for (int e = 0; e < sweep->recipe.eval_count; e++) {
        const char *name = sweep->recipe.eval[e]->name;
        ppi_sweep_result r;
        PPI_TRY(ppi_sweep_result_read(&r, sweep, id, e));
        if (e == 0) {
            ppi_buf_printf(out, "%" PRId64 " updates", r.updates);
            if (isfinite(r.loss)) ppi_buf_printf(out, ", loss %.4g", r.loss);
        }
        ppi_buf_printf(out, ", %s%s%s %.4g", name, name[0] != '\0' ? ": " : "", r.statistic,
                       r.value);
        ppi_sweep_result_free(&r);
    }
    return out->failed;
}

static pp_status describe_state(const ppi_sweep *sweep, ppi_sweep_run_id id, ppi_buf *out) {
    int64_t done;
    int64_t total;
    if (ppi_sweep_run_done(sweep, id)) {
        ppi_buf_append_text(out, "done: ");
        return describe_results(sweep, id, out);
    }
    PPI_TRY(ppi_sweep_run_progress(sweep, id, &done, &total));
    if (done >= total) return ppi_buf_printf(out, "trained, to be evaluated");
    if (done == 0) return ppi_buf_printf(out, "to be trained for %" PRId64, total);
    return ppi_buf_printf(out, "trained %" PRId64 " of %" PRId64, done, total);
}

/* ---- plan ------------------------------------------------------------------------------------ */

/* Folder of the dataset that a collection makes for one environment. */
static pp_status dataset_folder(char *out, const ppi_recipe_list *c, const char *env) {
    static const char *const keys[4][2] = {{"out", "collect.out"},
                                           {"name", "collect.name"},
                                           {"learner", "collect.learner"},
                                           {"policy", "collect.policy"}};
    const char *value[4];
    char name[NAME_SIZE];
    for (int i = 0; i < 4; i++) {
        value[i] = ppi_recipe_value(c, keys[i][0]);
        if (value[i] == NULL) value[i] = ppi_recipe_value(c, keys[i][1]);
    }
    const char *player = value[2] != NULL ? value[2] : value[3] != NULL ? value[3] : "random";
    snprintf(name, sizeof name, "%s-v0", player);
    return ppi_path_join(out, PPI_PATH_SIZE, value[0] != NULL ? value[0] : "data", env,
                         value[1] != NULL ? value[1] : name);
}

static pp_status plan_collection(const ppi_recipe_section *c, ppi_buf *report) {
    char folder[PPI_PATH_SIZE];
    char data[PPI_PATH_SIZE];
    int count = 0;
    const char *env = ppi_recipe_value(&c->settings, "env");
    if (env == NULL) env = ppi_recipe_value(&c->settings, "collect.env");
    char(*ids)[PP_ENV_ID_BYTES] = ppi_calloc(MAX_GAMES, sizeof *ids);
    if (ids == NULL) return ppi_oom("the list of games");
    pp_status s = ppi_env_expand(ids, MAX_GAMES, &count, env);
    for (int i = 0; i < count && s == PP_OK; i++) {
        s = dataset_folder(folder, &c->settings, ids[i]);
        if (s == PP_OK) s = ppi_path_join(data, sizeof data, folder, "data", "main_data.hdf5");
        if (s == PP_OK)
            ppi_buf_printf(report, "collect %s: %s\n", folder,
                           ppi_file_exists(data) ? "there" : "to be collected");
    }
    ppi_free(ids);
    return s;
}

pp_status ppi_sweep_plan(ppi_sweep *sweep, ppi_buf *report) {
    const ppi_sweep_recipe *r = &sweep->recipe;
    char name[NAME_SIZE];
    ppi_buf_printf(report, "%s: cells %d, seeds %d, folder %s\n", r->title, r->cell_count,
                   sweep->seed_count, sweep->out);
    for (int i = 0; i < r->section_count; i++) {
        if (r->section[i].kind == PPI_RECIPE_COLLECT)
            PPI_TRY(plan_collection(&r->section[i], report));
    }
    PPI_TRY(check_cells(sweep, false));
    for (int c = 0; c < r->cell_count; c++) {
        for (int i = 0; i < sweep->seed_count && sweep->chosen[c]; i++) {
            const ppi_sweep_run_id id = {c, i};
            ppi_sweep_run_name(name, sizeof name, sweep, id);
            ppi_buf_printf(report, "%s: ", name);
            PPI_TRY(describe_state(sweep, id, report));
            ppi_buf_append_char(report, '\n');
        }
    }
    return report->failed;
}

/* ---- running --------------------------------------------------------------------------------- */

/* What the processes of a sweep work on: runs, or collections. */
typedef struct stage {
    const ppi_sweep *sweep;
    const ppi_recipe_section **collect; /* NULL: runs */
    ppi_sweep_run_id *run;              /* [2, all]: to do, and behind them done before */
    int count;
    int before; /* runs that were done when the sweep began */
    int ended;
    int failed;
    bool stopped; /* some runs were */
    pp_status first_status;
    char first_error[PPI_ERROR_TEXT_SIZE];
} stage;

static void piece_name(char *out, size_t size, const stage *s, int i) {
    if (s->collect == NULL) {
        ppi_sweep_run_name(out, size, s->sweep, s->run[i]);
    } else {
        const char *name = s->collect[i]->name;
        snprintf(out, size, "collect%s%s", name[0] != '\0' ? " " : "", name);
    }
}

static pp_status run_piece(void *ctx, int i) {
    const stage *s = ctx;
    return s->collect != NULL ? ppi_sweep_collect_one(s->sweep, s->collect[i])
                              : ppi_sweep_run_one(s->sweep, s->run[i]);
}

static pp_status piece_log(void *ctx, int i, char *out) {
    const stage *s = ctx;
    return s->collect != NULL ? ppi_path_join(out, PPI_PATH_SIZE, s->sweep->out, "collect.log")
                              : ppi_sweep_path(out, s->sweep, s->run[i], ".log");
}

static void show_progress(void *ctx, int i, const char *text) {
    const stage *s = ctx;
    char name[NAME_SIZE];
    piece_name(name, sizeof name, s, i);
    ppi_log(PPI_LOG_PROGRESS, "[%d/%d] %s: %s", s->before + s->ended, s->before + s->count, name,
            text);
}

/* Line of a run that has ended well. */
static void tell_run(const stage *s, ppi_sweep_run_id id, int number, const char *time) {
    char name[NAME_SIZE];
    ppi_buf text = {0};
    ppi_sweep_run_name(name, sizeof name, s->sweep, id);
    if (describe_results(s->sweep, id, &text) == PP_OK)
        ppi_log(PPI_LOG_INFO, "[%d/%d] %s: %s, %s", number, s->before + s->count, name,
                ppi_buf_text(&text), time);
    ppi_buf_free(&text);
}

static void piece_ended(void *ctx, int i, pp_status status, const char *error, double seconds) {
    stage *s = ctx;
    char name[NAME_SIZE];
    char time[PPI_CLOCK_TEXT_SIZE];
    piece_name(name, sizeof name, s, i);
    ppi_clock_duration(time, seconds);
    if (status == PP_ERR_INTERRUPTED) {
        ppi_log(PPI_LOG_INFO, "%s: stopped", name);
        s->stopped = true;
        return;
    }
    s->ended++;
    if (status != PP_OK) {
        ppi_log(PPI_LOG_ERROR, "%s FAILED: %s", name, error);
        if (s->failed++ == 0) {
            s->first_status = status;
            snprintf(s->first_error, sizeof s->first_error, "%s: %s", name, error);
        }
    } else if (s->collect != NULL) {
        ppi_log(PPI_LOG_INFO, "%s: there, %s", name, time);
    } else {
        tell_run(s, s->run[i], s->before + s->ended, time);
    }
}

static pp_status work_on(stage *s, int64_t jobs) {
    const ppi_sweep_work work = {.ctx = s,
                                 .count = s->count,
                                 .jobs = (int)jobs,
                                 .run = run_piece,
                                 .log_path = piece_log,
                                 .ended = piece_ended,
                                 .progress = show_progress};
    return ppi_sweep_work_run(&work);
}

static pp_status collect_all(const ppi_sweep *sweep) {
    const ppi_recipe_section *list[PPI_SWEEP_SECTIONS];
    stage s = {.sweep = sweep, .collect = list};
    for (int i = 0; i < sweep->recipe.section_count; i++) {
        const ppi_recipe_section *section = &sweep->recipe.section[i];
        if (section->kind == PPI_RECIPE_COLLECT) list[s.count++] = section;
    }
    PPI_TRY(work_on(&s, 1));
    return s.failed > 0 ? ppi_fail(s.first_status, "%s", s.first_error) : PP_OK;
}

/* Splits the chosen runs into those with their results, which are told, and those to do. */
static void list_runs(stage *s) {
    const ppi_sweep *sweep = s->sweep;
    ppi_sweep_run_id *done = s->run + (sweep->recipe.cell_count * sweep->seed_count);
    for (int c = 0; c < sweep->recipe.cell_count; c++) {
        for (int i = 0; i < sweep->seed_count && sweep->chosen[c]; i++) {
            const ppi_sweep_run_id id = {c, i};
            if (ppi_sweep_run_done(sweep, id)) {
                done[s->before++] = id;
            } else {
                s->run[s->count++] = id;
            }
        }
    }
    for (int i = 0; i < s->before; i++) tell_run(s, done[i], i + 1, "done before");
}

static pp_status run_all(stage *s) {
    if (s->count == 0) return PP_OK;
    PPI_TRY(collect_all(s->sweep));
    return work_on(s, s->sweep->options.jobs);
}

/* The failures of a sweep whose table is written. */
static pp_status conclude(const stage *s, pp_status status) {
    const int done = s->before + s->ended - s->failed;
    const int total = s->before + s->count;
    if (status == PP_ERR_INTERRUPTED || (status == PP_OK && s->stopped))
        return ppi_fail(PP_ERR_INTERRUPTED,
                        "stopped with %d of %d runs done; the same command goes on", done, total);
    if (status != PP_OK || s->failed == 0) return status;
    return ppi_fail(PP_ERR_IO, "%d of %d runs failed; the first: %s", s->failed, total,
                    s->first_error);
}

static pp_status run_locked(const ppi_sweep *sweep, ppi_buf *report) {
    stage s = {.sweep = sweep};
    char error[PPI_ERROR_TEXT_SIZE];
    PPI_TRY(check_cells(sweep, true));
    s.run = ppi_calloc(2 * (size_t)(sweep->recipe.cell_count * sweep->seed_count), sizeof *s.run);
    if (s.run == NULL) return ppi_oom("the runs of a sweep");
    list_runs(&s);
    pp_status status = conclude(&s, run_all(&s));
    snprintf(error, sizeof error, "%s", pp_last_error());
    const pp_status summed = ppi_sweep_report(sweep, report);
    ppi_free(s.run);
    return status != PP_OK ? ppi_fail(status, "%s", error) : summed;
}

pp_status ppi_sweep_run(ppi_sweep *sweep, ppi_buf *report) {
    int lock;
    PPI_TRY(lock_folder(sweep, &lock));
    const pp_status s = run_locked(sweep, report);
    close(lock);
    return s;
}
