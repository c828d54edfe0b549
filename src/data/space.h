/* Spaces of a dataset: the JSON trees of metadata.json flattened to a list of leaves.
 *
 * A leaf is one column of every episode group. Its path is the HDF5 path below the group: Dict adds
 * "/<key>", Tuple adds "/_index_<i>". */
#ifndef PPI_DATA_SPACE_H
#define PPI_DATA_SPACE_H

#include <stdbool.h>
#include <stdint.h>

#include <polyplay/dataset.h>

#include "base/buf.h"
#include "base/json.h"

typedef struct ppi_spaces {
    pp_leaf_info *leaves; /* [count], those of the observations first */
    int32_t count;
    int32_t capacity;
    int32_t observations; /* number of observation leaves */
    ppi_buf observation;  /* text of the observation space, "Dict(camera: Box uint8 [84,84,3])" */
    ppi_buf action;
} ppi_spaces;

/* Flattens both spaces. `jpeg` is the dataset's jpeg_encoding: image leaves then are JPEG.
 * PP_ERR_CORRUPT: a key is missing or of the wrong kind; PP_ERR_UNSUPPORTED: a space or dtype that
 * is not read. Errors name the leaf. Release with ppi_spaces_free, also after a failure. */
pp_status ppi_spaces_parse(ppi_spaces *out, const ppi_json *observation, const ppi_json *action,
                           bool jpeg);
void ppi_spaces_free(ppi_spaces *spaces);

/* The frames of a method: PP_OK and dims [3] = height, width, channels when the only observation
 * leaf is a uint8 Box of 1 to 3 axes; PP_ERR_UNSUPPORTED names the leaf and what can be taken. */
pp_status ppi_spaces_frames(const ppi_spaces *spaces, int32_t *dims);
/* PP_OK and *n when the only observation leaf is a float32 Box of one axis of n numbers. */
pp_status ppi_spaces_vector(const ppi_spaces *spaces, int32_t *n);
/* The actions of a method: *n choices when the only action leaf is Discrete from 0. */
pp_status ppi_spaces_choices(const ppi_spaces *spaces, int32_t *n);

/* Bytes of one element; 0 for text. */
int64_t ppi_data_type_size(pp_data_type type);
/* "uint8", "float32", "text". */
const char *ppi_data_type_name(pp_data_type type);
/* Appends "Box uint8 [84,84,3], 0 to 255". */
void ppi_leaf_text(ppi_buf *out, const pp_leaf_info *leaf);

#endif
