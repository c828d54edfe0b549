/* Prints everything a dataset holds, leaf by leaf, with public headers only.
 *
 *     example_dump_dataset FOLDER|ID
 *
 * Lines: `leaf INDEX PATH TYPE AXES...`, `episode INDEX STEPS SEED`, `step T REWARD TERMINATED
 * TRUNCATED`, `row LEAF T VALUES...` and `text LEAF T BYTES TEXT`. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <polyplay/dataset.h>

static const char *const type_names[] = {
    [PP_DATA_BOOL] = "bool",   [PP_DATA_I8] = "int8",     [PP_DATA_U8] = "uint8",
    [PP_DATA_I16] = "int16",   [PP_DATA_U16] = "uint16",  [PP_DATA_I32] = "int32",
    [PP_DATA_U32] = "uint32",  [PP_DATA_I64] = "int64",   [PP_DATA_U64] = "uint64",
    [PP_DATA_F32] = "float32", [PP_DATA_F64] = "float64", [PP_DATA_TEXT] = "text",
};

static void print_value(pp_data_type type, const void *row, int64_t i) {
    switch (type) {
    case PP_DATA_BOOL:
    case PP_DATA_U8:
        printf(" %u", ((const uint8_t *)row)[i]);
        break;
    case PP_DATA_I8:
        printf(" %d", ((const int8_t *)row)[i]);
        break;
    case PP_DATA_I16:
        printf(" %d", ((const int16_t *)row)[i]);
        break;
    case PP_DATA_U16:
        printf(" %u", ((const uint16_t *)row)[i]);
        break;
    case PP_DATA_I32:
        printf(" %" PRId32, ((const int32_t *)row)[i]);
        break;
    case PP_DATA_U32:
        printf(" %" PRIu32, ((const uint32_t *)row)[i]);
        break;
    case PP_DATA_I64:
        printf(" %" PRId64, ((const int64_t *)row)[i]);
        break;
    case PP_DATA_U64:
        printf(" %" PRIu64, ((const uint64_t *)row)[i]);
        break;
    case PP_DATA_F32:
        printf(" %.9g", (double)((const float *)row)[i]);
        break;
    default:
        printf(" %.17g", ((const double *)row)[i]);
        break;
    }
}

static pp_status print_text(pp_dataset *d, int32_t leaf, int64_t episode, int64_t t) {
    int64_t length = 0;
    pp_status status = pp_dataset_read_text(d, leaf, episode, t, NULL, 0, &length);
    char *text = status == PP_OK ? malloc((size_t)length + 1) : NULL;
    if (text) {
        status = pp_dataset_read_text(d, leaf, episode, t, text, length + 1, &length);
        printf("text %d %lld %lld %s\n", leaf, (long long)t, (long long)length, text);
    }
    free(text);
    return status;
}

static pp_status print_row(pp_dataset *d, int32_t leaf, const pp_leaf_info *info, int64_t episode,
                           int64_t t) {
    void *row = malloc((size_t)info->row_bytes);
    pp_status status = row ? pp_dataset_read_leaf(d, leaf, episode, t, 1, row) : PP_ERR_NO_MEMORY;
    printf("row %d %lld", leaf, (long long)t);
    for (int64_t i = 0; i < info->count && status == PP_OK; i++) {
        print_value(info->type, row, i);
    }
    printf("\n");
    free(row);
    return status;
}

static pp_status print_episode(pp_dataset *d, int64_t index) {
    pp_episode_info episode;
    pp_status status = pp_dataset_episode(d, index, &episode);
    if (status != PP_OK) return status;
    printf("episode %lld %lld %llu\n", (long long)index, (long long)episode.steps,
           (unsigned long long)episode.seed);
    for (int64_t t = 0; t < episode.steps && status == PP_OK; t++) {
        float reward = 0;
        uint8_t terminated = 0, truncated = 0;
        status = pp_dataset_read(d, index, t, 1, NULL, NULL, &reward, &terminated, &truncated);
        printf("step %lld %.9g %d %d\n", (long long)t, (double)reward, terminated, truncated);
    }
    for (int32_t leaf = 0; leaf < pp_dataset_leaf_count(d) && status == PP_OK; leaf++) {
        pp_leaf_info info;
        status = pp_dataset_leaf(d, leaf, &info);
        for (int64_t t = 0; t < episode.steps + info.observation && status == PP_OK; t++) {
            status = info.type == PP_DATA_TEXT ? print_text(d, leaf, index, t)
                                               : print_row(d, leaf, &info, index, t);
        }
    }
    return status;
}

int main(int argc, char **argv) {
    pp_dataset *d = NULL;
    pp_dataset_info about = {0};
    pp_status status = argc == 2 ? pp_dataset_open(&d, argv[1]) : PP_ERR_ARGUMENT;
    if (status == PP_OK) pp_dataset_describe(d, &about);
    for (int32_t leaf = 0; status == PP_OK && leaf < pp_dataset_leaf_count(d); leaf++) {
        pp_leaf_info info;
        status = pp_dataset_leaf(d, leaf, &info);
        printf("leaf %d %s %s", leaf, info.path, type_names[info.type]);
        for (int32_t axis = 0; axis < info.rank; axis++) {
            printf(" %lld", (long long)info.shape[axis]);
        }
        printf("\n");
    }
    for (int64_t episode = 0; status == PP_OK && episode < about.episodes; episode++) {
        status = print_episode(d, episode);
    }
    if (status != PP_OK) fprintf(stderr, "%s: %s\n", pp_status_name(status), pp_last_error());
    pp_dataset_close(d);
    return status != PP_OK;
}
