/* Flattening spaces to leaves; see space.h. */
#include "data/space.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"

#define MAX_DEPTH      16
#define MAX_LEAVES     1024
#define MAX_AXIS       ((int64_t)1 << 24)
#define MAX_ROW_BYTES  ((int64_t)1 << 28)
#define MAX_FRAME_AXIS 4096
#define IMAGE_AXIS     32 /* least height and width of an image */

/* ---- element types ---- */

static const struct {
    const char *name; /* as numpy and metadata.json spell it */
    int64_t size;
    double low, high; /* least and largest value */
} types[] = {
    [PP_DATA_BOOL] = {"bool", 1, 0, 1},
    [PP_DATA_I8] = {"int8", 1, INT8_MIN, INT8_MAX},
    [PP_DATA_U8] = {"uint8", 1, 0, UINT8_MAX},
    [PP_DATA_I16] = {"int16", 2, INT16_MIN, INT16_MAX},
    [PP_DATA_U16] = {"uint16", 2, 0, UINT16_MAX},
    [PP_DATA_I32] = {"int32", 4, INT32_MIN, INT32_MAX},
    [PP_DATA_U32] = {"uint32", 4, 0, UINT32_MAX},
    [PP_DATA_I64] = {"int64", 8, (double)INT64_MIN, (double)INT64_MAX},
    [PP_DATA_U64] = {"uint64", 8, 0, (double)UINT64_MAX},
    [PP_DATA_F32] = {"float32", 4, -INFINITY, INFINITY},
    [PP_DATA_F64] = {"float64", 8, -INFINITY, INFINITY},
    [PP_DATA_TEXT] = {"text", 0, 0, 0},
};

int64_t ppi_data_type_size(pp_data_type type) {
    return types[type].size;
}

const char *ppi_data_type_name(pp_data_type type) {
    return types[type].name;
}

static pp_status find_type(const char *path, const char *name, pp_data_type *out) {
    for (int i = 0; i < PP_DATA_TEXT; i++) {
        if (strcmp(name, types[i].name) == 0) {
            *out = (pp_data_type)i;
            return PP_OK;
        }
    }
    if (strcmp(name, "float16") == 0) {
        *out = PP_DATA_F32;
        return PP_OK;
    }
    return ppi_fail(PP_ERR_UNSUPPORTED,
                    "%s: dtype %s is not read, expected bool, an integer of 8 "
                    "to 64 bits, float16, float32 or float64",
                    path, name);
}

/* ---- numbers of a space ---- */

/* The range of the numbers seen so far. */
typedef struct span {
    int64_t count;
    double low, high;
} span;

static pp_status number_of(const ppi_json *value, double *out) {
    bool flag = false;
    if (ppi_json_kind_of(value) == PPI_JSON_BOOL) {
        PPI_TRY(ppi_json_as_bool(value, "number", &flag));
        *out = flag;
        return PP_OK;
    }
    return ppi_json_as_f64(value, "number", out);
}

/* Adds the numbers of nested lists, which must have the leaf's shape from axis `axis` on. */
static pp_status widen(span *range, const pp_leaf_info *leaf, const ppi_json *value, int axis) {
    double number = 0;
    if (axis < leaf->rank) {
        int64_t count = ppi_json_count(value);
        if (ppi_json_kind_of(value) != PPI_JSON_ARRAY || count != leaf->shape[axis]) {
            return ppi_fail(PP_ERR_CORRUPT, "axis %d: %s of %lld, expected a list of %lld", axis,
                            ppi_json_kind_name(ppi_json_kind_of(value)), (long long)count,
                            (long long)leaf->shape[axis]);
        }
        for (int64_t i = 0; i < count; i++) {
            PPI_TRY(widen(range, leaf, ppi_json_at(value, i), axis + 1));
        }
        return PP_OK;
    }
    PPI_TRY(number_of(value, &number));
    range->low = range->count == 0 || number < range->low ? number : range->low;
    range->high = range->count == 0 || number > range->high ? number : range->high;
    range->count++;
    return PP_OK;
}

/* The range of member `key`, one number for all or nested lists of the leaf's shape. *range keeps
 * its value when the member is absent. */
static pp_status member_range(const pp_leaf_info *leaf, const ppi_json *space, const char *key,
                              span *range) {
    const ppi_json *value = ppi_json_find(space, key);
    if (!value) {
        return PP_OK;
    }
    *range = (span){0};
    int axis = ppi_json_kind_of(value) == PPI_JSON_ARRAY ? 0 : leaf->rank;
    return ppi_fail_context(widen(range, leaf, value, axis), "%s: %s", leaf->path, key);
}

/* Appends one axis to the leaf's shape. */
static pp_status add_axis(pp_leaf_info *leaf, int64_t size) {
    if (leaf->rank == PP_LEAF_RANK) {
        return ppi_fail(PP_ERR_UNSUPPORTED, "%s: more than %d axes", leaf->path, PP_LEAF_RANK);
    }
    if (size < 1 || size > MAX_AXIS || leaf->count > MAX_ROW_BYTES / 8 / size) {
        return ppi_fail(PP_ERR_UNSUPPORTED,
                        "%s: axis %d has length %lld, expected 1 to %lld and at "
                        "most %lld values in a row",
                        leaf->path, leaf->rank, (long long)size, (long long)MAX_AXIS,
                        (long long)(MAX_ROW_BYTES / 8));
    }
    leaf->shape[leaf->rank++] = size;
    leaf->count *= size;
    return PP_OK;
}

/* The shape as a list of lengths. */
static pp_status listed_shape(pp_leaf_info *leaf, const ppi_json *list) {
    for (int64_t axis = 0; axis < ppi_json_count(list); axis++) {
        int64_t size = 0;
        PPI_TRY(ppi_fail_context(ppi_json_as_i64(ppi_json_at(list, axis), "shape", &size), "%s",
                                 leaf->path));
        PPI_TRY(add_axis(leaf, size));
    }
    return PP_OK;
}

/* ---- leaves ---- */

static pp_status read_dtype(pp_leaf_info *leaf, const ppi_json *space, pp_data_type otherwise) {
    const char *name = "";
    leaf->type = otherwise;
    if (otherwise != PP_DATA_TEXT && !ppi_json_find(space, "dtype")) {
        return PP_OK;
    }
    PPI_TRY(ppi_fail_context(ppi_json_get_string(space, "dtype", &name), "%s", leaf->path));
    return find_type(leaf->path, name, &leaf->type);
}

static pp_status parse_box(pp_leaf_info *leaf, const ppi_json *space) {
    const ppi_json *shape = NULL;
    PPI_TRY(read_dtype(leaf, space, PP_DATA_TEXT));
    PPI_TRY(ppi_fail_context(ppi_json_get_array(space, "shape", &shape), "%s", leaf->path));
    PPI_TRY(listed_shape(leaf, shape));
    span low = {1, types[leaf->type].low, types[leaf->type].low};
    span high = {1, types[leaf->type].high, types[leaf->type].high};
    PPI_TRY(member_range(leaf, space, "low", &low));
    PPI_TRY(member_range(leaf, space, "high", &high));
    leaf->low = low.low;
    leaf->high = high.high;
    /* Every bound is 0 or 255, not only the outermost. */
    leaf->jpeg = leaf->type == PP_DATA_U8 && (leaf->rank == 2 || leaf->rank == 3) &&
                 leaf->shape[0] >= IMAGE_AXIS && leaf->shape[1] >= IMAGE_AXIS && low.low == 0 &&
                 low.high == 0 && high.low == UINT8_MAX && high.high == UINT8_MAX;
    return PP_OK;
}

static pp_status parse_discrete(pp_leaf_info *leaf, const ppi_json *space) {
    int64_t n = 0;
    int64_t start = 0;
    PPI_TRY(read_dtype(leaf, space, PP_DATA_I64));
    PPI_TRY(ppi_fail_context(ppi_json_get_i64(space, "n", &n), "%s", leaf->path));
    if (ppi_json_find(space, "start")) {
        PPI_TRY(ppi_fail_context(ppi_json_get_i64(space, "start", &start), "%s", leaf->path));
    }
    if (n < 1 || leaf->type >= PP_DATA_F32) {
        return ppi_fail(PP_ERR_CORRUPT, "%s: Discrete with n %lld of %s", leaf->path, (long long)n,
                        types[leaf->type].name);
    }
    leaf->low = (double)start;
    leaf->high = (double)start + (double)n - 1;
    return PP_OK;
}

static pp_status parse_multi_discrete(pp_leaf_info *leaf, const ppi_json *space) {
    const ppi_json *nvec = NULL;
    span n = {0};
    span start = {0};
    PPI_TRY(read_dtype(leaf, space, PP_DATA_I64));
    PPI_TRY(ppi_fail_context(ppi_json_get_array(space, "nvec", &nvec), "%s", leaf->path));
    for (const ppi_json *list = nvec; list && ppi_json_kind_of(list) == PPI_JSON_ARRAY;
         list = ppi_json_at(list, 0)) {
        PPI_TRY(add_axis(leaf, ppi_json_count(list)));
    }
    PPI_TRY(member_range(leaf, space, "nvec", &n));
    PPI_TRY(member_range(leaf, space, "start", &start));
    if (n.low < 1 || leaf->type >= PP_DATA_F32) {
        return ppi_fail(PP_ERR_CORRUPT, "%s: MultiDiscrete with nvec from %g of %s", leaf->path,
                        n.low, types[leaf->type].name);
    }
    leaf->low = start.low;
    leaf->high = start.high + n.high - 1;
    return PP_OK;
}

static pp_status parse_multi_binary(pp_leaf_info *leaf, const ppi_json *space) {
    const ppi_json *n = ppi_json_find(space, "n");
    leaf->type = PP_DATA_I8;
    leaf->high = 1;
    if (n && ppi_json_kind_of(n) == PPI_JSON_ARRAY) {
        return listed_shape(leaf, n);
    }
    int64_t size = 0;
    PPI_TRY(ppi_fail_context(ppi_json_get_i64(space, "n", &size), "%s", leaf->path));
    return add_axis(leaf, size);
}

static pp_status parse_text(pp_leaf_info *leaf, const ppi_json *space) {
    int64_t least = 0;
    int64_t most = 0;
    PPI_TRY(ppi_fail_context(ppi_json_get_i64(space, "max_length", &most), "%s", leaf->path));
    if (ppi_json_find(space, "min_length")) {
        PPI_TRY(ppi_fail_context(ppi_json_get_i64(space, "min_length", &least), "%s", leaf->path));
    }
    leaf->type = PP_DATA_TEXT;
    leaf->low = (double)least;
    leaf->high = (double)most;
    return PP_OK;
}

static const struct {
    const char *name;
    pp_status (*parse)(pp_leaf_info *leaf, const ppi_json *space);
} kinds[] = {
    [PP_SPACE_BOX] = {"Box", parse_box},
    [PP_SPACE_DISCRETE] = {"Discrete", parse_discrete},
    [PP_SPACE_MULTI_DISCRETE] = {"MultiDiscrete", parse_multi_discrete},
    [PP_SPACE_MULTI_BINARY] = {"MultiBinary", parse_multi_binary},
    [PP_SPACE_TEXT] = {"Text", parse_text},
};
#define KIND_COUNT ((int)(sizeof kinds / sizeof kinds[0]))

void ppi_leaf_text(ppi_buf *out, const pp_leaf_info *leaf) {
    ppi_buf_append_text(out, kinds[leaf->space].name);
    if (leaf->space == PP_SPACE_TEXT) {
        ppi_buf_printf(out, ", %g to %g characters", leaf->low, leaf->high);
        return;
    }
    ppi_buf_printf(out, " %s [", types[leaf->type].name);
    for (int axis = 0; axis < leaf->rank; axis++) {
        ppi_buf_printf(out, "%s%lld", axis > 0 ? "," : "", (long long)leaf->shape[axis]);
    }
    ppi_buf_printf(out, "], %g to %g", leaf->low, leaf->high);
}

/* ---- trees ---- */

/* Where the walk over one space stands. */
typedef struct walk {
    ppi_spaces *spaces;
    ppi_buf *text;
    const char *path;
    int depth;
    bool observation;
    bool jpeg;
    bool first; /* no subspace was written yet */
} walk;

static pp_status walk_space(walk *at, const ppi_json *space);

static pp_status add_leaf(walk *at, pp_space_kind kind, const ppi_json *space) {
    ppi_spaces *spaces = at->spaces;
    if (spaces->count == MAX_LEAVES) {
        return ppi_fail(PP_ERR_UNSUPPORTED, "%s: more than %d leaves", at->path, MAX_LEAVES);
    }
    if (spaces->count == spaces->capacity) {
        int32_t capacity = spaces->capacity ? spaces->capacity * 2 : 4;
        pp_leaf_info *grown = ppi_realloc(spaces->leaves, (size_t)capacity * sizeof *grown);
        if (!grown) {
            return ppi_oom("the leaves of a space");
        }
        spaces->leaves = grown;
        spaces->capacity = capacity;
    }
    pp_leaf_info *leaf = &spaces->leaves[spaces->count];
    *leaf = (pp_leaf_info){.space = kind, .count = 1, .observation = at->observation};
    snprintf(leaf->path, sizeof leaf->path, "%s", at->path);
    PPI_TRY(kinds[kind].parse(leaf, space));
    leaf->row_bytes = leaf->count * types[leaf->type].size;
    leaf->jpeg = leaf->jpeg && at->jpeg;
    spaces->count++;
    spaces->observations += at->observation;
    ppi_leaf_text(at->text, leaf);
    return PP_OK;
}

static pp_status walk_member(void *context, const char *key, const ppi_json *space) {
    walk *parent = context;
    char path[sizeof((pp_leaf_info *)0)->path];
    int length = snprintf(path, sizeof path, "%s/%s", parent->path, key);
    if (length >= (int)sizeof path || key[0] == 0 || key[0] == '.' || key[0] == '/') {
        return ppi_fail(PP_ERR_UNSUPPORTED,
                        "%s: subspace \"%.64s\": expected a name whose path has "
                        "fewer than %zu bytes",
                        parent->path, key, sizeof path);
    }
    walk child = *parent;
    child.path = path;
    child.depth++;
    child.first = true;
    ppi_buf_printf(parent->text, "%s%s: ", parent->first ? "" : ", ", key);
    parent->first = false;
    return walk_space(&child, space);
}

static pp_status walk_tree(walk *at, const ppi_json *space, const char *type) {
    const ppi_json *members = ppi_json_find(space, "subspaces");
    bool dict = strcmp(type, "Dict") == 0;
    ppi_json_kind wanted = dict ? PPI_JSON_OBJECT : PPI_JSON_ARRAY;
    if (!members || ppi_json_kind_of(members) != wanted || ppi_json_count(members) == 0) {
        return ppi_fail(PP_ERR_CORRUPT, "%s: %s needs subspaces, %s that is not empty", at->path,
                        type, ppi_json_kind_name(wanted));
    }
    if (at->depth == MAX_DEPTH) {
        return ppi_fail(PP_ERR_UNSUPPORTED, "%s: spaces nested deeper than %d", at->path,
                        MAX_DEPTH);
    }
    ppi_buf_printf(at->text, "%s(", type);
    if (dict) {
        PPI_TRY(ppi_json_each(members, walk_member, at));
    }
    for (int64_t i = 0; !dict && i < ppi_json_count(members); i++) {
        char key[32];
        snprintf(key, sizeof key, "_index_%lld", (long long)i);
        PPI_TRY(walk_member(at, key, ppi_json_at(members, i)));
    }
    return ppi_buf_append_char(at->text, ')');
}

static pp_status walk_space(walk *at, const ppi_json *space) {
    const char *type = "";
    PPI_TRY(ppi_fail_context(ppi_json_get_string(space, "type", &type), "%s", at->path));
    if (strcmp(type, "Dict") == 0 || strcmp(type, "Tuple") == 0) {
        return walk_tree(at, space, type);
    }
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        if (strcmp(type, kinds[kind].name) == 0) {
            return add_leaf(at, (pp_space_kind)kind, space);
        }
    }
    return ppi_fail(PP_ERR_UNSUPPORTED,
                    "%s: space %s is not read, expected Box, Discrete, "
                    "MultiDiscrete, MultiBinary, Dict, Tuple or Text",
                    at->path, type);
}

pp_status ppi_spaces_parse(ppi_spaces *out, const ppi_json *observation, const ppi_json *action,
                           bool jpeg) {
    memset(out, 0, sizeof *out);
    walk at = {.spaces = out,
               .text = &out->observation,
               .path = "observations",
               .observation = true,
               .jpeg = jpeg,
               .first = true};
    PPI_TRY(ppi_fail_context(walk_space(&at, observation), "observation_space"));
    at =
        (walk){.spaces = out, .text = &out->action, .path = "actions", .jpeg = jpeg, .first = true};
    PPI_TRY(ppi_fail_context(walk_space(&at, action), "action_space"));
    return out->observation.failed != PP_OK ? out->observation.failed : out->action.failed;
}

void ppi_spaces_free(ppi_spaces *spaces) {
    ppi_free(spaces->leaves);
    ppi_buf_free(&spaces->observation);
    ppi_buf_free(&spaces->action);
    memset(spaces, 0, sizeof *spaces);
}

/* ---- what a method can take ---- */

static pp_status refuse(const pp_leaf_info *leaf, int32_t leaves, const char *wanted) {
    ppi_buf text = {0};
    ppi_leaf_text(&text, leaf);
    pp_status status = ppi_fail(PP_ERR_UNSUPPORTED, "leaf %s (%s), one of %d: a method takes %s",
                                leaf->path, ppi_buf_text(&text), leaves, wanted);
    ppi_buf_free(&text);
    return status;
}

pp_status ppi_spaces_frames(const ppi_spaces *spaces, int32_t *dims) {
    const pp_leaf_info *leaf = &spaces->leaves[0];
    bool fits = spaces->observations == 1 && leaf->space == PP_SPACE_BOX &&
                leaf->type == PP_DATA_U8 && leaf->rank >= 1 && leaf->rank <= 3;
    for (int axis = 0; axis < 3; axis++) {
        dims[axis] = fits && axis < leaf->rank ? (int32_t)leaf->shape[axis] : 1;
        fits = fits && dims[axis] <= MAX_FRAME_AXIS;
    }
    if (fits) {
        return PP_OK;
    }
    return refuse(leaf, spaces->observations,
                  "one uint8 Box of 1 to 3 axes of at most 4096 (frames, "
                  "planes or a small vector)");
}

pp_status ppi_spaces_vector(const ppi_spaces *spaces, int32_t *n) {
    const pp_leaf_info *leaf = &spaces->leaves[0];
    if (spaces->observations == 1 && leaf->space == PP_SPACE_BOX && leaf->type == PP_DATA_F32 &&
        leaf->rank == 1 && leaf->shape[0] <= MAX_FRAME_AXIS) {
        *n = (int32_t)leaf->shape[0];
        return PP_OK;
    }
    return refuse(leaf, spaces->observations, "one float32 Box of one axis of at most 4096");
}

pp_status ppi_spaces_choices(const ppi_spaces *spaces, int32_t *n) {
    const pp_leaf_info *leaf = &spaces->leaves[spaces->observations];
    if (spaces->count - spaces->observations == 1 && leaf->space == PP_SPACE_DISCRETE &&
        leaf->low == 0 && leaf->high < 65536) {
        *n = (int32_t)leaf->high + 1;
        return PP_OK;
    }
    return refuse(leaf, spaces->count - spaces->observations,
                  "one Discrete space of 1 to 65536 actions from 0");
}
