// Combines classifier and detector in one object. This is a template: copy it into the robot's code, beside the headers
// of both models, and change what you need. C++11, no heap, no exceptions; one object per thread, because it stores the
// last result. Include it in source files, not in headers: each source file gets its own copy, weights included.
//
// Both models take RAW bytes 0..255; scale and mean are inside, so never subtract a mean yourself.
#ifndef BALL_MODELS_H
#define BALL_MODELS_H

#include "ball_classifier.h"  // model.h of a run of classifier_cnn
#include "ball_detector.h"    // model.h of a run of detector_cnn_ball_radius_center

#include <cstddef>
#include <cstdint>

namespace ball {
namespace {

namespace classifier = ::ball_classifier;  // the namespaces of the two headers
namespace detector = ::ball_detector;
static_assert(classifier::height == detector::height && classifier::channels == detector::channels,
              "classifier and detector were trained on patches of different shapes");

constexpr int size = classifier::height, channels = classifier::channels, bytes = size * size * channels;

// The raw bytes of a patch in any layout; the channels of a pixel are adjacent.
struct Patch {
  const std::uint8_t* data;
  std::ptrdiff_t row, pixel;  // bytes from one row to the next, and from one pixel of a row to the next
};
inline Patch rows(const std::uint8_t* data, std::ptrdiff_t stride = size * channels) {
  return Patch{data, stride, channels};
}
inline Patch columns(const std::uint8_t* data, std::ptrdiff_t stride = size * channels) {
  return Patch{data, channels, stride};
}

// Fractions of the patch's width and height from its upper left corner: x to the right, y down.
struct Center {
  float x, y;
};

class Finder {
 public:
  // detect_from: below this confidence the detector does not run, which saves time; radius and centre are then those of
  // the whole patch. With 0 it always runs.
  explicit Finder(float detect_from = 0.0f) : detect_from_(detect_from), confidence_(0.0f), circle_(whole()) {}

  // meanBrightnessOffset: added to the brightness of the patch, in units of the full range: 0.1 adds 25.5.
  void predict(const Patch& patch, float meanBrightnessOffset = 0.0f) {
    confidence_ = classifier::predict(patch.data, classifier::Strides{patch.row, patch.pixel}, meanBrightnessOffset);
    circle_ = whole();
    if (confidence_ >= detect_from_) {
      circle_ = detector::predict(patch.data, detector::Strides{patch.row, patch.pixel}, meanBrightnessOffset);
    }
  }

  float getRadius() const { return circle_.radius; }  // in patch widths
  Center getCenter() const { return Center{circle_.x, circle_.y}; }
  float getBallConfidence() const { return confidence_; }               // 0..1
  bool isBall() const { return confidence_ >= classifier::threshold; }  // chosen in training

  // Whether this build gives the outputs of the trained networks for the test patches. Call it once at start-up.
  static bool self_test() { return classifier::self_test() && detector::self_test(); }

 private:
  static detector::Answer whole() { return detector::Answer{0.5f, 0.5f, 0.5f}; }

  float detect_from_, confidence_;
  detector::Answer circle_;
};

// Cuts a patch of Y out of an image like the training patches: reads the pixel at the centre of each cell.
// y: (column, row) of the image -> its brightness 0..255; left, top, side: the candidate's square, inside the image.
template <class Brightness> void sample(Brightness y, int left, int top, int side, std::uint8_t* patch) {
  static_assert(channels == 1 && sizeof(Brightness) > 0, "these models take U and V, too");
  const double step = static_cast<double>(side) / size;
  int at[static_cast<std::size_t>(size)];
  for (int k = 0; k < size; ++k) {
    at[k] = static_cast<int>((k + 0.5) * step + 0.5);
    if (at[k] > side - 1) at[k] = side - 1;
  }
  for (int row = 0; row < size; ++row) {
    for (int column = 0; column < size; ++column) *patch++ = y(left + at[column], top + at[row]);
  }
}

}  // namespace
}  // namespace ball
#endif
