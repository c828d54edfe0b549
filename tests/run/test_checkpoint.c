/* Checkpoint folders: round trip, damage that is named, pruning, a full disk. */
#include "run_test.h"

#include "run/load.h"
#include "tensor/safetensors.h"

static ppi_train_result first; /* a run of six steps with checkpoints at 2, 4 and 6 */

static int setup(void **state) {
    static const char *const options[] = {"steps=6", "checkpoint.every=2", "checkpoint.keep=0",
                                          NULL};
    (void)state;
    make_catch_data();
    OK(ppi_dir_remove("runs"));
    OK(run_job("runs/a", options, &first));
    return 0;
}

/* Overwrites one byte of a file, or cuts the file there. */
static void damage(const char *path, int64_t at, bool cut) {
    char *data = NULL;
    size_t size = 0;
    OK(ppi_file_read_all(path, &data, &size));
    if (at < 0) at += (int64_t)size;
    if (cut) {
        size = (size_t)at;
    } else {
        data[at] ^= 0x40;
    }
    OK(ppi_file_write_atomic(path, data, size));
    ppi_free(data);
}

static void round_trip(void **state) {
    (void)state;
    ppi_checkpoint ck;
    ppi_options *set = NULL;
    ppi_loaded l;
    OK(ppi_checkpoint_open(&ck, "runs/a", false));
    assert_int_equal(ck.state.step, 6);
    assert_string_equal(ck.method->name, "mgdt");
    assert_string_equal(ck.state.size, "tiny");
    assert_string_equal(ck.state.obs.view, "planes");
    assert_int_equal(ck.state.n_games, 1);
    assert_string_equal(ck.state.games[0], "arcade/catch");
    OK(ppi_options_create(&set));
    OK(ppi_loaded_open(&l, "runs/a/checkpoints/step_00000006", set));
    OK(ppi_loaded_create(&l, set, "", 1, PPI_DTYPE_USE_F32, 1));
    ppi_params *p = ppi_agent_params(l.agent);
    assert_int_equal(ck.state.parameters, p->n_real);
    OK(ppi_agent_train_setup(l.agent, 4, 6));
    OK(ppi_checkpoint_load(&ck, p, true));
    /* Every element of every tensor is the file's. */
    ppi_safetensors *st = NULL;
    OK(ppi_safetensors_open(&st, "runs/a/checkpoints/step_00000006/model.safetensors"));
    for (int i = 0; i < p->count; i++) {
        const ppi_st_tensor *t = ppi_safetensors_find(st, p->item[i].name);
        assert_non_null(t);
        assert_memory_equal(t->data, p->master + p->item[i].offset, t->bytes);
    }
    ppi_safetensors_close(st);
    ppi_loaded_close(&l);
    ppi_options_destroy(set);
    ppi_checkpoint_close(&ck);
}

static void copy_run(const char *to) {
    char command[256];
    snprintf(command, sizeof command, "rm -rf %s && cp -r runs/a %s", to, to);
    assert_int_equal(system(command), 0);
}

static void altered_tensor_is_named(void **state) {
    (void)state;
    ppi_checkpoint ck;
    copy_run("runs/b");
    damage("runs/b/checkpoints/step_00000006/model.safetensors", -5, false);
    assert_int_equal(ppi_checkpoint_verify("runs/b/checkpoints/step_00000006", true),
                     PP_ERR_CORRUPT);
    ppi_safetensors *st = NULL;
    OK(ppi_safetensors_open(&st, "runs/b/checkpoints/step_00000006/model.safetensors"));
    const char *name = ppi_safetensors_at(st, ppi_safetensors_count(st) - 1)->name;
    FAILS(ppi_checkpoint_open(&ck, "runs/b/checkpoints/step_00000006", true), PP_ERR_CORRUPT, name);
    ppi_safetensors_close(st);
    /* The run falls back to the checkpoint before. */
    OK(ppi_checkpoint_open(&ck, "runs/b", false));
    assert_int_equal(ck.state.step, 4);
    ppi_checkpoint_close(&ck);
}

static void truncated_tensor_is_named(void **state) {
    (void)state;
    ppi_checkpoint ck;
    copy_run("runs/b");
    damage("runs/b/checkpoints/step_00000006/optimizer.safetensors", -3, true);
    FAILS(ppi_checkpoint_open(&ck, "runs/b/checkpoints/step_00000006", false), PP_ERR_CORRUPT,
          "tensor '");
    damage("runs/b/checkpoints/step_00000004/config.json", 10, false);
    OK(ppi_file_remove("runs/b/checkpoints/step_00000002/manifest.json"));
    FAILS(ppi_checkpoint_open(&ck, "runs/b", false), PP_ERR_NOT_FOUND, "no whole checkpoint");
}

static void missing_tensor_is_named(void **state) {
    (void)state;
    ppi_checkpoint ck;
    ppi_safetensors *st = NULL;
    copy_run("runs/b");
    const char *path = "runs/b/checkpoints/step_00000006/model.safetensors";
    OK(ppi_safetensors_open(&st, "runs/a/checkpoints/step_00000006/model.safetensors"));
    const int n = ppi_safetensors_count(st);
    const char *gone = ppi_safetensors_at(st, n - 1)->name;
    ppi_st_tensor *rest = ppi_calloc((size_t)n, sizeof *rest);
    for (int i = 0; i < n - 1; i++) rest[i] = *ppi_safetensors_at(st, i);
    OK(ppi_safetensors_write(path, rest, n - 1, NULL, 0, NULL));
    FAILS(ppi_checkpoint_open(&ck, "runs/b/checkpoints/step_00000006", true), PP_ERR_CORRUPT, gone);
    ppi_free(rest);
    ppi_safetensors_close(st);
    FAILS(ppi_checkpoint_open(&ck, "runs/none", true), PP_ERR_NOT_FOUND, "runs/none");
}

static void keeps_the_newest(void **state) {
    static const char *const options[] = {"steps=5", "checkpoint.every=1", "checkpoint.keep=2",
                                          NULL};
    ppi_dir_listing list = {0};
    (void)state;
    OK(run_job("runs/keep", options, NULL));
    OK(ppi_dir_list("runs/keep/checkpoints", &list));
    assert_int_equal(list.count, 3);
    assert_string_equal(list.names[0], "latest");
    assert_string_equal(list.names[1], "step_00000004");
    assert_string_equal(list.names[2], "step_00000005");
    ppi_dir_listing_free(&list);
}

/* The disk fills up at every write of the second checkpoint in turn: the first one stays. */
static void full_disk_keeps_the_last_good(void **state) {
    static const char *const go_on[] = {"steps=8", "checkpoint.every=100", "resume=auto", NULL};
    (void)state;
    int failures = 0;
    for (int countdown = 12; countdown < 40; countdown += 3) {
        ppi_checkpoint ck;
        copy_run("runs/b");
        ppi_train_job *job = make_job("runs/b", go_on);
        ppi_fault_set(PPI_FAULT_WRITE, countdown);
        const pp_status s = ppi_train(job, NULL);
        ppi_fault_clear();
        ppi_train_job_destroy(job);
        if (s == PP_OK) break;
        assert_int_equal(s, PP_ERR_NO_SPACE);
        failures++;
        OK(ppi_checkpoint_open(&ck, "runs/b", false));
        assert_true(ck.state.step == 6 || ck.state.step == 8);
        ppi_checkpoint_close(&ck);
        assert_false(ppi_file_exists("runs/b/checkpoints/step_00000008.tmp"));
    }
    assert_true(failures > 0);
    copy_run("runs/b");
    ppi_fault_set(PPI_FAULT_RENAME, 9);
    const pp_status s = run_job("runs/b", go_on, NULL);
    ppi_fault_clear();
    if (s != PP_OK) assert_non_null(strstr(pp_last_error(), "last good checkpoint"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(altered_tensor_is_named),
        cmocka_unit_test(truncated_tensor_is_named),
        cmocka_unit_test(missing_tensor_is_named),
        cmocka_unit_test(keeps_the_newest),
        cmocka_unit_test(full_disk_keeps_the_last_good),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
