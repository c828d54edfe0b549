/* Option rows that several verbs share. FIELD(name) must give the offset of a field. */
#ifndef PPI_RUN_OPTION_ROWS_H
#define PPI_RUN_OPTION_ROWS_H

#define PPI_ROW_THREADS                                                                            \
    {.name = "threads",                                                                            \
     .type = PPI_OPT_I64,                                                                          \
     .offset = FIELD(threads),                                                                     \
     .def = "0",                                                                                   \
     .min = 0,                                                                                     \
     .max = 1024,                                                                                  \
     .help = "Threads; 0 takes every processor."}

#define PPI_ROW_DTYPE(value)                                                                       \
    {.name = "dtype",                                                                              \
     .type = PPI_OPT_CHOICE,                                                                       \
     .offset = FIELD(dtype),                                                                       \
     .def = value,                                                                                 \
     .choices = "auto|f32|bf16",                                                                   \
     .help = "Arithmetic of the network; auto takes bf16 where the processor has it."}

#define PPI_ROW_CHECKPOINT                                                                         \
    {.name = "checkpoint",                                                                         \
     .type = PPI_OPT_STR,                                                                          \
     .offset = FIELD(checkpoint),                                                                  \
     .size = 32,                                                                                   \
     .def = "",                                                                                    \
     .help = "Checkpoint of a run folder: best, last or step_N; empty takes the last."}

#define PPI_ROW_PRESET                                                                             \
    {.name = "preset",                                                                             \
     .type = PPI_OPT_STR,                                                                          \
     .offset = FIELD(preset),                                                                      \
     .size = 32,                                                                                   \
     .def = "",                                                                                    \
     .help = "Acting preset of the method, for example notebook or paper."}

#define PPI_ROW_EPISODE_SEED                                                                       \
    {.name = "seed",                                                                               \
     .type = PPI_OPT_I64,                                                                          \
     .offset = FIELD(seed),                                                                        \
     .def = "1",                                                                                   \
     .min = 0,                                                                                     \
     .max = 9e15,                                                                                  \
     .help = "Episode e is played with seed + e."}

#define PPI_ROW_SPLIT_SEED                                                                         \
    {.name = "env.split-seed",                                                                     \
     .type = PPI_OPT_I64,                                                                          \
     .offset = FIELD(split_seed),                                                                  \
     .def = "0",                                                                                   \
     .min = 0,                                                                                     \
     .max = 9e15,                                                                                  \
     .help = "Seed of the split into training and test tasks."}

#define PPI_ROW_RUN_FOLDER                                                                         \
    {.name = "out",                                                                                \
     .type = PPI_OPT_STR,                                                                          \
     .offset = FIELD(out),                                                                         \
     .size = 1024,                                                                                 \
     .def = "",                                                                                    \
     .help = "Run folder; empty makes a name under runs/."}

/* Evaluations in the course of a run: `unit` is what --eval.every counts, `games` what is played
 * when nothing is named. */
#define PPI_ROWS_EVAL(unit, games)                                                                 \
    {.name = "eval.every",                                                                         \
     .type = PPI_OPT_I64,                                                                          \
     .offset = FIELD(eval_every),                                                                  \
     .def = "0",                                                                                   \
     .min = 0,                                                                                     \
     .max = 1e12,                                                                                  \
     .help = unit " between evaluations, each of a checkpoint written for it; 0 makes none."},     \
    {.name = "eval.env",                                                                           \
     .type = PPI_OPT_STR,                                                                          \
     .offset = FIELD(eval_env),                                                                    \
     .size = 8192,                                                                                 \
     .def = "",                                                                                    \
     .help = "Environments the evaluations play: ids or sets, separated by commas; empty takes "   \
             games "."},                                                                           \
    {.name = "eval.episodes",                                                                      \
     .type = PPI_OPT_I64,                                                                          \
     .offset = FIELD(eval_episodes),                                                               \
     .def = "16",                                                                                  \
     .min = 1,                                                                                     \
     .max = 1e7,                                                                                   \
     .help = "Episodes of each game in an evaluation."},                                           \
    {.name = "eval.seed",                                                                          \
     .type = PPI_OPT_I64,                                                                          \
     .offset = FIELD(eval_seed),                                                                   \
     .def = "1000000",                                                                             \
     .min = 0,                                                                                     \
     .max = 9e15,                                                                                  \
     .help = "Episode e of an evaluation is played with seed + e; the default keeps clear of the " \
             "seeds of `eval`."},                                                                  \
    {.name = "eval.runs",                                                                          \
     .type = PPI_OPT_I64,                                                                          \
     .offset = FIELD(eval_runs),                                                                   \
     .def = "16",                                                                                  \
     .min = 1,                                                                                     \
     .max = 65536,                                                                                 \
     .help = "Agents that learn in context: runs of an evaluation, each with --eval.episodes "     \
             "episodes of one task."},                                                             \
    {.name = "eval.tasks",                                                                         \
     .type = PPI_OPT_CHOICE,                                                                       \
     .offset = FIELD(eval_tasks),                                                                  \
     .def = "auto",                                                                                \
     .choices = "auto|held|train|test",                                                            \
     .help = "Their tasks: held, those of the training side that are not trained on, or a side "   \
             "of the split; auto takes held where there are any, else train."}

#endif
