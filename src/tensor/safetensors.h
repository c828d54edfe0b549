/* Named tensors in a file. The reader maps the file and hands out pointers into it after every
   length has been checked; nothing is copied and nothing in the file is trusted. The writer makes a
   temporary file beside the target, syncs it and renames. Layout: u64 header length, JSON header,
   data. */
#ifndef PPI_TENSOR_SAFETENSORS_H
#define PPI_TENSOR_SAFETENSORS_H

#include <stddef.h>
#include <stdint.h>

#include <polyplay/status.h>

#define PPI_SAFETENSORS_NAME_BYTES 160
#define PPI_SAFETENSORS_DIMS 8
#define PPI_SAFETENSORS_MAX_HEADER 100000000u

/* One tensor: of an open file, or one to be written. */
typedef struct ppi_st_tensor {
    char name[PPI_SAFETENSORS_NAME_BYTES];
    char dtype[12]; /* "F32", "BF16", "U8", "I32", ... */
    int ndim;
    int64_t shape[PPI_SAFETENSORS_DIMS];
    const void *data; /* little-endian, row-major */
    size_t bytes;
} ppi_st_tensor;

/* One entry of __metadata__. */
typedef struct ppi_st_meta {
    const char *key;
    const char *value;
} ppi_st_meta;

typedef struct ppi_safetensors ppi_safetensors;

/* Maps and checks a file. PP_ERR_CORRUPT names the file and what is wrong with it. */
pp_status ppi_safetensors_open(ppi_safetensors **out, const char *path);
/* The same over memory that must outlive the reader; `name` is used in error texts. */
pp_status ppi_safetensors_parse(ppi_safetensors **out, const void *data, size_t size,
                                const char *name);
void ppi_safetensors_close(ppi_safetensors *st);

/* Tensors in file order; data points into the mapping. */
int ppi_safetensors_count(const ppi_safetensors *st);
const ppi_st_tensor *ppi_safetensors_at(const ppi_safetensors *st, int i);
/* NULL when there is none of that name. */
const ppi_st_tensor *ppi_safetensors_find(const ppi_safetensors *st, const char *name);
/* The same with the failure as status: a missing tensor, another dtype or another shape is an error
   that names file, tensor, what was found and what was wanted. dtype NULL = any; ndim < 0 = any. */
pp_status ppi_safetensors_need(const ppi_safetensors *st, const char *name, const char *dtype,
                               int ndim, const int64_t *shape, const ppi_st_tensor **out);
/* Value of a metadata key, or NULL. */
const char *ppi_safetensors_meta(const ppi_safetensors *st, const char *key);

/* Bits of one element of a dtype name, 0 for an unknown name. */
int ppi_st_dtype_bits(const char *dtype);

/* Writes tensors (any order; stored by descending element size, then by name) and metadata. Fills
   sha256_hex[65] with the checksum of the file when not NULL. The old file stays on every error. */
pp_status ppi_safetensors_write(const char *path, const ppi_st_tensor *tensors, int n,
                                const ppi_st_meta *meta, int n_meta, char *sha256_hex);

#endif
