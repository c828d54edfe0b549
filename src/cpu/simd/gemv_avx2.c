/* Linear with few rows for AVX2. */
#include "cpu/simd/vec_avx2.h"

#include "cpu/simd/gemv_tmpl.h"
