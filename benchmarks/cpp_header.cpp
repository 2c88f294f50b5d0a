// The code that benchmarks/cpp_header.py measures, compiled per model and target. HEADER and MODEL: see runner.cpp.
#include HEADER

#include <time.h>

// Predicts the patches in turn, one by one or 25 at once; callgrind counts the instructions in this function.
extern "C" __attribute__((noinline)) void work(const std::uint8_t* const* patches, int count, bool many, float* out) {
  MODEL::Answer* const answers = reinterpret_cast<MODEL::Answer*>(out);
  if (many) {
    for (int i = 0; i < count; i += 25) {
      MODEL::predict_many(patches + i, static_cast<std::size_t>(count - i < 25 ? count - i : 25), answers + i);
    }
  } else {
    for (int i = 0; i < count; ++i) answers[i] = MODEL::predict(patches[i]);
  }
}

static double cpu_seconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

// Returns the CPU seconds for predicting all patches `rounds` times.
extern "C" double block(const std::uint8_t* const* patches, int count, int rounds, bool many, float* out) {
  const double started = cpu_seconds();
  for (int round = 0; round < rounds; ++round) work(patches, count, many, out);
  return cpu_seconds() - started;
}

// Predicts one patch; benchmarks/cycles.py simulates the instructions of this function.
extern "C" __attribute__((noinline)) void once(const std::uint8_t* patch, float* out) {
  *reinterpret_cast<MODEL::Answer*>(out) = MODEL::predict(patch);
}

// For callgrind: predicts the test patches in turn; with the argument "many", all at once; with "once", only one.
int main(int argc, char** argv) {
  const std::uint8_t* patches[100];
  float out[100 * MODEL::outputs];
  for (int i = 0; i < 100; ++i) {
    patches[i] = MODEL::test_patches + i % MODEL::test_count * MODEL::height * MODEL::width * MODEL::channels;
  }
  if (argc > 1 && argv[1][0] == 'o') {
    once(patches[3], out);
    return 0;
  }
  work(patches, 100, argc > 1, out);
  return MODEL::self_test() ? 0 : 1;
}
