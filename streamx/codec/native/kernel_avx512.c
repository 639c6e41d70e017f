/* kernel_avx512.c: the kernel for processors of the x86-64 family with AVX-512 BW, VL and VBMI2. */

#if defined(__x86_64__)
#pragma GCC target("avx2,bmi,bmi2,lzcnt,popcnt,avx512f,avx512bw,avx512vl,avx512vbmi,avx512vbmi2")

#define KERNEL_AVX512
#define KERNEL_NAME "avx512"
#define KERNEL sx_kernel_avx512
#include "body.h"

#endif
