/* Arithmetic peak of AVX2. */
#include "cpu/simd/vec_avx2.h"

#include "cpu/simd/peak_tmpl.h"
