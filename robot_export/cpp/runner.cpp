// Runs a generated header over patches: raw bytes from stdin, answers as floats to stdout. HEADER and MODEL are given
// to the compiler. Modes: bytes, floats, columns, columns_of_floats, wide (rows with a gap), apart (column by column, bytes
// between the pixels), many, bright, self_test, time (prints microseconds per patch, median and 95th percentile of blocks).
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#if defined(PORTABLE)  // imitates a compiler without GNU extensions or vectors; the standard headers must come first
#include <cmath>
#include <cstdint>
#include <cstring>
#undef __GNUC__
#undef __SSE4_1__
#undef __AVX2__
#undef __AVX512F__
#undef __ARM_NEON
#endif
#include HEADER

// Runs `calls` patches in turn; returns microseconds per patch.
static double block(const std::vector<std::uint8_t>& pixels, std::size_t size, std::size_t calls) {
  const std::size_t count = pixels.size() / size;
  float sum = 0.0f;
  const auto started = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < calls; ++i) {
    const MODEL::Answer answer = MODEL::predict(&pixels[i % count * size]);
    float first;
    std::memcpy(&first, &answer, sizeof first);
    sum += first;
  }
  const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - started;
  if (sum < -1e30f) std::fputs("never\n", stderr);  // without this, the compiler would remove the calls
  return took.count() / static_cast<double>(calls);
}

static void time_blocks(const std::vector<std::uint8_t>& pixels, std::size_t size) {
  double guess = block(pixels, size, 50);
  for (int i = 0; i < 20; ++i) guess = std::min(guess, block(pixels, size, 50));
  std::vector<double> times(200);
  for (double& time : times) time = block(pixels, size, static_cast<std::size_t>(200.0 / guess) + 1);
  std::sort(times.begin(), times.end());
  std::printf("%.9g %.9g\n", times[100], times[190]);
}

int main(int argc, char** argv) {
  const std::string mode = argc > 1 ? argv[1] : "";
  if (mode == "self_test") {
    float worst = 0.0f;
    const bool right = MODEL::self_test(&worst);
    std::printf("%.9g\n", static_cast<double>(worst));
    return right ? 0 : 1;
  }
  const int height = MODEL::height, channels = MODEL::channels, row = MODEL::width * channels, gap = 5;
  const std::size_t size = static_cast<std::size_t>(height * row);
  std::vector<std::uint8_t> pixels;
  std::vector<std::uint8_t> part(1 << 16);
  while (const std::size_t n = std::fread(part.data(), 1, part.size(), stdin)) {
    pixels.insert(pixels.end(), part.begin(), part.begin() + static_cast<std::ptrdiff_t>(n));
  }
  const std::size_t count = pixels.size() / size;
  if (mode == "time") {
    time_blocks(pixels, size);
    return 0;
  }
  std::vector<MODEL::Answer> answers(count);
  std::vector<const std::uint8_t*> many(count);
  for (std::size_t i = 0; i < count; ++i) {
    // Copies of exactly the patch's size, so that sanitisers notice a read beyond it; no gap follows the last pixel.
    const std::vector<std::uint8_t> patch(&pixels[i * size], &pixels[i * size] + size);
    const std::vector<float> floats(patch.begin(), patch.end());
    const int pixel = channels + 4;
    std::vector<std::uint8_t> columns(size), wide(static_cast<std::size_t>((height - 1) * (row + gap) + row), 99);
    std::vector<std::uint8_t> apart(static_cast<std::size_t>((MODEL::width * height - 1) * pixel + channels), 99);
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < row; ++x) {
        const std::uint8_t value = patch[static_cast<std::size_t>(y * row + x)];
        const int place = x / channels * height + y, channel = x % channels;  // column by column
        columns[static_cast<std::size_t>(place * channels + channel)] = value;
        wide[static_cast<std::size_t>(y * (row + gap) + x)] = value;
        apart[static_cast<std::size_t>(place * pixel + channel)] = value;
      }
    }
    const std::vector<float> float_columns(columns.begin(), columns.end());
    many[i] = &pixels[i * size];
    if (mode == "bytes") answers[i] = MODEL::predict(patch.data());
    if (mode == "floats") answers[i] = MODEL::predict(floats.data());
    if (mode == "columns") answers[i] = MODEL::predict(MODEL::column_major(columns.data()));
    if (mode == "columns_of_floats") answers[i] = MODEL::predict(MODEL::column_major(float_columns.data()));
    if (mode == "wide") answers[i] = MODEL::predict(wide.data(), row + gap);
    if (mode == "apart") answers[i] = MODEL::predict(apart.data(), MODEL::Strides{pixel, pixel * height});
    if (mode == "bright") answers[i] = MODEL::predict(patch.data(), row, 0.1f);
  }
  if (mode == "many") MODEL::predict_many(many.data(), count, answers.data());
  return std::fwrite(answers.data(), sizeof answers[0], count, stdout) == count ? 0 : 1;
}
