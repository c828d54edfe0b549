/* Options of a learning run, and the job as a holder of them. */
#include <stddef.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "env/registry.h"
#include "env/tasks.h"
#include "run/board.h"
#include "run/learn_run.h"
#include "run/method_options.h"
#include "run/option_rows.h"

#define FIELD(name) offsetof(ppi_learn_options, name)

static const ppi_option rows[] = {
    {.name = "method",
     .type = PPI_OPT_STR,
     .offset = FIELD(method),
     .size = 32,
     .def = "",
     .help = "Method that learns; given as the first word."},
    {.name = "model",
     .type = PPI_OPT_STR,
     .offset = FIELD(model),
     .size = 32,
     .def = "",
     .help = "Size of the network; empty takes the one for the observation."},
    {.name = "env",
     .type = PPI_OPT_STR,
     .offset = FIELD(env),
     .size = 8192,
     .def = "",
     .help = "Games played by one learner: ids or sets, separated by commas."},
    {.name = "data",
     .type = PPI_OPT_STR,
     .offset = FIELD(data),
     .size = 64,
     .def = "",
     .help = "Not for this method: it learns from the games it plays."},
    {.name = "steps",
     .type = PPI_OPT_I64,
     .offset = FIELD(steps),
     .def = "100000",
     .min = 1,
     .max = 1e12,
     .help = "Agent steps, all games and streams summed, those of a resumed run included.",
     .alias = "total-timesteps"},
    PPI_ROW_RUN_FOLDER,
    {.name = "seed",
     .type = PPI_OPT_I64,
     .offset = FIELD(seed),
     .def = "1",
     .min = 0,
     .max = 9e15,
     .help = "Seed of weights and of every draw; environment i begins with seed + i."},
    PPI_ROW_THREADS,
    PPI_ROW_DTYPE("f32"),
    {.name = "resume",
     .type = PPI_OPT_STR,
     .offset = FIELD(resume),
     .size = 1024,
     .def = "",
     .help = "Run folder to go on with; auto takes that of --out."},
    {.name = "envs",
     .type = PPI_OPT_I64,
     .offset = FIELD(envs),
     .def = "0",
     .min = 0,
     .max = 65536,
     .help = "Environments of each game played side by side; 0 takes the method's.",
     .alias = "collect.envs"},
    {.name = "model.board",
     .type = PPI_OPT_STR,
     .offset = FIELD(board),
     .size = 32,
     .def = "",
     .help = "Board HxWxC that planes are padded to; empty: native for one game, 14x14x10 for "
             "several."},
    {.name = "checkpoint.every",
     .type = PPI_OPT_I64,
     .offset = FIELD(checkpoint_every),
     .def = "0",
     .min = 0,
     .max = 1e12,
     .help = "Agent steps between checkpoints, 0 = one a minute; one is always written at the "
             "end."},
    {.name = "checkpoint.keep",
     .type = PPI_OPT_I64,
     .offset = FIELD(checkpoint_keep),
     .def = "3",
     .min = 0,
     .max = 1e6,
     .help = "Checkpoints that stay; 0 keeps all."},
    {.name = "checkpoint.replay",
     .type = PPI_OPT_BOOL,
     .offset = FIELD(checkpoint_replay),
     .def = "on",
     .help = "Keep the journal that a replay is filled from when the run is through: a longer "
             "--steps needs it."},
    {.name = "log.every",
     .type = PPI_OPT_I64,
     .offset = FIELD(log_every),
     .def = "10000",
     .min = 1,
     .max = 1e12,
     .help = "Agent steps between rows of the logs."},
    PPI_ROWS_EVAL("Agent steps", "the games that are learned"),
    {.name = "log-data",
     .type = PPI_OPT_STR,
     .offset = FIELD(log_data),
     .size = 1024,
     .def = "",
     .help = "Data root that gets the learning history of each game as a dataset; empty stores "
             "none."},
    {.name = "log-name",
     .type = PPI_OPT_STR,
     .offset = FIELD(log_name),
     .size = 128,
     .def = "",
     .help = "Name of these datasets, NAME-vN, instead of <method>-v0."},
    {.name = "log-append",
     .type = PPI_OPT_BOOL,
     .offset = FIELD(log_append),
     .def = "off",
     .help = "Add this seed to datasets that are there already."},
    {.name = "tasks",
     .type = PPI_OPT_CHOICE,
     .offset = FIELD(tasks),
     .def = "train",
     .choices = "train|test|all",
     .help = "Side of the split of a task family that trials are drawn from; for methods with "
             "trials (rl2)."},
    PPI_ROW_SPLIT_SEED,
    {.name = "histories.actors",
     .type = PPI_OPT_I64,
     .offset = FIELD(actors),
     .def = "0",
     .min = 0,
     .max = 65536,
     .help = "Streams of a game that are stored, each as a history of its own; 0 stores one, or "
             "all where a replay is filled from them."},
};
const ppi_option_table ppi_learn_option_table = {"run", rows, (int)(sizeof rows / sizeof rows[0])};

static pp_status bind(ppi_learn_job *job) {
    PPI_TRY(ppi_options_create(&job->set));
    PPI_TRY(ppi_options_bind(job->set, &ppi_learn_option_table, &job->run));
    PPI_TRY(ppi_options_bind(job->set, &ppi_env_option_table, &job->env));
    PPI_TRY(ppi_method_options_new(&job->method_options, job->method, job->set));
    return ppi_options_set(job->set, "method", job->method->name, "command line");
}

pp_status ppi_learn_job_create(ppi_learn_job **out, const ppi_method *method) {
    *out = NULL;
    if (method->learner == NULL) {
        return ppi_fail(PP_ERR_ARGUMENT,
                        "method %s learns from data: polyplay train %s --data DATASETS",
                        method->name, method->name);
    }
    ppi_learn_job *job = ppi_calloc(1, sizeof *job);
    if (job == NULL) return ppi_oom("a learning job");
    job->method = method;
    const pp_status s = bind(job);
    if (s != PP_OK) {
        ppi_learn_job_destroy(job);
        return s;
    }
    *out = job;
    return PP_OK;
}

void ppi_learn_job_destroy(ppi_learn_job *job) {
    if (job == NULL) return;
    ppi_options_destroy(job->set);
    ppi_free(job->method_options);
    ppi_free(job);
}

ppi_options *ppi_learn_job_options(ppi_learn_job *job) {
    return job->set;
}
void ppi_learn_job_command(ppi_learn_job *job, const char *command_line) {
    job->command = command_line;
}

pp_status ppi_learn_job_games(ppi_learn_games *out, const ppi_learn_job *job) {
    int64_t board[3];
    int count = 0;
    memset(out, 0, sizeof *out);
    PPI_TRY(ppi_board_parse(board, job->run.board));
    char(*ids)[PP_ENV_ID_BYTES] = ppi_calloc(PPI_LEARN_GAMES, sizeof *ids);
    if (ids == NULL) return ppi_oom("the games of a learner");
    pp_status s = ppi_env_expand(ids, PPI_LEARN_GAMES, &count, job->run.env);
    if (s == PP_OK) s = ppi_learn_games_open(out, ids, count, &job->env, board);
    ppi_free(ids);
    return s;
}

static pp_status choose_model(ppi_learn_job *job) {
    ppi_learn_games games;
    PPI_TRY(ppi_learn_job_games(&games, job));
    const char *size = ppi_learn_default_size(job->method, &games.obs);
    ppi_learn_games_free(&games);
    return ppi_options_set(job->set, "model", size, "observation");
}

/* Tasks are either drawn for trials or named by --env.task; histories are of one task. */
static pp_status check_tasks(const ppi_learn_job *job) {
    const char *name = job->method->name;
    if (job->method->learner->trial_episodes == NULL) {
        if (job->run.tasks == PPI_TASKS_TRAIN) return PP_OK;
        return ppi_fail(PP_ERR_ARGUMENT,
                        "%s plays one task for the whole run: name it with --env.task; --tasks is "
                        "for methods that draw tasks for their trials (rl2)",
                        name);
    }
    if (job->run.log_data[0] != '\0') {
        return ppi_fail(PP_ERR_ARGUMENT,
                        "%s changes its task with every trial, so --log-data has no learning "
                        "history of one task to store",
                        name);
    }
    if (job->env.task == 0) return PP_OK;
    return ppi_fail(PP_ERR_ARGUMENT,
                    "%s draws the tasks of its trials from a side of the split: use --tasks and "
                    "--env.split-seed instead of --env.task",
                    name);
}

pp_status ppi_learn_job_resolve(ppi_learn_job *job) {
    const ppi_method *method = job->method;
    if (strcmp(job->run.method, method->name) != 0) {
        return ppi_fail(PP_ERR_ARGUMENT, "the options are of method %s, the command trains %s",
                        job->run.method, method->name);
    }
    if (job->run.data[0] != '\0') {
        return ppi_fail(PP_ERR_ARGUMENT,
                        "%s learns from the games it plays: use --env; --data is for methods that "
                        "learn from recorded data (mgdt, bc)",
                        method->name);
    }
    if (job->run.env[0] == '\0') {
        return ppi_fail(PP_ERR_ARGUMENT,
                        "%s needs --env, the games it learns on (polyplay info --envs lists them)",
                        method->name);
    }
    PPI_TRY(check_tasks(job));
    if (job->run.model[0] == '\0') PPI_TRY(choose_model(job));
    return ppi_method_apply_recipe(method, job->set, job->run.model);
}

/* One option as a member; numbers keep the text they were given. */
static pp_status write_option(ppi_jsonw *w, const ppi_options *set, const ppi_option *row) {
    ppi_buf text = {0};
    const pp_status s = ppi_options_get_text(set, row->name, &text);
    if (s == PP_OK) {
        const char *value = ppi_buf_text(&text);
        const bool number = row->type == PPI_OPT_I64 || row->type == PPI_OPT_F64;
        ppi_jsonw_key(w, row->name);
        if (number && strspn(value, "0123456789+-.eE") == strlen(value)) {
            ppi_jsonw_raw(w, value);
        } else {
            ppi_jsonw_string(w, value);
        }
    }
    ppi_buf_free(&text);
    return s;
}

pp_status ppi_method_options_json(const ppi_method *method, const ppi_options *set, ppi_buf *out) {
    ppi_jsonw w;
    ppi_jsonw_init(&w, out, 0);
    ppi_jsonw_object_begin(&w);
    for (int t = 0; t < method->table_count; t++) {
        const ppi_option_table *table = method->tables[t].table;
        for (int r = 0; r < table->count; r++) {
            PPI_TRY(write_option(&w, set, &table->rows[r]));
        }
    }
    ppi_jsonw_object_end(&w);
    return ppi_jsonw_finish(&w);
}
