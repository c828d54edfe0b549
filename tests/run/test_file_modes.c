/* Who may read what the program writes is up to the umask alone: every file of a dataset, a run, an
   evaluation and a picture has mode 0666 less the umask. */
#define _XOPEN_SOURCE 700
#include "run_test.h"

#include <ftw.h>
#include <sys/stat.h>

#include "base/png.h"
#include "report/gif.h"
#include "run/eval.h"

static const mode_t masks[] = {0, 027, 077};
static mode_t mask; /* in force */
static int files;   /* seen by the walk */

static int check_mode(const char *path, const struct stat *info, int kind, struct FTW *at) {
    (void)at;
    const mode_t wanted = (kind == FTW_F ? 0666 : 0777) & ~mask;
    files += kind == FTW_F;
    if ((info->st_mode & 0777) != wanted) {
        fail_msg("%s has mode %03o, expected %03o", path, (unsigned)(info->st_mode & 0777),
                 (unsigned)wanted);
    }
    return 0;
}

static void assert_modes(const char *folder, int least) {
    files = 0;
    assert_int_equal(nftw(folder, check_mode, 16, FTW_PHYS), 0);
    assert_true(files >= least);
}

static void write_pictures(void) {
    const uint8_t rgb[4 * 4 * 3] = {9};
    ppi_gif *gif = NULL;
    OK(ppi_dir_make("pictures"));
    OK(ppi_png_write("pictures/a.png", rgb, 4, 4, 3));
    OK(ppi_gif_create(&gif, "pictures/a.gif", 4, 4, 7));
    OK(ppi_gif_add(gif, rgb));
    OK(ppi_gif_finish(gif));
    ppi_gif_destroy(gif);
}

static void evaluate(void) {
    ppi_eval_job *job = NULL;
    OK(ppi_eval_job_create(&job, "runs/a"));
    OK(ppi_options_set(ppi_eval_job_options(job), "env", "arcade/catch", "test"));
    OK(ppi_options_set(ppi_eval_job_options(job), "episodes", "1", "test"));
    OK(ppi_eval(job, NULL, NULL));
    ppi_eval_job_destroy(job);
}

static void follow_the_umask(void **state) {
    static const char *const options[] = {"steps=2", "checkpoint.every=1", NULL};
    (void)state;
    for (size_t i = 0; i < sizeof masks / sizeof masks[0]; i++) {
        static const char *const folders[] = {"data", "runs", "pictures"};
        for (size_t f = 0; f < 3; f++) OK(ppi_dir_remove(folders[f]));
        mask = masks[i];
        const mode_t before = umask(mask);
        make_catch_data();
        OK(run_job("runs/a", options, NULL));
        evaluate();
        write_pictures();
        umask(before);
        assert_modes("data", 2);
        assert_modes("runs", 18);
        assert_modes("pictures", 2);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(follow_the_umask)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
