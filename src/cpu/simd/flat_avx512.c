/* Flat kernels for AVX512. */
#include "cpu/simd/vec_avx512.h"

#include "cpu/simd/flat_tmpl.h"
