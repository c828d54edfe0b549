/* Files and folders: reads, crash-safe writes under injected faults, listings, paths. */
#include "unit/base_test.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

static int fresh_folder(void **state) {
    (void)state;
    ppi_fault_clear();
    if (ppi_dir_remove("file_test") != PP_OK) return -1;
    return ppi_dir_make("file_test") == PP_OK ? 0 : -1;
}

static int clear_faults(void **state) {
    (void)state;
    ppi_fault_clear();
    return 0;
}

static void check_content(const char *path, const char *expected) {
    char *data;
    size_t size;
    CHECK_OK(ppi_file_read_all(path, &data, &size));
    assert_int_equal(size, strlen(expected));
    assert_string_equal(data, expected);
    ppi_free(data);
}

static void check_entries(const char *path, int64_t count) {
    ppi_dir_listing listing;
    CHECK_OK(ppi_dir_list(path, &listing));
    assert_int_equal(listing.count, count);
    ppi_dir_listing_free(&listing);
}

static void write_then_read(void **state) {
    (void)state;
    int64_t bytes;
    CHECK_OK(ppi_file_write_atomic("file_test/a", "first", 5));
    check_content("file_test/a", "first");
    CHECK_OK(ppi_file_write_atomic("file_test/a", "", 0));
    check_content("file_test/a", "");
    CHECK_OK(ppi_file_write_atomic("file_test/a", "second", 6));
    CHECK_OK(ppi_file_size("file_test/a", &bytes));
    assert_int_equal(bytes, 6);
    check_entries("file_test", 1);
}

static void read_failures_name_the_file(void **state) {
    (void)state;
    char *data;
    size_t size;
    int64_t bytes;
    CHECK_FAILS(ppi_file_read_all("file_test/none", &data, &size), PP_ERR_NOT_FOUND,
                "cannot open \"file_test/none\": No such file");
    CHECK_FAILS(ppi_file_read_all("file_test", &data, &size), PP_ERR_IO, "it is a folder");
    CHECK_FAILS(ppi_file_size("file_test/none", &bytes), PP_ERR_NOT_FOUND, "file_test/none");
    CHECK_OK(ppi_file_write_atomic("file_test/a", "first", 5));
    ppi_fault_set(PPI_FAULT_ALLOC, 1);
    CHECK_FAILS(ppi_file_read_all("file_test/a", &data, &size), PP_ERR_NO_MEMORY, "file_test/a");
}

static void modes_follow_the_umask(void **state) {
    (void)state;
    static const mode_t masks[] = {0, 022, 077};
    for (size_t i = 0; i < sizeof masks / sizeof masks[0]; i++) {
        struct stat info;
        const mode_t before = umask(masks[i]);
        CHECK_OK(ppi_file_write_atomic("file_test/a", "x", 1));
        umask(before);
        assert_int_equal(stat("file_test/a", &info), 0);
        assert_int_equal(info.st_mode & 0777, 0666 & ~masks[i]);
    }
}

static void a_replacement_is_ended_or_given_up(void **state) {
    (void)state;
    ppi_replace r;
    CHECK_OK(ppi_file_write_atomic("file_test/a", "old", 3));
    CHECK_OK(ppi_replace_begin(&r, "file_test/a"));
    CHECK_OK(ppi_file_write_all_fd(r.fd, "new", 3, r.temporary));
    check_content("file_test/a", "old");
    check_entries("file_test", 2);
    assert_int_equal(ppi_replace_end(&r, PP_ERR_NUMERIC), PP_ERR_NUMERIC);
    check_content("file_test/a", "old");
    check_entries("file_test", 1);
    CHECK_OK(ppi_replace_end(&r, PP_OK)); /* nothing left to end */
    CHECK_OK(ppi_replace_begin(&r, "file_test/a"));
    CHECK_OK(ppi_file_write_all_fd(r.fd, "new", 3, r.temporary));
    CHECK_OK(ppi_replace_end(&r, PP_OK));
    check_content("file_test/a", "new");
    check_entries("file_test", 1);
    CHECK_FAILS(ppi_replace_begin(&r, "file_test/none/a"), PP_ERR_NOT_FOUND, "file_test/none/a");
    assert_int_equal(ppi_replace_end(&r, PP_ERR_NOT_FOUND), PP_ERR_NOT_FOUND);
}

static void a_failed_write_keeps_the_old_file(void **state) {
    (void)state;
    static const struct {
        ppi_fault_kind kind;
        pp_status status;
        const char *text;
    } faults[] = {
        {PPI_FAULT_WRITE, PP_ERR_NO_SPACE, "cannot write \"file_test/a.tmp"},
        {PPI_FAULT_FSYNC, PP_ERR_IO, "to disk"},
        {PPI_FAULT_RENAME, PP_ERR_IO, "to \"file_test/a\""},
    };
    CHECK_OK(ppi_file_write_atomic("file_test/a", "old", 3));
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        ppi_fault_set(faults[i].kind, 1);
        CHECK_FAILS(ppi_file_write_atomic("file_test/a", "new", 3), faults[i].status,
                    faults[i].text);
        check_content("file_test/a", "old");
        check_entries("file_test", 1);
    }
    CHECK_FAILS(ppi_file_write_atomic("file_test/none/a", "x", 1), PP_ERR_NOT_FOUND,
                "cannot create \"file_test/none/a.tmp");
}

static void descriptor_writes_report_progress(void **state) {
    (void)state;
    const int fd = open("file_test/d", O_WRONLY | O_CREAT, 0666);
    assert_true(fd >= 0);
    CHECK_OK(ppi_file_write_all_fd(fd, "abc", 3, "file_test/d"));
    CHECK_OK(ppi_file_sync_fd(fd, "file_test/d"));
    close(fd);
    check_content("file_test/d", "abc");
    CHECK_FAILS(ppi_file_write_all_fd(-1, "abc", 3, "closed"), PP_ERR_IO, "\"closed\" (0 of 3");
}

static void folders_are_made_and_removed(void **state) {
    (void)state;
    CHECK_OK(ppi_dir_make("file_test/x/y//z/"));
    CHECK_OK(ppi_dir_make("file_test/x/y/z"));
    assert_true(ppi_dir_exists("file_test/x/y/z"));
    CHECK_OK(ppi_file_write_atomic("file_test/x/y/f", "1", 1));
    assert_false(ppi_dir_exists("file_test/x/y/f"));
    CHECK_FAILS(ppi_dir_make("file_test/x/y/f/g"), PP_ERR_EXISTS, "file_test/x/y/f");
    CHECK_FAILS(ppi_dir_make(""), PP_ERR_ARGUMENT, "empty name");
    assert_int_equal(symlink("../x", "file_test/x/loop"), 0);
    CHECK_OK(ppi_dir_sync("file_test/x"));
    CHECK_OK(ppi_dir_remove("file_test/x"));
    assert_false(ppi_file_exists("file_test/x"));
    CHECK_OK(ppi_dir_remove("file_test/x"));
    CHECK_FAILS(ppi_dir_sync("file_test/x"), PP_ERR_NOT_FOUND, "file_test/x");
}

static void listings_are_sorted(void **state) {
    (void)state;
    static const char *const names[] = {"b", "a10", "a2", ".hidden", "Z"};
    static const char *const sorted[] = {".hidden", "Z", "a10", "a2", "b"};
    ppi_dir_listing listing;
    for (int i = 0; i < 5; i++) {
        char path[64];
        CHECK_OK(ppi_path_join(path, sizeof path, "file_test", names[i]));
        CHECK_OK(ppi_file_write_atomic(path, "", 0));
    }
    CHECK_OK(ppi_dir_list("file_test", &listing));
    assert_int_equal(listing.count, 5);
    for (int i = 0; i < 5; i++) assert_string_equal(listing.names[i], sorted[i]);
    ppi_dir_listing_free(&listing);
    CHECK_FAILS(ppi_dir_list("file_test/none", &listing), PP_ERR_NOT_FOUND,
                "cannot list folder \"file_test/none\"");
    ppi_fault_set(PPI_FAULT_ALLOC, 2);
    CHECK_FAILS(ppi_dir_list("file_test", &listing), PP_ERR_NO_MEMORY, "folder listing");
}

static void rename_and_remove(void **state) {
    (void)state;
    CHECK_OK(ppi_file_write_atomic("file_test/a", "1", 1));
    CHECK_OK(ppi_rename("file_test/a", "file_test/b"));
    assert_false(ppi_file_exists("file_test/a"));
    CHECK_FAILS(ppi_rename("file_test/a", "file_test/b"), PP_ERR_NOT_FOUND,
                "cannot rename \"file_test/a\" to \"file_test/b\"");
    CHECK_OK(ppi_file_remove("file_test/b"));
    CHECK_OK(ppi_file_remove("file_test/b"));
    CHECK_FAILS(ppi_file_remove("file_test"), PP_ERR_IO, "cannot remove \"file_test\"");
}

static void paths_are_joined_and_split(void **state) {
    (void)state;
    char out[16];
    CHECK_OK(ppi_path_join(out, sizeof out, "a", "b", "c"));
    assert_string_equal(out, "a/b/c");
    CHECK_OK(ppi_path_join(out, sizeof out, "/", "b"));
    assert_string_equal(out, "/b");
    CHECK_OK(ppi_path_join(out, sizeof out, "a/", "", "b"));
    assert_string_equal(out, "a/b");
    CHECK_OK(ppi_path_join(out, sizeof out, "1234567", "9012345"));
    CHECK_FAILS(ppi_path_join(out, sizeof out, "1234567", "90123456"), PP_ERR_ARGUMENT, "16 bytes");
    assert_string_equal(ppi_path_base("a/b/c.x"), "c.x");
    assert_string_equal(ppi_path_base("c"), "c");
    CHECK_OK(ppi_path_dir(out, sizeof out, "a/b/c"));
    assert_string_equal(out, "a/b");
    CHECK_OK(ppi_path_dir(out, sizeof out, "c"));
    assert_string_equal(out, ".");
    CHECK_OK(ppi_path_dir(out, sizeof out, "/c"));
    assert_string_equal(out, "/");
    CHECK_FAILS(ppi_path_dir(out, 2, "abc/d"), PP_ERR_ARGUMENT, "does not fit");
}

static void maps_show_the_content(void **state) {
    (void)state;
    ppi_map map;
    CHECK_OK(ppi_file_write_atomic("file_test/m", "mapped", 6));
    CHECK_OK(ppi_file_map("file_test/m", &map));
    assert_int_equal(map.size, 6);
    assert_memory_equal(map.data, "mapped", 6);
    ppi_file_unmap(&map);
    assert_null(map.data);
    CHECK_OK(ppi_file_write_atomic("file_test/m", "", 0));
    CHECK_OK(ppi_file_map("file_test/m", &map));
    assert_null(map.data);
    ppi_file_unmap(&map);
    CHECK_FAILS(ppi_file_map("file_test/none", &map), PP_ERR_NOT_FOUND, "file_test/none");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(write_then_read, fresh_folder, clear_faults),
        cmocka_unit_test_setup_teardown(read_failures_name_the_file, fresh_folder, clear_faults),
        cmocka_unit_test_setup_teardown(modes_follow_the_umask, fresh_folder, clear_faults),
        cmocka_unit_test_setup_teardown(a_replacement_is_ended_or_given_up, fresh_folder,
                                        clear_faults),
        cmocka_unit_test_setup_teardown(a_failed_write_keeps_the_old_file, fresh_folder,
                                        clear_faults),
        cmocka_unit_test_setup_teardown(descriptor_writes_report_progress, fresh_folder,
                                        clear_faults),
        cmocka_unit_test_setup_teardown(folders_are_made_and_removed, fresh_folder, clear_faults),
        cmocka_unit_test_setup_teardown(listings_are_sorted, fresh_folder, clear_faults),
        cmocka_unit_test_setup_teardown(rename_and_remove, fresh_folder, clear_faults),
        cmocka_unit_test_setup_teardown(paths_are_joined_and_split, fresh_folder, clear_faults),
        cmocka_unit_test_setup_teardown(maps_show_the_content, fresh_folder, clear_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
