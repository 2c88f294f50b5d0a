// Runs both models through ball_models.h: reads patches as bytes, writes confidence, radius, x, y of each patch.
// Arguments: rows, columns or wide; the brightness offset; detect_from.
#include "ball_models.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

int main(int, char** argv) {
  if (!ball::Finder::self_test()) return 1;
  const bool columns = std::strcmp(argv[1], "columns") == 0, wide = std::strcmp(argv[1], "wide") == 0;
  const int row = ball::size * ball::channels, gap = wide ? 3 : 0;
  ball::Finder finder(static_cast<float>(std::atof(argv[3])));
  std::uint8_t patch[ball::bytes], given[ball::size * (ball::size * ball::channels + 3)];
  while (std::fread(patch, sizeof patch, 1, stdin) == 1) {
    for (int y = 0; y < ball::size; ++y) {
      for (int x = 0; x < row; ++x) {
        const int column = x / ball::channels, channel = x % ball::channels;
        given[columns ? (column * ball::size + y) * ball::channels + channel : y * (row + gap) + x] = patch[y * row + x];
      }
    }
    finder.predict(columns ? ball::columns(given) : ball::rows(given, row + gap), static_cast<float>(std::atof(argv[2])));
    const float answer[] = {finder.getBallConfidence(), finder.getRadius(), finder.getCenter().x, finder.getCenter().y};
    if (finder.isBall() != (answer[0] >= ball::classifier::threshold)) return 1;
    std::fwrite(answer, sizeof answer, 1, stdout);
  }
  return 0;
}
