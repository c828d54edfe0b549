/* Event files: golden records and the file as a whole. */
#include "run_test.h"

#include "report/tensorboard.h"

static void assert_hex(const ppi_buf *got, const char *hex) {
    assert_int_equal(got->len * 2, strlen(hex));
    for (size_t i = 0; i < got->len; i++) {
        unsigned byte = 0;
        sscanf(hex + 2 * i, "%2x", &byte);
        assert_int_equal((uint8_t)got->data[i], byte);
    }
}

static void golden_records(void **state) {
    (void)state;
    ppi_buf buf = {0};
    OK(ppi_tb_encode_version(&buf, 1.7e9));
    assert_hex(&buf, "1800000000000000a37f4b220900000040fc54d9411a0d627261696e2e4576656e743a32eced8f9d");
    ppi_buf_clear(&buf);
    OK(ppi_tb_encode_scalar(&buf, "loss", 10, 1.7e9 + 1, 0.5f));
    assert_hex(&buf, "1a00000000000000129bd82d0900004040fc54d941100a2a0d0a0b0a046c6f7373150000003f5dcadba0");
    ppi_buf_free(&buf);
}

static void file_of_two_records(void **state) {
    (void)state;
    ppi_tb *tb = NULL;
    ppi_dir_listing list = {0};
    char path[PPI_PATH_SIZE];
    char *data = NULL;
    size_t size = 0;
    OK(ppi_dir_remove("events"));
    OK(ppi_dir_make("events"));
    OK(ppi_tb_create(&tb, "events"));
    OK(ppi_tb_scalar(tb, "loss", 10, 1.7e9 + 1, 0.5));
    OK(ppi_tb_close(tb));
    OK(ppi_dir_list("events", &list));
    assert_int_equal(list.count, 1);
    assert_int_equal(strncmp(list.names[0], "events.out.tfevents.", 20), 0);
    OK(ppi_path_join(path, sizeof path, "events", list.names[0]));
    OK(ppi_file_read_all(path, &data, &size));
    assert_int_equal(size, 40 + 42);
    ppi_free(data);
    ppi_dir_listing_free(&list);
    assert_int_not_equal(ppi_tb_create(&tb, "no/such/folder"), PP_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(golden_records), cmocka_unit_test(file_of_two_records)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
