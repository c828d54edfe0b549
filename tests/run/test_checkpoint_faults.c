/* Saving a checkpoint with every allocation, write, fsync and rename failing in its turn: the
   failure is told, the checkpoints before stay whole, and `latest` and `best` name whole ones. */
#include "fault_test.h"

#include <sys/stat.h>

#include "run/checkpoint_internal.h"
#include "run/load.h"

/* A run with checkpoints at steps 1 and 2, `best` is step 1; and an agent to save. */
typedef struct save_ctx {
    ppi_options *set;
    ppi_loaded loaded;
    ppi_checkpoint_state state;
    int64_t keep;
} save_ctx;

static save_ctx ctx;

/* Files of a folder as links under another name, folders as copies of themselves. */
static void link_tree(const char *to, const char *from) {
    ppi_dir_listing list;
    OK(ppi_dir_make(to));
    OK(ppi_dir_list(from, &list));
    for (int64_t i = 0; i < list.count; i++) {
        char source[PPI_PATH_SIZE];
        char copy[PPI_PATH_SIZE];
        OK(ppi_path_join(source, sizeof source, from, list.names[i]));
        OK(ppi_path_join(copy, sizeof copy, to, list.names[i]));
        if (ppi_dir_exists(source)) {
            link_tree(copy, source);
        } else if (link(source, copy) != 0) {
            fail_msg("cannot link %s", copy);
        }
    }
    ppi_dir_listing_free(&list);
}

static int setup(void **state) {
    static const char *const options[] = {"steps=2",           "checkpoint.every=1",
                                          "checkpoint.keep=0", "model.board=10x5x2",
                                          "model.patch=5",     NULL};
    (void)state;
    make_catch_data();
    OK(ppi_dir_remove("runs"));
    OK(run_job("runs/base", options, NULL));
    OK(ppi_checkpoint_mark_best("runs/base", 1));
    OK(ppi_options_create(&ctx.set));
    OK(ppi_loaded_open(&ctx.loaded, "runs/base", ctx.set));
    OK(ppi_loaded_create(&ctx.loaded, ctx.set, "", 1, PPI_DTYPE_USE_F32, 1));
    OK(ppi_agent_train_setup(ctx.loaded.agent, 4, 2));
    OK(ppi_checkpoint_load(&ctx.loaded.checkpoint, ppi_agent_params(ctx.loaded.agent), true));
    ctx.state = ctx.loaded.checkpoint.state;
    return 0;
}

/* The originals that the copies were linked to never changed, and can be loaded. */
static int teardown(void **state) {
    (void)state;
    OK(ppi_checkpoint_verify("runs/base/checkpoints/step_00000001", false));
    OK(ppi_checkpoint_verify("runs/base/checkpoints/step_00000002", false));
    OK(ppi_checkpoint_load(&ctx.loaded.checkpoint, ppi_agent_params(ctx.loaded.agent), true));
    ppi_loaded_close(&ctx.loaded);
    ppi_options_destroy(ctx.set);
    return 0;
}

static void copy_run(void *unused) {
    (void)unused;
    OK(ppi_dir_remove("runs/f"));
    link_tree("runs/f", "runs/base"); /* files are replaced, never changed */
}

static pp_status save(void *unused) {
    char folder[PPI_PATH_SIZE];
    (void)unused;
    return ppi_checkpoint_write(folder, "runs/f", &ctx.state, ctx.loaded.agent, ctx.set, ctx.keep);
}

static void assert_pointer_is_valid(const char *pointer) {
    char name[PPI_CHECKPOINT_NAME_SIZE];
    char path[PPI_PATH_SIZE];
    OK(ppi_checkpoint_pointer(name, "runs/f/checkpoints", pointer));
    OK(ppi_path_join(path, sizeof path, "runs/f/checkpoints", name, "manifest.json"));
    assert_true(ppi_file_exists(path)); /* every folder was verified */
}

/* The folder is the one that was copied: its files are links to the same content. */
static bool is_untouched(const char *name) {
    char path[PPI_PATH_SIZE];
    struct stat copy;
    struct stat original;
    OK(ppi_path_join(path, sizeof path, "runs/base/checkpoints", name, "manifest.json"));
    if (stat(path, &original) != 0) return false;
    OK(ppi_path_join(path, sizeof path, "runs/f/checkpoints", name, "manifest.json"));
    return stat(path, &copy) == 0 && copy.st_ino == original.st_ino;
}

/* Every checkpoint folder of the run is whole, the newest one opens, nothing unfinished is left. */
static void assert_whole(void *unused, pp_status status) {
    ppi_dir_listing list;
    ppi_checkpoint ck;
    (void)unused;
    OK(ppi_dir_list("runs/f/checkpoints", &list));
    for (int64_t i = 0; i < list.count; i++) {
        char path[PPI_PATH_SIZE];
        int64_t step = 0;
        if (strncmp(list.names[i], "step_", 5) != 0) continue;
        if (!ppi_checkpoint_step_of(list.names[i], &step)) {
            /* An overwritten folder may wait for the next save to be removed. */
            if (strstr(list.names[i], ".old") == NULL) fail_msg("%s is left", list.names[i]);
            continue;
        }
        OK(ppi_path_join(path, sizeof path, "runs/f/checkpoints", list.names[i]));
        if (!is_untouched(list.names[i])) OK(ppi_checkpoint_verify(path, false));
    }
    ppi_dir_listing_free(&list);
    assert_pointer_is_valid("latest");
    assert_pointer_is_valid("best");
    OK(ppi_checkpoint_open(&ck, "runs/f", false));
    assert_true(ck.state.step >= 2 && ck.state.step <= ctx.state.step);
    if (status == PP_OK) assert_int_equal(ck.state.step, ctx.state.step);
    if (!is_untouched(ppi_path_base(ck.folder))) {
        OK(ppi_checkpoint_load(&ck, ppi_agent_params(ctx.loaded.agent), true));
    }
    ppi_checkpoint_close(&ck);
}

static const fault_case saving = {copy_run, save, assert_whole, NULL};

/* Step 3 takes the place of step 2; step 1 stays because it is the best. */
static void a_new_checkpoint(void **state) {
    (void)state;
    ctx.state.step = 3;
    ctx.keep = 1;
    try_all_kinds(&saving);
}

/* Only what follows the writes differs from a new one. */
static void the_same_checkpoint_again(void **state) {
    (void)state;
    ctx.state.step = 2;
    ctx.keep = 0;
    try_every_fault(&saving, PPI_FAULT_FSYNC);
    try_every_fault(&saving, PPI_FAULT_RENAME);
}

static pp_status mark(void *unused) {
    (void)unused;
    return ppi_checkpoint_mark_best("runs/f", 2);
}

static void the_best_checkpoint_moves(void **state) {
    static const fault_case moving = {copy_run, mark, assert_whole, NULL};
    (void)state;
    ctx.state.step = 2;
    for (int kind = PPI_FAULT_WRITE; kind < PPI_FAULT_KIND_COUNT; kind++) {
        try_every_fault(&moving, (ppi_fault_kind)kind);
    }
}

static pp_status load(void *unused) {
    ppi_checkpoint ck;
    (void)unused;
    PPI_TRY(ppi_checkpoint_open_named(&ck, "runs/f", "best", false));
    const pp_status s = ppi_checkpoint_load(&ck, ppi_agent_params(ctx.loaded.agent), true);
    ppi_checkpoint_close(&ck);
    return s;
}

static void loading(void **state) {
    static const fault_case reading = {copy_run, load, assert_whole, NULL};
    (void)state;
    ctx.state.step = 2;
    try_every_fault(&reading, PPI_FAULT_ALLOC);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_checkpoint),
        cmocka_unit_test(the_same_checkpoint_again),
        cmocka_unit_test(the_best_checkpoint_moves),
        cmocka_unit_test(loading),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
