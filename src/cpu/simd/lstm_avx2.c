/* LSTM for AVX2. */
#include "cpu/simd/vec_avx2.h"

#include "cpu/simd/lstm_tmpl.h"
