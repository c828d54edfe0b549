/* The journal: order, unfinished episodes, torn tails, damaged records, recovery. */
#include "data/data_test.h"

#include <unistd.h>

#include "base/mem.h"
#include "data/journal.h"
#include "data/meta.h"

static ppi_store_meta journal_meta(void) {
    return test_meta("t/journal-v0", "t", 4, 1);
}

/* One whole episode of 10 steps: 11 frames in two blocks. */
static void add(ppi_journal *journal, int64_t env, int64_t episode, bool end) {
    const ppi_store_meta meta = journal_meta();
    int64_t id = env * 100 + episode;
    ppi_step_row rows[10] = {{0}};
    ppi_buf packed = {0};
    uint8_t block[PPI_STORE_FRAME_ROWS * 16];
    assert_ok(ppi_journal_begin(journal, env, episode, (uint64_t)id));
    for (int64_t first = 0; first < 11; first += 8) {
        int64_t frames = first == 0 ? 8 : 3;
        for (int64_t i = 0; i < frames * 16; i++) {
            block[i] = test_pixel(id, first + i / 16, i % 16);
        }
        ppi_buf_clear(&packed);
        assert_ok(ppi_store_block_pack(&packed, block, frames, ppi_store_frame_bytes(&meta)));
        assert_ok(ppi_journal_block(journal, env, episode, packed.data, packed.len, frames));
    }
    for (int64_t t = 0; t < 10; t++) {
        rows[t] = (ppi_step_row){.reward = test_reward(id, t), .action = test_action(id, t)};
    }
    rows[9].truncated = 1;
    assert_ok(ppi_journal_rows(journal, env, episode, rows, 10));
    if (end) {
        assert_ok(ppi_journal_end(journal, env, episode, 10));
    }
    ppi_buf_free(&packed);
}

static void create(ppi_journal **journal, const char *folder) {
    char path[256];
    char data[256];
    ppi_buf header = {0};
    const ppi_store_meta meta = journal_meta();
    snprintf(data, sizeof data, "%s/data", folder);
    assert_ok(ppi_dir_remove(folder));
    assert_ok(ppi_dir_make(data));
    assert_ok(ppi_journal_path(path, sizeof path, folder));
    assert_ok(ppi_meta_header(&header, &meta));
    assert_ok(ppi_journal_create(journal, path, header.data));
    ppi_buf_free(&header);
}

static void check_dataset(const char *folder, const int64_t *ids, int64_t count) {
    ppi_dataset *d = NULL;
    assert_ok(ppi_dataset_open(&d, folder));
    assert_int_equal(ppi_dataset_episode_count(d), count);
    for (int64_t e = 0; e < count; e++) {
        uint8_t obs[10 * 16];
        assert_int_equal(ppi_dataset_episode(d, e)->info.seed, ids[e]);
        assert_int_equal(ppi_dataset_episode(d, e)->info.truncated, 1);
        assert_ok(pp_dataset_read(d, e, 0, 10, obs, NULL, NULL, NULL, NULL));
        for (int64_t i = 0; i < 160; i++) {
            assert_int_equal(obs[i], test_pixel(ids[e], i / 16, i % 16));
        }
    }
    ppi_dataset_close(d);
}

static void order_and_recovery(void **state) {
    (void)state;
    ppi_journal *journal = NULL;
    ppi_journal *second = NULL;
    int64_t recovered = 0;
    create(&journal, "order");
    add(journal, 1, 0, true);
    add(journal, 0, 0, true);
    add(journal, 0, 1, false); /* begun again below */
    add(journal, 1, 1, true);
    add(journal, 0, 1, true);
    add(journal, 2, 0, false); /* never finished */
    assert_ok(ppi_journal_sync(journal, true));
    assert_fails(ppi_journal_open(&second, "order/data/journal.bin", false), PP_ERR_EXISTS,
                 "another collection");
    /* A collector holds it: nothing to recover. */
    assert_ok(ppi_journal_recover("order", &recovered));
    assert_int_equal(recovered, 0);
    assert_ok(ppi_journal_close(journal));
    const int64_t ids[4] = {0, 1, 100, 101};
    check_dataset("order", ids, 4);
    assert_true(ppi_file_exists("order/data/journal.bin"));
    /* Continue, finish one more, recover again. */
    assert_ok(ppi_journal_open(&journal, "order/data/journal.bin", false));
    int64_t count = 0;
    const ppi_journal_episode *list = ppi_journal_episodes(journal, &count);
    assert_int_equal(count, 4);
    assert_int_equal(list[2].env, 1);
    assert_int_equal(list[2].steps, 10);
    add(journal, 2, 0, true);
    assert_ok(ppi_journal_close(journal));
    const int64_t more[5] = {0, 1, 100, 101, 200};
    check_dataset("order", more, 5);
}

static void torn_tail(void **state) {
    (void)state;
    ppi_journal *journal = NULL;
    size_t size = 0;
    size_t first = 0;
    create(&journal, "torn");
    add(journal, 0, 0, true);
    assert_ok(ppi_journal_close(journal));
    char *bytes = test_slurp("torn/data/journal.bin", &first);
    ppi_free(bytes);
    assert_ok(ppi_journal_open(&journal, "torn/data/journal.bin", false));
    add(journal, 0, 1, true);
    assert_ok(ppi_journal_close(journal));
    bytes = test_slurp("torn/data/journal.bin", &size);
    for (size_t n = first; n < size; n++) {
        int64_t count = 0;
        assert_ok(ppi_file_write_atomic("torn/data/journal.bin", bytes, n));
        assert_ok(ppi_journal_open(&journal, "torn/data/journal.bin", false));
        (void)ppi_journal_episodes(journal, &count);
        assert_int_equal(count, 1);
        if (n % 50 == 0) {
            add(journal, 0, 1, true);
            (void)ppi_journal_episodes(journal, &count);
            assert_int_equal(count, 2);
        }
        assert_ok(ppi_journal_close(journal));
    }
    /* A changed byte ends the valid part there. */
    for (size_t at = first; at < size; at += 3) {
        int64_t count = 0;
        bytes[at] ^= 1;
        assert_ok(ppi_file_write_atomic("torn/data/journal.bin", bytes, size));
        assert_ok(ppi_journal_open(&journal, "torn/data/journal.bin", true));
        (void)ppi_journal_episodes(journal, &count);
        assert_int_equal(count, 1);
        assert_ok(ppi_journal_close(journal));
        bytes[at] ^= 1;
    }
    /* Without its header it is no journal. */
    assert_ok(ppi_file_write_atomic("torn/data/journal.bin", bytes, 100));
    assert_fails(ppi_journal_open(&journal, "torn/data/journal.bin", true), PP_ERR_CORRUPT, "header");
    ppi_free(bytes);
}

static void full_disk(void **state) {
    (void)state;
    ppi_journal *journal = NULL;
    int64_t count = 0;
    create(&journal, "full");
    add(journal, 0, 0, true);
    assert_ok(ppi_journal_sync(journal, true));
    add(journal, 0, 1, true);
    ppi_fault_set(PPI_FAULT_WRITE, 1);
    assert_fails(ppi_journal_sync(journal, true), PP_ERR_NO_SPACE, "full/data/journal.bin");
    ppi_fault_clear();
    assert_ok(ppi_journal_close(journal));
    assert_ok(ppi_journal_open(&journal, "full/data/journal.bin", false));
    (void)ppi_journal_episodes(journal, &count);
    assert_int_equal(count, 1);
    assert_ok(ppi_journal_close(journal));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_and_recovery),
        cmocka_unit_test(torn_tail),
        cmocka_unit_test(full_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
