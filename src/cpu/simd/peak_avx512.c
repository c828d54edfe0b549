/* Arithmetic peak of AVX512. */
#include "cpu/simd/vec_avx512.h"

#include "cpu/simd/peak_tmpl.h"
