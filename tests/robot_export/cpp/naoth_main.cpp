// Runs the finder for NaoTH with declarations like NaoTH's: reads patches as bytes from stdin, and writes confidence,
// radius, x and y of each to stdout. Arguments: meanBrightness; "own" for the threshold chosen in training.
#include <cstddef>
#include <cstdint>
#include <vector>

struct Vector2d {
  double x, y;
  Vector2d(double x_, double y_) : x(x_), y(y_) {}
};
struct BallCandidates {
  struct Pixel {
    std::uint8_t y, u, v;
  };
  struct ClassifiedPixel {
    Pixel pixel;
    std::uint8_t color, other;
  };
  struct PatchYUVClassified {
    std::vector<ClassifiedPixel> data;
    std::size_t side;
    std::size_t size() const { return side; }
  };
};
class AbstractCNNFinder {
 public:
  AbstractCNNFinder() {}
  virtual ~AbstractCNNFinder() {}
  virtual void predict(const BallCandidates::PatchYUVClassified& patch, double meanBrightness) = 0;
  virtual double getRadius() const = 0;
  virtual Vector2d getCenter() const = 0;
  virtual double getBallConfidence() const = 0;
};

#include "naoth_finder.h"

#include <cstdlib>
#include <cstring>
#include <memory>

int main(int, char** argv) {
  static_assert(sizeof(BallCandidates::ClassifiedPixel) == 5, "theirs has five bytes");
  const std::shared_ptr<AbstractCNNFinder> finder =
      std::make_shared<NaothFinder>(0.0f, std::strcmp(argv[2], "own") == 0);
  const std::size_t size = static_cast<std::size_t>(ball::size);
  std::vector<std::uint8_t> bytes(size * size);
  while (std::fread(bytes.data(), bytes.size(), 1, stdin) == 1) {
    BallCandidates::PatchYUVClassified patch = {std::vector<BallCandidates::ClassifiedPixel>(size * size), size};
    for (std::size_t y = 0; y < size; ++y) {
      for (std::size_t x = 0; x < size; ++x) patch.data[size * x + y] = {{bytes[size * y + x], 7, 8}, 9, 10};
    }
    finder->predict(patch, std::atof(argv[1]));
    const Vector2d center = finder->getCenter();
    const double answer[] = {finder->getBallConfidence(), finder->getRadius(), center.x, center.y};
    std::fwrite(answer, sizeof answer, 1, stdout);
  }
  const BallCandidates::PatchYUVClassified wrong = {std::vector<BallCandidates::ClassifiedPixel>(4), 2};
  finder->predict(wrong, 0.0);
  return finder->getBallConfidence() == 0.0 ? 0 : 1;  // a patch of the wrong size gives confidence 0
}
