/* Batch norm for AVX-512. */
#include "cpu/simd/vec_avx512.h"

#include "cpu/simd/batch_norm_tmpl.h"
