// Runs a generated header over patches: raw bytes from stdin, answers as floats to stdout. HEADER and MODEL are given
// to the compiler. Modes: bytes, floats, columns, columns_of_floats, wide (rows with a gap), many, bright, self_test.
#include HEADER

#include <cstdio>
#include <string>
#include <vector>

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
  std::vector<std::uint8_t> block(1 << 16);
  while (const std::size_t n = std::fread(block.data(), 1, block.size(), stdin)) {
    pixels.insert(pixels.end(), block.begin(), block.begin() + static_cast<std::ptrdiff_t>(n));
  }
  const std::size_t count = pixels.size() / size;
  std::vector<MODEL::Answer> answers(count);
  std::vector<const std::uint8_t*> many(count);
  for (std::size_t i = 0; i < count; ++i) {
    // A copy of exactly the patch's size: sanitisers then notice a read beyond it.
    const std::vector<std::uint8_t> patch(&pixels[i * size], &pixels[i * size] + size);
    const std::vector<float> floats(patch.begin(), patch.end());
    std::vector<std::uint8_t> columns(size), wide(static_cast<std::size_t>((height - 1) * (row + gap) + row), 99);
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < row; ++x) {
        const std::uint8_t value = patch[static_cast<std::size_t>(y * row + x)];
        columns[static_cast<std::size_t>((x / channels * height + y) * channels + x % channels)] = value;
        wide[static_cast<std::size_t>(y * (row + gap) + x)] = value;
      }
    }
    const std::vector<float> float_columns(columns.begin(), columns.end());
    many[i] = &pixels[i * size];
    if (mode == "bytes") answers[i] = MODEL::predict(patch.data());
    if (mode == "floats") answers[i] = MODEL::predict(floats.data());
    if (mode == "columns") answers[i] = MODEL::predict(MODEL::column_major(columns.data()));
    if (mode == "columns_of_floats") answers[i] = MODEL::predict(MODEL::column_major(float_columns.data()));
    if (mode == "wide") answers[i] = MODEL::predict(wide.data(), row + gap);
    if (mode == "bright") answers[i] = MODEL::predict(patch.data(), row, 0.1f);
  }
  if (mode == "many") MODEL::predict_many(many.data(), count, answers.data());
  return std::fwrite(answers.data(), sizeof answers[0], count, stdout) == count ? 0 : 1;
}
