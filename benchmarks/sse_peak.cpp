// Measures the peak throughput of one core with SSE, without FMA: ten independent sums in registers, no memory access.
#include <time.h>

#define STEP(sum, product) "movaps %%xmm15, %%" product "\n\tmulps %%xmm14, %%" product "\n\taddps %%" product ", %%" sum "\n\t"

static double cpu_seconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// Returns multiply-accumulates per second, measured over `rounds` rounds of 40 multiply-accumulates.
extern "C" double peak(int rounds) {
  __asm__ volatile("xorps %%xmm14, %%xmm14\n\txorps %%xmm15, %%xmm15" ::: "xmm14", "xmm15");  // denormals are slow
  const double started = cpu_seconds();
  for (int round = 0; round < rounds; ++round) {
    __asm__ volatile(STEP("xmm0", "xmm10") STEP("xmm1", "xmm11") STEP("xmm2", "xmm12") STEP("xmm3", "xmm13")
                     STEP("xmm4", "xmm10") STEP("xmm5", "xmm11") STEP("xmm6", "xmm12") STEP("xmm7", "xmm13")
                     STEP("xmm8", "xmm10") STEP("xmm9", "xmm11") ::
                     : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",
                       "xmm12", "xmm13", "xmm14", "xmm15");
  }
  return 40.0 * rounds / (cpu_seconds() - started);
}
