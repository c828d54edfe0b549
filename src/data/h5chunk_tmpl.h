/* Checks the chunks that a read needs; a part of h5file.c, which includes it.
 *
 * libhdf5 1.10 takes it for granted that a chunk decodes to its full size, and reads past the end
 * of one that does not. So chunks with filters are decoded here first. */

enum { MAX_FILTERS = 8 };

typedef struct chunk_check {
    int rank;
    hsize_t dims[PPI_H5_MAX_RANK];  /* of the dataset */
    hsize_t chunk[PPI_H5_MAX_RANK]; /* of a chunk */
    size_t bytes;                   /* of a decoded chunk */
    int filter_count;               /* 0 = nothing to check */
    H5Z_filter_t filters[MAX_FILTERS];
    ppi_buf from, to; /* scratch */
} chunk_check;

static pp_status chunk_check_init(chunk_check *check, const ppi_h5_data *data) {
    const ppi_h5_shape *shape = &data->shape;
    hid_t list = H5Dget_create_plist(data->id);
    hid_t type = H5Dget_type(data->id);
    int filters = H5Pget_layout(list) == H5D_CHUNKED ? H5Pget_nfilters(list) : 0;
    int chunked = filters > 0 ? H5Pget_chunk(list, PPI_H5_MAX_RANK, check->chunk) : shape->rank;
    bool known = filters <= MAX_FILTERS;
    bool sized = filters >= 0 && chunked == shape->rank;
    check->rank = shape->rank;
    check->bytes = H5Tget_size(type);
    for (int i = 0; sized && filters > 0 && i < shape->rank; i++) {
        check->dims[i] = (hsize_t)shape->dims[i];
        sized = check->chunk[i] > 0 && check->bytes <= UINT32_MAX / check->chunk[i];
        check->bytes *= sized ? (size_t)check->chunk[i] : 1;
    }
    for (int i = 0; known && i < filters; i++) {
        unsigned flags = 0;
        size_t values = 0;
        H5Z_filter_t id = H5Pget_filter2(list, (unsigned)i, &flags, &values, NULL, 0, NULL, NULL);
        known = id == H5Z_FILTER_DEFLATE || id == H5Z_FILTER_SHUFFLE || id == H5Z_FILTER_FLETCHER32;
        check->filters[check->filter_count++] = id;
    }
    H5Tclose(type);
    H5Pclose(list);
    if (!sized || check->bytes == 0) {
        return read_error(data->file->path, data->path, "read the layout of");
    }
    /* Any other filter is left to the library alone. */
    check->filter_count = known ? check->filter_count : 0;
    return PP_OK;
}

/* Undoes the filters of the chunk in `from`; *size = its bytes, at first as they are stored. */
static pp_status chunk_decode(chunk_check *check, uint32_t skipped, size_t *size) {
    for (int i = check->filter_count - 1; i >= 0; i--) {
        if (skipped >> i & 1u || check->filters[i] == H5Z_FILTER_SHUFFLE) {
            continue;
        }
        if (check->filters[i] == H5Z_FILTER_FLETCHER32) {
            *size -= *size < 4 ? *size : 4;
            continue;
        }
        PPI_TRY(ppi_inflate(check->to.data, check->to.cap, size, check->from.data, *size));
        ppi_buf decoded = check->to;
        check->to = check->from;
        check->from = decoded;
    }
    return PP_OK;
}

static pp_status check_chunk(chunk_check *check, ppi_h5_data *data, const hsize_t *offset) {
    const size_t most = check->bytes + check->bytes / 64 + 1024; /* what cannot be compressed */
    hsize_t stored = 0;
    uint32_t skipped = 0;
    if (H5Dget_chunk_storage_size(data->id, offset, &stored) < 0) {
        return read_error(data->file->path, data->path, "find a chunk of");
    }
    size_t size = (size_t)stored;
    if (size == 0) {
        return PP_OK;
    }
    if (size <= most) {
        PPI_TRY(ppi_buf_reserve(&check->from, most));
        PPI_TRY(ppi_buf_reserve(&check->to, most));
        if (H5Dread_chunk(data->id, H5P_DEFAULT, offset, &skipped, check->from.data) < 0) {
            return read_error(data->file->path, data->path, "read a chunk of");
        }
        pp_status status = chunk_decode(check, skipped, &size);
        if (status != PP_OK) {
            return ppi_fail_context(status, "%s: a chunk of %s", data->file->path, data->path);
        }
    }
    return size == check->bytes
               ? PP_OK
               : ppi_fail(PP_ERR_CORRUPT, "%s: a chunk of %s has %zu bytes, expected %zu",
                          data->file->path, data->path, size, check->bytes);
}

/* Every chunk of the rows first..end-1, which begin and end at chunks. */
static pp_status check_rows(chunk_check *check, ppi_h5_data *data, hsize_t first, hsize_t end) {
    hsize_t at[PPI_H5_MAX_RANK] = {first};
    for (int axis = 0; axis >= 0;) {
        PPI_TRY(check_chunk(check, data, at));
        /* The next chunk: the last axis runs fastest. */
        for (axis = check->rank - 1; axis >= 0; axis--) {
            at[axis] += check->chunk[axis];
            if (at[axis] < (axis == 0 ? end : check->dims[axis])) {
                break;
            }
            at[axis] = 0;
        }
    }
    return PP_OK;
}

/* The chunks of the rows first..first+count-1, unless the last call found them sound. */
static pp_status check_chunks(ppi_h5_data *data, int64_t first, int64_t count) {
    chunk_check check = {0};
    if (data->shape.plain || (first >= data->sound_first && first + count <= data->sound_end)) {
        return PP_OK;
    }
    pp_status status = chunk_check_init(&check, data);
    if (status == PP_OK && check.filter_count > 0) {
        int64_t rows = (int64_t)check.chunk[0];
        int64_t begin = first - first % rows;
        int64_t end = (first + count + rows - 1) / rows * rows;
        status = check_rows(&check, data, (hsize_t)begin, (hsize_t)end);
        data->sound_first = begin;
        data->sound_end = status == PP_OK ? end : begin;
    }
    ppi_buf_free(&check.from);
    ppi_buf_free(&check.to);
    return status;
}
