/* Batch norm for AVX2. */
#include "cpu/simd/vec_avx2.h"

#include "cpu/simd/batch_norm_tmpl.h"
