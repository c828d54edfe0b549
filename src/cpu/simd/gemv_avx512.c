/* Linear with few rows for AVX512. */
#include "cpu/simd/vec_avx512.h"

#include "cpu/simd/gemv_tmpl.h"
